//! Layer normalization with activation (Ba et al. 2016): group normalization with one group, so that mean and variance are
//! those of all values of an image, and scale and offset those of a channel (`torch.nn.GroupNorm` with one group). Of a
//! dense layer it is `torch.nn.LayerNorm` and `keras.layers.LayerNormalization`, which of maps may normalize each place by
//! itself.

use super::group_norm::Config;
use super::layer::Normalizes;
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::kernels::Activation;

section! {
    /// Layer normalization (Ba et al., 2016): mean and variance of all values of an image
    pub struct Settings: Copy {
        /// Added to a variance before its root is taken
        pub normalization_epsilon: f64 = 1e-3, Kind::Number(Interval::above(0.0, 1.0)), also(&["norm_epsilon"]);
    }
}

impl Normalizes for Settings {
    type Config = Config;

    fn layer(&self, outputs: usize, shape: Vec<usize>, activation: Activation) -> Option<Config> {
        Some(Config {
            channels: *shape.last().unwrap_or(&outputs),
            groups: 1,
            output: shape,
            activation,
            epsilon: self.normalization_epsilon,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_values, made};
    use super::*;

    /// Two images of two places with three channels.
    ///
    /// ```python
    /// def norm(x, scale, offset):
    ///     g = x.reshape(2, 6)
    ///     mean, var = g.mean(1, keepdims=True), g.var(1, keepdims=True)
    ///     y = ((g - mean) / np.sqrt(var + 1e-3)).reshape(2, 2, 3) * scale + offset
    ///     return np.where(y > 0, y, np.exp(np.minimum(y, 0)) - 1)
    /// show(norm, made(2, 2, 2, 1, 3), made(7, 3), made(4, 3))
    /// ```
    #[test]
    fn has_values_and_gradients_of_numpy() {
        let settings = Settings {
            normalization_epsilon: 1e-3,
        };
        let config = settings.layer(3, vec![2, 1, 3], Activation::Elu).unwrap();
        assert_values(
            config,
            ((2, 2, 1, 3), &made(2, 12)),
            &[made(7, 3), made(4, 3)],
            &[
                &[
                    0.287407, -0.291055, 0.447993, -0.55402, 0.093978, 0.010037, -0.005372,
                    -0.194516, 0.309778, -0.692534, 0.25329, 0.701112,
                ],
                &[
                    0.524243, -0.349154, -0.176147, -0.286181, -0.110114, 0.397354, -0.49117,
                    0.194825, 0.095959, -0.157294, 0.059055, 0.298624,
                ],
                &[0.731, 0.100848, 0.498469],
                &[-0.153353, 0.201192, -1.0],
            ],
        );
    }
}
