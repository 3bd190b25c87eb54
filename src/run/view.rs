//! A run folder for everybody who does not write it: reports, listings, figures made later.
//!
//! [`RunView::open`] never fails and never writes: whatever is at a path gets a status, and what is
//! wrong with it is reported, with terminal codes escaped. It disturbs no running process, and may be called while the
//! folder changes.
//!
//! The history comes from the checkpoint's metadata, which have a digest of their own, and not from
//! `metrics.parquet`: reports read folders from elsewhere, and a Parquet reader may not survive a
//! file that was made to harm it.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::fs::{files, lock};
use crate::metric::Row;
use crate::progress::Best;
use crate::sys::printable::printable;

use super::checkpoint::{Summary, read_summary};
use super::checkpoint_dir::CHECKPOINTS;
use super::checkpoint_dir::{LAST, PREVIOUS};
use super::error::RunError;
use super::folder::{FIGURES, LOCK, largest_checkpoint};
use super::id::RunId;
use super::manifest::{MANIFEST, Manifest, Status};
use super::tensor_file::LARGEST_FILE;

/// How a run stands, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// A process works on it.
    Running,
    /// All epochs are done, or early stopping ended it.
    Completed,
    /// It was stopped or killed, and can go on.
    Interrupted,
    /// A loss or a gradient was not finite.
    Diverged,
    /// It ended with an error.
    Failed,
    /// The folder cannot be read as a run.
    Broken,
}

impl std::fmt::Display for RunStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Broken => "broken",
        })
    }
}

/// What could be read of a run folder at one moment.
#[derive(Clone, Debug)]
pub struct RunView {
    path: PathBuf,
    status: RunStatus,
    why: Option<String>,
    manifest: Option<Manifest>,
    summary: Option<Summary>,
    problems: Vec<String>,
}

impl RunView {
    /// Looks at a folder.
    pub fn open(path: &Path) -> Self {
        let mut view = Self {
            path: path.to_owned(),
            status: RunStatus::Broken,
            why: None,
            manifest: None,
            summary: None,
            problems: Vec::new(),
        };
        match Manifest::read(path) {
            Ok(manifest) => {
                view.read_checkpoint(largest_checkpoint(&manifest.parameters));
                let broken = view.summary.is_none() && !view.problems.is_empty();
                let manifest = view.judge(manifest);
                view.manifest = Some(manifest);
                if broken {
                    view.status = RunStatus::Broken;
                    view.why = Some(view.problems.join("; "));
                }
            }
            Err(RunError::NotARun { .. }) if view.is_locked() => {
                view.status = RunStatus::Running;
                view.why = Some("it is just being made".to_owned());
            }
            Err(error) => {
                view.why = Some(printable(&error.to_string()));
                view.read_checkpoint(LARGEST_FILE);
            }
        }
        view
    }

    /// Takes the status from the manifest, or, where its process is gone, from that.
    fn judge(&mut self, mut manifest: Manifest) -> Manifest {
        if manifest.status == Status::Running && !self.is_locked() {
            // It may have ended between the two checks, and have written its end.
            if let Ok(later) = Manifest::read(&self.path) {
                manifest = later;
            }
            if manifest.status == Status::Running {
                self.status = RunStatus::Interrupted;
                self.why = Some("its process ended without a word".to_owned());
                return manifest;
            }
        }
        self.why = manifest.why.as_deref().map(printable);
        self.status = match manifest.status {
            Status::Running => RunStatus::Running,
            Status::Completed => RunStatus::Completed,
            Status::Interrupted => RunStatus::Interrupted,
            Status::Diverged => RunStatus::Diverged,
            Status::Failed => RunStatus::Failed,
        };
        manifest
    }

    /// A lock that cannot be tested counts as held: then the manifest's status is taken.
    fn is_locked(&mut self) -> bool {
        lock::is_locked(&self.path.join(LOCK)).unwrap_or_else(|error| {
            self.problems.push(printable(&error.to_string()));
            true
        })
    }

    fn read_checkpoint(&mut self, limit: u64) {
        for name in [LAST, PREVIOUS] {
            match read_summary(&self.path.join(CHECKPOINTS).join(name), limit) {
                Ok(summary) => {
                    self.summary = Some(summary);
                    return;
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => self.problems.push(printable(&error.to_string())),
            }
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's name, fit for a terminal.
    pub fn folder_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        printable(&name.to_string_lossy())
    }

    /// The parts of the folder's name, where it is that of a run.
    pub fn id(&self) -> Option<RunId> {
        RunId::parse(self.path.file_name()?.to_str()?)
    }

    /// How the run stands. A run whose manifest says `running` while no process holds its lock is
    /// interrupted.
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// Why, where there is something to say; always for a broken one.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// What else is wrong: files that could not be used although others took their place.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The manifest, where it could be read.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Counters, origin and description of the network, from the newest checkpoint that is whole.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Metrics of the finished epochs; none without a checkpoint.
    pub fn history(&self) -> &[Row] {
        self.summary
            .as_ref()
            .map_or(&[], |summary| &summary.history)
    }

    /// The best epoch, where one can be best yet.
    pub fn best(&self) -> Option<&Best> {
        self.summary.as_ref()?.progress.best.as_ref()
    }

    /// The figures, PNG and SVG, sorted by name.
    pub fn figures(&self) -> Vec<PathBuf> {
        let is_figure = |path: &PathBuf| {
            path.extension()
                .is_some_and(|ending| ending == "png" || ending == "svg")
        };
        let mut figures = files::list(&self.path.join(FIGURES)).unwrap_or_default();
        figures.retain(is_figure);
        figures
    }
}

/// The run folders at and below a path, sorted by name: folders with a manifest, and whatever is
/// named as a run folder is. A link below the path is listed where it has such a
/// name, and never walked through. Nothing is looked for inside a run folder.
pub fn find_runs(root: &Path) -> Vec<PathBuf> {
    let mut runs = Vec::new();
    let mut walk = WalkDir::new(root).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        // A folder that may not be listed holds nothing that could be shown.
        let Ok(entry) = entry else { continue };
        let is_folder = entry.file_type().is_dir() || (entry.depth() == 0 && root.is_dir());
        let is_named = entry.file_name().to_str().and_then(RunId::parse).is_some();
        if is_folder && (is_named || entry.path().join(MANIFEST).is_file()) {
            runs.push(entry.path().to_owned());
            walk.skip_current_dir();
        } else if is_named && entry.path_is_symlink() {
            runs.push(entry.path().to_owned());
        }
    }
    runs
}

#[cfg(test)]
mod tests;
