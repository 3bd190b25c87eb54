//! Bernoulli likelihood of pixels that are 0 or 1.

use super::compute::Fused;
use super::description::{Description, PixelValues, Verdict};
use crate::config::section::section;
use crate::kernels::loss::Reconstruction;

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
                "a likelihood of pixels that are 0 or 255 alone, none of gray ones; which these are is not looked at here",
            ),
            PixelValues::Real => {
                Verdict::Neither("a likelihood of pixels that are 0 or 1 alone, none of gray ones")
            }
        }
    }
}

impl Fused for Bce {
    const KIND: Reconstruction = Reconstruction::BinaryCrossEntropy;
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
    /// f = lambda t: np.log1p(np.exp(t)) - t * x
    /// ```
    #[test]
    fn takes_cross_entropy_of_each_image() {
        let bce = AnyLikelihood::Bce(Bce {});
        check(
            bce,
            &[],
            [1.792_095_1, 3.099_926_2, 1.957_047],
            [
                0.231_475_2,
                -0.119_202_9,
                0.324_979_2,
                0.045_656_3,
                1.0,
                -0.900_332,
                -0.341_375_5,
                0.648_283_6,
                0.255_474_8,
                0.008_993_1,
                -0.091_212_8,
                -0.020_143_2,
            ],
            &[],
        );
        stays_finite(bce);
    }

    #[test]
    fn is_a_probability_of_binary_pixels_alone() {
        assert_eq!(Bce {}.judge(PixelValues::Binary), Verdict::Probability);
        for gray in [PixelValues::Steps, PixelValues::Real] {
            assert!(matches!(Bce {}.judge(gray), Verdict::Neither(_)));
        }
    }
}
