//! Squared error.

use super::compute::Fused;
use super::description::{Description, PixelValues, Verdict};
use crate::config::section::section;
use crate::kernels::loss::Reconstruction;

section! {
    /// squared error, after the sigmoid
    ///
    /// `(sigmoid(l) - x)^2`: minus the log of a normal density of variance 1/2 without its constant, `ln(pi) / 2` a value.
    pub struct Mse: Copy {}
}

impl Description for Mse {
    fn judge(&self, _: PixelValues) -> Verdict {
        Verdict::Neither(
            "no likelihood: a normal density of variance 1/2 without its constant; `gaussian` is one",
        )
    }
}

impl Fused for Mse {
    const KIND: Reconstruction = Reconstruction::SquaredError;
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
    /// f = lambda t: (1 / (1 + np.exp(-t)) - x)**2
    /// ```
    #[test]
    fn takes_squared_error_of_each_image() {
        let mse = AnyLikelihood::Mse(Mse {});
        check(
            mse,
            &[],
            [0.175_486_1, 0.586_851_7, 0.296_295],
            [
                0.082_356_3,
                -0.025_031_1,
                0.162_084,
                0.020_890_9,
                0.5,
                -0.445_694_2,
                -0.019_426_3,
                0.090_894_2,
                0.105_000_3,
                0.000_317_7,
                -0.027_208_1,
                -0.009_927_9,
            ],
            &[],
        );
        stays_finite(mse);
    }
}
