//! The folder of a run, for the one process that writes it.
//!
//! A [`RunFolder`] holds the folder's lock for as long as it lives, so that having one is the
//! permission to write. What a process writes and in which order: at the start the folder, the lock,
//! `spec.toml`, `resolved.toml`, `manifest.json` (status `running`); after each epoch or at a stop a
//! checkpoint, then what is made from it; at the end the manifest with how it ended. A process that
//! is killed leaves a folder that says `running` and has no lock: readers show it as interrupted.

use std::path::{Path, PathBuf};

use crate::fs::files;
use crate::fs::lock::Lock;
use crate::metric::Row;
use crate::sys::{clock, machine};

use super::checkpoint::Checkpoint;
use super::checkpoint_dir::{CHECKPOINTS, Checkpoints, Loaded};
use super::error::RunError;
use super::header::LARGEST_HEADER;
use super::id;
use super::log::Log;
use super::manifest::{
    Compute, DataSource, FORMAT_VERSION, Machine, Manifest, Parameters, Session, Status,
};
use super::metrics::{METRICS_FILE, write_metrics};
use super::tensor_file::LARGEST_FILE;

/// The folder of the figures.
pub const FIGURES: &str = "figures";
/// What was asked for.
pub const SPEC: &str = "spec.toml";
/// What ran.
pub const RESOLVED: &str = "resolved.toml";
/// The log.
pub const LOG: &str = "log.txt";
/// The lock.
pub const LOCK: &str = "lock";
/// Largest spec to read, in bytes.
const LARGEST_SPEC: u64 = 8 << 20;

/// What a new run is.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Its name, which becomes a part of the folder's name.
    pub name: &'a str,
    /// The spec file as it was given.
    pub spec_text: &'a str,
    /// Settings given beside the file, `KEY=VALUE`.
    pub overrides: Vec<String>,
    /// The spec with every default and override filled in.
    pub resolved_text: &'a str,
    /// The command line, a word an entry.
    pub command_line: Vec<String>,
    /// Commit of the source tree that the program was built from, where known.
    pub git_commit: Option<String>,
    /// How it computes.
    pub compute: Compute,
    /// Which device it has, and why, for the log.
    pub device_note: &'a str,
    /// What it is trained on.
    pub data: DataSource,
    /// SHA-256 over those settings that decide the numbers.
    pub spec_digest: String,
    /// Parameters of the network.
    pub parameters: Parameters,
    /// Epochs that it is to have.
    pub epochs: u32,
}

/// A run folder that this process may write, and no other.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    manifest: Manifest,
    checkpoints: Checkpoints,
    log: Log,
    /// Held until the folder is dropped.
    _lock: Lock,
}

impl RunFolder {
    /// Makes the folder of a new run in `runs_dir`, which is made where it is not there. On an error
    /// no folder is left.
    ///
    /// # Errors
    /// A name that does not fit, or a file that cannot be written.
    pub fn create(runs_dir: &Path, run: &NewRun) -> Result<Self, RunError> {
        let path = id::create_folder(runs_dir, run.name, clock::now_utc())?;
        filled_or_gone(&path, |path| Self::fill(path, run))
    }

    /// Makes exactly this folder, which must not be there yet, for a run that a sweep has given its place. On an error
    /// no folder is left.
    ///
    /// # Errors
    /// Something has that name, or a file cannot be written.
    pub fn create_at(path: &Path, run: &NewRun) -> Result<Self, RunError> {
        files::create_dir(path)?;
        filled_or_gone(path, |path| Self::fill(path, run))
    }

    fn fill(path: &Path, run: &NewRun) -> Result<Self, RunError> {
        let lock = Lock::acquire(&path.join(LOCK))?;
        files::create_dir(&path.join(CHECKPOINTS))?;
        files::create_dir(&path.join(FIGURES))?;
        let spec = with_overrides(run.spec_text, &run.overrides);
        files::write_atomic(&path.join(SPEC), spec.as_bytes())?;
        files::write_atomic(&path.join(RESOLVED), run.resolved_text.as_bytes())?;
        let mut manifest = new_manifest(run);
        manifest.write(path)?;
        let folder = Self::new(path, lock, manifest);
        let (version, device) = (env!("CARGO_PKG_VERSION"), run.device_note);
        folder.log(&format!("created by runner {version}; {device}"))?;
        Ok(folder)
    }

