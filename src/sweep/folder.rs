//! The folder of a sweep: what is written into it, and how each trial stands.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::cluster;
use super::definition::Definition;
use super::error::{DEFINITION, SweepError};
use super::task::Task;
use crate::experiment::{Spec, expect};
use crate::fs::claim::{self, Attempt, Claim, Claimant, Release};
use crate::fs::files;
use crate::fs::lock::{Lock, LockError};
use crate::run::log::Log;
use crate::run::{LOCK, RunStatus, RunView};

/// What the name of a sweep's folder ends in.
pub const ENDING: &str = ".sweep";
const CLAIMS: &str = "claims";
const SPEC: &str = "spec.toml";
const LOG: &str = "log.txt";
/// Largest log that is read back, in bytes.
const LARGEST_LOG: u64 = 64 << 20;

/// A sweep's folder.
#[derive(Clone, Debug)]
pub struct SweepFolder {
    path: PathBuf,
}

/// How a trial stands.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nothing has been done for it, or nothing that is worth keeping.
    New,
    /// It can go on after so many epochs; why it stopped.
    Interrupted(u32, Option<String>),
    /// A process works on it.
    Running,
    /// All its epochs are done.
    Completed,
    /// All its epochs are done, and a limit under `[expect]` was missed: which.
    Missed(String),
    /// A loss or a gradient was not finite.
    Diverged(String),
    /// It ended with an error.
    Failed(String),
    /// Its folder cannot be read as a run.
    Broken(String),
}

impl State {
    /// Its name.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Interrupted(..) => "interrupted",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Missed(_) => "missed",
            Self::Diverged(_) => "diverged",
            Self::Failed(_) => "failed",
            Self::Broken(_) => "broken",
        }
    }

    /// Whether there is something left to do.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::New | Self::Interrupted(..) | Self::Running)
    }

    /// Whether a sweep has something left to do, which with `retry` also is what failed.
    pub fn is_left(&self, retry: bool) -> bool {
        self.is_open() || (retry && matches!(self, Self::Failed(_)))
    }

    /// Why it stands so, where there is something to say.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Missed(why) | Self::Diverged(why) | Self::Failed(why) | Self::Broken(why) => {
                Some(why)
            }
            Self::Interrupted(_, why) => why.as_deref(),
            Self::New | Self::Running | Self::Completed => None,
        }
    }
}

impl SweepFolder {
    /// Where the sweep of a name lies, `NAME.sweep`.
    pub fn path_of(runs_dir: &Path, name: &str) -> PathBuf {
        runs_dir.join(format!("{name}{ENDING}"))
    }

    /// Makes the folder where it is not there, and puts the definition into it, in place of an earlier one.
    ///
    /// # Errors
    /// The system refuses.
    pub fn create(path: &Path, definition: &Definition) -> Result<Self, SweepError> {
        let folder = Self {
            path: path.to_owned(),
        };
        files::create_dir_all(&folder.path)?;
        let mut text = serde_json::to_string_pretty(definition).unwrap_or_default();
        text.push('\n');
        folder.write(SPEC, &definition.spec_text)?;
        folder.write(DEFINITION, &text)?;
        Ok(folder)
    }

    /// The folder of a sweep that is there, with its definition.
    ///
    /// # Errors
    /// It is none.
    pub fn open(path: &Path) -> Result<(Self, Definition), SweepError> {
        let definition = Definition::read(path)?;
        let folder = Self {
            path: path.to_owned(),
        };
        Ok((folder, definition))
    }

