//! `runner SPEC.toml`: trains once or, where the spec has a sweep, each of its trials.

use std::path::PathBuf;

use crate::experiment;
use crate::launch;
use crate::session::process::{command_line, listen};
use crate::session::reporter::Audience;
use crate::session::start::{Place, StartRequest, start};
use crate::terminal::Outcome;
use crate::terminal::args::{RUNS_DIR, SpecArgs, SweepArgs};

/// Train what a spec describes, or every trial of its sweep (`run` may be left out)
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    sweep: SweepArgs,
    /// Where run folders go
    #[arg(long, value_name = "DIR", default_value = RUNS_DIR)]
    runs_dir: PathBuf,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,
}

/// Checks everything, makes the run folder, trains.
pub fn main(args: &Args) -> Outcome {
    let stop = listen()?;
    let overrides = args.spec.overrides();
    let loaded = experiment::load_with_sweep(&args.spec.spec, &overrides, &args.sweep.sweep)?;
    if loaded.sweep.is_some() {
        let launch = launch::Launch {
            loaded: &loaded,
            args: &args.sweep,
            runs_dir: &args.runs_dir,
            quiet: args.quiet,
        };
        return launch.run(&stop);
    }
    launch::refuse_without_sweep(&args.sweep)?;
    start(
        &StartRequest {
            loaded: &loaded,
            place: Place::In(&args.runs_dir),
            spec_text: &loaded.text,
            overrides: &loaded.overrides,
            command_line: command_line(),
            threads: None,
            audience: Audience::of(args.quiet),
            until: None,
        },
        &stop,
    )
}
