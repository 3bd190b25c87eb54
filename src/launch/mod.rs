//! `runner SPEC.toml` of a spec with a sweep, and `runner sweep`: workers on this machine, what they show, and what
//! came of it.
//!
//! | file | holds |
//! | --- | --- |
//! | `local` | from a spec to a sweep folder in which no trial is left to run |
//! | `disk_room` | room on the disk |
//! | `trial_plans` | every trial against its data; identities |
//! | `cluster` | the same on a Slurm cluster |
//! | `parallelism` | how many trials at a time, on how many threads each |
//! | [`trial_table`] | `runner check` |
//! | `progress_bars` | progress |
//! | `summary` | what came of it, and the exit code |
//! | [`trial`] | the process of one trial |
//! | `status` | `runner status` and `runner sweep release` |

mod cluster;
mod disk_room;
mod local;
mod parallelism;
mod progress_bars;
mod status;
mod summary;
pub mod trial;
mod trial_plans;
pub mod trial_table;

use std::path::Path;

use crate::experiment::Loaded;
use crate::sweep::{Definition, SweepFolder};
use crate::sys::exit;
use crate::sys::stop::Stop;
use crate::terminal::args::{SweepArgs, WorkersArgs};
use crate::terminal::{CliError, Outcome};

pub use cluster::cancel;
pub use status::{release, status};

/// A sweep that is to be run from its spec.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The spec.
    pub loaded: &'a Loaded,
    /// How the sweep is run.
    pub args: &'a SweepArgs,
    /// Where its folder is made.
    pub runs_dir: &'a Path,
    /// Whether nothing but warnings and errors is printed.
    pub quiet: bool,
}

impl Launch<'_> {
    /// Runs the trials, here or on a cluster.
    ///
    /// # Errors
    /// A trial does not fit its data or the machine; the folder cannot be written; the cluster refuses.
    pub fn run(&self, stop: &Stop) -> Outcome {
        let (loaded, args) = (self.loaded, self.args);
        let plans = trial_plans::plans(loaded)?;
        let mut tasks = trial_plans::tasks(loaded, self.quiet)?;
        let name = &loaded.spec.name;
        let path = SweepFolder::path_of(self.runs_dir, name);
        SweepFolder::keep_first_ids(&path, &mut tasks)?;
        trial_plans::check_room(&path, &plans, &tasks)?;
        let request = cluster::request(args, loaded)?;
        if let (Some(request), true) = (&request, args.dry_run) {
            return cluster::show(request, name, &path, &tasks);
        }
        let definition = Definition::new(loaded, &args.sweep, &tasks);
        let folder = SweepFolder::create(&path, &definition)?;
        if let Some(request) = &request {
            let retry = args.workers.retry_failed;
            return cluster::submit(request, &folder, (name, &tasks), retry, self.quiet);
        }
        local::LocalSweep {
            folder: &folder,
            loaded,
            plans: &plans,
            tasks: &tasks,
            workers: args.workers,
            quiet: self.quiet,
        }
        .run(stop)
    }
}

/// Works on the trials of a sweep's folder that are left.
///
/// # Errors
/// The folder cannot be read; a trial does not fit its data or the machine.
pub fn work_on(path: &Path, workers: WorkersArgs, quiet: bool, stop: &Stop) -> Outcome {
    let (folder, definition) = SweepFolder::open(path)?;
    let loaded = definition.load()?;
    let plans = trial_plans::plans(&loaded)?;
    let mut tasks = trial_plans::tasks(&loaded, quiet)?;
    SweepFolder::keep_first_ids(path, &mut tasks)?;
    trial_plans::check_room(path, &plans, &tasks)?;
    let outcome = local::LocalSweep {
        folder: &folder,
        loaded: &loaded,
        plans: &plans,
        tasks: &tasks,
        workers,
        quiet,
    }
    .run(stop);
    cluster::end(&folder, &tasks)?;
    outcome
}

/// Refuses what means nothing to a single run.
///
/// # Errors
/// The command line is wrong.
pub fn refuse_without_sweep(args: &SweepArgs) -> Result<(), CliError> {
    let word = match args.workers {
        workers if workers.jobs.is_some() => "--jobs",
        workers if workers.retry_failed => "--retry-failed",
        _ if args.launcher.is_some() => "--launcher",
        _ if args.dry_run => "--dry-run",
        _ => return Ok(()),
    };
    let text = format!("`{word}` is for a sweep, and the spec has none");
    Err(CliError::new(exit::USAGE, text)
        .with_hint("vary something: `--sweep seed=0..3`, or a table `[sweep.over]` in the file"))
}
