//! Runs the trials of a sweep's folder that are left, on this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use super::parallelism;
use super::progress_bars::ProgressBars;
use super::summary::Summary;
use crate::experiment::{Halving, Loaded};
use crate::plan::Plan;
use crate::run::RunView;
use crate::session::process::command_line;
use crate::sweep::halving::{decide, rungs, value, write};
use crate::sweep::{Decision, State, SweepError, SweepFolder, Task, TrialResult, Work, WorkerPool};
use crate::sys::stop::Stop;
use crate::sys::{clock, exit};
use crate::terminal::args::WorkersArgs;
use crate::terminal::print::{err, out};
use crate::terminal::{CliError, Outcome, tell};

/// How often a trial is looked at that another process works on.
const PAUSE: Duration = Duration::from_millis(300);

/// A sweep that this process works on.
pub struct LocalSweep<'a> {
    pub folder: &'a SweepFolder,
    pub loaded: &'a Loaded,
    pub plans: &'a [Plan],
    pub tasks: &'a [Task],
    pub workers: WorkersArgs,
    pub quiet: bool,
}

/// Progress of this process on the sweep.
struct Progress<'a> {
    work: &'a Work<'a>,
    workers: usize,
    stop: &'a Stop,
    bars: &'a ProgressBars<'a>,
    results: Vec<Option<TrialResult>>,
    /// Trials that were stopped early, with the epoch.
    stopped: BTreeMap<usize, u32>,
}

impl LocalSweep<'_> {
    /// Works until no trial is left, and says what came of it.
    pub fn run(&self, stop: &Stop) -> Outcome {
        let started = clock::monotonic();
        self.folder.prepare_claims()?;
        let mut states = vec![];
        for task in self.tasks {
            states.push(self.folder.state(task)?);
        }
        let is_left = |state: &State| state.is_left(self.workers.retry_failed);
        let open = states.iter().filter(|state| is_left(state)).count();
        let Some(largest) = self.plans.iter().max_by_key(|plan| plan.flops_per_step()) else {
            return Err(CliError::new(exit::USAGE, "a sweep without trials"));
        };
        let parallelism = parallelism::choose(
            largest,
            open,
            self.workers.jobs.or((open == 0).then_some(1)),
        )?;
        let program = std::env::current_exe().map_err(|error| {
            CliError::new(exit::IO, format!("cannot find this program: {error}"))
        })?;
        let work = Work {
            folder: self.folder,
            tasks: self.tasks,
            program,
            spec_text: &self.loaded.text,
            overrides: &self.loaded.overrides,
            command_line: command_line(),
            threads: parallelism.threads,
            retry_failed: self.workers.retry_failed,
            since: clock::now_utc(),
        };
        let bars = ProgressBars::new(
            self.folder,
            self.tasks,
            self.plans,
            parallelism.jobs,
            self.quiet,
        );
        for (i, _) in states.iter().enumerate().filter(|(_, it)| !is_left(it)) {
            bars.settle(i);
        }
        if open > 0 {
            bars.print(&format!(
                "{} of {} trials left, {}",
                open,
                self.tasks.len(),
                parallelism.why
            ));
        }
        self.folder.log(&format!(
            "process {} takes it up: {open} of {} trials left, {}",
            std::process::id(),
            self.tasks.len(),
            parallelism.why
        ));
        let mut progress = Progress {
            work: &work,
            workers: parallelism.jobs,
            stop,
            bars: &bars,
            results: vec![None; self.tasks.len()],
            stopped: BTreeMap::new(),
        };
        stop.hold();
        let worked = progress.all(self.loaded.sweep.as_ref().and_then(|sweep| sweep.halving));
        stop.release();
        bars.finish();
        worked?;
        let summary = Summary::new(
            self.folder,
            self.tasks,
            &progress.results,
            &progress.stopped,
        );
        if !self.quiet {
            let text = summary.text(started.elapsed());
            // A closed stdout does not end a sweep.
            let _ = out(&text);
        }
        err(&summary.failures());
        if let Some(code) = stop.exit_code().filter(|_| summary.is_unfinished()) {
            tell!("stopped; everything is saved");
            tell!("go on with: {}", summary.again());
            return Ok(code);
        }
        Ok(summary.exit_code())
    }
}

