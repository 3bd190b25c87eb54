//! What came of a sweep: how many trials ended how, which ones failed and why, the best one, and the exit code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::run::RunView;
use crate::sweep::{State, SweepFolder, Task, TrialResult};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::print::duration;

/// Most trials that are named one by one.
const MOST_NAMED: usize = 50;

/// A trial as the summary counts it.
#[derive(Clone, Debug, PartialEq)]
enum TrialSummary {
    Completed,
    /// A limit under `[expect]` was missed.
    Missed(String),
    /// Stopped early after this epoch.
    Stopped(u32),
    /// Failed, diverged, was killed: the name of its state, and why.
    Failed(&'static str, String),
    /// Another process works on it.
    Held(String),
    /// It can go on, or was not begun.
    Left,
}

impl TrialSummary {
    fn of(result: &TrialResult) -> Self {
        if let Some(why) = result.failure() {
            let word = match (result.state(), result) {
                (Some(State::Diverged(_)), _) => "diverged",
                (Some(State::Broken(_)), _) => "broken",
                (_, TrialResult::Ran { ended, .. }) if ended.signal.is_some() => "killed",
                _ => "failed",
            };
            return Self::Failed(word, why);
        }
        match result {
            TrialResult::Held(claimant) => Self::Held(
                claimant
                    .as_ref()
                    .map_or_else(|| "by an unknown process".to_owned(), ToString::to_string),
            ),
            other => match other.state() {
                Some(State::Completed) => Self::Completed,
                Some(State::Missed(why)) => Self::Missed(why.clone()),
                _ => Self::Left,
            },
        }
    }

    /// The word under which it is counted.
    fn word(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Missed(_) => "missed an [expect]",
            Self::Stopped(_) => "stopped early",
            Self::Failed(word, _) => word,
            Self::Held(_) => "held by another process",
            Self::Left => "left",
        }
    }
}

/// What came of a sweep.
#[derive(Debug)]
pub struct Summary<'a> {
    folder: &'a SweepFolder,
    tasks: &'a [Task],
    summaries: Vec<TrialSummary>,
}

impl<'a> Summary<'a> {
    /// From what came of each task, and which were stopped early.
    pub fn new(
        folder: &'a SweepFolder,
        tasks: &'a [Task],
        results: &[Option<TrialResult>],
        stopped: &BTreeMap<usize, u32>,
    ) -> Self {
        let summary = |(i, result): (usize, &Option<TrialResult>)| match (stopped.get(&i), result) {
            (Some(&epoch), _) => TrialSummary::Stopped(epoch),
            (None, Some(result)) => TrialSummary::of(result),
            (None, None) => TrialSummary::Left,
        };
        Self {
            folder,
            tasks,
            summaries: results.iter().enumerate().map(summary).collect(),
        }
    }

    /// For a person, on stdout.
    pub fn text(&self, took: Duration) -> String {
        let mut counts = vec![];
        for word in [
            "completed",
            "missed an [expect]",
            "stopped early",
            "failed",
            "diverged",
            "killed",
            "broken",
            "held by another process",
            "left",
        ] {
            let count = self.summaries.iter().filter(|it| it.word() == word).count();
            if count > 0 {
                counts.push(format!("{count} {word}"));
            }
        }
        let trials = crate::terminal::print::count(self.tasks.len(), "trial");
        let mut text = format!("{trials}: {}\n", counts.join(", "));
        if let Some((metric, value, epoch, task)) = self.best() {
            let _ = writeln!(
                text,
                "best     {metric} {value:.3} in epoch {epoch}: {}",
                task.name()
            );
        }
        let _ = writeln!(text, "done in  {}", duration(took));
        let _ = writeln!(text, "folder   {}", self.folder.path().display());
        let any = |word: &str| self.summaries.iter().any(|it| it.word() == word);
        if any("failed") {
            let _ = writeln!(text, "again    {} --retry-failed", self.again());
        } else if any("killed") {
            let _ = writeln!(text, "again    {}", self.again());
        }
        text
    }

    /// What to type to go on with the sweep.
    pub fn again(&self) -> String {
        format!("runner sweep run {}", self.folder.path().display())
    }

    /// Each trial that failed, with why, or that somebody else works on; for stderr.
    pub fn failures(&self) -> String {
        let mut lines = vec![];
        for (task, trial) in self.tasks.iter().zip(&self.summaries) {
            let (word, why) = match trial {
                TrialSummary::Failed(word, why) => (*word, why),
                TrialSummary::Missed(why) => ("missed", why),
                TrialSummary::Held(why) => ("held", why),
                TrialSummary::Completed | TrialSummary::Stopped(_) | TrialSummary::Left => continue,
            };
            lines.push(format!("{word}: {}: {}\n", task.name(), printable(why)));
        }
        let more = lines.len().saturating_sub(MOST_NAMED);
        let mut text = lines.get(..MOST_NAMED).unwrap_or(&lines).concat();
        if more > 0 {
            let _ = writeln!(text, "and {more} more: see `runner status`");
        }
        if self
            .summaries
            .iter()
            .any(|trial| matches!(trial, TrialSummary::Failed(..)))
        {
            let _ = writeln!(text, "what they said: {}", self.folder.log_path().display());
        }
        text
    }

    /// Whether trials are left that this process could have run.
    pub fn is_unfinished(&self) -> bool {
        self.summaries.contains(&TrialSummary::Left)
    }

    /// 3 where a trial failed, 4 where one missed an `[expect]`, else 0.
    pub fn exit_code(&self) -> u8 {
        let has = |is: fn(&TrialSummary) -> bool| self.summaries.iter().any(is);
        if has(|trial| matches!(trial, TrialSummary::Failed(..) | TrialSummary::Left)) {
            exit::PARTLY_FAILED
        } else if has(|trial| matches!(trial, TrialSummary::Missed(_))) {
            exit::EXPECTATION_MISSED
        } else {
            exit::DONE
        }
    }

    /// The trial with the lowest best loss, where all are compared by the same one.
    fn best(&self) -> Option<(String, f64, u32, &Task)> {
        let mut found: Option<(String, f64, u32, &Task)> = None;
        for (task, trial) in self.tasks.iter().zip(&self.summaries) {
            if !matches!(trial, TrialSummary::Completed | TrialSummary::Missed(_)) {
                continue;
            }
            let view = RunView::open(&self.folder.run(task).ok()?);
            let best = view.best()?;
            match &found {
                Some((metric, ..)) if *metric != best.metric => return None,
                Some((_, value, ..)) if *value <= best.value => {}
                _ => found = Some((best.metric.clone(), best.value, best.epoch, task)),
            }
        }
        // Losses of other definitions are not comparable.
        let first = &self.tasks.first()?.spec.loss;
        let same = self
            .tasks
            .iter()
            .all(|task| task.spec.loss == *first && (is_a_sum(task) || self.has_one_latent_dim()));
        found.filter(|_| same)
    }

    fn has_one_latent_dim(&self) -> bool {
        let mut all = self.tasks.iter().map(|task| task.spec.model.latent_dim);
        let first = all.next();
        all.all(|dim| Some(dim) == first)
    }
}

/// Whether the KL term is summed over latent axes, so that losses of other sizes compare.
fn is_a_sum(task: &Task) -> bool {
    task.spec.loss.kl_reduction == crate::experiment::KlReduction::Sum
}
