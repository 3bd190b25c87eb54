//! One command, one file; what `run` and `resume` share is `session`.

/// A line on stderr, which stops nothing where it cannot be written.
macro_rules! tell {
    ($($words:tt)*) => {
        $crate::cmd::print::err(&format!("{}\n", format_args!($($words)*)))
    };
}

pub mod bench;
pub mod check;
pub mod completions;
pub mod data;
mod decisive;
mod device;
pub mod diff;
pub mod doctor;
pub mod encode;
mod failure;
pub mod interpolate;
pub mod list;
mod loading;
mod output;
mod pictures;
mod print;
pub mod query;
pub mod rebuild;
pub mod reconstruct;
pub mod report;
mod reporter;
pub mod resume;
pub mod run;
pub mod sample;
pub mod schema;
mod session;
pub mod settings;
pub mod sweep;
mod trained;
pub mod verify;

pub use failure::Failure;

/// What a command ends with: an exit code of [`crate::sys::exit`], or why it could not do its work.
pub type Outcome = Result<u8, Failure>;
