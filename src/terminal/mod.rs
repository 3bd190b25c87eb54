//! The terminal: printing, errors and progress.

/// A line on stderr, which stops nothing where it cannot be written.
macro_rules! tell {
    ($($words:tt)*) => {
        $crate::terminal::print::err(&format!("{}\n", format_args!($($words)*)))
    };
}
pub(crate) use tell;

pub mod cli_error;
pub mod loading;
pub mod output;
pub mod print;

pub use cli_error::CliError;

/// What a command ends with: an exit code of [`crate::sys::exit`], or why it could not do its work.
pub type Outcome = Result<u8, CliError>;
