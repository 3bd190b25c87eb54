//! Update rules with Keras' formulas and defaults, whose state can be saved, and schedules of the learning rate.
//!
//! dfdx's optimizers do not expose their state and differ from Keras in small ways (Adam's
//! epsilon, RMSprop's first step, SGD's momentum), so that the rules stand here: on plain slices for the CPU, and in
//! dfdx's operations for other devices. A rule asks for a number of state slots, each of the length of the parameter;
//! they start at zero.
//!
//! To add one: its file with settings, slots and both forms of the update, and a line in [`Rule`].

mod adam;
mod adamw;
mod lion;
mod rmsprop;
pub mod schedule;
mod settings;
mod sgd;
mod step;
mod tensors;

use dfdx::tensor_ops::Device;

use crate::config::members::members;

pub use adam::Adam;
pub use adamw::AdamW;
pub use rmsprop::RmsProp;
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use step::Step;
pub use tensors::Flat;

members! {
    /// The update rule: exactly one of these tables, with Keras' rules and defaults
    pub enum Rule: Copy, default "adam" {
        Adam(Adam) = "adam",
        AdamW(AdamW) = "adamw",
        Lion(lion::Lion) = "lion",
        RmsProp(RmsProp) = "rmsprop",
        Sgd(Sgd) = "sgd",
    }
    dispatch($) each_rule
}

impl Rule {
    /// Learning rate before any schedule, above 0.
    pub fn learning_rate(&self) -> f64 {
        each_rule!(self, it => it.learning_rate)
    }

    /// Sets the learning rate before any schedule.
    pub fn set_learning_rate(&mut self, rate: f64) {
        each_rule!(self, it => it.learning_rate = rate);
    }

    /// Largest norm over all gradients; they are scaled down to it.
    pub fn clip_norm(&self) -> Option<f64> {
        each_rule!(self, it => it.clip_norm)
    }

    /// Names of the state slots.
    pub fn slots(&self) -> &'static [&'static str] {
        each_rule!(self, it => it.slots())
    }

    /// Changes a parameter and its state, one slice for each of [`Rule::slots`].
    ///
    /// # Panics
    /// The number of slots or a length is wrong.
    pub fn update(
        &self,
        step: Step,
        param: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
    ) {
        assert_eq!(state.len(), self.slots().len());
        assert!(
            state.iter().all(|slot| slot.len() == param.len()) && gradient.len() == param.len()
        );
        each_rule!(self, it => it.update(step, param, gradient, state))
    }

    /// The values of a parameter after a step, in dfdx's operations; changes its state, one tensor for each of
    /// [`Rule::slots`]. The gradient has been scaled.
    ///
    /// # Errors
    /// The device's.
    pub fn update_tensors<D: Device<f32>>(
        &self,
        step: Step,
        param: Flat<D>,
        gradient: Flat<D>,
        state: &mut [Flat<D>],
    ) -> Result<Flat<D>, D::Err> {
        each_rule!(self, it => it.update_tensors(step, param, gradient, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Members as _, Value};

    /// Compares three steps of a rule with values of `tests/reference/update_rules.py`: the formulas in NumPy with
    /// doubles.
    pub(super) fn assert_three_steps(rule: Rule, expected: [f32; 6]) {
        let mut param = [1.0_f32, -2.0];
        let mut slots = vec![[0.0_f32; 2]; rule.slots().len()];
        let gradients = [[0.1, -3.0], [0.2, 1.0], [-0.5, 0.01]];
        let mut seen = vec![];
        for (i, gradient) in gradients.iter().enumerate() {
            let step = Step {
                learning_rate: 0.1,
                number: i as u64 + 1,
                gradient_scale: 0.5,
            };
            let mut state: Vec<&mut [f32]> = slots.iter_mut().map(|s| s.as_mut_slice()).collect();
            rule.update(step, &mut param, gradient, &mut state);
            seen.extend(param);
        }
        for (g, w) in seen.iter().zip(expected) {
            assert!(
                (g - w).abs() < 2e-6,
                "{rule:?}: {seen:?} is not {expected:?}"
            );
        }
    }

    // https://keras.io/api/optimizers, Keras 3.
    #[test]
    fn has_the_defaults_of_keras() {
        let expected = [
            (
                "adam",
                "learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7",
            ),
            (
                "adamw",
                "learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, weight_decay = 0.004",
            ),
            (
                "rmsprop",
                "learning_rate = 0.001, rho = 0.9, momentum = 0.0, epsilon = 1e-7, centered = false",
            ),
            (
                "sgd",
                "learning_rate = 0.01, momentum = 0.0, nesterov = false",
            ),
        ];
        for (name, expected) in expected {
            let written = Rule::given(name, &[]).unwrap().write_member();
            let line = |(name, value): &(&str, Option<Value>)| {
                Some(format!("{name} = {}", value.as_ref()?.to_toml()))
            };
            let lines: Vec<String> = written.iter().filter_map(line).collect();
            assert_eq!(lines.join(", "), expected, "{name}");
        }
    }
}
