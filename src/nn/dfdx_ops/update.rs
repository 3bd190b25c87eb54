//! Update rules of [`crate::optim::Rule`] in dfdx's operations.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, Tensor};
use dfdx::tensor_ops::{Device, ReshapeTo, TryAdd, TryDiv, TryMul, TrySub};

use super::update_gate::UpdateGate;
use crate::optim::{Rule, Step};

/// A parameter's values or its gradient in a row.
type Flat<D> = Tensor<(usize,), f32, D>;

/// The gradient of a parameter in a row.
///
/// # Errors
/// The device's.
pub fn gradient<S: Shape, D: Device<f32>>(
    gradients: &mut Gradients<f32, D>,
    param: &Tensor<S, f32, D>,
) -> Result<Flat<D>, D::Err> {
    gradients.try_alloc_for(param)?;
    let len = param.shape().num_elements();
    gradients.get(param).try_reshape_like(&(len,))
}

/// See [`crate::nn::Backend::update`].
///
/// # Errors
/// The device's.
pub fn update<S: Shape, D: Device<f32>>(
    rule: &Rule,
    step: Step,
    gate: &UpdateGate<D>,
    gradients: &mut Gradients<f32, D>,
    param: &mut Tensor<S, f32, D>,
    state: &mut [Flat<D>],
) -> Result<(), D::Err> {
    let shape = *param.shape();
    let mut g = gate.scaled(gradient(gradients, param)?)?;
    if step.gradient_scale != 1.0 {
        g = g.try_mul(step.gradient_scale)?;
    }
    let old = param.clone().try_reshape_like(&(shape.num_elements(),))?;
    let before = state.to_vec();
    let new = apply(rule, step, old.clone(), g, state)?;
    *param = gate.choose(new, old)?.try_reshape_like(&shape)?;
    for (slot, before) in state.iter_mut().zip(before) {
        *slot = gate.choose(slot.clone(), before)?;
    }
    Ok(())
}

/// The values after a step.
fn apply<D: Device<f32>>(
    rule: &Rule,
    step: Step,
    p: Flat<D>,
    g: Flat<D>,
    state: &mut [Flat<D>],
) -> Result<Flat<D>, D::Err> {
    let rate = step.learning_rate as f32;
    match (*rule, state) {
        (
            Rule::Adam {
                beta_1,
                beta_2,
                epsilon,
                weight_decay,
            },
            [m, v],
        ) => {
            let alpha = step.adam_rate(beta_1, beta_2);
            *m = towards(m, g.clone(), 1.0 - beta_1)?;
            *v = towards(v, g.try_square()?, 1.0 - beta_2)?;
            let p = match weight_decay {
                0.0 => p,
                decay => {
                    let decay = (step.learning_rate * decay) as f32;
                    p.clone().try_sub(p.try_mul(decay)?)?
                }
            };
            let divisor = v.clone().try_sqrt()?.try_add(epsilon as f32)?;
            p.try_sub(m.clone().try_mul(alpha)?.try_div(divisor)?)
        }
        (
            Rule::RmsProp {
                rho,
                momentum,
                epsilon,
                centered,
            },
            [v, others @ ..],
        ) => {
            let rest = 1.0 - rho;
            *v = decayed(v, g.clone().try_square()?, rho, rest)?;
            let mut divisor = v.clone().try_add(epsilon as f32)?;
            let (average, moving) = others.split_at_mut(usize::from(centered));
            if let [a] = average {
                *a = decayed(a, g.clone(), rho, rest)?;
                divisor = divisor.try_sub(a.clone().try_square()?)?;
            }
            let increment = g.try_mul(rate)?.try_div(divisor.try_sqrt()?)?;
            let [m] = moving else {
                return p.try_sub(increment);
            };
            *m = m.clone().try_mul(momentum as f32)?.try_add(increment)?;
            p.try_sub(m.clone())
        }
        (Rule::Sgd { momentum, nesterov }, [m]) => {
            let momentum = momentum as f32;
            let increment = g.try_mul(rate)?;
            *m = m.clone().try_mul(momentum)?.try_sub(increment.clone())?;
            match nesterov {
                true => p.try_add(m.clone().try_mul(momentum)?.try_sub(increment)?),
                false => p.try_add(m.clone()),
            }
        }
        (_, _) => p.try_sub(g.try_mul(rate)?),
    }
}

/// `average + (value - average) share`
fn towards<D: Device<f32>>(
    average: &Flat<D>,
    value: Flat<D>,
    share: f64,
) -> Result<Flat<D>, D::Err> {
    let difference = value.try_sub(average.clone())?;
    average.clone().try_add(difference.try_mul(share as f32)?)
}

/// `rho average + rest value`
fn decayed<D: Device<f32>>(
    average: &Flat<D>,
    value: Flat<D>,
    rho: f64,
    rest: f64,
) -> Result<Flat<D>, D::Err> {
    let kept = average.clone().try_mul(rho as f32)?;
    kept.try_add(value.try_mul(rest as f32)?)
}
