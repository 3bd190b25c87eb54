//! Layers one after another (`keras.Sequential`).

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::mode::Mode;
use super::named::{Named, NamedConfig};
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Layers one after another in numbers; there is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct SequentialConfig {
    /// The first.
    pub first: NamedConfig,
    /// The others.
    pub rest: Vec<NamedConfig>,
}

impl SequentialConfig {
    /// Channels of what comes out.
    pub fn channels(&self) -> usize {
        self.rest.last().unwrap_or(&self.first).channels()
    }

    /// All of them.
    pub fn into_list(self) -> Vec<NamedConfig> {
        [vec![self.first], self.rest].concat()
    }
}

/// Layers one after another. The channels of what goes in are of a type, those within are numbers.
#[derive(Clone, Debug)]
pub struct Sequential<I: Dim, D: Backend> {
    first: Named<I, usize, D>,
    rest: Vec<Named<usize, usize, D>>,
}

impl<I: Dim, D: Backend> Sequential<I, D> {
    /// Draws initial values, layer by layer.
    ///
    /// # Errors
    /// The device's.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        config: &SequentialConfig,
        channels: I,
    ) -> Result<Self, D::Err> {
        let mut between = config.first.channels();
        let first = Named::new(device, init, &config.first, (channels, between))?;
        let mut rest = vec![];
        for layer in &config.rest {
            let next = layer.channels();
            rest.push(Named::new(device, init, layer, (between, next))?);
            between = next;
        }
        Ok(Self { first, rest })
    }

    /// Applies the layers.
    ///
    /// # Errors
    /// The device's.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<FeatureMaps<usize, D, T>, D::Err> {
        let mut features = self.first.forward(x, mode)?;
        for layer in &self.rest {
            features = layer.forward(features, mode)?;
        }
        Ok(features)
    }
}

impl<I: Dim, D: Backend> Parameters<D> for Sequential<I, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.first.visit(prefix, visitor)?;
        self.rest
            .iter()
            .try_for_each(|it| it.visit(prefix, visitor))
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.first.visit_mut(prefix, visitor)?;
        let mut rest = self.rest.iter_mut();
        rest.try_for_each(|it| it.visit_mut(prefix, visitor))
    }
}
