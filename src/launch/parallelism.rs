//! How many trials at a time, and on how many threads each.
//!
//! What gives the most images per second is measured, since it depends on the model and the machine: a trial on its
//! share of the threads, for each way to share. Small models do best with one trial a core: nothing is passed from
//! thread to thread then.

use std::thread;

use crate::plan::Plan;
use crate::session::process::on_threads;
use crate::slurm;
use crate::sys::machine;
use crate::terminal::CliError;
use crate::terminal::print::{count, thousands};
use crate::train;

/// Share of the machine's memory that trials may take together.
const MEMORY: f64 = 0.8;
/// Share of the best speed from which a division is as good: then the one with more trials at a time is taken, which also
/// load, check and draw at the same time.
const CLOSE: f64 = 0.95;
/// Measurements of each division, in turns; the fastest counts, since other load on the machine only slows one down.
const ROUNDS: usize = 3;
/// Memory of a process beside its images and weights, bytes.
const PROGRAM: u64 = 40_000_000;

/// How the machine is shared among trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Parallelism {
    /// Trials at a time.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
    /// Why, for a person.
    pub why: String,
}

/// Shares the machine among so many trials, the largest of which is `plan`.
///
/// # Errors
/// Threads cannot be started.
pub fn choose(plan: &Plan, open: usize, asked: Option<u16>) -> Result<Parallelism, CliError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cores = slurm::Task::cpus().map_or(cores, |given| given.min(cores));
    let open = open.max(1);
    if let Some(jobs) = asked {
        return Ok(Parallelism::of(
            usize::from(jobs).min(open),
            cores,
            plan,
            "",
        ));
    }
    let fits = most_by_memory(plan);
    if let Some(threads) = plan.spec.training.threads {
        let jobs = (cores / threads.max(1)).clamp(1, open.min(fits));
        return Ok(Parallelism::of(jobs, cores, plan, ""));
    }
    let mut ways = numbers_of_jobs(cores);
    ways.retain(|&jobs| jobs <= open.min(fits));
    let mut speeds: Vec<(usize, f64)> = ways.iter().map(|&jobs| (jobs, 0.0)).collect();
    // One way alone needs no measurement.
    let rounds = if ways.len() > 1 { ROUNDS } else { 0 };
    for _ in 0..rounds {
        for (jobs, best) in &mut speeds {
            let found = speed(plan, *jobs, (cores / *jobs).max(1))?;
            *best = f64::max(*best, found);
        }
    }
    let best = speeds.iter().map(|it| it.1).fold(0.0, f64::max);
    let close = speeds.iter().rfind(|it| it.1 >= CLOSE * best);
    let jobs = close.map_or(1, |&(jobs, _)| jobs);
    let one = |&(jobs, speed): &(usize, f64)| {
        format!("{jobs} at a time {} images/s", thousands(speed as u64))
    };
    let speeds: Vec<String> = speeds.iter().map(one).collect();
    let why = match speeds.len() {
        0 | 1 => String::new(),
        _ => format!(" (measured: {})", speeds.join(", ")),
    };
    Ok(Parallelism::of(jobs, cores, plan, &why))
}

impl Parallelism {
    fn of(jobs: usize, cores: usize, plan: &Plan, why: &str) -> Self {
        let share = (cores / jobs).max(1);
        let threads = plan.spec.training.threads.unwrap_or(share);
        let each = if jobs == 1 { "" } else { " each" };
        Self {
            jobs,
            threads,
            why: format!(
                "{} at a time on {}{each}{why}",
                count(jobs, "trial"),
                count(threads, "thread")
            ),
        }
    }
}

/// One, all cores, and the powers of two between.
fn numbers_of_jobs(cores: usize) -> Vec<usize> {
    let doubled = std::iter::successors(Some(1_usize), |jobs| jobs.checked_mul(2));
    let mut ways: Vec<usize> = doubled.take_while(|&jobs| jobs < cores).collect();
    ways.push(cores);
    ways
}

fn most_by_memory(plan: &Plan) -> usize {
    let each = plan.memory_bytes().saturating_add(PROGRAM);
    let all = machine::memory_bytes().unwrap_or(u64::MAX) as f64;
    ((MEMORY * all / each as f64) as usize).max(1)
}

/// Images a second of so many trials together, from one of them alone: trials are processes of their own, which share
/// neither memory nor threads. (Two trainings in one process would share dfdx's pool of memory, which is not made for
/// that.)
fn speed(plan: &Plan, jobs: usize, threads: usize) -> Result<f64, CliError> {
    let estimate = on_threads(Some(threads), || Ok(train::estimate(plan)))?;
    let images = plan.spec.training.batch_size * jobs;
    Ok(images as f64 / estimate.step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment;
    use crate::kernels::Extent;
    use std::path::Path;

    fn plan(more: &str) -> Plan {
        let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{more}");
        let spec = experiment::parse(&text, "a", Path::new("."), &[]).unwrap();
        let image = Extent {
            height: 8,
            width: 8,
            channels: 1,
        };
        Plan::new(spec, image, 100, 0)
    }

    #[test]
    fn divides_cores_by_powers_of_two_and_all() {
        assert_eq!(numbers_of_jobs(1), [1]);
        assert_eq!(numbers_of_jobs(2), [1, 2]);
        assert_eq!(numbers_of_jobs(12), [1, 2, 4, 8, 12]);
    }

    #[test]
    fn takes_what_is_asked_for_without_measuring() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let found = choose(&plan(""), 100, Some(3)).unwrap();
        assert_eq!((found.jobs, found.threads), (3, (cores / 3).max(1)));
        // No more of them than there are trials.
        assert_eq!(choose(&plan(""), 2, Some(3)).unwrap().jobs, 2);
        let fixed = choose(&plan("[training]\nthreads = 1\n"), 1_000, None).unwrap();
        assert_eq!((fixed.jobs, fixed.threads), (cores, 1));
    }

    #[test]
    fn reports_what_was_measured() {
        let found = choose(&plan(""), 1, None).unwrap();
        assert_eq!(found.jobs, 1);
        assert!(!found.why.contains("measured"), "{found:?}");
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let found = choose(&plan(""), 1_000, None).unwrap();
        assert_eq!(found.threads, cores / found.jobs);
        assert_eq!(found.why.contains("measured"), cores > 1, "{found:?}");
    }
}
