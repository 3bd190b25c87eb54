//! A gradient that is multiplied on its way back.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{Gradients, PutTape, SplitTape, Tape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, BroadcastTo, SumTo, TryMul};

use super::super::backend::{Backend, RowFactors, Rows};

/// See [`Backend::scale_gradient`].
///
/// dfdx lets gradients out as tensors, but takes none in. So the product gets in as the slope of a sum, on a tape
/// of its own that begins with the gradients there are.
///
/// # Errors
/// The device's.
pub fn scale_gradient<N: Dim, C: Backend, T: Tape<f32, C::Device>>(
    rows: Rows<N, C, T>,
    factors: RowFactors<C>,
) -> Result<Rows<N, C, T>, C::Err> {
    let (rows, mut tape) = rows.split_tape();
    // Other operations use a copy, which has a gradient of its own.
    let copy = rows.clone().try_mul(1.0)?;
    let copied = copy.clone();
    tape.add_backward_op(move |gradients| {
        gradients.try_alloc_for(&copied)?;
        let mut slope: Tensor<(usize, N), f32, C::Device> = gradients.get(&copied);
        if let Some(factors) = factors.get() {
            let factors = factors.clone();
            slope = slope.try_mul(factors.try_broadcast_like::<_, Axis<1>>(rows.shape())?)?;
        }
        let before = std::mem::replace(gradients, Gradients::leaky());
        *gradients = rows
            .trace(before)
            .try_mul(slope)?
            .try_sum()?
            .try_backward()?;
        Ok(())
    });
    Ok(copy.put_tape(tape))
}
