//! Adam with decoupled weight decay.

use dfdx::tensor_ops::{Device, TryMul, TrySub};

use super::adam::Adam;
use super::settings::{DECAY, EPSILON, optimizer};
use super::step::Step;
use super::tensors::Flat;
use crate::config::{Interval, Kind};

optimizer! {
    /// Adam with decoupled weight decay
    ///
    /// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019; `keras.optimizers.AdamW`:
    /// p -= lr weight_decay p, then Adam's step.
    pub struct AdamW, learning_rate 1e-3 {
        /// Decay of the mean of the gradient
        pub beta_1: f64 = 0.9, DECAY;
        /// Decay of the mean square of the gradient
        pub beta_2: f64 = 0.999, DECAY;
        /// Keeps the denominator away from 0
        pub epsilon: f64 = 1e-7, EPSILON, also(&["eps"]);
        /// Each step takes `learning_rate` x `weight_decay` of each weight off it
        pub weight_decay: f64 = 0.004, Kind::Number(Interval::closed(0.0, 10.0));
    }
}

impl AdamW {
    fn adam(&self) -> Adam {
        Adam {
            learning_rate: self.learning_rate,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            clip_norm: self.clip_norm,
        }
    }

    pub(super) fn slots(&self) -> &'static [&'static str] {
        self.adam().slots()
    }

    pub(super) fn update(
        &self,
        step: Step,
        param: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
    ) {
        self.adam()
            .update_with_decay(self.weight_decay, step, param, gradient, state);
    }

    pub(super) fn update_tensors<D: Device<f32>>(
        &self,
        step: Step,
        p: Flat<D>,
        g: Flat<D>,
        state: &mut [Flat<D>],
    ) -> Result<Flat<D>, D::Err> {
        let p = match self.weight_decay {
            0.0 => p,
            decay => {
                let decay = (step.learning_rate * decay) as f32;
                p.clone().try_sub(p.try_mul(decay)?)?
            }
        };
        self.adam().update_tensors(step, p, g, state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, tests::assert_three_steps};
    use super::*;
    use crate::config::{Section as _, Value};

    #[test]
    fn takes_three_steps() {
        let rule = AdamW::given(&[("weight_decay", Value::Number(0.04))]).unwrap();
        let expected = [
            0.8960063, -1.8920002, 0.7959068, -1.8444104, 0.8206004, -1.8062982,
        ];
        assert_three_steps(Rule::AdamW(rule), expected);
    }
}
