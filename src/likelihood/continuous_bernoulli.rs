//! The continuous Bernoulli likelihood.

use dfdx::tensor::{PutTape, SplitTape, Tape};
use dfdx::tensor_ops::{TryAdd, TryMul, TrySub};

use super::compute::{Compute, Own, PerImage, Pixels, sum_of_values};
use super::description::{Description, PixelValues, Verdict};
use crate::config::section::section;
use crate::nn::{Backend, Mode};
use crate::numeric::math::exp;

section! {
    /// continuous Bernoulli density of pixel values from 0 to 1: binary cross-entropy with what normalizes it
    ///
    /// `bce - log C(p)` with `p = sigmoid(l)`, `log C(p) = log(2 atanh(1 - 2 p) / (1 - 2 p))` (Loaiza-Ganem and
    /// Cunningham, 2019). In logits that is `log(l / tanh(l / 2))`, without cancellation near one half but at
    /// l = 0, and without a limit far from it. A picture shows the mean, `p / (2 p - 1) + 1 / (2 atanh(1 - 2 p))`, which is
    /// closer to one half than p.
    pub struct ContinuousBernoulli: Copy {}
}

/// Below this distance from 0 a logit goes through a Taylor series.
const NEAR: f32 = 0.25;

/// `log(l / tanh(l / 2)) - log(2)` at [`NEAR`].
const AT_NEAR: f32 = 0.005_189_427_6;

/// `log C` of logits: `log 2 + l^2 / 12 - 7 l^4 / 1440 + 31 l^6 / 90720` of the part below [`NEAR`], whose next term is
/// 4e-10 there, and `log(l (1 + e^-l) / (1 - e^-l))` of the part above it.
fn log_normalizer<D: Backend, T: Tape<f32, D::Device>>(
    logits: Pixels<D, T>,
) -> Result<Pixels<D, T>, D::Err> {
    let (size, tape) = logits.try_abs()?.split_tape();
    let near = size.clone().put_tape(tape).try_clamp(0.0, NEAR)?;
    let (square, tape) = near.try_square()?.split_tape();
    let series = square.clone().put_tape(tape).try_mul(31.0 / 90_720.0)?;
    let series = series.try_sub(7.0 / 1440.0)?.try_mul(square.clone())?;
    let series = series.try_add(1.0 / 12.0)?.try_mul(square)?;
    let (series, tape) = series.split_tape();
    let (far, tape) = size.put_tape(tape).try_clamp(NEAR, 1e30)?.split_tape();
    let (small, tape) = far
        .clone()
        .put_tape(tape)
        .try_negate()?
        .try_exp()?
        .split_tape();
    let above = small.clone().put_tape(tape).try_add(1.0)?.try_mul(far)?;
    let (above, tape) = above.try_ln()?.split_tape();
    let below = small.put_tape(tape).try_negate()?.try_add(1.0)?.try_ln()?;
    let ratio = below.try_negate()?.try_add(above)?;
    ratio.try_sub(AT_NEAR)?.try_add(series)
}

/// The mean for a logit: `1 / (1 - e^-l) - 1 / l`, and `1 / 2 + l / 12 - l^3 / 720 + l^5 / 30240` near 0.
fn mean(logit: f32) -> f32 {
    if logit.abs() < NEAR {
        let square = logit * logit;
        return 0.5 + logit * (1.0 / 12.0 - square * (1.0 / 720.0 - square * (1.0 / 30_240.0)));
    }
    1.0 / (1.0 - exp(-logit)) - 1.0 / logit
}

impl Description for ContinuousBernoulli {
    fn judge(&self, _: PixelValues) -> Verdict {
        Verdict::Density
    }

    fn mean(&self, logits: &mut [f32]) {
        logits.iter_mut().for_each(|value| *value = mean(*value));
    }
}

impl Compute for ContinuousBernoulli {
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        let (logits, tape) = logits.split_tape();
        let normalizer = log_normalizer::<D, T>(logits.clone().put_tape(tape))?;
        let (normalizer, tape) = normalizer.split_tape();
        let error = logits.put_tape(tape).try_bce_with_logits(images)?;
        sum_of_values::<D, T>(error.try_sub(normalizer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likelihood::AnyLikelihood;
    use crate::likelihood::testing::{assert_close, check, stays_finite};

    /// With NumPy in double precision, where `t`, `x`, `w` are the arrays of [`crate::likelihood::testing`]; gradients are
    /// central differences of 1e-5 of `(w * f(t).reshape(3, 4).sum(1)).sum()`:
    ///
    /// ```text
    /// l = [1 / (1 + mpmath.exp(-mpmath.mpf(t))) for t in t]
    /// log_c = [mpmath.log(2 * mpmath.atanh(1 - 2 * l) / (1 - 2 * l)) for l in l]      # log(2) for l = 1/2
    /// f = np.log1p(np.exp(t)) - t * x - log_c
    /// ```
    #[test]
    fn takes_cross_entropy_and_normalizer() {
        let continuous = AnyLikelihood::ContinuousBernoulli(ContinuousBernoulli {});
        check(
            continuous,
            &[],
            [-1.393_892_7, -0.683_700_8, -1.780_803_5],
            [
                0.402_320_6,
                -0.343_482_4,
                0.308_331_9,
                -0.050_297_5,
                1.0,
                -0.966_688_9,
                0.109_153_3,
                0.178_851,
                0.187_003_3,
                0.115_671_3,
                -0.189_724_9,
                -0.040_009_6,
            ],
            &[],
        );
        stays_finite(continuous);
    }

    /// `p / (2 * p - 1) + 1 / (2 * atanh(1 - 2 * p))` with mpmath and 300 digits.
    #[test]
    fn shows_the_mean() {
        let mut logits = [
            -300.0, -4.0, -0.26, -0.24, -0.001, 0.0, 0.1, 0.2499, 0.2501, 3.5, 300.0,
        ];
        ContinuousBernoulli {}.mean(&mut logits);
        let expected = [
            0.003_333_3,
            0.231_342_6,
            0.478_357_7,
            0.480_019_2,
            0.499_916_7,
            0.5,
            0.508_331_9,
            0.520_803_4,
            0.520_82,
            0.745_423_4,
            0.996_666_7,
        ];
        assert_close(&logits, &expected);
    }
}
