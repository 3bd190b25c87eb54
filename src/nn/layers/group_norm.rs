//! Group normalization with activation (`torch.nn.GroupNorm`, `keras.layers.GroupNormalization`, Wu and He 2018):
//! `y = activation((x - mean) / sqrt(var + epsilon) scale + offset)`, where `mean` and `var` are those of a group of
//! neighbouring channels of one image over all places, the variance divided by their number. Scale and offset are those
//! of a channel. Training and evaluation are the same.

use std::marker::PhantomData;

use dfdx::shapes::{Axes2, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{BroadcastTo, ReshapeTo, SumTo, TryAdd, TryMul, TrySub};

use super::layer::{Describe, Module, Normalizes, Unfit, Values, places, product};
use super::mode::Mode;
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::kernels::Activation;
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::dfdx_ops::activation;
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

const SCALE: &str = "scale";
const OFFSET: &str = "offset";

section! {
    /// Group normalization (Wu and He, 2018): mean and variance of an image's values in a group of neighbouring channels
    pub struct Settings: Copy {
        /// Groups of channels; the channels of each layer are a multiple
        pub normalization_groups: usize = 8, Kind::Count { min: 1, max: 4096 }, unit("groups"), also(&["groups", "num_groups"]);
        /// Added to a variance before its root is taken
        pub normalization_epsilon: f64 = 1e-3, Kind::Number(Interval::above(0.0, 1.0)), also(&["norm_epsilon"]);
    }
}

impl Normalizes for Settings {
    type Config = Config;

    fn layer(&self, outputs: usize, shape: Vec<usize>, activation: Activation) -> Option<Config> {
        let channels = *shape.last().unwrap_or(&outputs);
        Some(Config {
            channels,
            groups: self.normalization_groups,
            output: shape,
            activation,
            epsilon: self.normalization_epsilon,
        })
    }
}

/// Sizes of the layer, and its constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Channels of maps, or units.
    pub channels: usize,
    /// Groups of them, each normalized by itself. One is layer normalization.
    pub groups: usize,
    /// Shape of the output, and of the input.
    pub output: Vec<usize>,
    /// The nonlinearity behind it.
    pub activation: Activation,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Describe for Config {
    fn kind(&self) -> &'static str {
        match self.groups {
            1 => "LayerNormalization",
            _ => "GroupNormalization",
        }
    }

    fn output(&self) -> Vec<usize> {
        self.output.clone()
    }

    fn parameters(&self) -> Vec<Values> {
        [SCALE, OFFSET]
            .map(|name| (name.into(), vec![self.channels]))
            .to_vec()
    }

    /// It is made of operations of dfdx, each of which keeps its output and a gradient.
    fn kept_values(&self) -> u64 {
        10 * product(&self.output)
    }

    fn unfit(&self) -> Option<Unfit> {
        if self.groups == 1 {
            return None;
        }
        let (channels, groups) = (self.channels, self.groups);
        let message = if !channels.is_multiple_of(groups) {
            format!("{channels} channels are no multiple of {groups} groups")
        } else if product(&self.output) <= groups as u64 {
            format!(
                "{groups} groups of {channels} values have one value each, and the mean of one value leaves nothing of it"
            )
        } else {
            return None;
        };
        Some(Unfit {
            key: "model.normalization_groups",
            message,
            expected: format!("a number that divides {channels}"),
        })
    }
}

/// (image, place, channel)
type Rows<D, T> = Tensor<(usize, usize, usize), f32, <D as Backend>::Device, T>;

/// (image, place, group, channel of the group)
type Grouped<D, T> = Tensor<(usize, usize, usize, usize), f32, <D as Backend>::Device, T>;

/// Maps (batch, height, width, `I`) to as many values, (batch, height, width, `O`).
#[derive(Clone, Debug)]
pub struct GroupNorm<I: Dim, O: Dim, D: Backend> {
    values: Constants<D>,
    output: (usize, usize, O),
    types: PhantomData<I>,
}

/// What it computes with, whatever the types of the channels.
#[derive(Clone, Debug)]
struct Constants<D: Backend> {
    config: Config,
    scale: Tensor<(usize,), f32, D::Device>,
    offset: Tensor<(usize,), f32, D::Device>,
}

impl<D: Backend> Constants<D> {
    /// Mean over the places and channels of each group of an image.
    fn mean<T: Tape<f32, D::Device>>(
        x: Grouped<D, T>,
    ) -> Result<Tensor<(usize, usize), f32, D::Device, T>, D::Err> {
        let &(_, places, _, channels) = x.shape();
        let sums: Tensor<(usize, usize), f32, D::Device, T> = x.try_sum::<_, Axes2<1, 3>>()?;
        sums.try_mul(1.0 / (places * channels) as f32)
    }

