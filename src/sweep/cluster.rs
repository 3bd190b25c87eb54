//! A sweep on a Slurm cluster: one array of workers, each of which takes trials from the folder until none is left.
//!
//! An array has a task for each trial that is left, or as many as the cluster allows (`MaxArraySize`). Since no task is
//! bound to a trial, fewer tasks do the same work. The worker that finds everything done takes tasks that still wait out of the queue.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::fs::claim::{BatchJob, Claimant};
use crate::slurm::{self, Listed};
use crate::sys::{clock, machine};

/// Whether the process of a claim is known to be gone: its Slurm job is not in the queue, or waits in it to be started
/// again, or has been started again since, as this process. Where Slurm cannot be asked, it is not known; nor where the job is
/// another cluster's or another user's, whose jobs the queue does not show.
pub fn is_gone(claimant: &Claimant) -> bool {
    let here = Claimant::this_process();
    let Some(job) = &claimant.job else {
        return false;
    };
    let Ok(number) = job.id.parse::<u64>() else {
        return false;
    };
    if job.system != "slurm" || claimant.is_judged_here(&here) {
        return false;
    }
    if !is_in_our_queue(job, here.job.as_ref()) {
        return false;
    }
    // A job may have several processes, on several nodes; those of before it was started again are gone.
    if let Some(mine) = here.job.filter(|mine| mine.id == job.id) {
        return job.restarts < mine.restarts;
    }
    ask(number)
}

/// Whether the queue of this user and cluster shows a job as long as it is there.
fn is_in_our_queue(job: &BatchJob, mine: Option<&BatchJob>) -> bool {
    (job.user.is_none() || job.user == machine::user_id())
        && (job.cluster.is_none() || job.cluster == cluster_here(mine))
}

/// Whether the process of a claim is known to be at work: its machine's kernel says so, which [`SweepFolder::holder`](super::SweepFolder::holder) has
/// asked, or the queue shows its job under way.
pub fn is_at_work(claimant: &Claimant, queue: &[Listed]) -> bool {
    let here = Claimant::this_process();
    if claimant.is_judged_here(&here) {
        return true;
    }
    claimant.job.as_ref().is_some_and(|job| {
        let number = job.id.parse::<u64>();
        is_in_our_queue(job, here.job.as_ref())
            && number.is_ok_and(|it| alive_of(queue).contains(&it))
    })
}

/// The cluster of this process's job, or that of a machine that can ask it.
fn cluster_here(job: Option<&BatchJob>) -> Option<String> {
    static ASKED: OnceLock<Option<String>> = OnceLock::new();
    match job.and_then(|job| job.cluster.clone()) {
        Some(cluster) => Some(cluster),
        None => ASKED
            .get_or_init(|| slurm::cluster_name().ok().flatten())
            .clone(),
    }
}

/// How long a job counts as alive after it was seen in the queue, so that a hundred claims do not take a hundred queries.
/// It can only make a claim last longer: only a fresh answer shows that a job is gone.
const BELIEVED: Duration = Duration::from_secs(5);

fn ask(job: u64) -> bool {
    static ALIVE: Mutex<Option<(Instant, BTreeSet<u64>)>> = Mutex::new(None);
    let mut alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((asked, jobs)) = &*alive
        && asked.elapsed() < BELIEVED
        && jobs.contains(&job)
    {
        return false;
    }
    let Ok(queue) = slurm::queue() else {
        return false;
    };
    let jobs = alive_of(&queue);
    let is_gone = !jobs.contains(&job);
    *alive = Some((clock::monotonic(), jobs));
    is_gone
}

/// Jobs whose processes may be under way. A task that waits may still have the number of its array.
fn alive_of(queue: &[Listed]) -> BTreeSet<u64> {
    let alive = queue.iter().filter(|task| task.state != "PENDING");
    alive.map(|task| task.job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::jobs::{Jobs, of_jobs};

    fn listed(job: u64, array: u64, state: &str) -> Listed {
        Listed {
            job,
            array,
            index: None,
            state: state.to_owned(),
            node: String::new(),
            left: String::new(),
            reason: String::new(),
        }
    }

    fn elsewhere(user: Option<u32>, cluster: Option<&str>, job: u64) -> Claimant {
        Claimant {
            host: "elsewhere".to_owned(),
            machine_id: None,
            boot_id: None,
            job: Some(BatchJob {
                system: "slurm".to_owned(),
                id: job.to_string(),
                array: None,
                task: None,
                cluster: cluster.map(str::to_owned),
                user,
                restarts: 0,
            }),
            ..Claimant::this_process()
        }
    }

    #[test]
    fn takes_absent_and_requeued_jobs_for_gone() {
        let queue = [
            listed(7, 5, "RUNNING"),
            listed(8, 5, "COMPLETING"),
            listed(9, 5, "PENDING"),
        ];
        assert_eq!(alive_of(&queue), BTreeSet::from([7, 8]));
        let at_work = |job: u64| is_at_work(&elsewhere(machine::user_id(), None, job), &queue);
        assert_eq!([7, 8, 9, 10].map(at_work), [true, true, false, false]);
    }

    #[test]
    fn tells_tasks_from_those_of_other_jobs() {
        let jobs = Jobs { jobs: vec![5] };
        let queue = vec![listed(7, 5, "RUNNING"), listed(8, 6, "RUNNING")];
        assert_eq!(of_jobs(&jobs, queue), [listed(7, 5, "RUNNING")]);
    }

    /// Their jobs are not in the queue that can be asked here.
    #[test]
    fn never_takes_jobs_of_other_users_or_clusters_for_gone() {
        let me = machine::user_id();
        assert!(!is_gone(&elsewhere(me.map(|id| id + 1), None, 7)));
        let cluster = Some("a cluster of another name");
        assert!(!is_gone(&elsewhere(me, cluster, 7)));
    }

    #[test]
    fn never_takes_a_claim_without_a_job_for_gone() {
        assert!(!is_gone(&Claimant::this_process()));
    }
}
