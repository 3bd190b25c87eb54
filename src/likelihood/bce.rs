//! Bernoulli likelihood of pixels that are 0 or 1.

use dfdx::tensor::Tape;

use super::compute::{Compute, Own, PerImage, Pixels, fused, sum_of_values};
use super::description::{Description, PixelValues, Verdict};
use crate::config::section::section;
use crate::kernels::loss::Reconstruction;
use crate::nn::backend::Scalar;
use crate::nn::{Backend, Mode};

section! {
    /// binary cross-entropy, from logits
    ///
    /// `max(l, 0) - l x + ln(1 + e^-|l|)`, in nats (`tf.nn.sigmoid_cross_entropy_with_logits`). It is minus the log of
    /// the Bernoulli probability of a pixel that is 0 or 1.
    pub struct Bce: Copy {}
}

impl Description for Bce {
    fn judge(&self, pixels: PixelValues) -> Verdict {
        match pixels {
            PixelValues::Binary => Verdict::Probability,
            PixelValues::Steps => Verdict::Neither(
                "cross-entropy is a likelihood of pixels that are 0 or 255 alone (the images are not looked at here)",
            ),
            PixelValues::Real => {
                Verdict::Neither("cross-entropy is a likelihood of pixels that are 0 or 1 alone")
            }
        }
    }
}

impl Compute for Bce {
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        sum_of_values::<D, T>(logits.try_bce_with_logits(images)?)
    }

    fn error<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<Scalar<D, T>, D::Err> {
        fused::<D, T>(Reconstruction::BinaryCrossEntropy, logits, images)
    }
}
