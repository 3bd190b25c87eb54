//! The KL: Kullback-Leibler divergence of q(z | x) from the prior.

use super::description::{Better, Comparable, Metric, MetricKind};
use super::facts::{self, EpochFacts};
use super::row::Reading;

/// The KL as it stands in the loss.
pub const KL: Metric = Metric {
    name: "kl",
    doc: "KL (Kullback-Leibler divergence) of the posterior from the prior as it stands in the loss, reduced over latent axes by `kl_reduction`, before its weight",
    better: Better::Neither,
    comparable_when: Comparable::SameLoss,
    ..Metric::TERM
};

/// The KL on the validation part.
pub const VAL_KL: Metric = KL.on_validation("val_kl", "`kl` on the validation part");

/// The KL summed over latent axes.
pub const KL_NATS: Metric = Metric {
    name: "kl_nats",
    doc: "KL summed over latent axes, whatever `kl_reduction` is, so comparable across latent sizes",
    unit: "nats",
    value: |facts, _| kl_nats(facts).map(Reading::Real),
    ..Metric::REAL
};

/// The KL of each latent axis.
pub const KL_PER_AXIS: Metric = Metric {
    name: "kl_per_axis",
    doc: "`kl_nats` by latent axis",
    unit: "nats",
    kind: MetricKind::PerAxis,
    value: |facts, _| facts.training.axes.get(facts::KL).cloned(),
    ..Metric::REAL
};

/// The KL of all axes together. Where it is not known axis by axis, the term of the loss is that sum; without any KL there is
/// none.
pub fn kl_nats(facts: &EpochFacts) -> Option<f64> {
    match facts.training.axes.get(facts::KL) {
        Some(Reading::PerAxis(axes)) => Some(axes.iter().sum()),
        _ => facts.training.terms.scalar(KL.name),
    }
}
