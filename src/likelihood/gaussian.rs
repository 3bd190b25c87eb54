//! Normal likelihood with a variance.

use dfdx::shapes::HasShape;
use dfdx::tensor::{PutTape, SplitTape, Tape, TensorFromVec};
use dfdx::tensor_ops::{ReshapeTo, SumTo, TryAdd, TryDiv, TryMul};

use super::compute::{Compute, Own, PerImage, Pixels, for_each_image, squared_error};
use super::description::{Description, OwnValue, PixelValues, Verdict};
use crate::config::section::section;
use crate::config::{FieldValue, Interval, Kind, Value};
use crate::nn::backend::Scalar;
use crate::nn::{Backend, Mode};

/// log(2 pi)
const LOG_2_PI: f64 = 1.837_877_066_409_345_5;

/// Least log variance, learned or of a batch: that of errors of a quarter of a step of 1/255. Without a bound the loss of
/// images that are met exactly would have none.
const LEAST_LOG_VARIANCE: f64 = -14.0;

/// Greatest log variance that is learned; errors are at most 1.
const MOST_LOG_VARIANCE: f64 = 14.0;

/// Share of the moving average of the mean squared error that a step keeps.
const MOMENTUM: f64 = 0.99;

/// The variance of a pixel value around its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Variance {
    /// This number.
    Fixed(f64),
    /// One number, trained with the network.
    Learned,
    /// The mean squared error, which is the variance of the greatest likelihood.
    Optimal,
}

impl FieldValue for Variance {
    type Literal = Self;

    fn default_value(literal: Self) -> Value {
        match literal {
            Self::Fixed(variance) => Value::Number(variance),
            Self::Learned => Value::Text("learned".into()),
            Self::Optimal => Value::Text("optimal".into()),
        }
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(variance) => Some(Self::Fixed(variance)),
            Value::Text(text) if text == "optimal" => Some(Self::Optimal),
            Value::Text(_) => Some(Self::Learned),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Self::default_value(*self))
    }
}

section! {
    /// normal density of pixel values around the logits' sigmoid, with one variance for all of them
    ///
    /// `(p - x)^2 / (2 s2) + log(s2) / 2 + log(2 pi) / 2` with `p = sigmoid(l)` and the variance s2.
    ///
    /// An optimal variance is that of Rybkin et al. (2021): in training s2 is the mean squared error of the batch, held
    /// constant for the gradient, which is the same for the batch's mean error since s2 lies at its minimum. Where an
    /// objective weighs the images of a batch (importance weighting), s2 is that of all its points and still constant.
    /// Evaluation takes one s2 that does not depend on the images it looks at: the moving average of the training batches'
    /// mean squared errors, 0.99 of which a step keeps, divided by the sum of its weights so that the start counts for
    /// nothing (1 before the first step).
    pub struct Gaussian: Copy {
        /// Variance of a pixel value: a number, "learned" (one number, trained with the network, 1 at first) or "optimal" (the
        /// mean squared error of the batch; evaluation takes its moving average over training batches)
        pub variance: Variance = Variance::Optimal,
            Kind::NumberOr(Interval::closed(1e-6, 1e6), &["learned", "optimal"]), also(&["sigma", "decoder_variance"]);
    }
}

const LOG_VARIANCE: OwnValue = OwnValue {
    name: "log_variance",
    initial: 0.0,
};

/// The sum of weighted mean squared errors, and the sum of their weights.
const AVERAGE: [OwnValue; 2] = [
    OwnValue {
        name: "mean_squared_error",
        initial: 0.0,
    },
    OwnValue {
        name: "mean_squared_error_weight",
        initial: 0.0,
    },
];

impl Description for Gaussian {
    fn judge(&self, _: PixelValues) -> Verdict {
        Verdict::Density
    }

    fn parameters(&self) -> &'static [OwnValue] {
        match self.variance {
            Variance::Learned => &[LOG_VARIANCE],
            _ => &[],
        }
    }

    fn buffers(&self) -> &'static [OwnValue] {
        match self.variance {
            Variance::Optimal => &AVERAGE,
            _ => &[],
        }
    }
}

/// Minus the log density of images from their squared errors, given the log variance, which carries the tape.
fn from_squares<D: Backend, T: Tape<f32, D::Device>>(
    squares: PerImage<D>,
    log_variance: Scalar<D, T>,
    values: usize,
) -> Result<PerImage<D, T>, D::Err> {
    let images = squares.shape().0;
    let (log_variance, tape) = log_variance.split_tape();
    let half_inverse = log_variance
        .clone()
        .put_tape(tape)
        .try_negate()?
        .try_exp()?
        .try_mul(0.5)?;
    let fit = for_each_image::<D, T>(half_inverse, images)?.try_mul(squares)?;
    let (fit, tape) = fit.split_tape();
    let size = log_variance.put_tape(tape).try_add(LOG_2_PI as f32)?;
    let size = for_each_image::<D, T>(size.try_mul(0.5 * values as f32)?, images)?;
    size.try_add(fit)
}

