//! Where a run is: the epoch, and what the schedules give at its end.

use super::description::{Metric, MetricKind};
use super::row::Reading;

/// The epoch.
pub const EPOCH: Metric = Metric {
    name: "epoch",
    doc: "the epoch, from 1",
    kind: MetricKind::Count,
    value: |facts, _| Some(Reading::Count(facts.epoch)),
    ..Metric::REAL
};

/// The learning rate.
pub const LEARNING_RATE: Metric = Metric {
    name: "learning_rate",
    doc: "learning rate of the epoch's last step",
    value: |facts, _| Some(Reading::Real(facts.learning_rate)),
    ..Metric::REAL
};

/// The weight of the KL.
pub const KL_WEIGHT: Metric = Metric {
    name: "kl_weight",
    doc: "weight of the KL at the epoch's last step",
    value: |facts, _| {
        facts.training.terms.get(super::kl::KL.name)?;
        Some(Reading::Real(facts.kl_weight))
    },
    ..Metric::REAL
};
