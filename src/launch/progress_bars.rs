//! Progress of a sweep on the terminal: a bar for each running trial, one for the sweep, a line for each trial that ended.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::plan::Plan;
use crate::run::RunView;
use crate::sweep::{State, Step, SweepFolder, Task, TrialResult, Watch};
use crate::sys::clock;
use crate::terminal::print::{duration, out};

/// Parts of the whole.
const PARTS: f64 = 10_000.0;
/// Parts of a trial.
const TRIAL_PARTS: f64 = 1_000.0;

/// Progress bars on stderr, lines on stdout.
pub struct ProgressBars<'a> {
    folder: &'a SweepFolder,
    tasks: &'a [Task],
    /// What each trial costs, as a share of the whole.
    weights: Vec<f64>,
    lines: bool,
    multi: MultiProgress,
    whole: ProgressBar,
    each: Vec<ProgressBar>,
    now: Mutex<Now>,
}

struct Now {
    /// How much of each trial is done, from 0 to 1.
    shares: Vec<f64>,
    ended: Vec<bool>,
    /// When each worker began its trial.
    began: Vec<Option<Instant>>,
}

impl Now {
    fn end(&mut self, task: usize) {
        if let Some(share) = self.shares.get_mut(task) {
            *share = 1.0;
        }
        if let Some(ended) = self.ended.get_mut(task) {
            *ended = true;
        }
    }
}

impl<'a> ProgressBars<'a> {
    /// Progress bars for so many workers.
    pub fn new(
        folder: &'a SweepFolder,
        tasks: &'a [Task],
        plans: &[Plan],
        workers: usize,
        quiet: bool,
    ) -> Self {
        let target = match quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr_with_hz(8),
        };
        let multi = MultiProgress::with_draw_target(target);
        let bar = |length: f64, template: &str| {
            let bar = ProgressBar::new(length as u64);
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            multi.add(bar)
        };
        let work = |plan: &Plan| {
            let steps = plan.steps_per_epoch as f64 * plan.spec.training.epochs as f64;
            steps * plan.flops_per_step() as f64
        };
        let all: f64 = plans.iter().map(work).sum();
        Self {
            folder,
            tasks,
            weights: plans.iter().map(|plan| work(plan) / all).collect(),
            lines: !quiet,
            each: (0..workers)
                .map(|_| bar(TRIAL_PARTS, "  {msg}  [{bar:20}] {percent:>3}%  {eta} left"))
                .collect(),
            whole: bar(PARTS, "{msg}  [{bar:32}] {percent:>3}%  {eta} left"),
            multi,
            now: Mutex::new(Now {
                shares: vec![0.0; tasks.len()],
                ended: vec![false; tasks.len()],
                began: vec![None; workers],
            }),
        }
    }

    /// Notes that nothing is left to do for a trial, from the beginning or because it was stopped early.
    pub fn settle(&self, task: usize) {
        let mut now = self.now();
        now.end(task);
        self.show(&now);
        drop(now);
        // What was done before took no time now.
        self.whole.reset_eta();
    }

    /// A line between the bars.
    pub fn print(&self, line: &str) {
        if self.lines {
            // A closed stdout does not end a sweep.
            self.multi.suspend(|| out(&format!("{line}\n")).ok());
        }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        self.each.iter().for_each(ProgressBar::finish_and_clear);
        self.whole.finish_and_clear();
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, now: &Now) {
        let done: f64 = now
            .shares
            .iter()
            .zip(&self.weights)
            .map(|(s, w)| s * w)
            .sum();
        let ended = now.ended.iter().filter(|&&ended| ended).count();
        self.whole
            .set_message(format!("{ended}/{} trials", self.tasks.len()));
        self.whole.set_position((done * PARTS) as u64);
    }

    fn name(&self, task: usize) -> String {
        self.tasks.get(task).map(Task::name).unwrap_or_default()
    }

    fn line(
        &self,
        ended: usize,
        task: usize,
        result: &TrialResult,
        took: Option<Duration>,
    ) -> String {
        let (width, all) = (self.tasks.len().to_string().len(), self.tasks.len());
        let state = result.state();
        let word = match (result.failure(), state) {
            (Some(_), Some(State::Interrupted(..) | State::New)) => "failed".to_owned(),
            (_, Some(State::Interrupted(epochs, _))) => format!("epoch {epochs}"),
            (_, Some(state)) => state.word().to_owned(),
            (_, None) => "held".to_owned(),
        };
        let mut line = format!("{ended:>width$}/{all}  {word:<11}  {}", self.name(task));
        if let Some(why) = result.failure() {
            line += &format!("  {why}");
        } else if let Some(best) = self.best(task) {
            line += &format!("  {best}");
        }
        if let Some(took) = took {
            line += &format!("  {}", duration(took));
        }
        line
    }

    fn best(&self, task: usize) -> Option<String> {
        let run = self.folder.run(self.tasks.get(task)?).ok()?;
        let view = RunView::open(&run);
        let best = view.best()?;
        Some(format!(
            "{} {:.3} in epoch {}",
            best.metric, best.value, best.epoch
        ))
    }
}

impl Watch for ProgressBars<'_> {
    fn begin(&self, worker: usize, task: usize) {
        if let Some(began) = self.now().began.get_mut(worker) {
            *began = Some(clock::monotonic());
        }
        if let Some(bar) = self.each.get(worker) {
            bar.set_position(0);
            bar.reset_eta();
            bar.set_message(self.name(task));
        }
    }

    fn step(&self, worker: usize, task: usize, step: Step) {
        if let Some(bar) = self.each.get(worker) {
            let before = bar.position();
            bar.set_position((step.share() * TRIAL_PARTS) as u64);
            if before == 0 {
                // A resumed trial has steps of an earlier process.
                bar.reset_eta();
            }
            bar.set_message(format!(
                "{}  epoch {}/{}  loss {:.2}",
                self.name(task),
                step.epoch,
                step.epochs,
                step.loss
            ));
        }
        let mut now = self.now();
        if let Some(share) = now.shares.get_mut(task) {
            *share = step.share();
        }
        self.show(&now);
    }

    fn end(&self, worker: usize, task: usize, result: &TrialResult) {
        let mut now = self.now();
        let is_over = result.state().is_some_and(|state| !state.is_open());
        if is_over || result.failure().is_some() {
            now.end(task);
        }
        let began = now.began.get_mut(worker).and_then(Option::take);
        let ended = now.ended.iter().filter(|&&ended| ended).count();
        self.show(&now);
        drop(now);
        if let Some(bar) = self.each.get(worker) {
            bar.set_message("");
            bar.set_position(0);
        }
        self.print(&self.line(ended, task, result, began.map(|began| began.elapsed())));
    }

    fn wait(&self, _: usize, run: &Path) {
        let holder = crate::fs::lock::holder(&run.join(crate::run::LOCK));
        let whom = holder.map_or_else(|| "another process".to_owned(), |it| it.to_string());
        self.print(&format!(
            "waiting for {whom}, which still writes {}",
            run.display()
        ));
    }
}
