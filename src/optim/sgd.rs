//! Stochastic gradient descent.

use dfdx::tensor_ops::{Device, TryAdd, TryMul, TrySub};

use super::settings::{DECAY, optimizer};
use super::step::Step;
use super::tensors::Flat;
use crate::config::{Kind, Rules};

optimizer! {
    /// Stochastic gradient descent
    ///
    /// `keras.optimizers.SGD`: p -= lr g. With momentum: v = momentum v - lr g; p += v, or with Nesterov's variant
    /// p += momentum v - lr g.
    pub struct Sgd, learning_rate 0.01 {
        /// Share of the last step that the next one keeps
        pub momentum: f64 = 0.0, DECAY;
        /// Nesterov's momentum; needs a `momentum` above 0
        pub nesterov: bool = false, Kind::Switch;
    }
    rules { nesterov_has_momentum }
}

fn nesterov_has_momentum(it: &mut Rules<'_>) {
    if it.get("nesterov") == Some(true) && it.get("momentum") == Some(0.0) {
        let wrong = it.at(&["nesterov"], "`optimizer.sgd.nesterov` without momentum");
        let wrong = wrong.expected("`false`, or a `momentum` above 0");
        it.diagnostics
            .push(wrong.hint("add a line such as `momentum = 0.9`"));
    }
}

impl Sgd {
    pub(super) fn slots(&self) -> &'static [&'static str] {
        match self.momentum > 0.0 {
            true => &["momentum"],
            false => &[],
        }
    }

    pub(super) fn update(
        &self,
        step: Step,
        param: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
    ) {
        let rate = step.learning_rate as f32;
        let each = step.each(param, gradient);
        let [m] = state else {
            return each.for_each(|(p, g)| *p -= rate * g);
        };
        let (momentum, nesterov) = (self.momentum as f32, self.nesterov);
        for ((p, g), m) in each.zip(m.iter_mut()) {
            *m = momentum * *m - rate * g;
            *p += if nesterov {
                momentum * *m - rate * g
            } else {
                *m
            };
        }
    }

    pub(super) fn update_tensors<D: Device<f32>>(
        &self,
        step: Step,
        p: Flat<D>,
        g: Flat<D>,
        state: &mut [Flat<D>],
    ) -> Result<Flat<D>, D::Err> {
        let increment = g.try_mul(step.learning_rate as f32)?;
        let [m] = state else {
            return p.try_sub(increment);
        };
        let momentum = self.momentum as f32;
        *m = m.clone().try_mul(momentum)?.try_sub(increment.clone())?;
        match self.nesterov {
            true => p.try_add(m.clone().try_mul(momentum)?.try_sub(increment)?),
            false => p.try_add(m.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, tests::assert_three_steps};
    use super::*;
    use crate::config::{Section as _, Value};

    #[test]
    fn takes_three_steps() {
        for (momentum, nesterov, expected) in [
            (0.0, false, [0.995, -1.85, 0.985, -1.9, 1.01, -1.9005]),
            (0.9, false, [0.995, -1.85, 0.9805, -1.765, 0.99245, -1.689]),
            (
                0.9,
                true,
                [0.9905, -1.715, 0.96745, -1.6885, 1.003205, -1.6206],
            ),
        ] {
            let given = [
                ("momentum", Value::Number(momentum)),
                ("nesterov", Value::Switch(nesterov)),
            ];
            assert_three_steps(Rule::Sgd(Sgd::given(&given).unwrap()), expected);
        }
    }
}
