//! Claims and runs trials until none is left.
//!
//! A [`WorkerPool`] is some workers of one process, each a thread that runs one trial's process at a time. A worker
//! takes the next task, looks how the trial stands, claims it, looks again, and runs it. A task whose claim another
//! process holds is tried again whenever a trial has ended meanwhile, and left to that process in the end.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::child::{Ended, Job, Process, Step};
use super::error::SweepError;
use super::folder::{State, SweepFolder, is_stub};
use super::task::Task;
use crate::experiment;
use crate::fs::claim::{Attempt, Claimant};
use crate::fs::{files, lock};
use crate::run::{LOCK, RunView};
use crate::sys::stop::Stop;

/// How often a stop is looked for, and a lock.
const TICK: Duration = Duration::from_millis(20);

/// The work of a pool: trials, and what they are run with.
#[derive(Debug)]
pub struct Work<'a> {
    /// Where.
    pub folder: &'a SweepFolder,
    /// All trials of the sweep.
    pub tasks: &'a [Task],
    /// The program that runs a trial.
    pub program: PathBuf,
    /// The spec file as it was given.
    pub spec_text: &'a str,
    /// Settings given beside it.
    pub overrides: &'a [String],
    /// The command line of the sweep.
    pub command_line: Vec<String>,
    /// Threads of a trial, where the spec does not say.
    pub threads: usize,
    /// Whether trials that failed are run again.
    pub retry_failed: bool,
    /// When this process started on the sweep: what failed later is not tried again.
    pub since: DateTime<Utc>,
}

/// What came of a task.
#[derive(Clone, Debug)]
pub enum TrialResult {
    /// Nothing was to be done for it.
    Settled(State),
    /// Somebody else works on it; nothing where the claim does not say who.
    Held(Option<Claimant>),
    /// It was run here: how it stands now, how its process ended, and whether it had been asked to stop.
    Ran {
        /// How it stands now.
        state: State,
        /// How its process ended.
        ended: Ended,
        /// Whether the sweep had been asked to stop.
        asked: bool,
    },
}

impl TrialResult {
    /// Why the trial counts as failed, where it does.
    pub fn failure(&self) -> Option<String> {
        let bad = |state: &State| match state {
            State::Diverged(why) | State::Failed(why) | State::Broken(why) => Some(why.clone()),
            _ => None,
        };
        match self {
            Self::Settled(state) => bad(state),
            Self::Held(_) => None,
            Self::Ran {
                state,
                ended,
                asked,
            } => {
                let killed = ended
                    .signal
                    .map(|signal| format!("killed by signal {signal}"));
                let said = || ended.error.clone();
                let code = || format!("ended with exit code {}", ended.code.unwrap_or(-1));
                let ended_badly = state.is_open() && !asked && ended.code != Some(0);
                bad(state)
                    .or_else(|| ended_badly.then(|| killed.or_else(said).unwrap_or_else(code)))
            }
        }
    }

    /// How the trial stands, where that is known.
    pub fn state(&self) -> Option<&State> {
        match self {
            Self::Settled(state) | Self::Ran { state, .. } => Some(state),
            Self::Held(_) => None,
        }
    }
}

/// An observer of the workers, called from their threads.
pub trait Watch: Sync {
    /// A worker starts a trial.
    fn begin(&self, worker: usize, task: usize);
    /// A trial has come so far.
    fn step(&self, worker: usize, task: usize, step: Step);
    /// A trial's process has ended.
    fn end(&self, worker: usize, task: usize, result: &TrialResult);
    /// A worker waits until an unknown process releases a run folder.
    fn wait(&self, worker: usize, run: &Path);
}

/// Workers of this process, on a list of tasks.
pub struct WorkerPool<'a> {
    work: &'a Work<'a>,
    /// A trial is left after so many epochs.
    until: Option<u32>,
    stop: &'a Stop,
    watch: &'a dyn Watch,
    queue: Mutex<Queue>,
    results: Vec<Mutex<Option<TrialResult>>>,
    /// Standard input of each worker's trial: closed, it asks the trial to save and exit.
    pipes: Vec<Mutex<Option<ChildStdin>>>,
    /// Whether a worker met an error of the folder itself.
    given_up: AtomicBool,
    at_work: AtomicUsize,
}

struct Queue {
    fresh: VecDeque<usize>,
    /// Held by others, with the number of trials that had been run when that was seen.
    held: Vec<(usize, usize)>,
    ran: usize,
}

impl<'a> WorkerPool<'a> {
    /// So many workers for some of the tasks, by index.
    pub fn new(
        work: &'a Work<'a>,
        tasks: &[usize],
        workers: usize,
        until: Option<u32>,
        stop: &'a Stop,
        watch: &'a dyn Watch,
    ) -> Self {
        Self {
            work,
            until,
            stop,
            watch,
            queue: Mutex::new(Queue {
                fresh: tasks.iter().copied().collect(),
                held: vec![],
                ran: 0,
            }),
            results: work.tasks.iter().map(|_| Mutex::new(None)).collect(),
            pipes: (0..workers.max(1)).map(|_| Mutex::new(None)).collect(),
            given_up: AtomicBool::new(false),
            at_work: AtomicUsize::new(0),
        }
    }

