//! A sweep on a Slurm cluster: one array of workers, each of which takes trials from the folder until none is left.
//!
//! An array has a task for each trial that is left, or as many as the cluster allows (`MaxArraySize`). Since no task is
//! bound to a trial, fewer tasks do the same work. The worker that finds everything done takes tasks that still wait out of the queue.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{SweepError, SweepFolder};
use crate::ground::claim::Claimant;
use crate::ground::files;
use crate::slurm::{self, Listed, Task};

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

/// Whether the process of a claim is known to be gone: its Slurm job is not in the queue, or waits in it to be started again, or
/// has been started again as this process. Where Slurm cannot be asked, it is not known.
pub fn is_gone(claimant: &Claimant) -> bool {
    let Some(job) = &claimant.job else {
        return false;
    };
    let Ok(number) = job.id.parse::<u64>() else {
        return false;
    };
    if job.system != "slurm" || claimant.is_judged_here(&Claimant::this_process()) {
        return false;
    }
    if Task::current().is_some_and(|task| task.job == number) {
        return true;
    }
    slurm::queue().is_ok_and(|queue| is_gone_from(&queue, number))
}

fn is_gone_from(queue: &[Listed], job: u64) -> bool {
    // A task that waits may still have the number of its array.
    let mut same = queue.iter().filter(|task| task.job == job);
    same.all(|task| task.state == "PENDING")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(job: u64, array: u64, state: &str) -> Listed {
        Listed {
            job,
            array,
            state: state.to_owned(),
            node: String::new(),
            left: String::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn a_job_is_gone_when_it_is_not_there_or_waits_to_start_again() {
        let queue = [
            listed(7, 5, "RUNNING"),
            listed(8, 5, "COMPLETING"),
            listed(9, 5, "PENDING"),
        ];
        let gone: Vec<bool> = [7, 8, 9, 10].map(|job| is_gone_from(&queue, job)).to_vec();
        assert_eq!(gone, [false, false, true, true]);
    }

    #[test]
    fn tasks_are_told_from_those_of_other_jobs() {
        let jobs = Jobs { jobs: vec![5] };
        let queue = vec![listed(7, 5, "RUNNING"), listed(8, 6, "RUNNING")];
        assert_eq!(of_jobs(&jobs, queue), [listed(7, 5, "RUNNING")]);
    }

    #[test]
    fn a_claim_without_a_job_is_never_known_to_be_gone() {
        assert!(!is_gone(&Claimant::this_process()));
    }
}
