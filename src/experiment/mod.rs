//! The experiment spec: what a user writes in a TOML file, checked and understood.
//!
//! # The way of a spec
//!
//! ```text
//! file ----syntax--> tree --+     (sweep: once a trial)
//!                           +--> walk --> values --> cross, paths --> meant --> Spec
//! --set ---overrides--------+      \________\____________\______
//!                                                               \--> Diagnostics
//! ```
//!
//! | part | holds |
//! | --- | --- |
//! | `settings` | **the table of settings**: name, type, range, unit, default and meaning of each, once |
//! | `setting`, `shared_settings`, `kind`, `value`, `choice` | what a line of the table says |
//! | `source`, `tree`, `syntax`, `overrides` | what was written, with the place of every key and value |
//! | `walk`, `check`, `suggest`, `hint` | every key and value against the table |
//! | `values`, `cross`, `paths` | what was written rightly, and the rules that tie settings together |
//! | `diagnostic`, `error` | what is wrong, and how it is shown |
//! | `data`, `model`, `loss`, `optimizer`, `schedule`, `training`, `figures`, `expectation`, `experiment` | the spec as meant: plain types without tensors, options for defaults or strings for choices |
//! | [`sweep`] | `[sweep]`: many specs from one |
//! | `idle` | which settings change no number |
//! | `meant`, `resolved` | from values to the plain types and back to TOML |
//! | `schema`, `handbook` | the table of settings as JSON Schema, Markdown and help text |
//!
//! # Promises
//!
//! - A spec is accepted or refused as a whole, and everything that is wrong is told at once.
//! - No text, file or override makes this code panic, recurse without bound or take more than a few
//!   times the file's size in memory; files above 1 MiB are refused.
//! - [`resolved_toml`] read back gives the same spec, bit for bit.
//! - Reading looks at the disk (are the named files there?) and writes nothing.

mod cross;
mod data;
pub mod expectation;
mod figures;
mod handbook;
mod idle;
pub(crate) mod load;
mod loss;
mod meant;
mod model;
mod optimizer;
mod paths;
mod resolved;
mod schedule;
mod schema;
pub(crate) mod settings;
mod shared_settings;
mod spec;
pub mod sweep;
mod training;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod typos;

pub use data::{Color, Data, Dataset, Split, Validation};
pub use expectation::Expectation;
pub use figures::Figures;
pub use handbook::{settings_help, settings_markdown};
pub use idle::{is_idle, is_or_is_in};
pub use load::{Loaded, MOST_BYTES, load, load_text, load_with_sweep, parse};
pub use loss::{KlReduction, Loss, Reconstruction};
pub use model::{Activation, Model};
pub use optimizer::{Optimizer, Rule};
pub use resolved::resolved_toml;
pub use schedule::{Decay, Schedule};
pub use schema::json_schema;
pub use settings::{EXPECT, SETTINGS, TABLES, find};
pub use spec::Spec;
pub use sweep::{Halving, HalvingMetric, MOST_TRIALS, Sweep, Trial, identity_text};
pub use training::{DeviceChoice, Training};