    fn new(path: &Path, lock: Lock, manifest: Manifest) -> Self {
        let limit = largest_checkpoint(&manifest.parameters);
        Self {
            path: path.to_owned(),
            checkpoints: Checkpoints::new(path.join(CHECKPOINTS), limit),
            log: Log::new(path.join(LOG)),
            manifest,
            _lock: lock,
        }
    }

    /// Opens the folder of a run that is to go on. Takes its lock, and removes the temporary files
    /// that a crash left in it. The manifest stays as it is until [`begin_session`](Self::begin_session).
    ///
    /// # Errors
    /// [`RunError::Lock`] where another process writes to it (exit code 75); no run folder; a manifest
    /// that is damaged or of a later version; parts of the folder that lead out of it.
    pub fn open_for_resume(path: &Path) -> Result<Self, RunError> {
        // First without the lock, which would make a file in a folder that is none of ours.
        Manifest::read(path)?;
        let lock = Lock::acquire(&path.join(LOCK))?;
        for part in [CHECKPOINTS, FIGURES] {
            files::refuse_link(&path.join(part))?;
        }
        let manifest = Manifest::read(path)?;
        for part in [path.to_owned(), path.join(CHECKPOINTS), path.join(FIGURES)] {
            files::remove_temporaries(&part)?;
        }
        for part in [CHECKPOINTS, FIGURES] {
            files::create_dir_all(&path.join(part))?;
        }
        Ok(Self::new(path, lock, manifest))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the manifest says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder of the figures.
    pub fn figures(&self) -> PathBuf {
        self.path.join(FIGURES)
    }

    /// Records that this process resumes the run, whose status becomes `running`.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn begin_session(
        &mut self,
        compute: Compute,
        from_epoch: u32,
        epochs: u32,
    ) -> Result<(), RunError> {
        let session = new_session(compute.clone(), from_epoch, epochs);
        self.update(|manifest| {
            manifest.status = Status::Running;
            manifest.why = None;
            manifest.finished = None;
            manifest.compute = compute;
            manifest.sessions.push(session);
        })
    }

    /// Notes how the run ended, or that it was interrupted.
    ///
    /// # Errors
    /// The manifest or the log cannot be written.
    pub fn finish(&mut self, status: Status, why: Option<String>) -> Result<(), RunError> {
        let event = match &why {
            Some(why) => format!("{status}: {why}"),
            None => status.to_string(),
        };
        let ends = matches!(
            status,
            Status::Completed | Status::Diverged | Status::Failed
        );
        self.update(|manifest| {
            manifest.status = status;
            manifest.why = why;
            manifest.finished = ends.then(clock::now_utc);
        })?;
        self.log(&event)
    }

    /// Changes the manifest and writes it.
    ///
    /// # Errors
    /// It cannot be written; the one in memory is changed all the same.
    pub fn update(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<(), RunError> {
        change(&mut self.manifest);
        self.manifest.write(&self.path)
    }

    /// Saves a checkpoint, also as the best one where it is. When this returns, no crash and no power
    /// cut leaves less.
    ///
    /// # Errors
    /// It cannot be written; the last one is then as it was, or the new one is whole in its place.
    pub fn commit(&mut self, checkpoint: &Checkpoint, is_best: bool) -> Result<(), RunError> {
        self.checkpoints.commit(checkpoint, is_best)
    }

    /// The newest whole checkpoint: `last.safetensors` or, where that is damaged or missing,
    /// `previous.safetensors` with a warning, which is also logged. Nothing where none was saved yet.
    ///
    /// # Errors
    /// [`RunError::NoCheckpoint`] where both are damaged, [`RunError::Newer`], [`RunError::File`].
    pub fn load_latest(&mut self) -> Result<Option<Loaded>, RunError> {
        let loaded = self.checkpoints.load_latest()?;
        if let Some(warning) = loaded.as_ref().and_then(|loaded| loaded.warning.as_ref()) {
            self.log(&format!("warning: {warning}"))?;
        }
        Ok(loaded)
    }

    /// Writes `best.safetensors` anew where it is missing or damaged and this checkpoint is that of the best
    /// epoch; says whether it did.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn restore_best(&self, checkpoint: &Checkpoint) -> Result<bool, RunError> {
        Ok(checkpoint.is_best() && self.checkpoints.restore_best(checkpoint)?)
    }

