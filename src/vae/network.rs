//! Encoder and decoder as one.

use dfdx::shapes::Dim;

use super::condition::{Labelled, one_hot};
use super::model::Labels;
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

    /// The network with the labels of so many images; they are looked at in a conditional network alone.
    ///
    /// # Errors
    /// The device's; labels of another number, or above the classes.
    pub fn with_labels(
        &self,
        labels: Labels,
        images: usize,
    ) -> Result<Labelled<'_, C, Z, D>, D::Err> {
        let (device, sizes) = (self.decoder.device(), (images, self.decoder.classes()));
        Ok(Labelled {
            network: self,
            labels: one_hot::<D>(device, labels.batch, sizes)?,
            second: match labels.second {
                [] => None,
                second => one_hot::<D>(device, second, sizes)?,
            },
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
