//! Activations and their derivatives, as Keras defines them (`keras.activations`).

use super::isa::{Isa, compiled_for};
use super::simd::Lanes;
use crate::numeric::math::{exp, sigmoid, tanh};

/// The nonlinearity between a layer's weighted sum and its output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// y = x
    Linear,
    /// y = max(x, 0)
    Relu,
    /// y = x for x > 0, else this slope times x (`keras.activations.leaky_relu`)
    LeakyRelu(f32),
    /// y = x for x > 0, else e^x - 1
    Elu,
    /// y = x sigmoid(x)
    Silu,
    /// y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (`keras.activations.gelu`, approximate)
    Gelu,
    /// y = tanh x
    Tanh,
}

/// sqrt(2 / pi)
const GELU_SCALE: f32 = 0.797_884_6;
const GELU_CUBIC: f32 = 0.044_715;

impl Activation {
    /// Leaky ReLU with the slope of Keras' function, 0.2.
    pub const LEAKY_RELU: Self = Self::LeakyRelu(0.2);

    /// Whether the derivative needs the weighted sum (else the output is enough).
    pub fn needs_input(self) -> bool {
        matches!(self, Self::Silu | Self::Gelu)
    }

    /// Applies the activation in place.
    pub fn apply(self, values: &mut [f32]) {
        fn each(values: &mut [f32], f: impl Fn(f32) -> f32) {
            values.iter_mut().for_each(|v| *v = f(*v));
        }
        match self {
            Self::Linear => {}
            // Written so that NaN stays NaN: a non-finite run must be noticed.
            Self::Relu => each(values, |x| if x < 0.0 { 0.0 } else { x }),
            Self::LeakyRelu(slope) => each(values, |x| if x < 0.0 { slope * x } else { x }),
            Self::Elu => each(values, |x| if x < 0.0 { exp(x) - 1.0 } else { x }),
            Self::Silu => each(values, |x| x * sigmoid(x)),
            Self::Gelu => each(values, |x| 0.5 * x * (1.0 + tanh(gelu_inner(x)))),
            Self::Tanh => each(values, tanh),
        }
    }

    /// Multiplies `gradient` by the derivative.
    ///
    /// `saved` is the weighted sum where [`Activation::needs_input`], else the output.
    pub fn backward(self, gradient: &mut [f32], saved: &[f32]) {
        fn each(gradient: &mut [f32], saved: &[f32], f: impl Fn(f32) -> f32) {
            gradient
                .iter_mut()
                .zip(saved)
                .for_each(|(g, &s)| *g *= f(s));
        }
        match self {
            Self::Linear => {}
            Self::Relu => {
                for (g, &y) in gradient.iter_mut().zip(saved) {
                    *g = if y > 0.0 { *g } else { 0.0 };
                }
            }
            Self::LeakyRelu(slope) => {
                each(gradient, saved, |y| if y > 0.0 { 1.0 } else { slope });
            }
            Self::Elu => each(gradient, saved, |y| if y > 0.0 { 1.0 } else { y + 1.0 }),
            Self::Silu => each(gradient, saved, |x| {
                let s = sigmoid(x);
                s * (1.0 + x * (1.0 - s))
            }),
            Self::Gelu => each(gradient, saved, |x| {
                let t = tanh(gelu_inner(x));
                let inner = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * x * x);
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner
            }),
            Self::Tanh => each(gradient, saved, |y| 1.0 - y * y),
        }
    }
}

/// Multiplies the gradient of a layer's output by the activation's derivative, as [`Activation::backward`], and adds
/// every row of it to `sums`: the gradient of the bias, one value an output channel.
pub fn backward_with_bias(
    isa: Isa,
    activation: Activation,
    gradient: &mut [f32],
    saved: &[f32],
    sums: &mut [f32],
) {
    assert_eq!(gradient.len(), saved.len());
    if activation == Activation::Relu {
        compiled_for!(
            isa,
            relu_with_bias,
            [1, 1, 1],
            (gradient: &mut [f32], saved: &[f32], sums: &mut [f32])
        );
        return;
    }
    activation.backward(gradient, saved);
    add_columns(gradient, sums);
}

/// Both in one pass, since the pass costs more than the arithmetic.
#[inline(always)]
fn relu_with_bias<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    gradient: &mut [f32],
    saved: &[f32],
    sums: &mut [f32],
) {
    let channels = sums.len();
    let mut first = 0;
    while channels - first >= V::N {
        first += match (channels - first) / V::N {
            4.. => relu_columns::<V, 4>(gradient, saved, sums, first),
            2.. => relu_columns::<V, 2>(gradient, saved, sums, first),
            _ => relu_columns::<V, 1>(gradient, saved, sums, first),
        };
    }
    if first < channels {
        let rows = gradient.chunks_exact_mut(channels);
        for (row, saved) in rows.zip(saved.chunks_exact(channels)) {
            for ((g, y), sum) in row.iter_mut().zip(saved).zip(sums.iter_mut()).skip(first) {
                *g = if *y > 0.0 { *g } else { 0.0 };
                *sum += *g;
            }
        }
    }
}

