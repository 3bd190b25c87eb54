//! Transposed two-dimensional convolution with padding, bias and activation (`keras.layers.Conv2DTranspose`): the adjoint
//! of the convolution that it mirrors, with no inserted zeros.
//! `y[i, j, o] = activation(b[o] + sum of x[k, l, c] k[u, v, o, c] over all k s + u - p = i, l s + v - p = j)`.

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::layer::{Describe, Module, Values, shape};
use super::mode::Mode;
use super::product::{Finish, Product, parameters_of_product};
use crate::kernels::Conv;
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Sizes of a transposed convolution: 4x4 may become 7x7 or 8x8, whichever the mirrored convolution starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// From the small side, the input, to the big one.
    pub conv: Conv,
    /// What follows the product.
    pub finish: Finish,
}

impl Describe for Config {
    fn kind(&self) -> &'static str {
        "Conv2DTranspose"
    }

    fn output(&self) -> Vec<usize> {
        shape(self.conv.big)
    }

    fn parameters(&self) -> Vec<Values> {
        let Conv {
            kernel, big, small, ..
        } = self.conv;
        let kernel = vec![kernel, kernel, big.channels, small.channels];
        self.finish.parameters(kernel, big.channels)
    }

    fn flops(&self) -> u64 {
        self.conv.flops()
    }

    fn partial_sums(&self) -> usize {
        self.conv.kernel_len()
    }
}

/// Maps (batch, small height, small width, `I`) to (batch, big height, big width, `O`). The kernel is (kh, kw, out, in).
#[derive(Clone, Debug)]
pub struct ConvTranspose2d<I: Dim, O: Dim, D: Backend> {
    route: D::Route,
    product: Product<(usize, usize, O, I), O, D>,
}

impl<I: Dim, O: Dim, D: Backend> Module<I, O, D> for ConvTranspose2d<I, O, D> {
    type Config = Config;

    fn new(
        device: &D::Device,
        init: &mut Init,
        config: &Config,
        (inputs, outputs): (I, O),
    ) -> Result<Self, D::Err> {
        let side = config.conv.kernel;
        let fans = (side * side * inputs.size(), side * side * outputs.size());
        let kernel = (side, side, outputs, inputs);
        Ok(Self {
            route: D::to_big(device, &config.conv)?,
            product: Product::new(device, init, kernel, fans, outputs, config.finish)?,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        _: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        D::conv_transpose2d(&self.route, x, self.product.weights())
    }
}

parameters_of_product!(ConvTranspose2d);

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_values, made};
    use super::*;
    use crate::kernels::{Activation, Extent, Zeros};

    /// The adjoint of a convolution of kernel 3, stride 2 from 4 x 3 pixels with one channel to 2 x 2 with two.
    ///
    /// ```python
    /// def transposed(x, k, b):
    ///     y = np.zeros((1, 5, 5, 1))
    ///     for i in range(2):
    ///         for j in range(2):
    ///             y[:, 2*i:2*i+3, 2*j:2*j+3] += np.einsum('nc,uvoc->nuvo', x[:, i, j], k)
    ///     y = y[:, :4, 1:4] + b
    ///     return np.where(y > 0, y, 0.2 * y)
    /// show(transposed, made(2, 1, 2, 2, 2), made(5, 3, 3, 1, 2), np.array([0.125]))
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
            finish: Finish::with(Activation::LEAKY_RELU),
        };
        assert_values(
            config,
            ((1, 2, 2, 2), &made(2, 8)),
            &[made(5, 18), vec![0.125]],
            &[
                &[
                    -0.04375, -0.003125, 0.03125, 0.15625, 0.1875, 0.03125, 0.171875, 0.5625,
                    -0.015625, -0.01875, -0.0625, 0.125,
                ],
                &[
                    -0.228125, 0.45, -0.1, 0.5875, 0.478125, -0.234375, -0.565625, 0.29375,
                ],
                &[
                    -0.30625, -0.1625, 0.19375, 0.2375, 0.265625, 0.409375, 0.025, -0.08125,
                    0.015625, -0.046875, 0.340625, 0.234375, -0.078125, 0.078125, -0.146875,
                    -0.103125, -0.390625, -0.234375,
                ],
                &[0.075],
            ],
        );
    }

    /// PyTorch's `ConvTranspose2d(2, 1, 3, stride=2, padding=1, output_padding=1)`: 2 x 2 to 4 x 4 pixels.
    ///
    /// ```python
    /// def transposed(x, k, b):
    ///     y = np.zeros((1, 6, 6, 1))
    ///     for i in range(2):
    ///         for j in range(2):
    ///             y[:, 2*i:2*i+3, 2*j:2*j+3] += np.einsum('nc,uvoc->nuvo', x[:, i, j], k)
    ///     return y[:, 1:5, 1:5] + b
    /// show(transposed, made(2, 1, 2, 2, 2), made(5, 3, 3, 1, 2), np.array([0.125]))
    /// ```
    #[test]
    fn pads_as_pytorch_does() {
        let big = Extent {
            height: 4,
            width: 4,
            channels: 1,
        };
        let config = Config {
            conv: Conv::new(big, 2, (3, 2), Zeros::Each(1)),
            finish: Finish::with(Activation::Linear),
        };
        assert_values(
            config,
            ((1, 2, 2, 2), &made(2, 8)),
            &[made(5, 18), vec![0.125]],
            &[
                &[
                    0.15625, 0.1875, 0.03125, 0.03125, 0.171875, 0.5625, -0.078125, 0.015625,
                    -0.09375, -0.3125, 0.125, 0.21875, 0.390625, 0.109375, 0.0625, 0.15625,
                ],
                &[
                    -0.09375, 0.171875, -0.1875, 0.0, -0.46875, 0.203125, 0.625, 0.15625,
                ],
                &[
                    0.0625, 0.03125, -0.3125, -0.375, -0.359375, -0.234375, 0.03125, -0.03125,
                    0.046875, -0.078125, 0.40625, 0.3125, -0.046875, -0.046875, -0.0625, -0.0625,
                    0.296875, 0.328125,
                ],
                &[-0.75],
            ],
        );
    }
}
