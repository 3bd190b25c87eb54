//! The discretized logistic likelihood.

use dfdx::shapes::HasShape;
use dfdx::tensor::{PutTape, SplitTape, Tape};
use dfdx::tensor_ops::{SumTo, TryAdd, TryMul, TrySub};

use super::compute::{
    Compute, Own, PerImage, Pixels, for_each_image, for_each_value, sum_of_values,
};
use super::description::{Description, OwnValue, PixelValues, Verdict};
use crate::config::section::section;
use crate::nn::{Backend, Mode};

section! {
    /// logistic distribution around the logits' sigmoid, in bins of 1/255: a probability of 8-bit pixels
    ///
    /// `-log(F((x + 1/510 - p) / s) - F((x - 1/510 - p) / s))` with `p = sigmoid(l)` and the logistic function F; the
    /// lowest and the highest bin are open (Kingma et al., 2016; Salimans et al., 2017). The log of the scale s is one
    /// number, trained with the network, 0 at first and kept within -7 and 7. A picture shows p.
    pub struct DiscretizedLogistic: Copy {}
}

/// Half a bin.
const HALF: f32 = 1.0 / 510.0;

/// Bounds of the log scale.
const LOG_SCALE: (f64, f64) = (-7.0, 7.0);

impl Description for DiscretizedLogistic {
    fn judge(&self, pixels: PixelValues) -> Verdict {
        match pixels {
            PixelValues::Binary | PixelValues::Steps => Verdict::Probability,
            PixelValues::Real => {
                Verdict::Neither("a likelihood of pixels in 255 steps, none of others")
            }
        }
    }

    fn parameters(&self) -> &'static [OwnValue] {
        &[OwnValue {
            name: "log_scale",
            initial: 0.0,
        }]
    }
}

/// 1 where a value, or what is left of it to 1, is more than half a bin, else 0.
fn is_inner<D: Backend>(values: Pixels<D>) -> Result<Pixels<D>, D::Err> {
    values.try_sub(HALF)?.try_mul(1e6)?.try_clamp(0.0, 1.0)
}

impl Compute for DiscretizedLogistic {
    /// `log(F(a) - F(b)) = log F(a) + log(1 - F(b)) + log(1 - e^(b - a))` without cancellation; of an open bin one of the
    /// first two is left. `b - a` is the same for all values, and `1 - e^-h = 2 t / (1 + t)` with `t = tanh(h / 2)`.
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        own: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        let shape = *images.shape();
        let has_lower = is_inner::<D>(images.clone())?;
        let has_upper = is_inner::<D>(images.clone().try_negate()?.try_add(1.0)?)?;
        let inner = has_lower.clone().try_mul(has_upper.clone())?;
        let inner = sum_of_values::<D, _>(inner)?;

        let (logits, tape) = logits.split_tape();
        let log_scale = own.parameter(0).put_tape(tape);
        let log_scale = log_scale.try_clamp(LOG_SCALE.0, LOG_SCALE.1)?;
        let (inverse, tape) = log_scale.try_negate()?.try_exp()?.try_sum()?.split_tape();
        let half_gap = inverse.clone().put_tape(tape).try_mul(HALF)?;
        let (tanh, tape) = half_gap.try_tanh()?.split_tape();
        let (whole, tape) = tanh
            .clone()
            .put_tape(tape)
            .try_add(1.0)?
            .try_ln()?
            .split_tape();
        let gap = tanh.put_tape(tape).try_mul(2.0)?.try_ln()?.try_sub(whole)?;
        let gaps = for_each_image::<D, T>(gap, shape.0)?.try_mul(inner)?;
        let (gaps, tape) = gaps.split_tape();

        let (inverse, tape) = for_each_value::<D, T>(inverse.put_tape(tape), shape)?.split_tape();
        let means = logits.put_tape(tape).try_sigmoid()?;
        let (distance, tape) = means.try_negate()?.try_add(images)?.split_tape();
        let end = |end: f32, class: f32, mask: Pixels<D>, tape: T| {
            let at = distance.clone().put_tape(tape).try_add(end)?;
            // -log F(v) is the cross-entropy of v with 1, -log(1 - F(v)) that with 0.
            let class = mask.clone().try_mul(0.0)?.try_add(class)?;
            let error = at.try_mul(inverse.clone())?.try_bce_with_logits(class)?;
            Ok::<_, D::Err>(error.try_mul(mask)?.split_tape())
        };
        let (upper, tape) = end(HALF, 1.0, has_upper, tape)?;
        let (lower, tape) = end(-HALF, 0.0, has_lower, tape)?;
        let ends = sum_of_values::<D, T>(upper.put_tape(tape).try_add(lower)?)?;
        ends.try_sub(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likelihood::AnyLikelihood;
    use crate::likelihood::testing::{check, found_at, stays_finite};

    /// With NumPy in double precision, where `t`, `x`, `w` are the arrays of [`crate::likelihood::testing`]; gradients are
    /// central differences of 1e-5 of `(w * f(t).reshape(3, 4).sum(1)).sum()`:
    ///
    /// ```text
    /// F = lambda t: 1 / (1 + np.exp(-t))
    /// p, s = F(t), np.exp(-2)
    /// a = np.where(x == 1, 1, F((x + 1/510 - p) / s)); b = np.where(x == 0, 0, F((x - 1/510 - p) / s))
    /// f = -np.log(a - b)
    /// ```
    #[test]
    fn takes_probability_of_bins() {
        let logistic = AnyLikelihood::DiscretizedLogistic(DiscretizedLogistic {});
        check(
            logistic,
            &[-2.0],
            [14.153_519, 18.464_767, 14.633_155],
            [
                1.110_726,
                -0.546_147_8,
                1.536_474_2,
                0.282_462_5,
                3.603_637_2,
                -3.529_188_7,
                -0.234_819_2,
                0.862_877_3,
                0.725_189_8,
                0.034_557_2,
                -0.436_089,
                -0.134_513,
            ],
            &[11.482_4],
        );
        stays_finite(logistic);
    }

    /// The bins share all of the probability, whatever logit and scale are.
    #[test]
    fn gives_256_bins_a_sum_of_one() {
        let logistic = AnyLikelihood::DiscretizedLogistic(DiscretizedLogistic {});
        for (logit, log_scale) in [(0.3, -4.0), (-2.0, -1.0), (5.0, 1.5)] {
            let mut sum = 0.0;
            for step in 0..=255_u8 {
                let bin = f32::from(step) / 255.0;
                let [found, _] = found_at(logistic, &[log_scale], &[logit; 12], &[bin; 12]);
                sum += (-f64::from(found.per_image[0]) / 4.0).exp();
            }
            assert!((sum - 1.0).abs() < 1e-4, "{logit}, {log_scale}: {sum}");
        }
    }
}