/// [`relu_with_bias`] for `WIDTH` vectors of channels from `first` on, whose sums stay in registers: in memory, each
/// row's would wait for those of the row before. Returns how many channels these are.
#[inline(always)]
fn relu_columns<V: Lanes, const WIDTH: usize>(
    gradient: &mut [f32],
    saved: &[f32],
    sums: &mut [f32],
    first: usize,
) -> usize {
    let channels = sums.len();
    let to = &mut sums[first..][..WIDTH * V::N];
    // SAFETY: `to` has `WIDTH` vectors.
    let mut sums: [V; WIDTH] =
        std::array::from_fn(|j| unsafe { V::load(to.as_ptr().add(j * V::N)) });
    let rows = gradient.chunks_exact_mut(channels);
    for (row, saved) in rows.zip(saved.chunks_exact(channels)) {
        for (j, sum) in sums.iter_mut().enumerate() {
            let c = first + j * V::N;
            // SAFETY: both have `channels` values, and `c + N` is not more, as for `to`.
            unsafe {
                let at = row.as_mut_ptr().add(c);
                let value = V::load(at).where_positive(V::load(saved.as_ptr().add(c)));
                value.store(at);
                *sum = sum.add_product(value, V::splat(1.0));
            }
        }
    }
    for (j, sum) in sums.into_iter().enumerate() {
        // SAFETY: as above.
        unsafe { sum.store(to.as_mut_ptr().add(j * V::N)) };
    }
    WIDTH * V::N
}

/// Adds every row of a row-major matrix to `sums`.
fn add_columns(rows: &[f32], sums: &mut [f32]) {
    // Many short rows are taken together, so that no sum waits for the one before it.
    const TOGETHER: usize = 16;
    let columns = sums.len();
    let mut blocks = rows.chunks_exact(columns * TOGETHER);
    if columns < 8 {
        let mut partial = [0.0; 8 * TOGETHER];
        for block in blocks.by_ref() {
            for (sum, value) in partial.iter_mut().zip(block) {
                *sum += value;
            }
        }
        add_rows(&partial[..columns * TOGETHER], sums);
        add_rows(blocks.remainder(), sums);
    } else {
        add_rows(rows, sums);
    }
}

fn add_rows(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

#[inline(always)]
fn gelu_inner(x: f32) -> f32 {
    GELU_SCALE * (x + GELU_CUBIC * x * x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 8] = [
        Activation::Linear,
        Activation::Relu,
        Activation::LEAKY_RELU,
        Activation::LeakyRelu(0.01),
        Activation::Elu,
        Activation::Silu,
        Activation::Gelu,
        Activation::Tanh,
    ];

    /// Values at -1.5, -0.25 and 2, worked out with Python's `math` in double precision.
    #[test]
    fn computes_values_of_the_definitions() {
        let expected = [
            [-1.5, -0.25, 2.0],
            [0.0, 0.0, 2.0],
            [-0.3, -0.05, 2.0],
            [-0.015, -0.0025, 2.0],
            [-0.776_869_84, -0.221_199_22, 2.0],
            [-0.273_638_4, -0.109_455_88, 1.761_594_2],
            [-0.100_428_06, -0.100_324_65, 1.954_597_7],
            [-0.905_148_25, -0.244_918_66, 0.964_027_6],
        ];
        for (activation, expected) in ALL.into_iter().zip(expected) {
            let mut values = [-1.5_f32, -0.25, 2.0];
            activation.apply(&mut values);
            for (got, want) in values.iter().zip(expected) {
                assert!(
                    (got - want).abs() < 1e-6,
                    "{activation:?}: {got} is not {want}"
                );
            }
        }
    }

    #[test]
    fn agrees_with_central_differences() {
        for activation in ALL {
            for x in [-2.3_f32, -0.4, 0.3, 1.7] {
                let at = |x: f32| {
                    let mut v = [x];
                    activation.apply(&mut v);
                    v[0]
                };
                let step = 1e-2;
                let numeric = (at(x + step) - at(x - step)) / (2.0 * step);
                let saved = if activation.needs_input() { x } else { at(x) };
                let mut gradient = [1.0];
                activation.backward(&mut gradient, &[saved]);
                assert!(
                    (gradient[0] - numeric).abs() < 2e-4,
                    "{activation:?} at {x}: {} against {numeric}",
                    gradient[0]
                );
            }
        }
    }

    #[test]
    fn sums_gradients_for_the_bias() {
        use super::super::reference::numbers;
        for isa in Isa::available() {
            for (rows, channels) in [
                (1, 1),
                (37, 1),
                (50, 3),
                (9, 8),
                (5, 19),
                (7, 60),
                (3, 64),
                (2, 125),
            ] {
                for activation in ALL {
                    let saved = numbers(rows * channels, 1);
                    let mut want = numbers(rows * channels, 2);
                    let mut gradient = want.clone();
                    activation.backward(&mut want, &saved);
                    let mut sums = vec![1.0; channels];
                    backward_with_bias(isa, activation, &mut gradient, &saved, &mut sums);
                    assert_eq!(gradient, want, "{activation:?}");
                    for (channel, sum) in sums.iter().enumerate() {
                        let column = want.iter().skip(channel).step_by(channels);
                        let want = 1.0 + column.map(|&v| f64::from(v)).sum::<f64>();
                        assert!((f64::from(*sum) - want).abs() < 1e-5, "{sum} is not {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn keeps_nan() {
        for activation in ALL {
            let mut values = [f32::NAN];
            activation.apply(&mut values);
            assert!(values[0].is_nan(), "{activation:?} hides a NaN");
        }
    }
}
