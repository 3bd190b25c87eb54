//! How far a run has come: the counters and sums that, with weights and optimizer state, decide what comes
//! next.

use serde::{Deserialize, Serialize};

use crate::metric::facts::Measurements;
use crate::metric::real_text;

/// Counters of a run. Part of every checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs finished.
    pub epoch: u32,
    /// Steps taken in the epoch after those.
    pub step_in_epoch: u32,
    /// Optimizer steps over the whole run.
    pub step: u64,
    /// Sums over the steps of the unfinished epoch.
    pub partial: Partial,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// Epochs since the best one, among those that could have been best.
    pub epochs_since_best: u32,
}

/// Sums over the part of an epoch that is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// Images seen.
    pub images: u64,
    /// Steps taken.
    pub steps: u64,
    /// What the means of the epoch are made of, by the same names; empty before the first step.
    pub sums: Measurements,
    /// Seconds spent. A wall-clock value.
    #[serde(with = "real_text")]
    pub seconds: f64,
}

/// The epoch with the lowest `val_loss` (without a validation part: `loss`) among those with the full weight
/// of the KL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Counted from 1.
    pub epoch: u32,
    /// `val_loss` or `loss`.
    pub metric: String,
    /// Its value.
    #[serde(with = "real_text")]
    pub value: f64,
}
