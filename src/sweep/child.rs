//! One trial as a process of its own: its job, its messages and its exit.
//!
//! The process is this same program with a hidden command. Its standard input brings the job as one line
//! and stays open for as long as its worker runs; when it ends, on purpose or because the worker was killed, the
//! trial saves and exits. Its standard output brings [`ChildMessage`]s, a line each. It has a process group of its own, so
//! that a Ctrl-C at the terminal reaches the worker alone, which then asks once.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use serde::{Deserialize, Serialize};

use super::error::SweepError;
use super::folder::SweepFolder;
use crate::fs::files;

/// The hidden command that runs a trial.
pub const COMMAND: &str = "trial";

/// The job of a trial's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The run folder: there with a run to go on with, or not there yet.
    pub folder: PathBuf,
    /// The spec with every default and override filled in.
    pub resolved_text: String,
    /// The spec file as it was given.
    pub spec_text: String,
    /// Settings given beside it, those of the trial among them.
    pub overrides: Vec<String>,
    /// The command line of the sweep.
    pub command_line: Vec<String>,
    /// Threads, where the spec does not say.
    pub threads: usize,
    /// After so many epochs it saves and exits.
    pub until: Option<u32>,
}

/// A message of a trial's process: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildMessage {
    /// It has taken a step.
    Step(Step),
    /// It ends with an error.
    Error(String),
}

/// How far a trial has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Of so many.
    pub epochs: u32,
    /// Steps taken in it.
    pub step: u64,
    /// Of so many.
    pub steps: u64,
    /// Mean loss over the epoch so far.
    pub loss: f64,
}

impl Step {
    /// Share of all epochs that is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        let (steps, epochs) = (self.steps.max(1) as f64, f64::from(self.epochs.max(1)));
        ((f64::from(self.epoch) - 1.0 + self.step as f64 / steps) / epochs).clamp(0.0, 1.0)
    }
}

impl ChildMessage {
    /// The line for it, with its end.
    pub fn line(&self) -> String {
        // Neither kind holds anything that JSON cannot.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// How a trial's process ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; nothing where a signal killed it.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// What it said was wrong.
    pub error: Option<String>,
}

/// A trial's process under way.
pub(super) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a trial. The second value keeps it going: dropped, it asks the trial to save and exit.
    pub(super) fn start(
        program: &PathBuf,
        folder: &SweepFolder,
        job: &Job,
    ) -> Result<(Self, ChildStdin), SweepError> {
        let log = files::open_log(&folder.log_path())?;
        let mut command = Command::new(program);
        command
            .arg(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(SweepError::Process)?;
        let missing = || SweepError::Process(std::io::ErrorKind::BrokenPipe.into());
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut stdin = stdin.ok_or_else(missing)?;
        let stdout = stdout.ok_or_else(missing)?;
        let mut line = serde_json::to_string(job).unwrap_or_default();
        line.push('\n');
        // A process that ended before it read its job is noticed by its exit.
        let _ = stdin.write_all(line.as_bytes());
        let process = Self {
            child,
            stdout: BufReader::new(stdout),
        };
        Ok((process, stdin))
    }

    /// Process number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Listens to the process until it ends.
    pub(super) fn listen(mut self, mut on_step: impl FnMut(Step)) -> Result<Ended, SweepError> {
        let mut error = None;
        let mut line = String::new();
        // A line that is not UTF-8 is no message.
        while self.stdout.read_line(&mut line).unwrap_or(0) > 0 {
            match serde_json::from_str(&line) {
                Ok(ChildMessage::Step(step)) => on_step(step),
                Ok(ChildMessage::Error(text)) => error = Some(text),
                Err(_) => {}
            }
            line.clear();
        }
        let status = self.child.wait().map_err(SweepError::Process)?;
        Ok(Ended {
            code: status.code(),
            signal: signal(status),
            error,
        })
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_the_share_of_all_epochs() {
        let step = |epoch, step| Step {
            epoch,
            epochs: 4,
            step,
            steps: 10,
            loss: 1.0,
        };
        assert_eq!(step(1, 0).share(), 0.0);
        assert_eq!(step(3, 5).share(), 0.625);
        assert_eq!(step(4, 10).share(), 1.0);
    }

    #[test]
    fn writes_a_message_as_one_line_that_reads_back() {
        let word = ChildMessage::Error("two\nlines".to_owned());
        let line = word.line();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(serde_json::from_str::<ChildMessage>(&line).unwrap(), word);
    }
}
