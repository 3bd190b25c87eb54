//! How long training steps take, and where their time goes.

use std::borrow::Cow;
use std::time::Duration;

use super::{TrainError, Trainer};
use crate::kernels::profile::{self, Part, Recording};
use crate::plan::Plan;
use crate::sys::clock;
use crate::sys::stop::Stop;

/// One training step on a full batch, from the end of the step before it to its own.
#[derive(Clone, Debug)]
pub struct TimedStep {
    /// All of it: taking the batch, the step, and adding to the epoch's sums.
    pub total: Duration,
    /// The parts that have a name.
    pub parts: Vec<Part>,
}

/// Trains for so long and at least so many steps on full batches, and times those. A run whose epochs are over begins
/// anew, with the weights as they are.
///
/// # Errors
/// See [`Trainer::advance`].
pub fn time_steps(
    trainer: &mut Trainer,
    plan: &Plan,
    (time, least): (Duration, usize),
) -> Result<Vec<TimedStep>, TrainError> {
    let full = (plan.train_images / plan.spec.training.batch_size) as u64;
    let (began, stop) = (clock::monotonic(), Stop::default());
    let recording = Recording::start();
    trainer.read_each_step();
    let mut steps = vec![];
    while !stop.requested() {
        if trainer.is_finished() {
            trainer.begin_anew();
        }
        recording.drain();
        let mut since = clock::monotonic();
        trainer.advance(&stop, &mut |view| {
            let total = since.elapsed();
            let parts = recording.drain();
            if view.step <= full {
                steps.push(TimedStep { total, parts });
            }
            if steps.len() >= least && began.elapsed() >= time {
                stop.request();
            }
            since = clock::monotonic();
        })?;
    }
    Ok(steps)
}

/// Many steps in a few numbers, all in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// How many steps were timed.
    pub steps: usize,
    /// The median step.
    pub step: f64,
    /// The fastest step.
    pub best: f64,
    /// A quarter of the steps is faster than the first, a quarter slower than the second.
    pub quartiles: (f64, f64),
    /// The named parts of the median step, in the order in which they begin.
    pub parts: Vec<PartTime>,
    /// What is left of the median step.
    pub rest: f64,
}

/// One part of a step, seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct PartTime {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The work itself.
    pub forward: f64,
    /// The gradients of that work.
    pub backward: f64,
}

impl PartTime {
    /// Both ways.
    pub fn both(&self) -> f64 {
        self.forward + self.backward
    }
}

impl Timing {
    /// Sums up. The parts are those of the half of the steps around the median, as shares of their time, so that
    /// they and the rest add up to the median step. Nothing comes of no steps.
    pub fn of(steps: &[TimedStep]) -> Option<Self> {
        let mut sorted: Vec<&TimedStep> = steps.iter().collect();
        sorted.sort_by_key(|step| step.total);
        let totals: Vec<f64> = sorted.iter().map(|s| s.total.as_secs_f64()).collect();
        let best = *totals.first()?;
        let (step, rank) = (quantile(&totals, 0.5), sorted.len() / 4);
        let middle = &sorted[rank..sorted.len() - rank];
        let time: f64 = middle.iter().map(|s| s.total.as_secs_f64()).sum();
        let scale = step / time.max(f64::MIN_POSITIVE);
        let mut parts: Vec<PartTime> = vec![];
        for part in middle.iter().flat_map(|step| &step.parts) {
            let index = parts
                .iter()
                .position(|known| known.name == part.name)
                .unwrap_or_else(|| {
                    parts.push(PartTime {
                        name: part.name.clone(),
                        forward: 0.0,
                        backward: 0.0,
                    });
                    parts.len() - 1
                });
            parts[index].forward += part.forward.as_secs_f64() * scale;
            parts[index].backward += part.backward.as_secs_f64() * scale;
        }
        let named: f64 = parts.iter().map(PartTime::both).sum();
        Some(Self {
            steps: steps.len(),
            step,
            best,
            quartiles: (quantile(&totals, 0.25), quantile(&totals, 0.75)),
            parts,
            rest: step - named,
        })
    }

    /// The part of a step that does not grow with the batch: what is done once for each weight.
    pub fn per_weight(&self) -> f64 {
        let of_weights = |part: &&PartTime| {
            [profile::GRADIENT_NORM, profile::OPTIMIZER].contains(&part.name.as_ref())
        };
        self.parts
            .iter()
            .filter(of_weights)
            .map(PartTime::both)
            .sum()
    }

    /// The time to evaluate a batch of the same size: the forward pass of a step.
    pub fn evaluation(&self) -> f64 {
        self.parts.iter().map(|part| part.forward).sum::<f64>() - self.per_weight()
    }
}

/// A quantile of sorted values, between two of them where it falls there.
fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let place = fraction * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(total: u64, parts: &[(&'static str, u64, u64)]) -> TimedStep {
        let ms = Duration::from_millis;
        TimedStep {
            total: ms(total),
            parts: parts
                .iter()
                .map(|&(name, forward, backward)| Part {
                    name: name.into(),
                    forward: ms(forward),
                    backward: ms(backward),
                })
                .collect(),
        }
    }

    fn assert_close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    }

    #[test]
    fn interpolates_quantiles() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(&values, q)),
            [1.0, 1.75, 3.0, 5.0, 8.0]
        );
        assert_eq!(quantile(&[7.0], 0.75), 7.0);
    }

    #[test]
    fn adds_parts_and_rest_to_the_median_step() {
        // The slowest and the fastest step do not count towards the parts.
        let steps = [
            step(20, &[("a", 4, 6), ("optimizer", 2, 0)]),
            step(900, &[("a", 1, 600)]),
            step(22, &[("a", 4, 8), ("optimizer", 4, 0)]),
            step(1, &[("b", 1, 0)]),
        ];
        let timing = Timing::of(&steps).unwrap();
        assert_eq!(timing.steps, 4);
        assert_close(timing.step, 0.021);
        assert_close(timing.best, 0.001);
        // By hand: 1 + 0.75 (20 - 1) and 22 + 0.25 (900 - 22) milliseconds.
        assert_close(timing.quartiles.0, 0.01525);
        assert_close(timing.quartiles.1, 0.2415);
        let names: Vec<_> = timing.parts.iter().map(|part| &*part.name).collect();
        assert_eq!(names, ["a", "optimizer"]);
        // Shares of the 42 ms of the two steps in the middle, of 21 ms.
        assert_close(timing.parts[0].forward, 0.004);
        assert_close(timing.parts[0].backward, 0.007);
        assert_close(timing.per_weight(), 0.003);
        assert_close(timing.evaluation(), 0.004);
        assert_close(timing.rest, 0.007);
    }

    #[test]
    fn summarises_one_step_and_rejects_none() {
        let timing = Timing::of(&[step(5, &[("a", 2, 2)])]).unwrap();
        assert_close(timing.rest, 0.001);
        assert_eq!(Timing::of(&[]), None);
    }
}
