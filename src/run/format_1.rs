//! Counters and history as checkpoints of format 1 have them: sums without names, and exactly the metrics of that time.

use serde::Deserialize;

use crate::metric::facts::{GRAD_NORM, KL, LOSS, MEAN, SQUARE};
use crate::metric::real_text::RealText;
use crate::metric::{FIRST_FORMAT, METRICS, Measurements, Row, VALIDATION};
use crate::progress::{Best, Partial, Progress};

/// [`Progress`] in format 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counters {
    epoch: u32,
    step_in_epoch: u32,
    step: u64,
    partial: Sums,
    best: Option<Best>,
    epochs_since_best: u32,
}

/// [`Partial`] in format 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    images: u64,
    steps: u64,
    sums: Vec<RealText>,
    seconds: RealText,
}

impl From<Counters> for Progress {
    fn from(counters: Counters) -> Self {
        let Sums {
            images,
            steps,
            sums,
            seconds,
        } = counters.partial;
        Self {
            epoch: counters.epoch,
            step_in_epoch: counters.step_in_epoch,
            step: counters.step,
            partial: Partial {
                images,
                steps,
                sums: named(sums.iter().map(|sum| sum.0)),
                seconds: seconds.0,
            },
            best: counters.best,
            epochs_since_best: counters.epochs_since_best,
        }
    }
}

/// Names for a list of sums: three terms, the norm, then three lists of one sum an axis. A list of another length, which
/// fits no network, keeps all its sums.
fn named(mut sums: impl Iterator<Item = f64>) -> Measurements {
    let mut named = Measurements::default();
    for (name, sum) in [LOSS, "reconstruction", "kl"].into_iter().zip(&mut sums) {
        named.terms.set(name, sum);
    }
    if let Some(sum) = sums.next() {
        named.steps.set(GRAD_NORM, sum);
    }
    let rest: Vec<f64> = sums.collect();
    if !rest.is_empty() {
        let (kl, rest) = rest.split_at(rest.len() / 3);
        let (mean, square) = rest.split_at(kl.len());
        let axes = [(KL, kl), (MEAN, mean), (SQUARE, square)];
        named.axes = axes
            .map(|(name, sums)| (name, sums.to_vec()))
            .into_iter()
            .collect();
    }
    named
}

/// What is wrong with a row of the history: metrics were all there, but those of a validation part, and no others.
pub(super) fn wrong(row: &Row) -> Option<String> {
    let metrics = &METRICS[..FIRST_FORMAT];
    let needed = metrics.iter().filter(|it| !it.name.starts_with(VALIDATION));
    let missing = needed
        .map(|it| it.name)
        .find(|name| row.get(name).is_none());
    let unknown = row
        .iter()
        .find(|(name, _)| metrics.iter().all(|it| it.name != **name));
    let unknown = unknown.map(|(name, _)| format!("unknown field `{name}`"));
    missing
        .map(|name| format!("missing field `{name}`"))
        .or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sums_by_their_places() {
        let sums = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
        let expected = Measurements {
            terms: Row::from_iter([("loss", 1.0), ("reconstruction", 2.0), ("kl", 3.0)]),
            steps: Row::from_iter([("grad_norm", 4.0)]),
            axes: Row::from_iter([
                ("kl", vec![5.0, 6.0]),
                ("mean", vec![7.0, 8.0]),
                ("square", vec![9.0, 10.0]),
            ]),
        };
        assert_eq!(named(sums.into_iter()), expected);
        assert_eq!(named([].into_iter()), Measurements::default());
        let odd = named((0..6).map(f64::from));
        assert_eq!(odd.axes.axes("square"), [4.0, 5.0]);
        assert!(odd.axes.axes("kl").is_empty());
    }
}
