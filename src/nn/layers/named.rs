//! A layer of a network, under the name that it has in tables, profiles and checkpoints.

use std::ops::Deref;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::layer::{Module, product};
use super::mode::Mode;
use super::{Layer, LayerConfig};
use crate::kernels::profile::part;
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// A layer in numbers, and its name: `encoder.conv0`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedConfig {
    /// The name.
    pub name: String,
    /// The layer.
    pub config: LayerConfig,
}

impl NamedConfig {
    /// A layer under a name.
    pub fn new(name: impl Into<String>, config: impl Into<LayerConfig>) -> Self {
        Self {
            name: name.into(),
            config: config.into(),
        }
    }

    /// The last axis of its output.
    pub fn channels(&self) -> usize {
        self.output().last().copied().unwrap_or(1)
    }

    /// Trained values.
    pub fn parameter_count(&self) -> u64 {
        self.parameters()
            .iter()
            .map(|(_, shape)| product(shape))
            .sum()
    }

    /// Values that are kept with them.
    pub fn buffer_count(&self) -> u64 {
        self.buffers().iter().map(|(_, shape)| product(shape)).sum()
    }

    /// The names of its buffers in a checkpoint.
    pub fn buffer_names(&self) -> Vec<String> {
        let name = |(buffer, _)| format!("{}.{buffer}", self.name);
        self.buffers().into_iter().map(name).collect()
    }

    /// The most values in one tensor.
    pub fn largest(&self) -> u64 {
        let parameters = self.parameters();
        let sizes = parameters.iter().map(|(_, shape)| product(shape));
        sizes.max().unwrap_or(0).max(product(&self.output()))
    }
}

impl Deref for NamedConfig {
    type Target = LayerConfig;

    fn deref(&self) -> &LayerConfig {
        &self.config
    }
}

/// A layer with its tensors, and its name.
#[derive(Clone, Debug)]
pub struct Named<I: Dim, O: Dim, D: Backend> {
    name: String,
    is_timed: bool,
    layer: Layer<I, O, D>,
}

impl<I: Dim, O: Dim, D: Backend> Named<I, O, D> {
    /// Draws initial values.
    ///
    /// # Errors
    /// The device's.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        config: &NamedConfig,
        channels: (I, O),
    ) -> Result<Self, D::Err> {
        Ok(Self {
            name: config.name.clone(),
            is_timed: config.computes(),
            layer: Layer::new(device, init, &config.config, channels)?,
        })
    }

    /// Applies the layer.
    ///
    /// # Errors
    /// The device's.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        let forward = || self.layer.forward(x, mode.within(&self.name));
        match self.is_timed {
            true => part(|| self.name.clone().into(), forward),
            false => forward(),
        }
    }
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for Named<I, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.layer.visit(&format!("{prefix}{}", self.name), visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        let name = format!("{prefix}{}", self.name);
        self.layer.visit_mut(&name, visitor)
    }
}
