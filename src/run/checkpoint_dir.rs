//! Where checkpoints are kept, and how the next one takes the place of the last.
//!
//! The folder `checkpoints/` holds `last.safetensors`, `previous.safetensors` (what was last before)
//! and `best.safetensors` (a copy of its own, so that damage to one file is damage to one).
//!
//! **What a commit promises.** When a commit returns, no crash and no power cut leaves
//! less than this checkpoint. When it fails or never returns, the last one is as it was, or the new
//! one has replaced it whole. The order is: best (which may therefore be newer than last, and is
//! written again with the same bits when the run gets there again), last under its temporary name
//! and brought to the disk, then the names. A last checkpoint that is damaged is never kept as the
//! previous one: the good one before it would be lost.

use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, encode, read_checkpoint, verify};
use super::error::RunError;

/// Name of the folder of checkpoints in a run folder.
pub const CHECKPOINTS: &str = "checkpoints";

/// Name of the newest checkpoint.
pub const LAST: &str = "last.safetensors";
/// Name of the one before.
pub const PREVIOUS: &str = "previous.safetensors";
/// Name of the best epoch's.
pub const BEST: &str = "best.safetensors";

/// The folder of checkpoints of a run whose lock is held.
#[derive(Debug)]
pub(super) struct Checkpoints {
    folder: PathBuf,
    /// Whether `last.safetensors` is known to be whole; `None` before it was checked.
    last_is_whole: Option<bool>,
    /// Largest file to read, in bytes.
    limit: u64,
}

/// A checkpoint, and the file that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Whole and checked.
    pub checkpoint: Checkpoint,
    /// The file that it was read from.
    pub path: PathBuf,
    /// Why it is not the last one, if it is not.
    pub warning: Option<String>,
}

impl Checkpoints {
    pub(super) fn new(folder: PathBuf, limit: u64) -> Self {
        Self {
            folder,
            last_is_whole: None,
            limit,
        }
    }

    /// Saves a checkpoint, also as the best one where it is.
    pub(super) fn commit(
        &mut self,
        checkpoint: &Checkpoint,
        is_best: bool,
    ) -> Result<(), RunError> {
        let last = self.folder.join(LAST);
        let encoded = encode(&last, checkpoint)?;
        if is_best {
            encoded.write(&self.folder.join(BEST))?.publish()?;
        }
        let file = encoded.write(&last)?;
        if self.last_is_whole()? {
            file.publish_and_keep(&self.folder.join(PREVIOUS))?;
        } else {
            file.publish()?;
        }
        self.last_is_whole = Some(true);
        Ok(())
    }

    /// Writes a checkpoint as the best one where that is missing or damaged; says whether it did.
    pub(super) fn restore_best(&self, checkpoint: &Checkpoint) -> Result<bool, RunError> {
        let best = self.folder.join(BEST);
        if self.is_whole(&best)? {
            return Ok(false);
        }
        encode(&best, checkpoint)?.write(&best)?.publish()?;
        Ok(true)
    }

    fn last_is_whole(&mut self) -> Result<bool, RunError> {
        if let Some(known) = self.last_is_whole {
            return Ok(known);
        }
        let whole = self.is_whole(&self.folder.join(LAST))?;
        self.last_is_whole = Some(whole);
        Ok(whole)
    }

    /// Whether a checkpoint is there and undamaged.
    fn is_whole(&self, path: &Path) -> Result<bool, RunError> {
        match verify(path, self.limit) {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() || error.is_damage() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The newest whole checkpoint; nothing where none was ever saved.
    pub(super) fn load_latest(&mut self) -> Result<Option<Loaded>, RunError> {
        let path = self.folder.join(LAST);
        let missing = match read_checkpoint(&path, self.limit) {
            Ok(checkpoint) => {
                self.last_is_whole = Some(true);
                return Ok(Some(Loaded {
                    checkpoint,
                    path,
                    warning: None,
                }));
            }
            Err(error) if error.is_not_found() || error.is_damage() => error,
            Err(error) => return Err(error),
        };
        self.last_is_whole = Some(false);
        let path = self.folder.join(PREVIOUS);
        match read_checkpoint(&path, self.limit) {
            Ok(checkpoint) => {
                let warning = format!(
                    "{missing}; going on from `{}` ({})",
                    path.display(),
                    place(&checkpoint)
                );
                Ok(Some(Loaded {
                    checkpoint,
                    path,
                    warning: Some(warning),
                }))
            }
            // Killed before its first checkpoint.
            Err(error) if error.is_not_found() && missing.is_not_found() => Ok(None),
            Err(previous) => Err(RunError::NoCheckpoint {
                last: missing.into(),
                previous: previous.into(),
            }),
        }
    }
}

pub(super) fn place(checkpoint: &Checkpoint) -> String {
    let progress = &checkpoint.progress;
    match progress.step_in_epoch {
        0 => format!("epoch {}", progress.epoch),
        step => format!("epoch {}, step {step}", u64::from(progress.epoch) + 1),
    }
}

/// The path of the best epoch's checkpoint in a run folder.
pub fn best_path(run: &Path) -> PathBuf {
    run.join(CHECKPOINTS).join(BEST)
}

#[cfg(test)]
mod tests;
