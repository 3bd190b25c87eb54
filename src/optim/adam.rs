//! Adam.

use dfdx::tensor_ops::{Device, TryAdd, TryDiv, TryMul, TrySub};

use super::settings::{DECAY, EPSILON, optimizer};
use super::step::Step;
use super::tensors::{Flat, towards};

optimizer! {
    /// Adam (taken where a spec names no optimizer)
    ///
    /// Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; `keras.optimizers.Adam`. With m and v the
    /// moving averages of g and g^2: p -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).
    pub struct Adam, learning_rate 1e-3 {
        /// Decay of the mean of the gradient
        pub beta_1: f64 = 0.9, DECAY;
        /// Decay of the mean square of the gradient
        pub beta_2: f64 = 0.999, DECAY;
        /// Keeps the denominator away from 0
        pub epsilon: f64 = 1e-7, EPSILON, also(&["eps"]);
    }
}

impl Adam {
    pub(super) fn slots(&self) -> &'static [&'static str] {
        &["momentum", "velocity"]
    }

    pub(super) fn update(
        &self,
        step: Step,
        param: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
    ) {
        self.update_with_decay(0.0, step, param, gradient, state);
    }

    pub(super) fn update_tensors<D: Device<f32>>(
        &self,
        step: Step,
        p: Flat<D>,
        g: Flat<D>,
        state: &mut [Flat<D>],
    ) -> Result<Flat<D>, D::Err> {
        let [m, v] = state else { return Ok(p) };
        *m = towards(m, g.clone(), 1.0 - self.beta_1)?;
        *v = towards(v, g.try_square()?, 1.0 - self.beta_2)?;
        let divisor = v.clone().try_sqrt()?.try_add(self.epsilon as f32)?;
        p.try_sub(m.clone().try_mul(self.rate(step))?.try_div(divisor)?)
    }

    /// A step that first takes `learning_rate * weight_decay` of each weight off it.
    pub(super) fn update_with_decay(
        &self,
        weight_decay: f64,
        step: Step,
        param: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
    ) {
        let [m, v] = state else { return };
        let alpha = self.rate(step);
        let (rest_1, rest_2) = ((1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32);
        let epsilon = self.epsilon as f32;
        let decay = (step.learning_rate * weight_decay) as f32;
        let each = step.each(param, gradient);
        for (((p, g), m), v) in each.zip(m.iter_mut()).zip(v.iter_mut()) {
            *m += (g - *m) * rest_1;
            *v += (g * g - *v) * rest_2;
            *p -= *p * decay;
            *p -= *m * alpha / (v.sqrt() + epsilon);
        }
    }

    /// The learning rate with the correction for averages that began at zero:
    /// lr sqrt(1 - beta_2^t) / (1 - beta_1^t).
    fn rate(&self, step: Step) -> f32 {
        let t = i32::try_from(step.number).unwrap_or(i32::MAX);
        let correction = (1.0 - self.beta_2.powi(t)).sqrt() / (1.0 - self.beta_1.powi(t));
        (step.learning_rate * correction) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, tests::assert_three_steps};
    use super::*;
    use crate::config::Section as _;

    #[test]
    fn takes_three_steps() {
        let rule = Rule::Adam(Adam::given(&[]).unwrap());
        let expected = [
            0.9000063, -1.9000002, 0.8034909, -1.8599784, 0.8313681, -1.8292438,
        ];
        assert_three_steps(rule, expected);
    }
}
