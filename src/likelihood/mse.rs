//! Squared error.

use dfdx::tensor::Tape;

use super::compute::{Compute, Own, PerImage, Pixels, fused, squared_error};
use super::description::{Description, PixelValues, Verdict};
use crate::config::section::section;
use crate::kernels::loss::Reconstruction;
use crate::nn::backend::Scalar;
use crate::nn::{Backend, Mode};

section! {
    /// squared error, after the sigmoid
    ///
    /// `(sigmoid(l) - x)^2`: minus the log of a normal density of variance 1/2 without its constant, `ln(pi) / 2` a value.
    pub struct Mse: Copy {}
}

impl Description for Mse {
    fn judge(&self, _: PixelValues) -> Verdict {
        Verdict::Neither(
            "squared error is a normal density of variance 1/2 without its constant; `gaussian` has both",
        )
    }
}

impl Compute for Mse {
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        squared_error::<D, T>(logits, images)
    }

    fn error<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<Scalar<D, T>, D::Err> {
        fused::<D, T>(Reconstruction::SquaredError, logits, images)
    }
}
