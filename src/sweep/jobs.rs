//! The jobs of a sweep on a Slurm cluster, as its folder notes them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::SweepError;
use super::folder::SweepFolder;
use crate::fs::files;
use crate::slurm::{self, Listed};

/// Where jobs are noted, and where their logs go.
const FOLDER: &str = "slurm";
const JOBS: &str = "slurm/jobs.json";
/// Largest list of jobs, in bytes.
const LARGEST: u64 = 1 << 20;

/// The jobs of a sweep, in the order of their submission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// Their numbers.
    pub jobs: Vec<u64>,
}

/// The folder of the logs, as an absolute path.
pub fn logs(folder: &Path) -> PathBuf {
    let logs = folder.join(FOLDER);
    std::path::absolute(&logs).unwrap_or(logs)
}

impl SweepFolder {
    /// The jobs that were submitted for this sweep.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn jobs(&self) -> Result<Jobs, SweepError> {
        let path = self.path().join(JOBS);
        let text = match files::read_text(&path, LARGEST) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Ok(Jobs::default()),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_str(&text).map_err(|error| SweepError::Definition {
            path,
            message: error.to_string(),
        })
    }

    /// Makes the folder of the logs, in which no earlier cancelling is noted any more.
    ///
    /// # Errors
    /// The system refuses.
    pub fn prepare_for_jobs(&self) -> Result<(), SweepError> {
        let folder = self.path().join(FOLDER);
        files::create_dir_all(&folder)?;
        files::remove_if_there(&folder.join(slurm::script::CANCELLED))?;
        Ok(())
    }

    /// Notes a job that was submitted.
    ///
    /// # Errors
    /// The system refuses.
    pub fn note_job(&self, job: u64) -> Result<(), SweepError> {
        let mut jobs = self.jobs()?;
        jobs.jobs.push(job);
        self.write(JOBS, &serde_json::to_string(&jobs).unwrap_or_default())
    }

    /// Notes that the jobs are being cancelled, so that none puts itself back into the queue.
    ///
    /// # Errors
    /// The system refuses.
    pub fn note_cancelling(&self) -> Result<(), SweepError> {
        let name = format!("{FOLDER}/{}", slurm::script::CANCELLED);
        self.write(&name, "by `runner cancel`\n")
    }
}

/// Those tasks of the queue that belong to some jobs.
pub fn of_jobs(jobs: &Jobs, mut queue: Vec<Listed>) -> Vec<Listed> {
    queue.retain(|task| jobs.jobs.contains(&task.array));
    queue
}
