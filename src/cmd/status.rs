//! `runner status SWEEP`: how each trial of a sweep stands.

use std::path::PathBuf;

use crate::launch;
use crate::terminal::Outcome;

/// Say how each trial of a sweep stands, and who works on it. Writes nothing
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The sweep's folder, `runs/NAME.sweep`
    #[arg(value_name = "SWEEP")]
    folder: PathBuf,
}

/// Prints a line a trial.
pub fn main(args: &Args) -> Outcome {
    launch::status(&args.folder)
}
