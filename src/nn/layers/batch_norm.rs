//! Batch normalization with activation (`keras.layers.BatchNormalization`, Ioffe and Szegedy 2015):
//! `y = activation((x - mean) / sqrt(var + epsilon) scale + offset)`, feature by feature.
//!
//! In training `mean` and `var` are those of the batch and of all places, the variance divided by their number; the
//! running ones then become `momentum running + (1 - momentum) batch` (PyTorch divides the variance by one less and
//! calls `1 - momentum` the momentum). Evaluation takes the running ones.

use std::marker::PhantomData;

use dfdx::shapes::{Axes2, Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{BroadcastTo, ReshapeTo, SumTo, TryAdd, TryMul, TrySub};

use super::layer::{Describe, Module, Normalizes, Values, places, product};
use super::mode::Mode;
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::kernels::Activation;
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::dfdx_ops::activation;
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

const SCALE: &str = "scale";
const OFFSET: &str = "offset";
const RUNNING_MEAN: &str = "running_mean";
const RUNNING_VAR: &str = "running_var";

section! {
    /// Batch normalization (Ioffe and Szegedy, 2015): mean and variance of the batch while training, running ones else
    pub struct Settings: Copy {
        /// How much of the running mean and variance a step keeps
        pub normalization_momentum: f64 = 0.99, Kind::Number(Interval::below(0.0, 1.0)), also(&["norm_momentum"]);
        /// Added to a variance before its root is taken
        pub normalization_epsilon: f64 = 1e-3, Kind::Number(Interval::above(0.0, 1.0)), also(&["norm_epsilon"]);
        /// Whether the layer in front keeps a bias, as PyTorch's do by default. It changes no output, since the mean takes
        /// it out again, but the number of parameters
        pub normalization_bias: bool = false, Kind::Switch;
    }
}

impl Normalizes for Settings {
    type Config = Config;

    fn keeps_bias(&self) -> bool {
        self.normalization_bias
    }

    fn layer(&self, outputs: usize, shape: Vec<usize>, activation: Activation) -> Option<Config> {
        Some(Config {
            features: outputs,
            output: shape,
            activation,
            momentum: self.normalization_momentum,
            epsilon: self.normalization_epsilon,
        })
    }
}

/// Sizes of the layer, and its constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Number of features, each normalized by itself: a channel of maps, or a unit.
    pub features: usize,
    /// Shape of the output, and of the input.
    pub output: Vec<usize>,
    /// The nonlinearity behind it.
    pub activation: Activation,
    /// Share of a running value that a step keeps.
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Describe for Config {
    fn kind(&self) -> &'static str {
        "BatchNormalization"
    }

    fn output(&self) -> Vec<usize> {
        self.output.clone()
    }

    fn parameters(&self) -> Vec<Values> {
        [SCALE, OFFSET]
            .map(|name| (name.into(), vec![self.features]))
            .to_vec()
    }

    fn buffers(&self) -> Vec<Values> {
        [RUNNING_MEAN, RUNNING_VAR]
            .map(|name| (name.into(), vec![self.features]))
            .to_vec()
    }

    /// It is made of operations of dfdx, each of which keeps its output and a gradient.
    fn kept_values(&self) -> u64 {
        10 * product(&self.output)
    }
}

/// A value a feature.
type Features<D> = Tensor<(usize,), f32, <D as Backend>::Device>;

/// (image, place, feature)
type Rows<D, T> = Tensor<(usize, usize, usize), f32, <D as Backend>::Device, T>;

/// Maps (batch, height, width, `I`) to as many values, (batch, height, width, `O`).
#[derive(Clone, Debug)]
pub struct BatchNorm<I: Dim, O: Dim, D: Backend> {
    config: Config,
    scale: Features<D>,
    offset: Features<D>,
    running_mean: Features<D>,
    running_var: Features<D>,
    output: (usize, usize, O),
    inputs: PhantomData<I>,
}

impl<I: Dim, O: Dim, D: Backend> BatchNorm<I, O, D> {
    /// Mean of each feature. Sums go over an image first and over the batch then, which keeps them short.
    fn mean<T: Tape<f32, D::Device>>(
        x: Rows<D, T>,
    ) -> Result<Tensor<(usize,), f32, D::Device, T>, D::Err> {
        let &(batch, places, _) = x.shape();
        let of_images: Tensor<(usize, usize), f32, D::Device, T> = x.try_sum::<_, Axis<1>>()?;
        let sums: Tensor<(usize,), f32, D::Device, T> = of_images.try_sum::<_, Axis<0>>()?;
        sums.try_mul(1.0 / (batch * places) as f32)
    }

