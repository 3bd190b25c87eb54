//! `runner diff RUN RUN`: where two runs differ. Writes nothing.

use crate::cli::DiffArgs;
use crate::report;
use crate::sys::exit;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome};

/// Prints settings, environment and metrics that differ, and the first epoch in which they do.
pub fn main(args: &DiffArgs) -> Outcome {
    let diff = report::diff(&args.one, &args.two)?;
    out(&report::diff_text(&diff)).map_err(|e| CliError::new(exit::IO, e))?;
    Ok(exit::DONE)
}