    /// Works until no task is left, or somebody asks to stop. Gives what came of each task that was looked at.
    ///
    /// # Errors
    /// The first error of the folder itself. Trials under way are brought to their end first.
    pub fn run(self) -> Result<Vec<Option<TrialResult>>, SweepError> {
        self.at_work.store(self.pipes.len(), Ordering::SeqCst);
        let worked = std::thread::scope(|scope| {
            let start = |worker| {
                let pool = &self;
                scope.spawn(move || {
                    let worked = pool.worker(worker);
                    if worked.is_err() {
                        pool.given_up.store(true, Ordering::SeqCst);
                    }
                    pool.at_work.fetch_sub(1, Ordering::SeqCst);
                    worked
                })
            };
            let workers: Vec<_> = (0..self.pipes.len()).map(start).collect();
            while self.at_work.load(Ordering::SeqCst) > 0 {
                if self.stop.requested() {
                    // Closing it asks the trial to save and exit.
                    self.pipes.iter().for_each(|pipe| drop(locked(pipe).take()));
                }
                std::thread::sleep(TICK);
            }
            let joined = workers.into_iter().map(|worker| worker.join());
            // A worker that panicked leaves its trial as a kill does.
            joined.filter_map(Result::ok).collect::<Vec<_>>()
        });
        for result in worked {
            result?;
        }
        let results = self.results.into_iter();
        Ok(results
            .map(|it| it.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect())
    }

    fn worker(&self, worker: usize) -> Result<(), SweepError> {
        while !self.stop.requested() && !self.given_up.load(Ordering::SeqCst) {
            let Some(index) = self.next() else { break };
            let Some(task) = self.work.tasks.get(index) else {
                continue;
            };
            let result = self.consider(worker, index, task)?;
            let mut queue = locked(&self.queue);
            match &result {
                TrialResult::Held(_) => {
                    let ran = queue.ran;
                    queue.held.push((index, ran));
                }
                TrialResult::Ran { .. } => queue.ran += 1,
                TrialResult::Settled(_) => {}
            }
            drop(queue);
            if let Some(slot) = self.results.get(index) {
                *locked(slot) = Some(result);
            }
        }
        Ok(())
    }

    /// The next task: one that was not looked at yet, or one that was held by others when fewer trials had ended.
    fn next(&self) -> Option<usize> {
        let mut queue = locked(&self.queue);
        if let Some(index) = queue.fresh.pop_front() {
            return Some(index);
        }
        let ran = queue.ran;
        let at = queue.held.iter().position(|&(_, then)| then < ran)?;
        Some(queue.held.remove(at).0)
    }

    /// Does for a task what there is to do.
    fn consider(
        &self,
        worker: usize,
        index: usize,
        task: &Task,
    ) -> Result<TrialResult, SweepError> {
        let folder = self.work.folder;
        let state = folder.state(task)?;
        if !self.wants(task, &state)? {
            return Ok(TrialResult::Settled(state));
        }
        let claim = match folder.claim(&task.id)? {
            Attempt::Held(claimant) => return Ok(TrialResult::Held(claimant)),
            Attempt::Mine(claim) => claim,
        };
        // An earlier worker's trial may still be saving.
        let run = folder.run(task)?;
        files::refuse_link(&run)?;
        let mut waited = false;
        while lock::is_locked(&run.join(LOCK))? && !self.stop.requested() {
            if !waited {
                self.watch.wait(worker, &run);
                waited = true;
            }
            std::thread::sleep(TICK);
        }
        // Whoever had the claim before may have finished the trial.
        let state = folder.state(task)?;
        if self.stop.requested() || !self.wants(task, &state)? {
            claim.done()?;
            return Ok(TrialResult::Settled(state));
        }
        if run.exists() && is_stub(&RunView::open(&run)) {
            files::remove_dir_all(&run)?;
        }
        self.watch.begin(worker, index);
        let (process, pipe) = Process::start(&self.work.program, folder, &self.job(task, &run))?;
        folder.log(&format!(
            "{} begins as process {}: {}",
            task.id,
            process.id(),
            task.name()
        ));
        if let Some(slot) = self.pipes.get(worker) {
            *locked(slot) = Some(pipe);
        }
        let ended = process.listen(|step| self.watch.step(worker, index, step))?;
        if let Some(slot) = self.pipes.get(worker) {
            drop(locked(slot).take());
        }
        let result = TrialResult::Ran {
            state: folder.state(task)?,
            ended,
            asked: self.stop.requested(),
        };
        let note = result.failure().or_else(|| {
            let state = result.state()?;
            Some(state.word().to_owned())
        });
        folder.log(&format!("{} ends: {}", task.id, note.unwrap_or_default()));
        claim.done()?;
        self.watch.end(worker, index, &result);
        Ok(result)
    }

    /// Whether there is something left to do for a trial that stands so.
    fn wants(&self, task: &Task, state: &State) -> Result<bool, SweepError> {
        Ok(match state {
            State::New | State::Running => true,
            State::Interrupted(epochs, _) => self.until.is_none_or(|until| *epochs < until),
            State::Failed(_) if self.work.retry_failed => {
                let view = RunView::open(&self.work.folder.run(task)?);
                let updated = view.manifest().map(|manifest| manifest.updated);
                updated.is_none_or(|updated| updated < self.work.since)
            }
            _ => false,
        })
    }

    fn job(&self, task: &Task, run: &Path) -> Job {
        Job {
            folder: run.to_owned(),
            resolved_text: experiment::resolved_toml(&task.spec),
            spec_text: self.work.spec_text.to_owned(),
            overrides: [self.work.overrides, &task.settings].concat(),
            command_line: self.work.command_line.clone(),
            threads: self.work.threads,
            until: self.until,
        }
    }
}

/// Locks a mutex, also after a panic of its holder: every value behind one stays valid.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for WorkerPool<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerPool")
            .field("workers", &self.pipes.len())
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
