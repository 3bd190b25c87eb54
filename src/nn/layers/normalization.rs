//! The normalization of a model: which layer stands behind each one that multiplies.

use super::LayerConfig;
use crate::config::members::members;
use crate::config::section::section;
use crate::kernels::Activation;

members! {
    /// What stands between the product and the activation of each convolution, transposed convolution and dense layer
    /// but the heads and the output
    pub enum Normalization: Copy, default "none" {
        Without(Without) = "none",
    }
    dispatch($) each_normalization
}

/// A layer that a model may have behind each one that multiplies.
pub trait Normalizes {
    /// The layer behind one of so many outputs, of which `shape` is made. It brings what takes the place of the bias and
    /// applies the activation. None where a bias and the activation follow the product themselves.
    fn layer(
        &self,
        outputs: usize,
        shape: Vec<usize>,
        activation: Activation,
    ) -> Option<LayerConfig>;
}

impl Normalizes for Normalization {
    fn layer(
        &self,
        outputs: usize,
        shape: Vec<usize>,
        activation: Activation,
    ) -> Option<LayerConfig> {
        each_normalization!(self, it => it.layer(outputs, shape, activation))
    }
}

section! {
    /// Nothing but a bias
    pub struct Without: Copy {}
}

impl Normalizes for Without {
    fn layer(&self, _: usize, _: Vec<usize>, _: Activation) -> Option<LayerConfig> {
        None
    }
}

impl Default for Normalization {
    fn default() -> Self {
        Self::Without(Without {})
    }
}
