//! `runner SPEC.toml` of a spec with a sweep, and `runner sweep`: workers on this machine, what they show, and what
//! came of it.
//!
//! | file | holds |
//! | --- | --- |
//! | `local` | from a spec to a sweep folder in which no trial is left to run |
//! | `plans` | every trial against its data; identities |
//! | `cluster` | the same on a Slurm cluster |
//! | `share` | how many trials at a time, on how many threads each |
//! | [`listing`] | `runner check` |
//! | `bars` | progress |
//! | `summary` | what came of it, and the exit code |
//! | [`trial`] | the process of one trial |
//! | `status` | `runner status` and `runner sweep release` |

mod bars;
mod cluster;
pub mod listing;
pub mod local;
mod plans;
mod share;
mod status;
mod summary;
pub mod trial;

use super::session::drive::listen;
use super::terminal::{CliError, Outcome};
use crate::cli::{RunArgs, SweepCommand, SweepingArgs};
use crate::experiment::Loaded;
use crate::sweep::{Definition, SweepError, SweepFolder};
use crate::sys::exit;
use crate::sys::stop::Stop;

pub use cluster::cancel;
pub use status::status;

use super::terminal::cli_error::with_causes;

impl From<SweepError> for CliError {
    fn from(error: SweepError) -> Self {
        Self::new(error.exit_code(), with_causes(&error))
    }
}

/// Runs the trials of a spec's sweep.
pub fn main(args: &RunArgs, loaded: &Loaded, stop: &Stop) -> Outcome {
    let plans = plans::plans(loaded)?;
    let mut tasks = plans::tasks(loaded, args.quiet)?;
    let path = SweepFolder::path_of(&args.runs_dir, &loaded.spec.name);
    SweepFolder::keep_first_ids(&path, &mut tasks)?;
    plans::check_room(&path, &plans, &tasks)?;
    let request = cluster::request(&args.sweeping, loaded)?;
    if let (Some(request), true) = (&request, args.sweeping.dry_run) {
        return cluster::show(request, &loaded.spec.name, &path, &tasks);
    }
    let definition = Definition::new(loaded, &args.sweeping.sweep, &tasks);
    let folder = SweepFolder::create(&path, &definition)?;
    if let Some(request) = &request {
        return cluster::submit(request, &loaded.spec.name, &folder, &tasks, args);
    }
    local::LocalSweep {
        folder: &folder,
        loaded,
        plans: &plans,
        tasks: &tasks,
        crew: args.sweeping.crew,
        quiet: args.quiet,
    }
    .run(stop)
}

/// `runner sweep`.
pub fn command(command: &SweepCommand) -> Outcome {
    match command {
        SweepCommand::Run {
            folder: path,
            crew,
            quiet,
        } => {
            let stop = listen()?;
            let (folder, definition) = SweepFolder::open(path)?;
            let loaded = definition.load()?;
            let plans = plans::plans(&loaded)?;
            let mut tasks = plans::tasks(&loaded, *quiet)?;
            SweepFolder::keep_first_ids(path, &mut tasks)?;
            plans::check_room(path, &plans, &tasks)?;
            let outcome = local::LocalSweep {
                folder: &folder,
                loaded: &loaded,
                plans: &plans,
                tasks: &tasks,
                crew: *crew,
                quiet: *quiet,
            }
            .run(&stop);
            cluster::end(&folder, &tasks)?;
            outcome
        }
        SweepCommand::Release { folder, trial } => status::release(folder, trial),
    }
}

/// Refuses what means nothing to a single run.
///
/// # Errors
/// The command line is wrong.
pub fn refuse_without(args: &SweepingArgs) -> Result<(), CliError> {
    let word = match args.crew {
        crew if crew.jobs.is_some() => "--jobs",
        crew if crew.retry_failed => "--retry-failed",
        _ if args.launcher.is_some() => "--launcher",
        _ if args.dry_run => "--dry-run",
        _ => return Ok(()),
    };
    let text = format!("`{word}` is for a sweep, and the spec has none");
    Err(CliError::new(exit::USAGE, text)
        .with_hint("vary something: `--sweep seed=0..3`, or a table `[sweep.over]` in the file"))
}
