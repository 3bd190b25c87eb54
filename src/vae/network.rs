//! Encoder and decoder as one.

use dfdx::shapes::Dim;

use super::{Decoder, Encoder};
use crate::nn::params::Init;
use crate::nn::{Backend, Parameters, Visit, VisitMut};
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
