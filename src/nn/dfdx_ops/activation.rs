//! Activations of [`crate::kernels::activation`] in dfdx's operations: the same values and derivatives, also at 0, and
//! NaN stays NaN.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{ChooseFrom, Device, TryAdd, TryLe, TryMul, TrySub};

use crate::kernels::Activation;

/// Applies an activation.
///
/// # Errors
/// The device's.
pub fn apply<S: Shape, D: Device<f32>, T: Tape<f32, D>>(
    activation: Activation,
    x: Tensor<S, f32, D, T>,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    match activation {
        Activation::Linear => Ok(x),
        Activation::Relu => relu(x),
        Activation::LeakyRelu(slope) => {
            let (x, tape) = x.split_tape();
            let is_low = x.try_le(0.0)?;
            let low = x.clone().put_tape(tape).try_mul(slope)?;
            is_low.try_choose(low, x)
        }
        Activation::Elu => {
            // Where x is positive, e^x may be infinite and must not be looked at.
            let (x, tape) = x.split_tape();
            let is_low = x.try_le(0.0)?;
            let zeros = x.device().try_zeros_like(x.shape())?;
            let low = is_low.try_choose(x.clone().put_tape(tape), zeros)?;
            let (low, tape) = low.try_exp()?.try_sub(1.0)?.split_tape();
            relu(x.put_tape(tape))?.try_add(low)
        }
        Activation::Silu => {
            let (x, tape) = x.split_tape();
            x.clone().put_tape(tape).try_sigmoid()?.try_mul(x)
        }
        Activation::Gelu => x.try_fast_gelu(),
        Activation::Tanh => x.try_tanh(),
    }
}

/// dfdx's own makes 0 of NaN, which would hide that a run is non-finite.
fn relu<S: Shape, D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    let (x, tape) = x.split_tape();
    let is_low = x.try_le(0.0)?;
    let zeros = x.device().try_zeros_like(x.shape())?;
    is_low.try_choose(zeros.put_tape(tape), x)
}
