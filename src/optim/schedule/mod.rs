//! The learning rate as a function of the step.
//!
//! To add a schedule: its file with settings and formula, and a line in [`Schedule`].

mod cosine;
pub mod growth;
mod linear;
mod settings;
mod step;

use crate::config::members::members;

pub use cosine::Cosine;
pub use growth::Growth;
pub use linear::Linear;
pub use step::Steps;

members! {
    /// The learning rate over time: at most one of these tables, none for a constant rate
    pub enum Schedule: Copy, absent "constant" {
        Cosine(Cosine) = "cosine",
        Steps(Steps) = "step",
        Linear(Linear) = "linear",
    }
    dispatch($) each_schedule
}

impl Schedule {
    /// Whether the learning rate of a step depends on how many epochs the whole run has.
    pub fn depends_on_epochs(&self) -> bool {
        each_schedule!(self, it => it.depends_on_epochs())
    }
}

/// Where a step stands: `step` counts from 0 over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
/// During the warm-up it grows linearly, reaching `base` at its last step. Behind it follows the schedule.
pub fn learning_rate(base: f64, schedule: Option<&Schedule>, at: Position) -> f64 {
    let Some(schedule) = schedule else {
        return base;
    };
    let warmup = each_schedule!(schedule, it => it.warmup_epochs) * at.steps_per_epoch as f64;
    let step = at.step as f64;
    if step + 1.0 < warmup {
        return base * (step + 1.0) / warmup;
    }
    let behind = (step - warmup).max(0.0);
    let whole = ((at.epochs * at.steps_per_epoch) as f64 - warmup).max(1.0);
    let t = (behind / whole).min(1.0);
    let epochs = behind / at.steps_per_epoch.max(1) as f64;
    base * each_schedule!(schedule, it => it.fraction(t, epochs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Members as _, Value};

    /// Compares the rates of four epochs of two steps.
    pub(super) fn assert_rates(name: &str, settings: &[(&str, Value)], want: [f64; 8]) {
        let schedule = Schedule::given(name, settings);
        let at = |step| Position {
            step,
            steps_per_epoch: 2,
            epochs: 4,
        };
        let rate = |step| learning_rate(1.0, schedule.as_ref(), at(step));
        let got: Vec<f64> = (0..8).map(rate).collect();
        let near = got.iter().zip(&want).all(|(g, w)| (g - w).abs() < 1e-12);
        assert!(near, "{name}: {got:?} is not {want:?}");
    }

    #[test]
    fn is_constant_without_a_schedule() {
        assert_rates("none", &[], [1.0; 8]);
    }
}