impl Progress<'_> {
    fn all(&mut self, halving: Option<Halving>) -> Result<(), SweepError> {
        let mut alive: Vec<usize> = (0..self.work.tasks.len()).collect();
        if let Some(halving) = halving {
            alive = self.halve(&halving, alive)?;
        }
        if !self.stop.requested() {
            self.some(&alive, None)?;
        }
        Ok(())
    }

    /// Trains all trials up to each decision; gives those that go on to the end.
    fn halve(
        &mut self,
        halving: &Halving,
        mut alive: Vec<usize>,
    ) -> Result<Vec<usize>, SweepError> {
        let tasks = self.work.tasks;
        let epochs = tasks.iter().map(|task| task.spec.training.epochs as u32);
        let mut decisions: Vec<Decision> = vec![];
        for rung in rungs(halving, epochs.max().unwrap_or(0)) {
            let mut waiting = alive.clone();
            while !waiting.is_empty() {
                self.some(&waiting, Some(rung))?;
                if self.stop.requested() {
                    return Ok(alive);
                }
                let is_held =
                    |i: &usize| matches!(self.results.get(*i), Some(Some(TrialResult::Held(_))));
                let held: Vec<usize> = waiting.iter().copied().filter(is_held).collect();
                if !held.is_empty() {
                    if held.len() != waiting.len() {
                        self.print_held(&held);
                    }
                    std::thread::sleep(PAUSE);
                }
                waiting = held;
            }
            let mut values = vec![];
            for &task in &alive {
                values.push((task, self.value(halving, rung, task)?));
            }
            let decision = decide(halving, rung, tasks, &values);
            for it in &decision.stopped {
                self.stopped.insert(it.task, rung);
                self.bars.settle(it.task);
            }
            self.bars.print(&format!(
                "after epoch {rung}: {} of {} trials go on by {}",
                decision.kept.len(),
                alive.len(),
                halving.metric
            ));
            alive = decision.kept.iter().map(|it| it.task).collect();
            alive.sort_unstable();
            decisions.push(decision);
            write(self.work.folder, halving, &decisions)?;
        }
        Ok(alive)
    }

    fn some(&mut self, tasks: &[usize], until: Option<u32>) -> Result<(), SweepError> {
        let workers = self.workers.min(tasks.len());
        let pool = WorkerPool::new(self.work, tasks, workers, until, self.stop, self.bars);
        for (slot, result) in self.results.iter_mut().zip(pool.run()?) {
            if result.is_some() {
                *slot = result;
            }
        }
        Ok(())
    }

    /// What a trial is compared by; nothing where it has not come that far.
    fn value(&self, halving: &Halving, rung: u32, task: usize) -> Result<Option<f64>, SweepError> {
        let Some(task) = self.work.tasks.get(task) else {
            return Ok(None);
        };
        let view = RunView::open(&self.work.folder.run(task)?);
        let far = view.history().last().is_some_and(|row| row.epoch() >= rung);
        let is_whole = matches!(
            self.work.folder.state(task)?,
            State::Completed | State::Missed(_)
        );
        Ok((far || is_whole)
            .then(|| value(&view, halving.metric, rung))
            .flatten())
    }

    fn print_held(&self, held: &[usize]) {
        for &i in held {
            let Some(Some(TrialResult::Held(claimant))) = self.results.get(i) else {
                continue;
            };
            let name = self.work.tasks.get(i).map(Task::name).unwrap_or_default();
            let whom = claimant
                .as_ref()
                .map_or_else(|| "another process".to_owned(), ToString::to_string);
            self.bars
                .print(&format!("waiting for {name}, which {whom} works on"));
        }
    }
}
