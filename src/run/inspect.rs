//! What is whole in a run folder and what is not.
//!
//! Looks without writing and without taking the lock. `metrics.parquet` is not read as Parquet, which a file
//! made to do harm could exploit: it is compared byte for byte with what the checkpoint's history gives.

use std::path::Path;

use crate::fs::files;

use super::checkpoint::{Checkpoint, read_checkpoint};
use super::checkpoint_dir::CHECKPOINTS;
use super::checkpoint_dir::{BEST, LAST, PREVIOUS};
use super::error::RunError;
use super::folder::{FIGURES, RESOLVED, SPEC, largest_checkpoint, read_resolved};
use super::manifest::{MANIFEST, Manifest};
use super::metrics::{self, METRICS_FILE};
use super::state_digest::state_digest;
use super::tensor_file::LARGEST_FILE;

/// Largest figure to look at, in bytes.
const LARGEST_FIGURE: u64 = 256 << 20;

/// How a part of a run folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There, and as it should be.
    Whole,
    /// Not there, and not due.
    Absent,
    /// Not there although it should be.
    Missing,
    /// There, and not what it should be.
    Damaged,
    /// Whole, but not what the newest checkpoint says.
    Stale,
    /// A temporary file that a crash left.
    Leftover,
}

impl Condition {
    /// Whether there is nothing to do about it.
    pub fn is_fine(self) -> bool {
        matches!(self, Self::Whole | Self::Absent)
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Whole => "whole",
            Self::Absent => "not there",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Stale => "stale",
            Self::Leftover => "left over",
        })
    }
}

/// A part of a run folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its path in the folder.
    pub name: String,
    /// How it is.
    pub condition: Condition,
    /// What more there is to say.
    pub note: String,
}

/// What was found in a run folder.
#[derive(Debug)]
pub struct Health {
    /// Every part that was looked at.
    pub parts: Vec<Part>,
    /// The newest whole checkpoint, and its file's name.
    pub newest: Option<(Checkpoint, String)>,
    /// The manifest, where it is whole.
    pub manifest: Option<Manifest>,
}

impl Health {
    /// Looks at a folder.
    pub fn of(run: &Path) -> Self {
        let mut health = Self {
            parts: vec![],
            newest: None,
            manifest: None,
        };
        match Manifest::read(run) {
            Ok(manifest) => {
                health.add(MANIFEST, Condition::Whole, "");
                health.manifest = Some(manifest);
            }
            Err(error @ RunError::NotARun { .. }) => {
                health.add(MANIFEST, Condition::Missing, &error.to_string());
            }
            Err(error) => health.add(MANIFEST, Condition::Damaged, &error.to_string()),
        }
        for (name, text) in [
            (
                SPEC,
                files::read_text(&run.join(SPEC), LARGEST_FIGURE).map_err(RunError::from),
            ),
            (RESOLVED, read_resolved(run)),
        ] {
            match text {
                Ok(_) => health.add(name, Condition::Whole, ""),
                Err(error) => health.add_error(name, Condition::Missing, &error),
            }
        }
        health.look_at_checkpoints(run);
        health.look_at_metrics(run);
        health.look_for_leftovers(run);
        health
    }

    fn look_at_checkpoints(&mut self, run: &Path) {
        let limit = self.manifest.as_ref().map_or(LARGEST_FILE, |manifest| {
            largest_checkpoint(&manifest.parameters)
        });
        for name in [LAST, PREVIOUS, BEST] {
            let path = run.join(CHECKPOINTS).join(name);
            let shown = format!("{CHECKPOINTS}/{name}");
            match read_checkpoint(&path, limit) {
                Ok(checkpoint) => {
                    self.add(
                        &shown,
                        Condition::Whole,
                        &super::checkpoint_dir::place(&checkpoint),
                    );
                    if self.newest.is_none() && name != BEST {
                        self.newest = Some((checkpoint, shown));
                    }
                }
                Err(error) => {
                    let is_due = match (name, &self.newest) {
                        // Found out only below: without `last`, a `previous` shows that there was one.
                        (LAST, _) => run.join(CHECKPOINTS).join(PREVIOUS).exists(),
                        (BEST, Some((newest, _))) => newest.progress.best.is_some(),
                        _ => false,
                    };
                    let absent = match is_due {
                        true => Condition::Missing,
                        false => Condition::Absent,
                    };
                    self.add_error(&shown, absent, &error);
                }
            }
        }
    }

