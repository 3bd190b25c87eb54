//! The normalization of a model: which layer stands behind each one that multiplies.

use super::LayerConfig;
use super::layer::Normalizes;
use crate::config::members::members;
use crate::config::section::section;
use crate::kernels::Activation;

members! {
    /// What stands between the product and the activation of each convolution, transposed convolution and dense layer
    /// but the heads and the output
    pub enum Normalization: Copy, default "none" {
        Without(Without) = "none",
        BatchNorm(super::batch_norm::Settings) = "batch",
        LayerNorm(super::layer_norm::Settings) = "layer",
        GroupNorm(super::group_norm::Settings) = "group",
    }
    dispatch($) each_normalization
}

impl Normalizes for Normalization {
    type Config = LayerConfig;

    fn keeps_bias(&self) -> bool {
        each_normalization!(self, it => it.keeps_bias())
    }

    #[allow(
        clippy::useless_conversion,
        reason = "members have types of their own, one has this one"
    )]
    fn layer(
        &self,
        outputs: usize,
        shape: Vec<usize>,
        activation: Activation,
    ) -> Option<LayerConfig> {
        each_normalization!(self, it => it.layer(outputs, shape, activation).map(Into::into))
    }
}

section! {
    /// Nothing but a bias
    pub struct Without: Copy {}
}

impl Normalizes for Without {
    type Config = LayerConfig;

    fn layer(&self, _: usize, _: Vec<usize>, _: Activation) -> Option<LayerConfig> {
        None
    }
}

impl Default for Normalization {
    fn default() -> Self {
        Self::Without(Without {})
    }
}
