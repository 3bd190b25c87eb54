//! `runner resume RUN`: goes on with a run that was stopped; with `--all`, with every such run below a folder.

use std::path::{Path, PathBuf};

use crate::run::{RunStatus, RunView, find_runs};
use crate::session::process::listen;
use crate::session::reporter::Audience;
use crate::session::resume::{ResumeRequest, resume};
use crate::sys::exit;
use crate::sys::stop::Stop;
use crate::terminal::args::ResumeArgs;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome, tell};

/// Go on with a run that was stopped, to the same bits as if it had not been
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The run's folder; with `--all` a folder of runs
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Go on with every run below the folder that was stopped, killed or failed
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    changes: ResumeArgs,
}

/// Goes on with one run, or with all.
pub fn main(args: &Args) -> Outcome {
    let stop = listen()?;
    match args.all {
        true => all(args, &stop),
        false => one(&args.run, args, &stop),
    }
}

fn one(run: &Path, args: &Args, stop: &Stop) -> Outcome {
    let request = ResumeRequest {
        run,
        args: &args.changes,
        audience: Audience::of(args.changes.quiet),
        until: None,
        threads: None,
    };
    resume(&request, stop)
}

/// Every run that was stopped, killed or failed, one after the other.
fn all(args: &Args, stop: &Stop) -> Outcome {
    if !args.run.is_dir() {
        let text = format!("`{}` is no folder", args.run.display());
        return Err(CliError::new(exit::USAGE, text));
    }
    let say = |text: &str| {
        if !args.changes.quiet {
            // A closed stdout does not end a run.
            let _ = out(text);
        }
    };
    let (mut resumed, mut failed) = (0, 0);
    for run in find_runs(&args.run) {
        let view = RunView::open(&run);
        match view.status() {
            RunStatus::Interrupted | RunStatus::Failed => {}
            RunStatus::Broken => {
                let why = view.why().unwrap_or_default();
                tell!("warning: {} is left out: {why}", run.display());
                // Killed before there was anything to lose, or damaged?
                failed += u32::from(view.manifest().is_some() || view.summary().is_some());
                continue;
            }
            RunStatus::Running | RunStatus::Completed | RunStatus::Diverged => continue,
        }
        say(&format!("{}\n", run.display()));
        match one(&run, args, stop) {
            Ok(code) if stop.requested() => return Ok(code),
            Ok(exit::DONE) => resumed += 1,
            Ok(_) => failed += 1,
            Err(failure) => {
                failure.tell();
                failed += u32::from(failure.code() != exit::LOCKED);
            }
        }
    }
    say(&format!("{resumed} resumed to their end, {failed} not\n"));
    Ok(match failed {
        0 => exit::DONE,
        _ => exit::PARTLY_FAILED,
    })
}