    /// `x - mean`, and the variance.
    fn centre<T: Tape<f32, D::Device>>(
        &self,
        x: Rows<D, T>,
        mode: Mode<'_, D>,
    ) -> Result<(Rows<D, T>, Features<D>), D::Err> {
        let shape = *x.shape();
        let Mode::Training { updates, layer } = mode else {
            let mean = self.running_mean.clone();
            let mean = mean.try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
            return Ok((x.try_sub(mean)?, self.running_var.clone()));
        };
        let (x, tape) = x.split_tape();
        let (mean, tape) = Self::mean(x.clone().put_tape(tape))?.split_tape();
        let everywhere = mean.clone().try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
        let (centred, tape) = x.put_tape(tape).try_sub(everywhere)?.split_tape();
        let squares = centred.clone().put_tape(tape).try_square()?;
        let (var, tape) = Self::mean(squares)?.split_tape();
        let momentum = self.config.momentum;
        updates.average(format!("{layer}.{RUNNING_MEAN}"), momentum, mean);
        updates.average(format!("{layer}.{RUNNING_VAR}"), momentum, var.clone());
        Ok((centred.put_tape(tape), var))
    }
}

impl<I: Dim, O: Dim, D: Backend> Module<I, O, D> for BatchNorm<I, O, D> {
    type Config = Config;

