//! A step of [`crate::optim::Rule`] on a parameter of any shape, if the gate says so.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, Tensor};
use dfdx::tensor_ops::{Device, ReshapeTo, TryMul};

use super::update_gate::UpdateGate;
use crate::optim::{Flat, Rule, Step};

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
    let new = rule.update_tensors(step, old.clone(), g, state)?;
    *param = gate.choose(new, old)?.try_reshape_like(&shape)?;
    for (slot, before) in state.iter_mut().zip(before) {
        *slot = gate.choose(slot.clone(), before)?;
    }
    Ok(())
}
