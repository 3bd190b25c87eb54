//! One command, one file; what `run` and `resume` share is `session`.

pub mod bench;
pub mod check;
pub mod completions;
pub mod data;
mod decisive;
mod device;
pub mod doctor;
mod failure;
mod loading;
mod pictures;
mod print;
pub mod rebuild;
mod reporter;
pub mod resume;
pub mod run;
pub mod schema;
mod session;
pub mod settings;
pub mod sweep;
pub mod verify;

pub use failure::Failure;

/// What a command ends with: an exit code of [`crate::ground::exit`], or why it could not do its work.
pub type Outcome = Result<u8, Failure>;
