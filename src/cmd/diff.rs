//! `runner diff RUN RUN`: where two runs differ. Writes nothing.

use super::print::out;
use super::{Failure, Outcome};
use crate::cli::DiffArgs;
use crate::report;
use crate::sys::exit;

/// Prints settings, environment and metrics that differ, and the first epoch in which they do.
pub fn main(args: &DiffArgs) -> Outcome {
    let diff = report::diff(&args.one, &args.two)?;
    out(&report::diff_text(&diff)).map_err(|e| Failure::new(exit::IO, e))?;
    Ok(exit::DONE)
}