    /// Writes the table of metrics.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_metrics(&self, history: &[Row]) -> Result<(), RunError> {
        write_metrics(&self.path.join(METRICS_FILE), history)
    }

    /// Writes a figure under a plain file name, `loss.png`.
    ///
    /// # Errors
    /// The name does not fit, or the file cannot be written.
    pub fn write_figure(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        id::check_name(name)?;
        Ok(files::write_atomic(&self.figures().join(name), bytes)?)
    }

    /// Writes `resolved.toml` anew: for a resume that was asked for more epochs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_resolved(&self, text: &str) -> Result<(), RunError> {
        Ok(files::write_atomic(
            &self.path.join(RESOLVED),
            text.as_bytes(),
        )?)
    }

    /// Appends a line to the log.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn log(&self, event: &str) -> Result<(), RunError> {
        self.log.event(event)
    }
}

/// Fills a folder that was just made, and takes it away again where that fails.
fn filled_or_gone<T>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<T, RunError>,
) -> Result<T, RunError> {
    fill(path).inspect_err(|_| {
        // The first error is the one to report. The folder is new, so nothing of anyone is lost.
        let _ = files::remove_dir_all(path);
    })
}

/// The resolved spec of a run folder.
///
/// # Errors
/// It is not there, is no text or larger than any spec, or cannot be read.
pub fn read_resolved(run: &Path) -> Result<String, RunError> {
    Ok(files::read_text(&run.join(RESOLVED), LARGEST_SPEC)?)
}

/// Largest checkpoint of a network, in bytes: its values and up to seven more of each for the
/// optimizer, four bytes each. Bounds what a reader takes from a file that somebody else made.
pub(super) fn largest_checkpoint(parameters: &Parameters) -> u64 {
    parameters
        .total
        .saturating_mul(8 * 4)
        .saturating_add(LARGEST_HEADER + (1 << 20))
        .min(LARGEST_FILE)
}

/// The spec as it was given, with the overrides as comments behind it.
fn with_overrides(spec: &str, overrides: &[String]) -> String {
    let mut text = spec.to_owned();
    if overrides.is_empty() {
        return text;
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str("\n# Overrides given on the command line:\n");
    for line in overrides.iter().flat_map(|setting| setting.lines()) {
        text.push_str("#   ");
        // What ends a line for nobody but TOML must not end the comment.
        text.push_str(&line.replace(char::is_control, " "));
        text.push('\n');
    }
    text
}

fn new_manifest(run: &NewRun) -> Manifest {
    let session = new_session(run.compute.clone(), 0, run.epochs);
    Manifest {
        format_version: FORMAT_VERSION,
        name: run.name.to_owned(),
        status: Status::Running,
        why: None,
        created: session.started,
        updated: session.started,
        finished: None,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: run.git_commit.clone(),
        command_line: run.command_line.clone(),
        overrides: run.overrides.clone(),
        machine: Machine {
            host: machine::host(),
            cpu: machine::cpu(),
            os: machine::os(),
        },
        compute: run.compute.clone(),
        data: run.data.clone(),
        spec_digest: run.spec_digest.clone(),
        parameters: run.parameters,
        sessions: vec![session],
    }
}

fn new_session(compute: Compute, from_epoch: u32, epochs: u32) -> Session {
    Session {
        started: clock::now_utc(),
        from_epoch,
        epochs,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        host: machine::host(),
        compute,
    }
}

#[cfg(test)]
pub(super) mod tests;
