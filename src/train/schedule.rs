//! Learning rate and weight of the KL divergence as functions of the step.

use crate::experiment::{Decay, Loss, Schedule};
use crate::numeric::math::cos_pi;

/// Where a step stands: `step` counts from 0 over the whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Steps before this one.
    pub step: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs of the whole run.
    pub epochs: u64,
}

/// The learning rate at a step.
///
/// During the warm-up it grows linearly, reaching `base` at its last step. Behind it, with t from 0 to 1
/// over the rest of the run: `linear` falls to `final_fraction`, `cosine` along half a cosine (Loshchilov and
/// Hutter, "SGDR", 2017, without restarts), `step` is multiplied by `factor` every so many epochs.
pub fn learning_rate(base: f64, schedule: &Schedule, at: Position) -> f64 {
    let warmup = schedule.warmup_epochs * at.steps_per_epoch as f64;
    let step = at.step as f64;
    if step + 1.0 < warmup {
        return base * (step + 1.0) / warmup;
    }
    let behind = (step - warmup).max(0.0);
    let whole = ((at.epochs * at.steps_per_epoch) as f64 - warmup).max(1.0);
    let t = (behind / whole).min(1.0);
    let fraction = match schedule.decay {
        Decay::Constant => 1.0,
        Decay::Linear { final_fraction } => 1.0 - (1.0 - final_fraction) * t,
        Decay::Cosine { final_fraction } => {
            final_fraction + (1.0 - final_fraction) * 0.5 * (1.0 + cos_pi(t))
        }
        Decay::Step {
            every_epochs,
            factor,
        } => {
            let epochs = behind / at.steps_per_epoch.max(1) as f64;
            let times = (epochs / every_epochs.max(1) as f64).floor();
            factor.powi(times.min(f64::from(i32::MAX)) as i32)
        }
    };
    base * fraction
}

/// The weight of the KL divergence at a step: grows linearly over `kl_warmup_epochs` to `kl_weight` (Bowman et
/// al., "Generating Sentences from a Continuous Space", 2016).
pub fn kl_weight(loss: &Loss, at: Position) -> f64 {
    let warmup = loss.kl_warmup_epochs * at.steps_per_epoch as f64;
    loss.kl_weight
        * if warmup > 0.0 {
            ((at.step as f64 + 1.0) / warmup).min(1.0)
        } else {
            1.0
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{KlReduction, Reconstruction};

    fn rates(decay: Decay, warmup_epochs: f64) -> Vec<f64> {
        let schedule = Schedule {
            decay,
            warmup_epochs,
        };
        let at = |step| Position {
            step,
            steps_per_epoch: 2,
            epochs: 4,
        };
        (0..8)
            .map(|step| learning_rate(1.0, &schedule, at(step)))
            .collect()
    }

    fn close(got: Vec<f64>, want: [f64; 8]) {
        let near = got.iter().zip(&want).all(|(g, w)| (g - w).abs() < 1e-12);
        assert!(near, "{got:?} is not {want:?}");
    }

    #[test]
    fn rates_of_each_schedule_worked_out_by_hand() {
        close(rates(Decay::Constant, 0.0), [1.0; 8]);
        close(
            rates(Decay::Constant, 2.0),
            [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0],
        );
        close(
            rates(
                Decay::Linear {
                    final_fraction: 0.2,
                },
                0.0,
            ),
            [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3],
        );
        let half = 0.5_f64.sqrt();
        close(
            rates(
                Decay::Cosine {
                    final_fraction: 0.0,
                },
                2.0,
            ),
            [
                0.25,
                0.5,
                0.75,
                1.0,
                1.0,
                0.5 + half / 2.0,
                0.5,
                0.5 - half / 2.0,
            ],
        );
        close(
            rates(
                Decay::Step {
                    every_epochs: 1,
                    factor: 0.1,
                },
                1.0,
            ),
            [0.5, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01],
        );
    }

    #[test]
    fn warms_the_kl_weight_up() {
        let loss = Loss {
            reconstruction: Reconstruction::Bce,
            reconstruction_weight: 1.0,
            kl_weight: 4.0,
            kl_reduction: KlReduction::Sum,
            kl_warmup_epochs: 2.0,
        };
        let at = |step| Position {
            step,
            steps_per_epoch: 2,
            epochs: 9,
        };
        let weights: Vec<f64> = (0..6).map(|step| kl_weight(&loss, at(step))).collect();
        assert_eq!(weights, [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(
            kl_weight(
                &Loss {
                    kl_warmup_epochs: 0.0,
                    ..loss
                },
                at(0)
            ),
            4.0
        );
    }
}
