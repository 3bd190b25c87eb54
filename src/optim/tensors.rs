//! Arithmetic that several rules share, in dfdx's operations.

use dfdx::tensor::Tensor;
use dfdx::tensor_ops::{Device, TryAdd, TryMul, TrySub};

/// A parameter's values or its gradient in a row.
pub type Flat<D> = Tensor<(usize,), f32, D>;

/// `average + (value - average) share`
pub(super) fn towards<D: Device<f32>>(
    average: &Flat<D>,
    value: Flat<D>,
    share: f64,
) -> Result<Flat<D>, D::Err> {
    let difference = value.try_sub(average.clone())?;
    average.clone().try_add(difference.try_mul(share as f32)?)
}

/// `rho average + rest value`
pub(super) fn decayed<D: Device<f32>>(
    average: &Flat<D>,
    value: Flat<D>,
    rho: f64,
    rest: f64,
) -> Result<Flat<D>, D::Err> {
    let kept = average.clone().try_mul(rho as f32)?;
    kept.try_add(value.try_mul(rest as f32)?)
}
