//! Encoder and decoder as one.

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::{Decoder, Encoder};
use crate::nn::backend::{Distribution, Latent};
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use crate::objective::Network;
use crate::plan::Architecture;

/// A variational autoencoder with `C` image channels and `Z` latent axes on device `D`.
#[derive(Clone, Debug)]
pub struct Vae<C: Dim, Z: Dim, D: Backend> {
    /// q(z | x)
    pub encoder: Encoder<C, Z, D>,
    /// p(x | z)
    pub decoder: Decoder<C, Z, D>,
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
}

impl<C: Dim, Z: Dim, D: Backend> Network<C, Z, D> for Vae<C, Z, D> {
    fn encode<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Distribution<Z, D, T>, D::Err> {
        self.encoder.forward(images, mode)
    }

    fn decode<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Z, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Maps<C, D, T>, D::Err> {
        self.decoder.forward(z, mode)
    }

    fn points<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Latent<Z, D, T>, D::Err> {
        self.encoder.points(images, mode)
    }

    fn visit_decoder<V: Visit<D>>(&self, visitor: &mut V) -> Result<(), V::Err> {
        self.decoder.visit("", visitor)
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
