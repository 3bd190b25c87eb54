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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likelihood::AnyLikelihood;
    use crate::likelihood::testing::{check, stays_finite};

    /// With NumPy in double precision, where `t`, `x`, `w` are the arrays of [`crate::likelihood::testing`]; gradients are
    /// central differences of 1e-5 of `(w * f(t).reshape(3, 4).sum(1)).sum()`:
    ///
    /// ```text
    /// f = lambda t: abs(1 / (1 + np.exp(-t)) - x) / .2 + np.log(2 * .2)
    /// ```
    #[test]
    fn takes_distance_over_scale() {
        let laplace = AnyLikelihood::Laplace(Laplace { scale: 0.2 });
        check(
            laplace,
            &[],
            [-0.058_594_8, 3.559_815, 0.093_075],
            [
                0.889_472_2,
                -0.524_967_9,
                1.246_880_2,
                1.143_921_2,
                2.5,
                -2.475_165_7,
                -0.284_530_2,
                0.701_037_2,
                0.513_750_8,
                0.044_156_8,
                -0.372_866_1,
                -0.616_085_7,
            ],
            &[],
        );
        stays_finite(laplace);
    }
}