    fn forward<T: Tape<f32, D::Device>>(&self, x: Grouped<D, T>) -> Result<Rows<D, T>, D::Err> {
        let shape = *x.shape();
        let (x, tape) = x.split_tape();
        let mean = Self::mean(x.clone().put_tape(tape))?;
        let (mean, tape) = mean
            .try_broadcast_like::<_, Axes2<1, 3>>(&shape)?
            .split_tape();
        let (centred, tape) = x.put_tape(tape).try_sub(mean)?.split_tape();
        let var = Self::mean(centred.clone().put_tape(tape).try_square()?)?;
        let deviation = var.try_add(self.config.epsilon as f32)?.try_sqrt()?;
        let factor = deviation.try_recip()?;
        let factor = factor.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
        let shape = (shape.0, shape.1, self.config.channels);
        let normalized = factor.try_mul(centred)?.try_reshape_like(&shape)?;
        let scale = self.scale.clone();
        let scale = scale.try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
        let offset = self.offset.clone();
        let offset = offset.try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
        activation::apply(
            self.config.activation,
            normalized.try_mul(scale)?.try_add(offset)?,
        )
    }
}

impl<I: Dim, O: Dim, D: Backend> Module<I, O, D> for GroupNorm<I, O, D> {
    type Config = Config;

    fn new(
        device: &D::Device,
        _: &mut Init,
        config: &Config,
        (_, channels): (I, O),
    ) -> Result<Self, D::Err> {
        let all = |value: f32| {
            device.try_tensor_from_vec(vec![value; config.channels], (config.channels,))
        };
        let (height, width) = places(&config.output);
        Ok(Self {
            values: Constants {
                config: config.clone(),
                scale: all(1.0)?,
                offset: all(0.0)?,
            },
            output: (height, width, channels),
            types: PhantomData,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        _: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        let (height, width, channels) = self.output;
        let batch = x.shape().0;
        let Config {
            channels: all,
            groups,
            ..
        } = self.values.config;
        let shape = (batch, height * width, groups, all / groups);
        let y = self
            .values
            .forward(x.into_tensor().try_reshape_like(&shape)?)?;
        Ok(y.try_reshape_like(&(batch, height, width, channels))?
            .into())
    }
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for GroupNorm<I, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.{SCALE}"), &self.values.scale)?;
        visitor.parameter(&format!("{prefix}.{OFFSET}"), &self.values.offset)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.{SCALE}"), &mut self.values.scale)?;
        visitor.parameter(&format!("{prefix}.{OFFSET}"), &mut self.values.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_values, made};
    use super::*;

    /// Two images of two places with two groups of two channels.
    ///
    /// ```python
    /// def norm(x, scale, offset):
    ///     g = x.reshape(2, 2, 2, 2)  # image, place, group, value
    ///     mean, var = g.mean((1, 3), keepdims=True), g.var((1, 3), keepdims=True)
    ///     return np.tanh(((g - mean) / np.sqrt(var + 1e-3)).reshape(2, 2, 4) * scale + offset)
    /// show(norm, made(2, 2, 2, 1, 4), made(7, 4), made(4, 4))
    /// ```
    #[test]
    fn has_values_and_gradients_of_numpy() {
        let config = Config {
            channels: 4,
            groups: 2,
            output: vec![2, 1, 4],
            activation: Activation::Tanh,
            epsilon: 1e-3,
        };
        assert_values(
            config,
            ((2, 2, 1, 4), &made(2, 16)),
            &[made(7, 4), made(4, 4)],
            &[
                &[
                    0.130748, -0.297305, 0.297099, 0.343724, -0.792791, 0.175756, 0.61587,
                    -0.586072, -0.662166, 0.21492, 0.141907, -0.909862, 0.229166, -0.191279,
                    0.342696, -0.097924,
                ],
                &[
                    0.323547, -0.442294, -0.742453, 0.167168, 0.157075, -0.038328, -0.147779,
                    0.723064, 0.290987, -0.075635, 0.217219, 0.006585, 0.045593, -0.260945,
                    0.086067, -0.309871,
                ],
                &[0.876133, -0.014191, 0.190899, 0.351248],
                &[-1.247503, -0.228615, 1.077871, 0.248452],
            ],
        );
    }

    #[test]
    fn refuses_groups_that_leave_nothing() {
        let unfit = |channels, groups, places| {
            let config = Config {
                channels,
                groups,
                output: vec![places, 1, channels],
                activation: Activation::Linear,
                epsilon: 1e-3,
            };
            config.unfit().map(|it| it.message)
        };
        assert_eq!(unfit(8, 4, 1), None);
        assert_eq!(unfit(8, 8, 2), None);
        assert_eq!(
            unfit(8, 3, 1).unwrap(),
            "8 channels are no multiple of 3 groups"
        );
        assert!(unfit(8, 8, 1).unwrap().contains("have one value each"));
    }
}
