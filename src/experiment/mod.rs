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

pub mod expect;
mod figures;
mod fingerprint;
mod handbook;
mod json_schema;
mod launcher;
pub(crate) mod load;
mod loss;
mod model;
mod spec;
pub mod sweep;
mod training;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod typos;

pub use expect::Expectation;
pub use figures::Figures;
pub use fingerprint::{Fingerprint, first_identity_text, identity_text};
pub use handbook::{settings_help, settings_markdown};
pub use json_schema::json_schema;
pub use launcher::Launcher;
pub use load::{Loaded, MOST_BYTES, load, load_text, load_with_sweep, parse, read_back};
pub use loss::{KlReduction, Loss, Reconstruction};
pub use model::{Activation, Model};
pub use spec::{Spec, resolved_toml, schema};
pub use sweep::{Halving, HalvingMetric, MOST_TRIALS, Sweep, Trial};
pub use training::{DeviceChoice, Training};
