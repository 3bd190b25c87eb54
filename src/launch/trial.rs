//! The process of one trial: an ordinary run at a given place, whose messages go to its worker.

use std::io::{self, BufRead};
use std::path::Path;

use crate::experiment;
use crate::run::manifest::MANIFEST;
use crate::session::process::listen;
use crate::session::reporter::Audience;
use crate::session::resume::{ResumeRequest, resume};
use crate::session::start::{Place, StartRequest, start};
use crate::sweep::{ChildMessage, Job};
use crate::sys::exit;
use crate::sys::stop::Stop;
use crate::terminal::args::ResumeArgs;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome};

/// Reads the job, does it, and says what went wrong.
pub fn run() -> Outcome {
    let stop = listen()?;
    let outcome = work(&stop);
    if let Err(failure) = &outcome {
        // The worker may have ended.
        let _ = out(&ChildMessage::Error(failure.text().to_owned()).line());
    }
    outcome
}

fn work(stop: &Stop) -> Outcome {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    let job: Job = read
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_str(&line).map_err(|error| error.to_string()))
        .map_err(|error| {
            let text = format!("no trial on standard input: {error}");
            CliError::new(exit::USAGE, text).with_hint("start a sweep with `runner SPEC.toml`")
        })?;
    leave_with_the_worker(stop.clone());
    if job.folder.join(MANIFEST).exists() {
        let args = ResumeArgs {
            quiet: true,
            ..ResumeArgs::default()
        };
        let request = ResumeRequest {
            run: &job.folder,
            args: &args,
            audience: Audience::Worker,
            until: job.until,
            // A run that has its own number of threads keeps it.
            threads: Some(job.threads),
        };
        return resume(&request, stop);
    }
    let name = job.folder.join("resolved.toml");
    let loaded = experiment::load_text(job.resolved_text, &name, Path::new("/"), &[], &[])?;
    start(
        &StartRequest {
            loaded: &loaded,
            place: Place::At(&job.folder),
            spec_text: &job.spec_text,
            overrides: &job.overrides,
            command_line: job.command_line,
            threads: Some(job.threads),
            audience: Audience::Worker,
            until: job.until,
        },
        stop,
    )
}

/// When the worker closes standard input, or ends, the trial saves and exits as after SIGTERM.
fn leave_with_the_worker(stop: Stop) {
    std::thread::spawn(move || {
        let mut line = String::new();
        while io::stdin().lock().read_line(&mut line).is_ok_and(|n| n > 0) {
            line.clear();
        }
        stop.terminate();
    });
}
