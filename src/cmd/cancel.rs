//! `runner cancel SWEEP`: ends the Slurm jobs of a sweep.

use std::path::PathBuf;

use crate::launch;
use crate::terminal::Outcome;

/// End the Slurm jobs of a sweep; its trials save, and can go on
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The sweep's folder, `runs/NAME.sweep`
    #[arg(value_name = "SWEEP")]
    folder: PathBuf,
}

/// Asks Slurm to end them.
pub fn main(args: &Args) -> Outcome {
    launch::cancel(&args.folder)
}
