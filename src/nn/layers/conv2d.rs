//! Two-dimensional convolution with padding, bias and activation (`keras.layers.Conv2D`):
//! `y[i, j, o] = activation(b[o] + sum over u, v, c of x[i s + u - p, j s + v - p, c] k[u, v, c, o])`.

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::layer::{Describe, Module, Values, shape};
use super::mode::Mode;
use super::product::{Finish, Product, parameters_of_product};
use crate::kernels::Conv;
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Sizes of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// From the big side, the input, to the small one.
    pub conv: Conv,
    /// What follows the product.
    pub finish: Finish,
    /// Whether anything before it is trained, so that the gradient of its input is needed.
    pub input_gradient: bool,
}

impl Describe for Config {
    fn kind(&self) -> &'static str {
        "Conv2D"
    }

    fn output(&self) -> Vec<usize> {
        shape(self.conv.small)
    }

    fn parameters(&self) -> Vec<Values> {
        let Conv {
            kernel, big, small, ..
        } = self.conv;
        let kernel = vec![kernel, kernel, big.channels, small.channels];
        self.finish.parameters(kernel, small.channels)
    }

    fn flops(&self) -> u64 {
        self.conv.flops()
    }

    fn training_flops(&self) -> u64 {
        (2 + u64::from(self.input_gradient)) * self.flops()
    }

    fn partial_sums(&self) -> usize {
        self.conv.kernel_len()
    }
}

/// Maps (batch, height, width, `I`) to (batch, small height, small width, `O`). The kernel is (kh, kw, in, out).
#[derive(Clone, Debug)]
pub struct Conv2d<I: Dim, O: Dim, D: Backend> {
    route: D::Route,
    product: Product<(usize, usize, I, O), O, D>,
    input_gradient: bool,
}

impl<I: Dim, O: Dim, D: Backend> Module<I, O, D> for Conv2d<I, O, D> {
    type Config = Config;

    fn new(
        device: &D::Device,
        init: &mut Init,
        config: &Config,
        (inputs, outputs): (I, O),
    ) -> Result<Self, D::Err> {
        let side = config.conv.kernel;
        let fans = (side * side * inputs.size(), side * side * outputs.size());
        let kernel = (side, side, inputs, outputs);
        Ok(Self {
            route: D::to_small(device, &config.conv)?,
            product: Product::new(device, init, kernel, fans, outputs, config.finish)?,
            input_gradient: config.input_gradient,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        _: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        D::conv2d(&self.route, x, self.product.weights(), self.input_gradient)
    }
}

parameters_of_product!(Conv2d);

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_values, made};
    use super::*;
    use crate::kernels::{Activation, Extent, Zeros};

    /// Kernel 3, stride 2 on 4 x 3 pixels: `same` adds a row below, and a column on each side.
    ///
    /// ```python
    /// def conv(x, k, b):
    ///     x, y = np.pad(x, ((0, 0), (0, 1), (1, 1), (0, 0))), np.zeros((1, 2, 2, 2))
    ///     for i in range(2):
    ///         for j in range(2):
    ///             y[:, i, j] = np.tensordot(x[:, 2*i:2*i+3, 2*j:2*j+3], k, 3) + b
    ///     return np.tanh(y)
    /// show(conv, made(2, 1, 4, 3, 1), made(5, 3, 3, 1, 2), made(4, 2))
    /// ```
    #[test]
    fn has_values_and_gradients_of_numpy() {
        let big = Extent {
            height: 4,
            width: 3,
            channels: 1,
        };
        let config = Config {
            conv: Conv::same(big, 2, 3, 2),
            finish: Finish::with(Activation::Tanh),
            input_gradient: true,
        };
        assert_values(
            config,
            ((1, 4, 3, 1), &made(2, 12)),
            &[made(5, 18), made(4, 2)],
            &[
                &[
                    -0.761594, -0.532587, -0.170202, -0.616134, -0.734072, -0.41157, -0.41157, 0.0,
                ],
                &[
                    -0.141667, -0.162332, 0.037088, 0.023923, 0.008315, -0.12475, -0.187861,
                    -0.02678, 0.19158, -0.005729, -0.120435, -0.260587,
                ],
                &[
                    -0.09743, -0.272571, 0.264165, 0.125069, 0.156074, 0.093114, 0.149343,
                    0.428821, -0.144374, -0.245099, -0.213716, -0.119071, -0.030345, -0.077547,
                    0.131242, 0.089544, 0.065621, 0.044772,
                ],
                &[-0.164022, 0.652275],
            ],
        );
    }

    /// Kernel 2, stride 2 on 5 x 3 pixels without padding: the last row and the last column are not read.
    ///
    /// ```python
    /// def conv(x, k, b):
    ///     y = np.zeros((1, 2, 1, 2))
    ///     for i in range(2): y[:, i, 0] = np.tensordot(x[:, 2*i:2*i+2, :2], k, 3) + b
    ///     return y
    /// show(conv, made(2, 1, 5, 3, 1), made(5, 2, 2, 1, 2), made(4, 2))
    /// ```
    #[test]
    fn leaves_what_no_window_reads() {
        let big = Extent {
            height: 5,
            width: 3,
            channels: 1,
        };
        let config = Config {
            conv: Conv::new(big, 2, (2, 2), Zeros::Each(0)),
            finish: Finish::with(Activation::Linear),
            input_gradient: true,
        };
        assert_values(
            config,
            ((1, 5, 3, 1), &made(2, 15)),
            &[made(5, 8), made(4, 2)],
            &[
                &[-0.265625, -0.25, -0.15625, -0.34375],
                &[
                    0.390625, -0.359375, 0.0, -0.25, -0.140625, 0.0, -0.078125, 0.015625, 0.0,
                    -0.0625, -0.140625, 0.0, 0.0, 0.0, 0.0,
                ],
                &[
                    0.328125, -0.09375, 0.203125, -0.03125, -0.046875, 0.09375, -0.171875, 0.15625,
                ],
                &[-0.5, 0.25],
            ],
        );
    }
}
