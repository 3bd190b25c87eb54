//! `runner sweep`: goes on with a sweep by its folder, or frees a trial of it.

use std::path::PathBuf;

use clap::Subcommand;

use crate::launch;
use crate::session::process::listen;
use crate::terminal::Outcome;
use crate::terminal::args::WorkersArgs;

/// Work on the folder of a sweep, look at it, free a trial
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    work: Work,
}

#[derive(Clone, Debug, Subcommand)]
enum Work {
    /// Go on with a sweep by its folder alone, also beside other processes that work on it
    Run {
        /// The sweep's folder, `runs/NAME.sweep`
        #[arg(value_name = "SWEEP")]
        folder: PathBuf,
        #[command(flatten)]
        workers: WorkersArgs,
        /// Print nothing but warnings and errors
        #[arg(long, short)]
        quiet: bool,
    },
    /// Free a trial whose worker on another machine is gone
    Release {
        /// The sweep's folder, `runs/NAME.sweep`
        #[arg(value_name = "SWEEP")]
        folder: PathBuf,
        /// The trial, as `runner status` shows it
        #[arg(value_name = "TRIAL")]
        trial: String,
    },
}

/// Works on the trials that are left, or frees one.
pub fn main(args: &Args) -> Outcome {
    match &args.work {
        Work::Run {
            folder,
            workers,
            quiet,
        } => launch::work_on(folder, *workers, *quiet, &listen()?),
        Work::Release { folder, trial } => launch::release(folder, trial),
    }
}
