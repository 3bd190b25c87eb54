//! From images to the parameters of the latent distribution.

use dfdx::shapes::{Dim, Shape};
use dfdx::tensor::{SplitTape, Tape};

use crate::kernels::Activation;
use crate::kernels::profile::part;
use crate::nn::backend::Distribution;
use crate::nn::params::Init;
use crate::nn::{Backend, Conv2d, Dense, Features, Maps, Parameters, Visit, VisitMut};
use crate::plan::Architecture;
use crate::plan::architecture::hidden_name;

/// Convolutions with stride, dense layers, and two heads: q(z | x) = N(mean, e^log_var).
#[derive(Clone, Debug)]
pub struct Encoder<C: Dim, Z: Dim, D: Backend> {
    stem: Conv2d<C, usize, D>,
    convolutions: Vec<Conv2d<usize, usize, D>>,
    hidden: Vec<Dense<usize, usize, D>>,
    z_mean: Dense<usize, Z, D>,
    z_log_var: Dense<usize, Z, D>,
}

impl<C: Dim, Z: Dim, D: Backend> Encoder<C, Z, D> {
    /// Draws initial weights.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        architecture: &Architecture,
        (channels, latent): (C, Z),
    ) -> Result<Self, D::Err> {
        let activation = architecture.activation;
        let all = architecture.convolutions();
        let first = all[0];
        let stem = Conv2d::new(
            device,
            init,
            first,
            (channels, first.small.channels),
            activation,
        )?;
        let mut convolutions = vec![];
        for &conv in &all[1..] {
            let sizes = (conv.big.channels, conv.small.channels);
            convolutions.push(Conv2d::new(device, init, conv, sizes, activation)?);
        }
        let mut width = architecture.feature_map().len();
        let mut hidden = vec![];
        for &next in &architecture.hidden {
            hidden.push(Dense::new(device, init, (width, next), activation)?);
            width = next;
        }
        Ok(Self {
            stem: stem.without_input_gradient(),
            convolutions,
            hidden,
            z_mean: Dense::new(device, init, (width, latent), Activation::Linear)?,
            z_log_var: Dense::new(device, init, (width, latent), Activation::Linear)?,
        })
    }

    /// (batch, height, width, channels) to mean and log variance, both (batch, latent). The tape goes with
    /// the mean.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
    ) -> Result<Distribution<Z, D, T>, D::Err> {
        let mut maps = part(
            || "encoder.conv0".into(),
            || self.stem.forward(images.into()),
        )?;
        for (i, conv) in self.convolutions.iter().enumerate() {
            let name = || format!("encoder.conv{}", i + 1).into();
            maps = part(name, || conv.forward(maps))?;
        }
        let Some((first, others)) = self.hidden.split_first() else {
            return self.heads(maps);
        };
        let mut features = part(|| hidden_name(0).into(), || first.forward(maps))?;
        for (i, dense) in others.iter().enumerate() {
            features = part(|| hidden_name(i + 1).into(), || dense.forward(features))?;
        }
        self.heads(features)
    }

    fn heads<S: Shape, T: Tape<f32, D::Device>>(
        &self,
        features: Features<S, D, T>,
    ) -> Result<Distribution<Z, D, T>, D::Err> {
        let (features, tape) = features.split_tape();
        let log_var = || self.z_log_var.forward(features.clone().put_tape(tape));
        let log_var = part(|| "encoder.z_log_var".into(), log_var)?.into_tensor();
        let (log_var, tape) = log_var.split_tape();
        let mean = || self.z_mean.forward(features.put_tape(tape));
        let mean = part(|| "encoder.z_mean".into(), mean)?;
        Ok((mean.into_tensor(), log_var))
    }
}

impl<C: Dim, Z: Dim, D: Backend> Parameters<D> for Encoder<C, Z, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.stem
            .visit(&format!("{prefix}encoder.conv0"), visitor)?;
        for (i, conv) in self.convolutions.iter().enumerate() {
            conv.visit(&format!("{prefix}encoder.conv{}", i + 1), visitor)?;
        }
        for (i, dense) in self.hidden.iter().enumerate() {
            dense.visit(&format!("{prefix}{}", hidden_name(i)), visitor)?;
        }
        self.z_mean
            .visit(&format!("{prefix}encoder.z_mean"), visitor)?;
        self.z_log_var
            .visit(&format!("{prefix}encoder.z_log_var"), visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.stem
            .visit_mut(&format!("{prefix}encoder.conv0"), visitor)?;
        for (i, conv) in self.convolutions.iter_mut().enumerate() {
            conv.visit_mut(&format!("{prefix}encoder.conv{}", i + 1), visitor)?;
        }
        for (i, dense) in self.hidden.iter_mut().enumerate() {
            dense.visit_mut(&format!("{prefix}{}", hidden_name(i)), visitor)?;
        }
        self.z_mean
            .visit_mut(&format!("{prefix}encoder.z_mean"), visitor)?;
        self.z_log_var
            .visit_mut(&format!("{prefix}encoder.z_log_var"), visitor)
    }
}
