//! `runner diff RUN RUN`: where two runs differ. Writes nothing.

use std::path::PathBuf;

use crate::report;
use crate::sys::exit;
use crate::terminal::Outcome;
use crate::terminal::print::out;

/// Show where two runs differ: settings, environment, metrics, first epoch at which they part
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A run's folder
    #[arg(value_name = "RUN")]
    one: PathBuf,
    /// Another run's folder
    #[arg(value_name = "RUN")]
    two: PathBuf,
}

/// Prints settings, environment and metrics that differ, and the first epoch in which they do.
pub fn main(args: &Args) -> Outcome {
    let diff = report::diff(&args.one, &args.two)?;
    out(&report::diff_text(&diff))?;
    Ok(exit::DONE)
}
