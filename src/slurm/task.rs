//! The job that a process runs in, as Slurm tells it in the environment.

/// A task of a job, or of a job array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// `SLURM_JOB_ID`: of this task alone; stays the same when the task is requeued.
    pub job: u64,
    /// `SLURM_ARRAY_JOB_ID`: of the whole array, or of the job where there is none.
    pub array: u64,
}

impl Task {
    /// The task of this process; nothing outside of Slurm.
    pub fn current() -> Option<Self> {
        Self::from(|name| std::env::var(name).ok())
    }

    /// Processors that a job gives its task on this node (`SLURM_CPUS_PER_TASK`, or all of the job's on it).
    pub fn cpus() -> Option<usize> {
        Self::cpus_of(|name| std::env::var(name).ok())
    }

    fn cpus_of(variable: impl Fn(&str) -> Option<String>) -> Option<usize> {
        let number = |name| variable(name)?.parse::<usize>().ok().filter(|&n| n > 0);
        number("SLURM_CPUS_PER_TASK").or_else(|| number("SLURM_CPUS_ON_NODE"))
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |name| variable(name)?.parse().ok();
        let job = number("SLURM_JOB_ID")?;
        Some(Self {
            job,
            array: number("SLURM_ARRAY_JOB_ID").unwrap_or(job),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifies_a_task_by_job_and_array() {
        let of = |pairs: &[(&str, &str)]| {
            Task::from(|name| {
                let pair = pairs.iter().find(|(key, _)| *key == name)?;
                Some(pair.1.to_owned())
            })
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("SLURM_JOB_ID", "x")]), None);
        assert_eq!(
            of(&[("SLURM_JOB_ID", "7")]),
            Some(Task { job: 7, array: 7 })
        );
        let cpus = |pairs: &'static [(&str, &str)]| {
            Task::cpus_of(|name| {
                let pair = pairs.iter().find(|(key, _)| *key == name)?;
                Some(pair.1.to_owned())
            })
        };
        assert_eq!(cpus(&[]), None);
        assert_eq!(cpus(&[("SLURM_CPUS_ON_NODE", "4")]), Some(4));
        let both = &[("SLURM_CPUS_ON_NODE", "4"), ("SLURM_CPUS_PER_TASK", "2")];
        assert_eq!(cpus(both), Some(2));
        let array = [("SLURM_JOB_ID", "9"), ("SLURM_ARRAY_JOB_ID", "7")];
        assert_eq!(of(&array), Some(Task { job: 9, array: 7 }));
    }
}
