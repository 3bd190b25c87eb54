//! Lion.

use dfdx::shapes::HasShape;
use dfdx::tensor_ops::{ChooseFrom, Device, TryAdd, TryGt, TryLt, TryMul, TrySub};

use super::settings::{DECAY, optimizer};
use super::step::Step;
use super::tensors::{Flat, decayed};
use crate::config::{Interval, Kind};

optimizer! {
    /// Lion: steps of one size, by the sign of a moving average
    ///
    /// Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023; `keras.optimizers.Lion`. With m a moving
    /// average of g: p -= lr (sign(beta_1 m + (1 - beta_1) g) + weight_decay p), then m = beta_2 m + (1 - beta_2) g.
    pub struct Lion, learning_rate 1e-4 {
        /// Share of the moving average in the direction of a step
        pub beta_1: f64 = 0.9, DECAY;
        /// Decay of the moving average of the gradient
        pub beta_2: f64 = 0.99, DECAY;
        /// Each step takes `learning_rate` x `weight_decay` of each weight off it
        pub weight_decay: f64 = 0.0, Kind::Number(Interval::closed(0.0, 10.0));
    }
}

impl Lion {
    pub(super) fn slots(&self) -> &'static [&'static str] {
        &["momentum"]
    }

    pub(super) fn update(
        &self,
        step: Step,
        param: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
    ) {
        let [m] = state else { return };
        let rate = step.learning_rate as f32;
        let decay = (step.learning_rate * self.weight_decay) as f32;
        let (beta_1, rest_1) = (self.beta_1 as f32, (1.0 - self.beta_1) as f32);
        let (beta_2, rest_2) = (self.beta_2 as f32, (1.0 - self.beta_2) as f32);
        for ((p, g), m) in step.each(param, gradient).zip(m.iter_mut()) {
            let direction = beta_1 * *m + rest_1 * g;
            let sign = f32::from(direction > 0.0) - f32::from(direction < 0.0);
            *p -= *p * decay;
            *p -= rate * sign;
            *m = beta_2 * *m + rest_2 * g;
        }
    }

    pub(super) fn update_tensors<D: Device<f32>>(
        &self,
        step: Step,
        p: Flat<D>,
        g: Flat<D>,
        state: &mut [Flat<D>],
    ) -> Result<Flat<D>, D::Err> {
        let [m] = state else { return Ok(p) };
        let direction = decayed(m, g.clone(), self.beta_1, 1.0 - self.beta_1)?;
        *m = decayed(m, g, self.beta_2, 1.0 - self.beta_2)?;
        let zeros = direction.device().try_zeros_like(direction.shape())?;
        let rate = step.learning_rate as f32;
        let [up, down] = [zeros.clone().try_add(rate)?, zeros.clone().try_sub(rate)?];
        let (rises, falls) = (direction.try_gt(0.0)?, direction.try_lt(0.0)?);
        let increment = rises.try_choose(up, falls.try_choose(down, zeros)?)?;
        let decay = (step.learning_rate * self.weight_decay) as f32;
        p.clone().try_sub(p.try_mul(decay)?)?.try_sub(increment)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, tests::assert_three_steps};
    use super::*;
    use crate::config::{Section as _, Value};

    #[test]
    fn takes_three_steps() {
        for (weight_decay, expected) in [
            (0.0, [0.9, -1.9, 0.8, -2.0, 0.9, -1.9]),
            (
                0.04,
                [0.896, -1.892, 0.792416, -1.984432, 0.8892463, -1.8764943],
            ),
        ] {
            let rule = Lion::given(&[("weight_decay", Value::Number(weight_decay))]).unwrap();
            assert_three_steps(Rule::Lion(rule), expected);
        }
    }

    #[test]
    fn leaves_a_weight_that_has_no_gradient() {
        let rule = Rule::Lion(Lion::given(&[]).unwrap());
        let step = Step {
            learning_rate: rule.learning_rate(),
            number: 1,
            gradient_scale: 1.0,
        };
        assert_eq!(step.learning_rate, 1e-4);
        let (mut param, mut m) = ([0.5_f32], [0.0_f32]);
        rule.update(step, &mut param, &[0.0], &mut [&mut m]);
        assert_eq!((param, m), ([0.5], [0.0]));
    }
}