/// The optimal log variance for squared errors, a constant.
fn optimal<D: Backend>(
    own: &Own<D>,
    squares: &PerImage<D>,
    values: usize,
    mode: Mode<'_, D>,
) -> Result<Scalar<D>, D::Err> {
    let mean = match mode {
        Mode::Training { updates, layer } => {
            let count = squares.shape().0 * values;
            let mean: Scalar<D> = squares.clone().try_sum()?.try_mul(1.0 / count as f32)?;
            let one = squares.device().try_tensor_from_vec(vec![1.0], (1,))?;
            let seen = [mean.clone().try_reshape_like(&(1,))?, one];
            for (buffer, value) in AVERAGE.iter().zip(seen) {
                updates.average(format!("{layer}.{}", buffer.name), MOMENTUM, value);
            }
            mean
        }
        Mode::Evaluation => {
            // 1 before the first step, nothing beside any sum of weights after it.
            let [sum, weights] = [0, 1].map(|place| own.buffer(place).try_add(1e-12));
            sum?.try_div(weights?)?.try_sum()?
        }
    };
    mean.try_clamp(LEAST_LOG_VARIANCE.exp(), 1e30)?.try_ln()
}

impl Compute for Gaussian {
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        own: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        mode: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        let &(_, rows, columns) = images.shape();
        let values = rows * columns;
        let squares = squared_error::<D, T>(logits, images)?;
        if let Variance::Fixed(variance) = self.variance {
            let constant = 0.5 * values as f64 * (variance.ln() + LOG_2_PI);
            return squares
                .try_mul((0.5 / variance) as f32)?
                .try_add(constant as f32);
        }
        let (squares, tape) = squares.split_tape();
        let log_variance = match self.variance {
            Variance::Optimal => optimal::<D>(own, &squares, values, mode)?.put_tape(tape),
            _ => {
                let log_variance = own.parameter(0).put_tape(tape);
                log_variance
                    .try_clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE)?
                    .try_sum()?
            }
        };
        from_squares::<D, T>(squares, log_variance, values)
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;

    use super::*;
    use crate::likelihood::AnyLikelihood;
    use crate::likelihood::testing::{IMAGES, assert_close, check, evaluated, stays_finite};
    use crate::nn::DfdxOps;

    /// With NumPy in double precision, where `t`, `x`, `w` are the arrays of [`crate::likelihood::testing`]; gradients are
    /// central differences of 1e-5 of `(w * f(t).reshape(3, 4).sum(1)).sum()`:
    ///
    /// ```text
    /// f = lambda t: (1 / (1 + np.exp(-t)) - x)**2 / (2 * s2) + np.log(s2) / 2 + np.log(2 * np.pi) / 2
    /// ```
    ///
    /// `s2` is 0.3, `np.exp(-1.5)`, and the mean of the squares, 0.088219392, held constant.
    #[test]
    fn takes_squared_error_by_a_variance() {
        let gaussian = |variance| AnyLikelihood::Gaussian(Gaussian { variance });
        let fixed = gaussian(Variance::Fixed(0.3));
        check(
            fixed,
            &[],
            [1.560_285_3, 2.245_894_6, 1.761_633_5],
            [
                0.137_260_5,
                -0.041_718_5,
                0.270_140_1,
                0.034_818_1,
                0.833_333_3,
                -0.742_823_6,
                -0.032_377_2,
                0.151_490_3,
                0.175_000_5,
                0.000_529_5,
                -0.045_346_9,
                -0.016_546_6,
            ],
            &[],
        );
        let learned = gaussian(Variance::Learned);
        check(
            learned,
            &[-1.5],
            [1.068_991_2, 1.990_797_5, 1.339_705_1],
            [
                0.184_547_7,
                -0.056_090_8,
                0.363_205_1,
                0.046_813_2,
                1.120_422_3,
                -0.998_731_4,
                -0.043_531_4,
                0.203_679_7,
                0.235_289_3,
                0.000_711_9,
                -0.060_969_2,
                -0.022_247,
            ],
            &[0.904_874_2],
        );
        let optimal = gaussian(Variance::Optimal);
        check(
            optimal,
            &[],
            [-0.185_502_4, 2.145_989_4, 0.499_204_6],
            [
                0.466_769_9,
                -0.141_868_4,
                0.918_641_8,
                0.118_403,
                2.833_844_1,
                -2.526_055_6,
                -0.110_102_4,
                0.515_159_9,
                0.595_108_8,
                0.001_800_5,
                -0.154_207_1,
                -0.056_268_5,
            ],
            &[],
        );
        for likelihood in [fixed, learned, optimal] {
            stays_finite(likelihood);
        }
    }

    /// As above, `s2` being 1, that of the batch, and `(0.99 * s2 + s2_2) / 1.99` after a second batch of `1 - x`.
    #[test]
    fn evaluates_with_the_average_of_training_batches() {
        let optimal = AnyLikelihood::Gaussian(Gaussian {
            variance: Variance::Optimal,
        });
        let batches = [IMAGES, IMAGES.map(|x| 1.0 - x)];
        for (count, expected) in [3.852_192_9, 0.819_897_2, 1.535_974_2]
            .into_iter()
            .enumerate()
        {
            let batches = &batches[..count];
            assert_close(&[evaluated::<Cpu>(optimal, batches)], &[expected]);
            assert_close(&[evaluated::<DfdxOps<Cpu>>(optimal, batches)], &[expected]);
        }
    }
}
