//! The terminal: arguments, printing, errors and progress.
//!
//! | file | holds |
//! | --- | --- |
//! | [`args`] | groups of arguments that more than one command takes |
//! | [`cli_error`] | why a command failed: text, hint, exit code |
//! | [`mod@print`] | text to stdout and stderr; how numbers look |
//! | [`output`] | data to stdout or to a file that was named |
//! | [`tables`] | tables of runs, in each format |
//! | [`loading`] | progress of loading data |

/// A line on stderr, which stops nothing where it cannot be written.
macro_rules! tell {
    ($($words:tt)*) => {
        $crate::terminal::print::err(&format!("{}\n", format_args!($($words)*)))
    };
}
pub(crate) use tell;

pub mod args;
pub mod cli_error;
pub mod loading;
pub mod output;
pub mod print;
pub mod tables;

pub use cli_error::CliError;

/// What a command ends with: an exit code of [`crate::sys::exit`], or why it could not do its work.
pub type Outcome = Result<u8, CliError>;
