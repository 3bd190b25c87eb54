//! Successive halving: which trials go on, and the record of it.
//!
//! A decision after so many epochs looks at what every trial had reached after just that epoch, which is in its
//! history whatever it has done since. So decisions are a function of the trials and their numbers: they can be made
//! again at any time, by any process, and come out the same. `halving.json` says what they were; nothing reads it.

use serde::Serialize;

use super::error::SweepError;
use super::folder::SweepFolder;
use super::task::Task;
use crate::experiment::{Halving, HalvingMetric};
use crate::run::RunView;

/// Name of the record.
pub const HALVING: &str = "halving.json";

/// What was decided after some epochs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// After so many epochs.
    pub epochs: u32,
    /// Those that go on, best first.
    pub kept: Vec<Ranked>,
    /// Those that were stopped, best first.
    pub stopped: Vec<Ranked>,
    /// Those that had no number to compare by: failed or diverged.
    pub without: Vec<Ranked>,
}

/// A trial in a decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// Its identity.
    pub id: String,
    /// What differs, `KEY=VALUE`.
    pub settings: Vec<String>,
    /// Its metric.
    pub value: Option<f64>,
    /// Its place among the tasks.
    #[serde(skip)]
    pub task: usize,
}

/// Epochs after which is decided, for trials of so many epochs.
pub fn rungs(halving: &Halving, epochs: u32) -> Vec<u32> {
    let (first, factor) = (halving.first_epochs as u32, halving.factor as u32);
    let next = |rung: &u32| rung.checked_mul(factor);
    std::iter::successors(Some(first), next)
        .take_while(|&rung| rung < epochs)
        .collect()
}

/// A trial's metric after so many epochs, or after its last one where it has fewer.
pub fn value(view: &RunView, metric: HalvingMetric, epochs: u32) -> Option<f64> {
    let row = view.history().iter().rfind(|row| row.epoch() <= epochs)?;
    row.scalar(metric.name()).filter(|value| value.is_finite())
}

/// Decides between tasks with their values. One in `factor` goes on, rounded up; of equal ones the earlier task.
pub fn decide(
    halving: &Halving,
    epochs: u32,
    tasks: &[Task],
    values: &[(usize, Option<f64>)],
) -> Decision {
    let ranked = |&(task, value): &(usize, Option<f64>)| {
        let known = tasks.get(task);
        Ranked {
            id: known.map(|it| it.id.clone()).unwrap_or_default(),
            settings: known.map(|it| it.settings.clone()).unwrap_or_default(),
            value,
            task,
        }
    };
    let all: Vec<Ranked> = values.iter().map(ranked).collect();
    let (mut with, without): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.value.is_some());
    let sign = match halving.metric.is_better_higher() {
        true => -1.0,
        false => 1.0,
    };
    let key = |it: &Ranked| sign * it.value.unwrap_or(f64::INFINITY);
    with.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let keep = values.len().div_ceil(halving.factor.max(1)).min(with.len());
    let stopped = with.split_off(keep);
    Decision {
        epochs,
        kept: with,
        stopped,
        without,
    }
}

/// Writes the record of all decisions so far.
///
/// # Errors
/// The system refuses.
pub fn write(
    folder: &SweepFolder,
    halving: &Halving,
    decisions: &[Decision],
) -> Result<(), SweepError> {
    let record = serde_json::json!({
        "format_version": 1,
        "metric": halving.metric.name(),
        "better": if halving.metric.is_better_higher() { "higher" } else { "lower" },
        "factor": halving.factor,
        "decisions": decisions,
    });
    let mut text = serde_json::to_string_pretty(&record).unwrap_or_default();
    text.push('\n');
    folder.write(HALVING, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halving(metric: HalvingMetric, factor: usize) -> Halving {
        Halving {
            metric,
            first_epochs: 2,
            factor,
        }
    }

    #[test]
    fn decides_after_powers_of_the_factor_below_the_end() {
        let rungs = |epochs| rungs(&halving(HalvingMetric::Loss, 3), epochs);
        assert_eq!(rungs(54), [2, 6, 18]);
        assert_eq!(rungs(55), [2, 6, 18, 54]);
        assert!(rungs(2).is_empty());
        assert_eq!(rungs(u32::MAX).len(), 20);
    }

    fn kept(metric: HalvingMetric, factor: usize, values: &[Option<f64>]) -> Vec<usize> {
        let values: Vec<_> = values.iter().copied().enumerate().collect();
        let decision = decide(&halving(metric, factor), 2, &[], &values);
        let all = decision.kept.len() + decision.stopped.len() + decision.without.len();
        assert_eq!(all, values.len());
        decision.kept.iter().map(|it| it.task).collect()
    }

    #[test]
    fn keeps_the_best_third_rounded_up() {
        use HalvingMetric::{Elbo, Loss};
        let values = [Some(3.0), Some(1.0), None, Some(2.0)];
        assert_eq!(kept(Loss, 3, &values), [1, 3]);
        assert_eq!(kept(Elbo, 3, &values), [0, 3]);
        assert_eq!(kept(Loss, 4, &values), [1]);
        assert_eq!(kept(Loss, 2, &[Some(1.0), Some(1.0), Some(1.0)]), [0, 1]);
        assert_eq!(kept(Loss, 2, &[None, None]), [0; 0]);
    }
}
