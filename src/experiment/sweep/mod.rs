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
//!
//! A trial is the spec with its values put into the tree before it is checked, as an override would be, so that
//! whatever is wrong with a value is shown at the place where the value was written.

mod command_line;
mod draw;
mod expand;
mod keys;
mod range;
mod read;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use super::spec::Spec;
use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::source::Place;
use crate::config::tree::Item;
use crate::config::{Form, Kind, Schema, Section, Table};

pub(crate) use expand::expand;
pub(crate) use read::{refuse, take};

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
    /// The checked spec.
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

section! {
    /// Draws from the lists and ranges of `[sweep.over]` instead of all combinations; a range needs no `steps` then
    pub struct Random: Copy {
        /// How many trials are drawn, no two alike. More of them begin with the same ones
        pub trials: usize, Kind::Count { min: 1, max: MOST_TRIALS as u64 }, unit("trials");
        /// Seed of the draws
        pub seed: u64 = 0, Kind::Count { min: 0, max: i64::MAX as u64 };
    }
}

section! {
    /// Successive halving: all trials train for some epochs, the best ones go on. A trial keeps its number of epochs,
    /// and with it its schedules
    pub struct WrittenHalving: Copy {
        /// What trials are compared by, after the epoch of the decision
        pub metric: Option<HalvingMetric>, Kind::Choice(HalvingMetric::CHOICES),
            unset("`val_loss`, without a validation part `loss`");
        /// Epochs before the first decision; the next ones come after `factor` times as many each
        pub first_epochs: usize = 1, Kind::Count { min: 1, max: 1_000_000 }, unit("epochs");
        /// One trial in so many goes on, rounded up
        pub factor: usize = 3, Kind::Count { min: 2, max: 100 };
    }
}

/// The tables of `[sweep]`, in the order of the documentation.
pub(crate) fn schema() -> &'static Schema {
    const OVER: &str = "Settings that vary, each with a list (`\"model.latent_dim\" = [2, 4, 8]`) or a range (`seed = { from = 0, to = 9 }`, \
         `\"optimizer.adam.learning_rate\" = { from = 1e-4, to = 1e-2, steps = 3, scale = \"log\" }`): all combinations are run. \
         Both ends of a range belong to it; whole numbers need no `steps`";
    const ZIP: &str = "Settings that vary together: lists of one length, the first values of all of them, then the second ones; each row with \
         every combination of `[sweep.over]`";
    fn section<S: Section>(name: &str) -> Table {
        Table::new(name, S::DOC, Form::Settings).with(S::settings())
    }
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
        tables: vec![
            Table::new("sweep.over", OVER, Form::Apart),
            Table::new("sweep.zip", ZIP, Form::Apart),
            section::<Random>("sweep.random"),
            section::<WrittenHalving>("sweep.halving"),
        ],
    });
    &SCHEMA
}
