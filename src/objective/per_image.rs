//! The reconstruction error of each image of a batch.

use dfdx::shapes::Dim;
use dfdx::tensor::{Tape, Tensor};

use crate::kernels::loss::Reconstruction;
use crate::nn::{Backend, Maps};

/// Reconstruction error of each image, summed over its values, (image): `-log p(x | z)` where the kind is that of a
/// likelihood.
///
/// # Errors
/// The device's.
pub fn per_image<C: Dim, D: Backend, T: Tape<f32, D::Device>>(
    kind: Reconstruction,
    logits: Maps<C, D, T>,
    images: Maps<C, D>,
) -> Result<Tensor<(usize,), f32, D::Device, T>, D::Err> {
    D::reconstruction_per_image(kind, logits, images)
}