    /// Gives trials that the first version of the program ran, or was to run, the identities that it gave them: where a
    /// trial is run and what is expected of it was part of them then.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn keep_first_ids(path: &Path, tasks: &mut [Task]) -> Result<(), SweepError> {
        if !path.is_dir() {
            return Ok(());
        }
        let definition = Definition::read(path).map(|it| it.trials);
        let mut known: HashSet<String> = definition.into_iter().flatten().map(|it| it.id).collect();
        for run in files::list(path)? {
            let name = run.file_name().and_then(|name| name.to_str());
            known.extend(name.and_then(|name| Some(name.rsplit_once('_')?.1.to_owned())));
        }
        let is_known = |id: &str| known.contains(id);
        tasks
            .iter_mut()
            .for_each(|task| task.keep_first_id(is_known));
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log, to which the processes of trials write as well.
    pub fn log_path(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// Appends an event to the log. A log that cannot be written stops no sweep.
    pub fn log(&self, event: &str) {
        let _ = Log::new(self.log_path()).event(event);
    }

    /// Why each trial's last process ended, as the log has it, by the trial's identity: a trial whose disk was full could not note
    /// it in its own folder. Mere names of states are left out; a log above the size limit gives nothing.
    pub fn last_words(&self) -> HashMap<String, String> {
        let mut words = HashMap::new();
        let log = files::read_text(&self.log_path(), LARGEST_LOG).unwrap_or_default();
        for line in log.lines() {
            let Some((_, event)) = line.split_once("  ") else {
                continue;
            };
            if let Some((id, why)) = event.split_once(" ends: ") {
                words.insert(id.to_owned(), why.to_owned());
            } else if let Some((id, _)) = event.split_once(" begins as process ") {
                words.remove(id);
            }
        }
        words.retain(|_, why| why.contains(' '));
        words
    }

    /// Writes a file of the sweep's own where it says something else, while no other process does.
    ///
    /// # Errors
    /// The system refuses.
    pub fn write(&self, name: &str, text: &str) -> Result<(), SweepError> {
        let path = self.path.join(name);
        let limit = text.len() as u64;
        let is_there = || files::read(&path, limit).is_ok_and(|found| found == text.as_bytes());
        if is_there() {
            return Ok(());
        }
        // Whoever has the lock has it for the moment of writing a file.
        let mut attempts = 0;
        let _lock = loop {
            match Lock::acquire(&self.path.join(LOCK)) {
                Err(LockError::Held { .. }) if attempts < 100 => attempts += 1,
                other => break other?,
            }
        };
        if !is_there() {
            files::write_atomic(&path, text.as_bytes())?;
        }
        Ok(())
    }

    /// The run folder of a trial: the one whose name ends in the trial's identity, or where it would be.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn run(&self, task: &Task) -> Result<PathBuf, SweepError> {
        let path = self.path.join(&task.folder);
        if path.exists() {
            return Ok(path);
        }
        // Named after other settings when the sweep was another one.
        let ending = format!("_{}", task.id);
        let is_its = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.ends_with(&ending)) && path.is_dir()
        };
        let other = files::list(&self.path)?.into_iter().find(is_its);
        Ok(other.unwrap_or(path))
    }

    /// How a trial stands, by its run folder alone.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn state(&self, task: &Task) -> Result<State, SweepError> {
        let run = self.run(task)?;
        Ok(match run.exists() {
            true => state(&RunView::open(&run), &task.spec),
            false => State::New,
        })
    }

    /// Tries to claim a trial.
    ///
    /// # Errors
    /// The file system refuses, or knows no locks.
    pub fn claim(&self, id: &str) -> Result<Attempt, SweepError> {
        let path = self.path.join(CLAIMS).join(id);
        match Claim::take(&path)? {
            Attempt::Held(Some(claimant)) if cluster::is_gone(&claimant) => {
                claim::free_of_gone(&path, &claimant)?;
                Ok(Claim::take(&path)?)
            }
            attempt => Ok(attempt),
        }
    }

    /// Makes room for claims, and takes away those of processes of this machine that are gone.
    ///
    /// # Errors
    /// The file system refuses, or the place of the claims leads out of the folder.
    pub fn prepare_claims(&self) -> Result<(), SweepError> {
        let claims = self.path.join(CLAIMS);
        // A folder that came from somebody else must not make the program write outside of it.
        files::refuse_link(&claims)?;
        files::create_dir_all(&claims)?;
        Ok(claim::sweep_out(&claims)?)
    }

    /// Who works on a trial; nothing where nobody does.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn holder(&self, id: &str) -> Result<Option<Option<Claimant>>, SweepError> {
        Ok(claim::holder(&self.path.join(CLAIMS).join(id))?)
    }

    /// Frees a trial whose worker is gone, as the caller says.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn release(&self, id: &str) -> Result<Release, SweepError> {
        Ok(claim::release(&self.path.join(CLAIMS).join(id))?)
    }
}

/// How a trial stands that has a folder.
pub fn state(view: &RunView, spec: &Spec) -> State {
    let why = || view.why().unwrap_or("no reason given").to_owned();
    match view.status() {
        RunStatus::Completed => match expect::missed(&spec.expect, view.history()).as_slice() {
            [] => State::Completed,
            missed => State::Missed(missed.join("; ")),
        },
        RunStatus::Running => State::Running,
        RunStatus::Interrupted => {
            let epochs = view.summary().map_or(0, |summary| summary.progress.epoch);
            State::Interrupted(epochs, view.why().map(str::to_owned))
        }
        RunStatus::Diverged => State::Diverged(why()),
        RunStatus::Failed => State::Failed(why()),
        // Killed before it had anything to lose: neither a manifest nor a checkpoint.
        RunStatus::Broken if is_stub(view) => State::New,
        RunStatus::Broken => State::Broken(why()),
    }
}

/// Whether a run folder was just being made when its process was killed.
pub fn is_stub(view: &RunView) -> bool {
    view.manifest().is_none()
        && view.summary().is_none()
        && !view.path().join(crate::run::manifest::MANIFEST).exists()
}