    fn look_at_metrics(&mut self, run: &Path) {
        let path = run.join(METRICS_FILE);
        let Some((newest, _)) = &self.newest else {
            return;
        };
        let expected = metrics::encode(&path, &newest.history).unwrap_or_default();
        let rows = newest.history.len();
        match files::read(&path, expected.len() as u64 + LARGEST_FIGURE) {
            Ok(bytes) if bytes == expected => {
                self.add(METRICS_FILE, Condition::Whole, &format!("epochs: {rows}"));
            }
            Ok(_) => self.add(
                METRICS_FILE,
                Condition::Stale,
                "not what this version makes of the newest checkpoint",
            ),
            Err(error) => self.add_error(METRICS_FILE, Condition::Missing, &error.into()),
        }
    }

    fn look_for_leftovers(&mut self, run: &Path) {
        for part in ["", CHECKPOINTS, FIGURES] {
            for path in files::list(&run.join(part)).unwrap_or_default() {
                let name = path
                    .strip_prefix(run)
                    .unwrap_or(&path)
                    .display()
                    .to_string();
                if name.ends_with(files::TEMPORARY) {
                    self.add(
                        &name,
                        Condition::Leftover,
                        "half written when its process ended",
                    );
                }
            }
        }
    }

    /// Looks at figures by their names without endings; `due` says whether they should be there already.
    pub fn look_at_figures(&mut self, run: &Path, names: &[&str], due: bool) {
        let absent = match due {
            true => Condition::Missing,
            false => Condition::Absent,
        };
        for name in names {
            for ending in ["png", "svg"] {
                let shown = format!("{FIGURES}/{name}.{ending}");
                match files::read(&run.join(&shown), LARGEST_FIGURE) {
                    Ok(bytes) if is_whole_figure(&bytes, ending) => {
                        self.add(&shown, Condition::Whole, "");
                    }
                    Ok(_) => self.add(&shown, Condition::Damaged, "cut short, or no such picture"),
                    Err(error) => self.add_error(&shown, absent, &error.into()),
                }
            }
        }
    }

    /// The digest over everything that the newest whole checkpoint holds but the clock.
    pub fn digest(&self) -> Option<String> {
        self.newest
            .as_ref()
            .map(|(checkpoint, _)| state_digest(checkpoint))
    }

    /// How a part is, by its path in the folder.
    pub fn condition(&self, name: &str) -> Option<Condition> {
        let part = self.parts.iter().find(|part| part.name == name)?;
        Some(part.condition)
    }

    fn add(&mut self, name: &str, condition: Condition, note: &str) {
        self.parts.push(Part {
            name: name.to_owned(),
            condition,
            note: note.to_owned(),
        });
    }

    fn add_error(&mut self, name: &str, absent: Condition, error: &RunError) {
        match error {
            error if error.is_not_found() => self.add(name, absent, ""),
            RunError::Damaged { fault, .. } => {
                self.add(name, Condition::Damaged, &fault.to_string());
            }
            error => self.add(name, Condition::Damaged, &error.to_string()),
        }
    }
}

/// Whether a picture begins and ends as its format has it.
fn is_whole_figure(bytes: &[u8], ending: &str) -> bool {
    match ending {
        "png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xaeB`\x82"),
        _ => bytes.starts_with(b"<svg") && bytes.trim_ascii_end().ends_with(b"</svg>"),
    }
}
