//! Residual block (He et al., "Deep Residual Learning for Image Recognition", 2016, figure 2; `BasicBlock` of torchvision
//! without a stride): `y = activation(x + f(x))`, where f is a convolution, activation and another convolution, each with
//! its normalization where the network has one.

use std::marker::PhantomData;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;
use dfdx::tensor_ops::{ReshapeTo, TryAdd};

use super::layer::{Describe, Module, Unfit, Values, product, shape};
use super::mode::Mode;
use super::named::NamedConfig;
use super::{Layer, LayerConfig};
use crate::kernels::{Activation, Extent};
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::dfdx_ops::activation;
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Sizes of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Size of what it reads, and of what comes out.
    pub maps: Extent,
    /// The layers of f, each by its name within the block.
    pub inner: Vec<NamedConfig>,
    /// The nonlinearity behind the sum.
    pub activation: Activation,
}

impl Config {
    fn sum(&self, of: impl Fn(&LayerConfig) -> u64) -> u64 {
        self.inner.iter().map(|layer| of(&layer.config)).sum()
    }

    fn values(&self, of: impl Fn(&LayerConfig) -> Vec<Values>) -> Vec<Values> {
        let within = |layer: &NamedConfig| {
            let named = |(name, shape)| (format!("{}.{name}", layer.name).into(), shape);
            of(&layer.config)
                .into_iter()
                .map(named)
                .collect::<Vec<Values>>()
        };
        self.inner.iter().flat_map(within).collect()
    }
}

impl Describe for Config {
    fn kind(&self) -> &'static str {
        "ResidualBlock"
    }

    fn output(&self) -> Vec<usize> {
        shape(self.maps)
    }

    fn parameters(&self) -> Vec<Values> {
        self.values(|layer| layer.parameters())
    }

    fn buffers(&self) -> Vec<Values> {
        self.values(|layer| layer.buffers())
    }

    fn flops(&self) -> u64 {
        self.sum(|layer| layer.flops())
    }

    fn training_flops(&self) -> u64 {
        self.sum(|layer| layer.training_flops())
    }

    fn partial_sums(&self) -> usize {
        let sums = self.inner.iter().map(|layer| layer.partial_sums());
        sums.max().unwrap_or(0)
    }

    /// Those of its layers, of the sum and of the output.
    fn kept_values(&self) -> u64 {
        self.sum(|layer| layer.kept_values()) + 4 * product(&self.output())
    }

    fn unfit(&self) -> Option<Unfit> {
        self.inner.iter().find_map(|layer| layer.unfit())
    }
}

/// Maps (batch, height, width, `I`) to as many, (batch, height, width, `O`).
#[derive(Clone, Debug)]
pub struct Residual<I: Dim, O: Dim, D: Backend> {
    inner: Vec<(String, Layer<usize, usize, D>)>,
    activation: Activation,
    channels: O,
    types: PhantomData<I>,
}

impl<I: Dim, O: Dim, D: Backend> Module<I, O, D> for Residual<I, O, D> {
    type Config = Config;

