//! Sampling, KL and reconstruction error of [`crate::kernels::loss`] in dfdx's operations.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, ReshapeTo, SumTo, TryAdd, TryMul, TrySub};

use super::super::backend::{Backend, Sample};
use crate::kernels::loss::Reconstruction;

/// See [`Backend::reparameterise`].
///
/// # Errors
/// The device's.
pub fn reparameterise<Z: Dim, C: Backend, T: Tape<f32, C::Device>>(
    mean: Tensor<(usize, Z), f32, C::Device, T>,
    log_var: Tensor<(usize, Z), f32, C::Device>,
    eps: Tensor<(usize, Z), f32, C::Device>,
    kl_factor: f32,
) -> Result<Sample<Z, C, T>, C::Err> {
    let (mean, tape) = mean.split_tape();
    let scale = 0.5 / mean.shape().0 as f32;
    let deviation = log_var.clone().put_tape(tape).try_mul(0.5)?.try_exp()?;
    let (deviation, tape) = deviation.split_tape();
    let (points, (images, latent)) = (eps.shape().0, *mean.shape());
    let (z, tape) = if points == images {
        let noise = deviation.clone().put_tape(tape).try_mul(eps)?;
        noise.try_add(mean.clone())?.split_tape()
    } else {
        let all = (points / images.max(1), images, latent);
        let each = mean.clone().put_tape(tape);
        let (means, tape) = each.try_broadcast_like::<_, Axis<0>>(&all)?.split_tape();
        let each = deviation.clone().put_tape(tape);
        let deviations = each.try_broadcast_like::<_, Axis<0>>(&all)?;
        let noise = deviations.try_mul(eps.try_reshape_like(&all)?)?;
        let z = noise.try_add(means)?;
        z.try_reshape_like(&(points, latent))?.split_tape()
    };
    // e^log_var + mean^2 - 1 - log_var
    let (square, tape) = mean.put_tape(tape).try_square()?.split_tape();
    let twice = deviation
        .put_tape(tape)
        .try_square()?
        .try_add(square)?
        .try_sub(1.0)?
        .try_sub(log_var)?;
    let kl: Tensor<(Z,), f32, C::Device, T> = twice.try_sum::<_, Axis<0>>()?.try_mul(scale)?;
    let (kl_per_axis, tape) = kl.split_tape();
    let kl = kl_per_axis.clone().put_tape(tape).try_sum()?;
    Ok(Sample {
        z,
        kl: kl.try_mul(kl_factor)?,
        kl_per_axis,
    })
}

/// See [`Backend::reconstruction`]. Sums go over an image first and over the batch then, which keeps them short.
///
/// # Errors
/// The device's.
pub fn reconstruction<C: Dim, D: Device<f32>, T: Tape<f32, D>>(
    kind: Reconstruction,
    logits: Tensor<(usize, usize, usize, C), f32, D, T>,
    images: Tensor<(usize, usize, usize, C), f32, D>,
) -> Result<Tensor<(), f32, D, T>, D::Err> {
    let batch = logits.shape().0;
    let of_images = reconstruction_per_image(kind, logits, images)?;
    of_images.try_sum()?.try_mul(1.0 / batch as f32)
}

/// See [`Backend::reconstruction_per_image`].
///
/// # Errors
/// The device's.
pub fn reconstruction_per_image<C: Dim, D: Device<f32>, T: Tape<f32, D>>(
    kind: Reconstruction,
    logits: Tensor<(usize, usize, usize, C), f32, D, T>,
    images: Tensor<(usize, usize, usize, C), f32, D>,
) -> Result<Tensor<(usize,), f32, D, T>, D::Err> {
    let (batch, height, width, channels) = *logits.shape();
    let errors = match kind {
        Reconstruction::BinaryCrossEntropy => logits.try_bce_with_logits(images)?,
        Reconstruction::SquaredError => logits.try_sigmoid()?.try_sub(images)?.try_square()?,
    };
    let rows = errors.try_reshape_like(&(batch, height, width * channels.size()))?;
    let rows: Tensor<(usize, usize), f32, D, T> = rows.try_sum::<_, Axis<2>>()?;
    rows.try_sum::<_, Axis<1>>()
}
