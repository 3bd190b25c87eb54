//! Encoder and decoder as one, and the objective on dfdx's tape.

use dfdx::shapes::{Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{TryAdd, TryMul};

use super::model::Objective;
use super::{Decoder, Encoder};
use crate::kernels::profile::{self, part};
use crate::nn::backend::Latent;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use crate::plan::Architecture;

/// A variational autoencoder with `C` image channels and `Z` latent axes on device `D`.
#[derive(Clone, Debug)]
pub struct Vae<C: Dim, Z: Dim, D: Backend> {
    /// q(z | x)
    pub encoder: Encoder<C, Z, D>,
    /// p(x | z)
    pub decoder: Decoder<C, Z, D>,
}

/// Values and losses of a forward pass. The tape goes with the loss.
#[derive(Debug)]
pub struct Outcome<C: Dim, Z: Dim, D: Backend, T> {
    /// Mean of q(z | x).
    pub mean: Latent<Z, D>,
    /// Log variance of q(z | x).
    pub log_var: Latent<Z, D>,
    /// The point drawn.
    pub z: Latent<Z, D>,
    /// Reconstruction before the sigmoid.
    pub logits: Maps<C, D>,
    /// The weighted sum that is lowered.
    pub loss: Tensor<(), f32, D::Device, T>,
    /// Reconstruction error before its weight.
    pub reconstruction: Tensor<(), f32, D::Device>,
    /// Divergence as in the loss, before its weight.
    pub kl: Tensor<(), f32, D::Device>,
    /// Divergence of each axis in nats.
    pub kl_per_axis: Tensor<(Z,), f32, D::Device>,
}

impl<C: Dim, Z: Dim, D: Backend> Vae<C, Z, D> {
    /// Draws initial weights.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        architecture: &Architecture,
        sizes: (C, Z),
    ) -> Result<Self, D::Err> {
        let encoder = Encoder::new(device, init, architecture, sizes)?;
        Ok(Self::from_parts(
            encoder,
            Decoder::new(device, init, architecture, sizes)?,
        ))
    }

    /// Joins an encoder and a decoder of the same image channels and latent axes.
    pub fn from_parts(encoder: Encoder<C, Z, D>, decoder: Decoder<C, Z, D>) -> Self {
        Self { encoder, decoder }
    }

    /// The objective on a batch: `reconstruction_weight * reconstruction + kl_weight * kl`, the negative
    /// evidence lower bound of Kingma and Welling (2014) when both weights are 1 and the divergence is
    /// summed over axes.
    ///
    /// `images` and `targets` are the same images, with and without a tape.
    pub fn objective<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        eps: Latent<Z, D>,
        objective: &Objective,
        kl_weight: f64,
        mode: Mode<'_, D>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err> {
        let (images, tape) = images.split_tape();
        let (mean, log_var) = self.encoder.forward(images.clone().put_tape(tape), mode)?;
        let (mean, tape) = mean.split_tape();
        let axes = mean.shape().1.size();
        let factor = if objective.kl_mean {
            1.0 / axes as f32
        } else {
            1.0
        };
        let sample =
            || D::reparameterise(mean.clone().put_tape(tape), log_var.clone(), eps, factor);
        let sample = part(|| profile::SAMPLING.into(), sample)?;
        let (kl, tape) = sample.kl.split_tape();
        let (weighted_kl, tape) = kl
            .clone()
            .put_tape(tape)
            .try_mul(kl_weight as f32)?
            .split_tape();
        let logits = self
            .decoder
            .forward(sample.z.clone().put_tape(tape), mode)?;
        let (logits, tape) = logits.split_tape();
        let (kind, output) = (objective.reconstruction, logits.clone().put_tape(tape));
        let error = || D::reconstruction(kind, output, images);
        let error = part(|| profile::LOSS.into(), error)?;
        let (reconstruction, tape) = error.split_tape();
        let loss = reconstruction
            .clone()
            .put_tape(tape)
            .try_mul(objective.reconstruction_weight as f32)?
            .try_add(weighted_kl)?;
        Ok(Outcome {
            mean,
            log_var,
            z: sample.z,
            logits,
            loss,
            reconstruction,
            kl,
            kl_per_axis: sample.kl_per_axis,
        })
    }
}

impl<C: Dim, Z: Dim, D: Backend> Parameters<D> for Vae<C, Z, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.encoder.visit(prefix, visitor)?;
        self.decoder.visit(prefix, visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.encoder.visit_mut(prefix, visitor)?;
        self.decoder.visit_mut(prefix, visitor)
    }
}
