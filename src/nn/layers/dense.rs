//! Dense layer with bias and activation (`keras.layers.Dense`, `torch.nn.Linear` with the kernel transposed):
//! `y = activation(x k + b)`.

use std::marker::PhantomData;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::layer::{Describe, Module, Values, places};
use super::mode::Mode;
use super::product::{Finish, Product, parameters_of_product};
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Sizes of a dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Values of an input, whatever its axes (NHWC order, as Keras' `Flatten`).
    pub inputs: usize,
    /// One axis of units, or maps of as many values (Keras' `Reshape`).
    pub output: Vec<usize>,
    /// What follows the product.
    pub finish: Finish,
}

impl Config {
    /// Values of an output.
    pub fn units(&self) -> usize {
        self.output.iter().product()
    }
}

impl Describe for Config {
    fn kind(&self) -> &'static str {
        "Dense"
    }

    fn output(&self) -> Vec<usize> {
        self.output.clone()
    }

    fn parameters(&self) -> Vec<Values> {
        let units = self.units();
        self.finish.parameters(vec![self.inputs, units], units)
    }

    fn flops(&self) -> u64 {
        2 * (self.inputs * self.units()) as u64
    }
}

/// Maps (batch, height, width, `I`) to (batch, height', width', `O`), all values to all values. The kernel is (in, out).
#[derive(Clone, Debug)]
pub struct Dense<I: Dim, O: Dim, D: Backend> {
    product: Product<(usize, usize), usize, D>,
    output: (usize, usize, O),
    inputs: PhantomData<I>,
}

impl<I: Dim, O: Dim, D: Backend> Module<I, O, D> for Dense<I, O, D> {
    type Config = Config;

    fn new(
        device: &D::Device,
        init: &mut Init,
        config: &Config,
        (_, channels): (I, O),
    ) -> Result<Self, D::Err> {
        let fans = (config.inputs, config.units());
        let (height, width) = places(&config.output);
        Ok(Self {
            product: Product::new(device, init, fans, fans, config.units(), config.finish)?,
            output: (height, width, channels),
            inputs: PhantomData,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        _: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        let (height, width, channels) = self.output;
        let output = (x.shape().0, height, width, channels);
        D::dense(x, self.product.weights(), output)
    }
}

parameters_of_product!(Dense);

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_values, made};
    use super::*;
    use crate::kernels::Activation;

    /// Maps to maps: rows of four values to rows of three.
    ///
    /// ```python
    /// def dense(x, k, b):
    ///     y = x.reshape(2, 4) @ k + b
    ///     return np.where(y > 0, y, np.exp(np.minimum(y, 0)) - 1).reshape(2, 1, 3, 1)
    /// show(dense, made(2, 2, 2, 1, 2), made(5, 4, 3), made(4, 3))
    /// ```
    #[test]
    fn has_values_and_gradients_of_numpy() {
        let config = Config {
            inputs: 4,
            output: vec![1, 3, 1],
            finish: Finish::with(Activation::Elu),
        };
        assert_values(
            config,
            ((2, 2, 1, 2), &made(2, 8)),
            &[made(5, 12), made(4, 3)],
            &[
                &[
                    -0.256863, -0.221199, -0.030767, -0.632121, 0.34375, 0.484375,
                ],
                &[
                    0.366009, -0.069581, -0.070872, 0.132171, -0.193087, -0.241742, 0.225227,
                    -0.076345,
                ],
                &[
                    0.359265, -0.065812, -0.122596, 0.289135, -0.239487, -0.123558, -0.033912,
                    0.274338, 0.047356, -0.104043, 0.100662, 0.046394,
                ],
                &[-0.280521, -0.6947, -0.003846],
            ],
        );
    }
}
