//! The traits of every kind of layer.

use std::borrow::Cow;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::mode::Mode;
use crate::kernels::{Activation, Extent};
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters};

/// Name and shape of values that a layer keeps.
pub type Values = (Cow<'static, str>, Vec<usize>);

/// Why a layer cannot be built with its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The setting to change, by its dotted key.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would fit.
    pub expected: String,
}

/// A layer in numbers: what is known of it before there is any tensor.
pub trait Describe {
    /// What it is, in Keras' words.
    fn kind(&self) -> &'static str;

    /// Output shape without the batch axis: (height, width, channels), or one axis.
    fn output(&self) -> Vec<usize>;

    /// What is trained, in the order in which a visitor sees it.
    fn parameters(&self) -> Vec<Values> {
        vec![]
    }

    /// What is kept with the parameters and not trained: running means, say.
    fn buffers(&self) -> Vec<Values> {
        vec![]
    }

    /// Floating-point operations of a forward pass on one image. Only products are counted: what else there is, a few
    /// operations a value, is not worth it.
    fn flops(&self) -> u64 {
        0
    }

    /// The same of a training step: forward, the gradient of the weights and that of the input.
    fn training_flops(&self) -> u64 {
        3 * self.flops()
    }

    /// Values of a gradient that each piece of a batch sums up by itself.
    fn partial_sums(&self) -> usize {
        0
    }

    /// Values that a training step keeps of one image: the output and its gradient.
    fn kept_values(&self) -> u64 {
        2 * product(&self.output())
    }

    /// Why it cannot be built; `None` where it can.
    fn unfit(&self) -> Option<Unfit> {
        None
    }

    /// Whether it computes at all, or is but another view of its input.
    fn computes(&self) -> bool {
        true
    }
}

/// A layer with its tensors, from `I` channels to `O`.
///
/// Features without places are maps of one place: (batch, 1, 1, value).
pub trait Module<I: Dim, O: Dim, D: Backend>: Parameters<D> + Sized {
    /// The layer in numbers.
    type Config;

    /// Draws initial values.
    ///
    /// # Errors
    /// The device's.
    fn new(
        device: &D::Device,
        init: &mut Init,
        config: &Self::Config,
        channels: (I, O),
    ) -> Result<Self, D::Err>;

    /// Applies the layer.
    ///
    /// # Errors
    /// The device's.
    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err>;
}

/// Settings of a layer that a model may have behind each one that multiplies.
pub trait Normalizes {
    /// That layer in numbers.
    type Config;

    /// Whether the layer in front keeps a bias of its own.
    fn keeps_bias(&self) -> bool {
        false
    }

    /// The layer behind one of so many outputs, of which `shape` is made. It brings what takes the place of the bias and
    /// applies the activation. None where a bias and the activation follow the product themselves.
    fn layer(
        &self,
        outputs: usize,
        shape: Vec<usize>,
        activation: Activation,
    ) -> Option<Self::Config>;
}

/// The number of values of a shape. Sizes that are not checked yet may have a product that overflows.
pub(super) fn product(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |all, &n| all.saturating_mul(n as u64))
}

/// The shape of maps in numbers.
pub(super) fn shape(maps: Extent) -> Vec<usize> {
    vec![maps.height, maps.width, maps.channels]
}

/// Height and width of features of a shape.
pub(super) fn places(shape: &[usize]) -> (usize, usize) {
    match shape {
        &[height, width, _] => (height, width),
        _ => (1, 1),
    }
}