    fn new(
        device: &D::Device,
        _: &mut Init,
        config: &Config,
        (_, channels): (I, O),
    ) -> Result<Self, D::Err> {
        let all = |value: f32| {
            let values = vec![value; config.features];
            device.try_tensor_from_vec(values, (config.features,))
        };
        let (height, width) = places(&config.output);
        Ok(Self {
            config: config.clone(),
            scale: all(1.0)?,
            offset: all(0.0)?,
            running_mean: all(0.0)?,
            running_var: all(1.0)?,
            output: (height, width, channels),
            inputs: PhantomData,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        let (height, width, channels) = self.output;
        let batch = x.shape().0;
        let features = self.config.features;
        let places = height * width * channels.size() / features;
        let shape = (batch, places, features);
        let x = x.into_tensor().try_reshape_like(&shape)?;
        let (centred, var) = self.centre(x, mode)?;
        let (centred, tape) = centred.split_tape();
        let deviation = var.put_tape(tape).try_add(self.config.epsilon as f32)?;
        let factor = deviation
            .try_sqrt()?
            .try_recip()?
            .try_mul(self.scale.clone())?;
        let factor = factor.try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
        let offset = self.offset.clone();
        let offset = offset.try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
        let y = factor.try_mul(centred)?.try_add(offset)?;
        let y = activation::apply(self.config.activation, y)?;
        Ok(y.try_reshape_like(&(batch, height, width, channels))?
            .into())
    }
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for BatchNorm<I, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.{SCALE}"), &self.scale)?;
        visitor.parameter(&format!("{prefix}.{OFFSET}"), &self.offset)?;
        visitor.buffer(&format!("{prefix}.{RUNNING_MEAN}"), &self.running_mean)?;
        visitor.buffer(&format!("{prefix}.{RUNNING_VAR}"), &self.running_var)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.{SCALE}"), &mut self.scale)?;
        visitor.parameter(&format!("{prefix}.{OFFSET}"), &mut self.offset)?;
        visitor.buffer(&format!("{prefix}.{RUNNING_MEAN}"), &mut self.running_mean)?;
        visitor.buffer(&format!("{prefix}.{RUNNING_VAR}"), &mut self.running_var)
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;

    use super::super::mode::BufferUpdates;
    use super::super::testing::{assert_close, buffers, differentiate, layer, made, set_buffers};
    use super::*;
    use crate::nn::dfdx_ops::DfdxOps;
    use crate::optim::Step;

    const STEP: Step = Step {
        learning_rate: 1.0,
        number: 1,
        gradient_scale: 1.0,
    };

    fn config() -> Config {
        Config {
            features: 3,
            output: vec![2, 1, 3],
            activation: Activation::Tanh,
            momentum: 0.99,
            epsilon: 1e-3,
        }
    }

    fn parameters() -> [Vec<f32>; 2] {
        [made(7, 3), made(4, 3)]
    }

    /// A gate that lets a step through, or does not.
    fn gate<D: Backend>(device: &D::Device, loss: f32) -> D::UpdateGate {
        let loss = D::tensor(device, &[loss], ()).unwrap();
        let judged = D::judge(STEP, &[&loss], vec![D::Squares::default()], None, None);
        judged.unwrap().remove(0).1
    }

    /// ```python
    /// def norm(x, scale, offset):
    ///     x = x.reshape(4, 3)
    ///     return np.tanh((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) * scale + offset)
    /// x = made(2, 2, 2, 1, 3); show(norm, x, made(7, 3), made(4, 3))
    /// print(np.round(0.01 * x.reshape(4, 3).mean(0), 6).tolist(), np.round(0.99 + 0.01 * x.reshape(4, 3).var(0), 6).tolist())
    /// ```
    fn trains<D: Backend>(device: &D::Device) {
        let mut layer = layer::<D>(device, &config().into(), 3, &parameters());
        let start: [&[f32]; 2] = [&[0.0; 3], &[1.0; 3]];
        let moved: [&[f32]; 2] = [
            &[-0.001875, 0.000625, -0.000312],
            &[0.991445, 0.991445, 0.991982],
        ];
        // A step that is refused changes no buffer.
        for (loss, after) in [(f32::NAN, start), (1.0, moved)] {
            let updates = BufferUpdates::default();
            let mode = Mode::training(&updates).within("a");
            let found = differentiate(device, &layer, ((2, 2, 1, 3), &made(2, 12)), mode);
            assert_close(
                &found,
                &[
                    &[
                        0.091513, -0.389922, 0.403236, -0.813394, 0.079623, 0.007448, -0.112542,
                        -0.318333, 0.343008, -0.872097, 0.160313, 0.609136,
                    ],
                    &[
                        0.627945, -0.213183, -0.171487, -0.143509, -0.333832, 0.026307, -0.704978,
                        0.304821, 0.083985, 0.220543, 0.242194, 0.061195,
                    ],
                    &[0.647169, -0.204956, 0.293976],
                    &[-0.203737, 0.218207, -0.744293],
                ],
            );
            let gate = gate::<D>(device, loss);
            assert_close(&buffers::<D>(&mut layer, &gate, &updates), &after);
        }
    }

    #[test]
    fn trains_with_values_and_gradients_of_numpy() {
        trains::<Cpu>(&Cpu::default());
        trains::<DfdxOps<Cpu>>(&Cpu::default());
    }

    /// ```python
    /// def norm(x, scale, offset):
    ///     x = x.reshape(4, 3)
    ///     mean, var = np.array([0.5, -0.25, 0]), np.array([0.25, 2, 1])
    ///     return np.tanh((x - mean) / np.sqrt(var + 1e-3) * scale + offset)
    /// show(norm, made(2, 2, 2, 1, 3), made(7, 3), made(4, 3))
    /// ```
    #[test]
    fn evaluates_with_running_values() {
        let device = Cpu::default();
        let mut layer = layer::<Cpu>(&device, &config().into(), 3, &parameters());
        set_buffers::<Cpu>(&mut layer, &[vec![0.5, -0.25, 0.0], vec![0.25, 2.0, 1.0]]);
        let x = ((2, 2, 1, 3), &made(2, 12)[..]);
        let found = differentiate(&device, &layer, x, Mode::Evaluation);
        assert_close(
            &found,
            &[
                &[
                    0.651814, -0.14604, 0.385271, -0.155903, -0.014541, 0.215401, 0.552871,
                    -0.124353, 0.358357, -0.303276, 0.007549, 0.486276,
                ],
                &[
                    0.448431, -0.043241, -0.026598, -0.608593, -0.088348, 0.029785, -0.216546,
                    0.10875, 0.08167, 0.0, 0.066271, 0.119243,
                ],
                &[0.095546, -0.000436, 0.210345],
                &[0.301969, 0.245751, -0.816807],
            ],
        );
    }
}
