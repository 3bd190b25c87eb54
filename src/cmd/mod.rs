//! One command, one file; what they share stands in `failure`, `print` and `session`.

pub mod check;
pub mod completions;
pub mod data;
mod device;
mod failure;
mod pictures;
mod print;
pub mod resume;
pub mod run;
pub mod schema;
mod session;
pub mod settings;
pub mod verify;

pub use failure::Failure;

/// What a command ends with: an exit code of [`crate::ground::exit`], or why it could not do its work.
pub type Outcome = Result<u8, Failure>;
