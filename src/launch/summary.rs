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
    /// Failed, diverged, was killed: the word and why.
    Failed(&'static str, String),
    /// Somebody else works on it.
    Held(String),
    /// It can go on, or was not begun.
    Left,
}

/// What came of a sweep.
#[derive(Debug)]
pub struct Summary<'a> {
    folder: &'a SweepFolder,
    tasks: &'a [Task],
    fates: Vec<TrialSummary>,
}

impl<'a> Summary<'a> {
    /// From what came of each task, and which were stopped early.
    pub fn new(
        folder: &'a SweepFolder,
        tasks: &'a [Task],
        results: &[Option<TrialResult>],
        stopped: &BTreeMap<usize, u32>,
    ) -> Self {
        let fate = |(i, result): (usize, &Option<TrialResult>)| match (stopped.get(&i), result) {
            (Some(&epoch), _) => TrialSummary::Stopped(epoch),
            (None, Some(result)) => fate(result),
            (None, None) => TrialSummary::Left,
        };
        Self {
            folder,
            tasks,
            fates: results.iter().enumerate().map(fate).collect(),
        }
    }

    /// For a person, on stdout.
    pub fn text(&self, took: Duration) -> String {
        let mut counts = vec![];
        for (word, is) in [
            (
                "completed",
                (|fate| matches!(fate, TrialSummary::Completed)) as fn(&TrialSummary) -> bool,
            ),
            ("missed an [expect]", |fate| {
                matches!(fate, TrialSummary::Missed(_))
            }),
            ("stopped early", |fate| {
                matches!(fate, TrialSummary::Stopped(_))
            }),
            ("failed", |fate| {
                matches!(fate, TrialSummary::Failed("failed", _))
            }),
            ("diverged", |fate| {
                matches!(fate, TrialSummary::Failed("diverged", _))
            }),
            ("killed", |fate| {
                matches!(fate, TrialSummary::Failed("killed", _))
            }),
            ("broken", |fate| {
                matches!(fate, TrialSummary::Failed("broken", _))
            }),
            ("in the hands of another process", |fate| {
                matches!(fate, TrialSummary::Held(_))
            }),
            ("left", |fate| matches!(fate, TrialSummary::Left)),
        ] {
            let count = self.fates.iter().filter(|fate| is(fate)).count();
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
        let any = |word: &str| {
            let mut all = self.fates.iter();
            all.any(|fate| matches!(fate, TrialSummary::Failed(found, _) if *found == word))
        };
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
        for (task, fate) in self.tasks.iter().zip(&self.fates) {
            let (word, why) = match fate {
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
            .fates
            .iter()
            .any(|fate| matches!(fate, TrialSummary::Failed(..)))
        {
            let _ = writeln!(text, "what they said: {}", self.folder.log_path().display());
        }
        text
    }

    /// Whether trials are left that this process could have run.
    pub fn is_unfinished(&self) -> bool {
        self.fates.contains(&TrialSummary::Left)
    }

    /// 3 where a trial failed, 4 where one missed an `[expect]`, else 0.
    pub fn exit_code(&self) -> u8 {
        let has = |is: fn(&TrialSummary) -> bool| self.fates.iter().any(is);
        if has(|fate| matches!(fate, TrialSummary::Failed(..) | TrialSummary::Left)) {
            exit::PARTLY_FAILED
        } else if has(|fate| matches!(fate, TrialSummary::Missed(_))) {
            exit::EXPECTATION_MISSED
        } else {
            exit::DONE
        }
    }

    /// The trial with the lowest best loss, where all are compared by the same one.
    fn best(&self) -> Option<(String, f64, u32, &Task)> {
        let mut found: Option<(String, f64, u32, &Task)> = None;
        for (task, fate) in self.tasks.iter().zip(&self.fates) {
            if !matches!(fate, TrialSummary::Completed | TrialSummary::Missed(_)) {
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

/// Whether the divergence in the loss is summed over latent axes, so that losses of other sizes compare.
fn is_a_sum(task: &Task) -> bool {
    task.spec.loss.kl_reduction == crate::experiment::KlReduction::Sum
}

fn fate(result: &TrialResult) -> TrialSummary {
    if let Some(why) = result.failure() {
        let word = match (result.state(), result) {
            (Some(State::Diverged(_)), _) => "diverged",
            (Some(State::Broken(_)), _) => "broken",
            (_, TrialResult::Ran { ended, .. }) if ended.signal.is_some() => "killed",
            _ => "failed",
        };
        return TrialSummary::Failed(word, why);
    }
    match result {
        TrialResult::Held(claimant) => TrialSummary::Held(
            claimant
                .as_ref()
                .map_or_else(|| "by an unknown process".to_owned(), ToString::to_string),
        ),
        other => match other.state() {
            Some(State::Completed) => TrialSummary::Completed,
            Some(State::Missed(why)) => TrialSummary::Missed(why.clone()),
            _ => TrialSummary::Left,
        },
    }
}