    fn new(
        device: &D::Device,
        init: &mut Init,
        config: &Config,
        (_, channels): (I, O),
    ) -> Result<Self, D::Err> {
        let mut inner = vec![];
        let mut before = config.maps.channels;
        for layer in &config.inner {
            let channels = (before, layer.channels());
            before = channels.1;
            let made = Layer::new(device, init, &layer.config, channels)?;
            inner.push((layer.name.clone(), made));
        }
        Ok(Self {
            inner,
            activation: config.activation,
            channels,
            types: PhantomData,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        let &(batch, height, width, channels) = x.shape();
        let x = x.reshape(&(batch, height, width, channels.size()))?;
        let y = apply(&self.inner, self.activation, x, mode)?;
        let y = y.into_tensor();
        Ok(y.try_reshape_like(&(batch, height, width, self.channels))?
            .into())
    }
}

/// The block, whatever the types of its channels.
fn apply<D: Backend, T: Tape<f32, D::Device>>(
    inner: &[(String, Layer<usize, usize, D>)],
    activation: Activation,
    x: FeatureMaps<usize, D, T>,
    mode: Mode<'_, D>,
) -> Result<FeatureMaps<usize, D, T>, D::Err> {
    let (x, tape) = x.split_tape();
    let mut y = x.clone().put_tape(tape);
    for (name, layer) in inner {
        let name = mode.name_of(name);
        y = layer.forward(y, mode.within(&name))?;
    }
    let sum = y.into_tensor().try_add(x.into_tensor())?;
    Ok(activation::apply(activation, sum)?.into())
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for Residual<I, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        let mut inner = self.inner.iter();
        inner.try_for_each(|(name, layer)| layer.visit(&format!("{prefix}.{name}"), visitor))
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        let mut inner = self.inner.iter_mut();
        inner.try_for_each(|(name, layer)| layer.visit_mut(&format!("{prefix}.{name}"), visitor))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_values, made};
    use super::super::{Finish, conv2d};
    use super::*;
    use crate::kernels::Conv;

    /// ```python
    /// def conv(x, k, b):
    ///     p, y = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), np.zeros((1, 2, 3, 2))
    ///     for i in range(2):
    ///         for j in range(3): y[:, i, j] = np.tensordot(p[:, i:i+3, j:j+3], k, 3) + b
    ///     return y
    /// def block(x, k, b, l, c): return np.tanh(x + conv(np.tanh(conv(x, k, b)), l, c))
    /// show(block, made(2, 1, 2, 3, 2), made(5, 3, 3, 2, 2) / 2, made(4, 2), made(6, 3, 3, 2, 2) / 2, made(7, 2))
    /// ```
    #[test]
    fn has_values_and_gradients_of_numpy() {
        let maps = Extent {
            height: 2,
            width: 3,
            channels: 2,
        };
        let conv = |name: &str, activation| {
            let config = conv2d::Config {
                conv: Conv::same(maps, 2, 3, 1),
                finish: Finish::with(activation),
                input_gradient: true,
            };
            NamedConfig::new(name, config)
        };
        let config = Config {
            maps,
            inner: vec![
                conv("conv0", Activation::Tanh),
                conv("conv1", Activation::Linear),
            ],
            activation: Activation::Tanh,
        };
        let half = |step, len| made(step, len).iter().map(|v| v / 2.0).collect::<Vec<_>>();
        assert_values(
            config,
            ((1, 2, 3, 2), &made(2, 12)),
            &[half(5, 36), made(4, 2), half(6, 36), made(7, 2)],
            &[
                &[
                    -0.874925, -0.04413, -0.780133, 0.416163, -0.232567, 0.752869, -0.796874,
                    -0.103333, -0.426453, 0.201495, 0.189775, -0.346887,
                ],
                &[
                    -0.309642, -0.203165, -0.012522, 0.315132, -0.567367, -0.152244, 0.167207,
                    0.663651, -0.276919, 0.107414, 0.41143, -0.645595,
                ],
                &[
                    -0.213309, -0.174169, -0.135866, -0.079143, -0.030171, 0.049638, 0.035972,
                    0.131162, 0.136591, 0.101743, 0.212584, 0.151569, -0.156064, 0.038272,
                    -0.113118, 0.010064, -0.090766, -0.070474, 0.012336, -0.254788, 0.164992,
                    0.033306, -0.222489, -0.285093, 0.001275, 0.103311, -0.033222, -0.019922,
                    -0.102276, -0.206623, 0.066732, 0.095556, -0.001275, -0.103311, 0.018872,
                    0.160872,
                ],
                &[0.195698, -0.039903],
                &[
                    -0.116471, 0.43083, -0.210453, 0.349201, -0.031923, 0.00257, 0.206102,
                    -0.064348, 0.117527, -0.484534, -0.072327, -0.392729, 0.406055, 0.040369,
                    0.148565, 0.285698, 0.290753, -0.416478, 0.022777, -0.198511, 0.136245,
                    -0.309648, 0.115455, -0.13381, 0.158333, -0.258962, 0.233052, -0.017744,
                    0.216195, 0.017702, 0.093148, -0.169524, 0.045256, -0.018179, 0.063339,
                    0.036744,
                ],
                &[-0.424659, 0.178276],
            ],
        );
    }

    /// A normalization within a block updates its own buffers.
    #[test]
    fn updates_buffers_within() {
        use dfdx::tensor::Cpu;

        use super::super::batch_norm;
        use super::super::mode::BufferUpdates;
        use super::super::testing::{buffers, differentiate, layer};
        use crate::optim::Step;

        let maps = Extent {
            height: 1,
            width: 2,
            channels: 1,
        };
        let norm = batch_norm::Config {
            features: 1,
            output: vec![1, 2, 1],
            activation: Activation::Linear,
            momentum: 0.5,
            epsilon: 1e-3,
        };
        let config = Config {
            maps,
            inner: vec![NamedConfig::new("norm", norm)],
            activation: Activation::Linear,
        };
        let device = Cpu::default();
        let parameters = [vec![1.0], vec![0.0]];
        let mut block = layer::<Cpu>(&device, &config.into(), 1, &parameters);
        let updates = BufferUpdates::default();
        let mode = Mode::training(&updates).within("a");
        let x = ((1, 1, 2, 1), &[1.0_f32, 3.0][..]);
        differentiate(&device, &block, x, mode);
        let step = Step {
            learning_rate: 1.0,
            number: 1,
            gradient_scale: 1.0,
        };
        let loss = Cpu::tensor(&device, &[1.0], ()).unwrap();
        let judged = Cpu::judge(step, &[&loss], vec![0.0], None, None);
        let gate = judged.unwrap().remove(0).1;
        // Half of the mean 2 and of the variance 1, and half of 0 and 1.
        let found = buffers::<Cpu>(&mut block, &gate, &updates);
        assert_eq!(found, [[1.0], [1.0]]);
    }
}
