//! Laplace likelihood.

use dfdx::shapes::HasShape;
use dfdx::tensor::Tape;
use dfdx::tensor_ops::{TryAdd, TryMul, TrySub};

use super::compute::{Compute, Own, PerImage, Pixels, sum_of_values};
use super::description::{Description, PixelValues, Verdict};
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::nn::{Backend, Mode};

section! {
    /// Laplace density of pixel values around the logits' sigmoid: absolute error
    ///
    /// `|p - x| / b + log(2 b)` with `p = sigmoid(l)` and the scale b.
    pub struct Laplace: Copy {
        /// Scale of the distribution, the mean distance from its middle
        pub scale: f64 = 0.1, Kind::Number(Interval::closed(1e-6, 1e6));
    }
}

impl Description for Laplace {
    fn judge(&self, _: PixelValues) -> Verdict {
        Verdict::Density
    }
}

impl Compute for Laplace {
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        let &(_, rows, columns) = images.shape();
        let constant = (rows * columns) as f64 * (2.0 * self.scale).ln();
        let distances = logits.try_sigmoid()?.try_sub(images)?.try_abs()?;
        let sums = sum_of_values::<D, T>(distances)?;
        sums.try_mul((1.0 / self.scale) as f32)?
            .try_add(constant as f32)
    }
}
