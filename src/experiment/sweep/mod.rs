//! `[sweep]`: many specs from one file.
//!
//! ```text
//! [sweep.over]     a list or a range for each setting; all combinations
//! [sweep.zip]      lists of one length, taken row by row; every row with every combination of `over`
//! [sweep.random]   so many draws from the lists and ranges of `over` instead of all combinations
//! [sweep.halving]  stop the worse trials early
//! --sweep KEY=...  another list or range of `over`, or one in place of the file's
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `read` | from the written table to `Axis`: which settings vary, and their values |
//! | `keys` | names of settings: how they are written, which go together |
//! | `range` | `{ from, to, steps, scale }` |
//! | `command_line` | `--sweep` |
//! | `draw` | which values each trial has: combinations, rows, draws |
//! | `expand` | from values to checked specs |
//! | `settings` | the settings of `[sweep.random]` and `[sweep.halving]` |
//!
//! A trial is the spec with its values put into the tree before it is checked, as an override would be, so that
//! whatever is wrong with a value is shown at the place where the value was written.

mod command_line;
mod draw;
mod expand;
mod identity;
mod keys;
mod range;
mod read;
mod settings;
#[cfg(test)]
mod tests;

use super::spec::Spec;
use crate::config::choice::choices;
use crate::config::source::Place;
use crate::config::tree::Item;

pub use identity::identity_text;
pub use settings::{SWEEP_SETTINGS, SWEEP_TABLES};

pub(crate) use expand::expand;
pub(crate) use read::take;

/// Most trials of a sweep.
pub const MOST_TRIALS: usize = 10_000;

/// Many specs from one.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Dotted names of the settings that vary, in the order of writing.
    pub varied: Vec<String>,
    /// The trials; the first of the settings varies slowest.
    pub trials: Vec<Trial>,
    /// Whether and how bad trials are stopped early.
    pub halving: Option<Halving>,
}

/// One spec of a sweep.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The value of each setting that varies, as TOML, in the order of [`Sweep::varied`].
    pub values: Vec<String>,
    /// The spec as meant.
    pub spec: Spec,
    /// Where the values were written.
    pub(crate) places: Vec<Place>,
}

/// Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
/// Optimization", 2016): all trials train for some epochs, the best of them go on for `factor` times as many, and so
/// on to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halving {
    /// What trials are compared by.
    pub metric: HalvingMetric,
    /// Epochs before the first decision.
    pub first_epochs: usize,
    /// Of so many trials one goes on, rounded up, for so many times the epochs.
    pub factor: usize,
}

choices! {
    /// A metric that trials can be compared by.
    pub enum HalvingMetric {
        /// lowest `loss`
        Loss = "loss",
        /// lowest `reconstruction`
        Reconstruction = "reconstruction",
        /// highest `elbo`
        Elbo = "elbo",
        /// lowest `val_loss`
        ValLoss = "val_loss",
        /// lowest `val_reconstruction`
        ValReconstruction = "val_reconstruction",
    }
}

impl HalvingMetric {
    /// Whether more is better.
    pub fn is_better_higher(self) -> bool {
        self == Self::Elbo
    }

    /// Whether it is measured on a validation part.
    pub(crate) fn needs_validation(self) -> bool {
        matches!(self, Self::ValLoss | Self::ValReconstruction)
    }
}

/// A setting that varies.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Its parts, with the place of the key.
    pub path: Vec<(String, Place)>,
    /// Its dotted name.
    pub key: String,
    /// What it takes.
    pub values: Values,
}

/// What a setting takes.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// One after the other.
    List(Vec<Item>),
    /// Anything in between, for `[sweep.random]`.
    Interval(range::Interval),
}

/// How trials are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Random {
    /// How many trials.
    pub trials: usize,
    /// Seed of the draws.
    pub seed: u64,
}
