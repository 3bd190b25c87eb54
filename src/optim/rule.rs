//! One step of an update rule on one parameter.

/// An update rule. Formulas are those of Keras 3 (`keras.optimizers`), in f32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Kingma and Ba 2014. With m and v the moving averages of g and g^2:
    /// p -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).
    ///
    /// With a weight decay (Loshchilov and Hutter 2019): p -= lr weight_decay p comes first.
    Adam {
        /// Decay of the mean of gradients.
        beta_1: f64,
        /// Decay of the mean of squared gradients.
        beta_2: f64,
        /// Added to the root.
        epsilon: f64,
        /// Decoupled weight decay; 0 for plain Adam.
        weight_decay: f64,
    },
    /// Tieleman and Hinton 2012. With v the moving average of g^2 and, if centred, a that of g:
    /// p -= lr g / sqrt(v - a^2 + epsilon), through a velocity where there is momentum.
    RmsProp {
        /// Decay of the averages.
        rho: f64,
        /// Share of the last step that is repeated.
        momentum: f64,
        /// Added under the root.
        epsilon: f64,
        /// Divides by an estimate of the variance instead of the second moment.
        centered: bool,
    },
    /// Gradient descent. With momentum: v = momentum v - lr g; p += v, or with Nesterov's variant
    /// p += momentum v - lr g.
    Sgd {
        /// Share of the last step that is repeated.
        momentum: f64,
        /// Nesterov's variant.
        nesterov: bool,
    },
}

/// What changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Number of this step, from 1.
    pub number: u64,
    /// Factor on all gradients, below 1 where their norm is clipped.
    pub gradient_scale: f32,
}

impl Step {
    /// Adam's learning rate with the correction for averages that began at zero:
    /// lr sqrt(1 - beta_2^t) / (1 - beta_1^t).
    pub fn adam_rate(&self, beta_1: f64, beta_2: f64) -> f32 {
        let t = i32::try_from(self.number).unwrap_or(i32::MAX);
        let correction = (1.0 - beta_2.powi(t)).sqrt() / (1.0 - beta_1.powi(t));
        (self.learning_rate * correction) as f32
    }
}

impl Rule {
    /// Names of the state slots.
    pub fn slots(&self) -> &'static [&'static str] {
        match *self {
            Self::Adam { .. } => &["momentum", "velocity"],
            Self::RmsProp {
                momentum, centered, ..
            } => match (momentum > 0.0, centered) {
                (false, false) => &["velocity"],
                (true, false) => &["velocity", "momentum"],
                (false, true) => &["velocity", "average_gradient"],
                (true, true) => &["velocity", "average_gradient", "momentum"],
            },
            Self::Sgd { momentum, .. } if momentum > 0.0 => &["momentum"],
            Self::Sgd { .. } => &[],
        }
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
        let rate = step.learning_rate as f32;
        let scale = step.gradient_scale;
        let each = param.iter_mut().zip(gradient.iter().map(|g| g * scale));
        match (*self, state) {
            (
                Self::Adam {
                    beta_1,
                    beta_2,
                    epsilon,
                    weight_decay,
                },
                [m, v],
            ) => {
                let alpha = step.adam_rate(beta_1, beta_2);
                let (rest_1, rest_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
                let (epsilon, decay) = (epsilon as f32, (step.learning_rate * weight_decay) as f32);
                for (((p, g), m), v) in each.zip(m.iter_mut()).zip(v.iter_mut()) {
                    *m += (g - *m) * rest_1;
                    *v += (g * g - *v) * rest_2;
                    *p -= *p * decay;
                    *p -= *m * alpha / (v.sqrt() + epsilon);
                }
            }
            (
                Self::RmsProp {
                    rho,
                    momentum,
                    epsilon,
                    centered,
                },
                [v, others @ ..],
            ) => {
                let (rest, rho) = ((1.0 - rho) as f32, rho as f32);
                let (momentum, epsilon) = (momentum as f32, epsilon as f32);
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
                let each = each.zip(v.iter_mut());
                // A loop of its own for each, so that it becomes vector code.
                match others {
                    [] => {
                        for ((p, g), v) in each {
                            *p -= rate * g / second(v, g).sqrt();
                        }
                    }
                    [a] if centered => {
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
            (Self::Sgd { momentum, nesterov }, [m]) => {
                let momentum = momentum as f32;
                for ((p, g), m) in each.zip(m.iter_mut()) {
                    *m = momentum * *m - rate * g;
                    *p += if nesterov {
                        momentum * *m - rate * g
                    } else {
                        *m
                    };
                }
            }
            (Self::Sgd { .. }, _) => each.for_each(|(p, g)| *p -= rate * g),
            _ => unreachable!("the number of slots was checked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_steps(rule: Rule) -> Vec<f32> {
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
        seen
    }

    /// Expected values: `tests/reference/update_rules.py`, the formulas in NumPy with doubles.
    #[test]
    fn three_steps_of_each_rule() {
        let cases: [(Rule, [f32; 6]); 8] = [
            (
                Rule::Adam {
                    beta_1: 0.9,
                    beta_2: 0.999,
                    epsilon: 1e-7,
                    weight_decay: 0.0,
                },
                [
                    0.9000063, -1.9000002, 0.8034909, -1.8599784, 0.8313681, -1.8292438,
                ],
            ),
            (
                Rule::Adam {
                    beta_1: 0.9,
                    beta_2: 0.999,
                    epsilon: 1e-7,
                    weight_decay: 0.04,
                },
                [
                    0.8960063, -1.8920002, 0.7959068, -1.8444104, 0.8206004, -1.8062982,
                ],
            ),
            (
                Rule::RmsProp {
                    rho: 0.9,
                    momentum: 0.0,
                    epsilon: 1e-7,
                    centered: false,
                },
                [
                    0.6838355, -1.6837723, 0.3981328, -1.7886008, 0.6896872, -1.7897057,
                ],
            ),
            (
                Rule::RmsProp {
                    rho: 0.9,
                    momentum: 0.5,
                    epsilon: 1e-7,
                    centered: false,
                },
                [
                    0.6838355, -1.6837723, 0.2400506, -1.6304869, 0.3097125, -1.6049492,
                ],
            ),
            (
                Rule::RmsProp {
                    rho: 0.9,
                    momentum: 0.5,
                    epsilon: 1e-7,
                    centered: true,
                },
                [
                    0.6667407, -1.6666667, 0.1862055, -1.6065339, 0.2403654, -1.5775884,
                ],
            ),
            (
                Rule::Sgd {
                    momentum: 0.0,
                    nesterov: false,
                },
                [0.995, -1.85, 0.985, -1.9, 1.01, -1.9005],
            ),
            (
                Rule::Sgd {
                    momentum: 0.9,
                    nesterov: false,
                },
                [0.995, -1.85, 0.9805, -1.765, 0.99245, -1.689],
            ),
            (
                Rule::Sgd {
                    momentum: 0.9,
                    nesterov: true,
                },
                [0.9905, -1.715, 0.96745, -1.6885, 1.003205, -1.6206],
            ),
        ];
        for (rule, expected) in cases {
            let got = three_steps(rule);
            for (g, w) in got.iter().zip(expected) {
                assert!(
                    (g - w).abs() < 2e-6,
                    "{rule:?}: {got:?} is not {expected:?}"
                );
            }
        }
    }
}
