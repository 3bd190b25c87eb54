//! RMSprop.

use dfdx::tensor_ops::{Device, TryAdd, TryDiv, TryMul, TrySub};

use super::settings::{DECAY, EPSILON, optimizer};
use super::step::Step;
use super::tensors::{Flat, decayed};
use crate::config::Kind;

optimizer! {
    /// RMSprop
    ///
    /// Tieleman and Hinton, Lecture 6.5 of "Neural Networks for Machine Learning", 2012; `keras.optimizers.RMSprop`.
    /// With v the moving average of g^2 and, if centred, a that of g: p -= lr g / sqrt(v - a^2 + epsilon), through a
    /// velocity where there is momentum.
    pub struct RmsProp, learning_rate 1e-3 {
        /// Decay of the mean square of the gradient
        pub rho: f64 = 0.9, DECAY, also(&["decay"]);
        /// Share of the last step that the next one keeps
        pub momentum: f64 = 0.0, DECAY;
        /// Keeps the denominator away from 0
        pub epsilon: f64 = 1e-7, EPSILON, also(&["eps"]);
        /// Whether the gradient is scaled by its variance instead of its mean square
        pub centered: bool = false, Kind::Switch;
    }
}

impl RmsProp {
    pub(super) fn slots(&self) -> &'static [&'static str] {
        match (self.momentum > 0.0, self.centered) {
            (false, false) => &["velocity"],
            (true, false) => &["velocity", "momentum"],
            (false, true) => &["velocity", "average_gradient"],
            (true, true) => &["velocity", "average_gradient", "momentum"],
        }
    }

    pub(super) fn update(
        &self,
        step: Step,
        param: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
    ) {
        let [v, others @ ..] = state else { return };
        let rate = step.learning_rate as f32;
        let (rest, rho) = ((1.0 - self.rho) as f32, self.rho as f32);
        let (momentum, epsilon) = (self.momentum as f32, self.epsilon as f32);
        let second = |v: &mut f32, g: f32| {
            *v = rho * *v + rest * (g * g);
            *v + epsilon
        };
        let variance = |v: &mut f32, a: &mut f32, g: f32| {
            let second = second(v, g);
            *a = rho * *a + rest * g;
            second - *a * *a
        };
        let moved = |m: &mut f32, increment: f32| {
            *m = momentum * *m + increment;
            *m
        };
        let each = step.each(param, gradient).zip(v.iter_mut());
        // A loop of its own for each, so that it becomes vector code.
        match others {
            [] => {
                for ((p, g), v) in each {
                    *p -= rate * g / second(v, g).sqrt();
                }
            }
            [a] if self.centered => {
                for (((p, g), v), a) in each.zip(a.iter_mut()) {
                    *p -= rate * g / variance(v, a, g).sqrt();
                }
            }
            [m] => {
                for (((p, g), v), m) in each.zip(m.iter_mut()) {
                    *p -= moved(m, rate * g / second(v, g).sqrt());
                }
            }
            [a, m, ..] => {
                for ((((p, g), v), a), m) in each.zip(a.iter_mut()).zip(m.iter_mut()) {
                    *p -= moved(m, rate * g / variance(v, a, g).sqrt());
                }
            }
        }
    }

    pub(super) fn update_tensors<D: Device<f32>>(
        &self,
        step: Step,
        p: Flat<D>,
        g: Flat<D>,
        state: &mut [Flat<D>],
    ) -> Result<Flat<D>, D::Err> {
        let [v, others @ ..] = state else {
            return Ok(p);
        };
        let rest = 1.0 - self.rho;
        *v = decayed(v, g.clone().try_square()?, self.rho, rest)?;
        let mut divisor = v.clone().try_add(self.epsilon as f32)?;
        let (average, moving) = others.split_at_mut(usize::from(self.centered));
        if let [a] = average {
            *a = decayed(a, g.clone(), self.rho, rest)?;
            divisor = divisor.try_sub(a.clone().try_square()?)?;
        }
        let increment = g
            .try_mul(step.learning_rate as f32)?
            .try_div(divisor.try_sqrt()?)?;
        let [m] = moving else {
            return p.try_sub(increment);
        };
        *m = m
            .clone()
            .try_mul(self.momentum as f32)?
            .try_add(increment)?;
        p.try_sub(m.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, tests::assert_three_steps};
    use super::*;
    use crate::config::{Section as _, Value};

    #[test]
    fn takes_three_steps() {
        for (momentum, centered, expected) in [
            (
                0.0,
                false,
                [
                    0.6838355, -1.6837723, 0.3981328, -1.7886008, 0.6896872, -1.7897057,
                ],
            ),
            (
                0.5,
                false,
                [
                    0.6838355, -1.6837723, 0.2400506, -1.6304869, 0.3097125, -1.6049492,
                ],
            ),
            (
                0.5,
                true,
                [
                    0.6667407, -1.6666667, 0.1862055, -1.6065339, 0.2403654, -1.5775884,
                ],
            ),
        ] {
            let given = [
                ("momentum", Value::Number(momentum)),
                ("centered", Value::Switch(centered)),
            ];
            assert_three_steps(Rule::RmsProp(RmsProp::given(&given).unwrap()), expected);
        }
    }
}
