//! The experiment spec: what a user writes in a TOML file, checked and understood.
//!
//! ```text
//! file ----syntax--> tree --+     (sweep: once a trial)
//!                           +--> walk --> values --> rules --> Spec
//! --set ---overrides--------+      \________\__________\--> Diagnostics
//! ```
//!
//! All of that is [`config`](crate::config), which knows no setting. Here stand the settings: one file a table, each with
//! type, range, unit, default, meaning, reading and writing of its settings and with the rules that tie them together.
//! Update rules, schedules, objectives, priors, kinds of latents, kinds of data, normalizations and figures bring settings
//! of their own, from the files that they stand in.
//!
//! | file | holds |
//! | --- | --- |
//! | `spec` | [`Spec`]: the tables in their order |
//! | `model`, `decoder`, `loss`, `training`, `figures`, `expect`, `launcher` | a table each |
//! | `fits` | what of different tables does not go together |
//! | [`sweep`] | `[sweep]`: many specs from one |
//! | `fingerprint` | which settings decide results, and digests over them |
//! | `load` | from a file and overrides to a spec |
//! | `json_schema`, `handbook` | the settings as JSON Schema, Markdown and help text |
//!
//! # Promises
//!
//! - A spec is accepted or refused as a whole, and everything that is wrong is reported at once.
//! - No text, file or override makes this code panic, recurse without bound or take more than a few
//!   times the file's size in memory; files above 1 MiB are refused.
//! - [`resolved_toml`] read back gives the same spec, bit for bit.
//! - Reading looks at the disk (are the named files there?) and writes nothing.

mod decoder;
pub mod expect;
mod figures;
mod fingerprint;
mod fits;
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

pub use decoder::{Decoder, Output, OutputActivation};
pub use expect::Expectation;
pub use figures::Figures;
pub use fingerprint::{Fingerprint, first_identity_text, identity_text};
pub use handbook::{settings_help, settings_markdown};
pub use json_schema::json_schema;
pub use launcher::Launcher;
pub use load::{Loaded, MOST_BYTES, load, load_text, load_with_sweep, parse, read_back};
pub use loss::{KlReduction, Loss};
pub use model::{Activation, Condition, Model, Padding, PerLayer};
pub use spec::{Spec, resolved_toml, schema};
pub use sweep::{Halving, HalvingMetric, MOST_TRIALS, Sweep, Trial};
pub use training::{DeviceChoice, Training};
