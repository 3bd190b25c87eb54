//! A network with the labels of a batch.

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::Vae;
use super::condition::{OneHot, one_hot};
use super::model::Labels;
use crate::nn::backend::{Distribution, Latent};
use crate::nn::{Backend, Maps, Mode, Parameters as _, Visit};
use crate::objective::Network;

/// A network with the labels of a batch: what objectives use, so that none of them knows of labels.
///
/// Where more rows are encoded or decoded than the batch has images, row i has the label of image i modulo their number:
/// several points of each image stand sample by sample.
#[derive(Clone, Debug)]
pub struct Labelled<'a, C: Dim, Z: Dim, D: Backend> {
    /// The network.
    network: &'a Vae<C, Z, D>,
    /// Labels of the batch; none where the network is not conditional.
    labels: Option<OneHot<D>>,
    /// Those of the second batch.
    second: Option<OneHot<D>>,
}

impl<'a, C: Dim, Z: Dim, D: Backend> Labelled<'a, C, Z, D> {
    /// A network with the labels of so many images; they are looked at in a conditional network alone.
    ///
    /// # Errors
    /// The device's; labels of another number, or above the classes.
    pub fn new(network: &'a Vae<C, Z, D>, labels: Labels, images: usize) -> Result<Self, D::Err> {
        let (device, sizes) = (
            network.decoder.device(),
            (images, network.decoder.classes()),
        );
        Ok(Self {
            network,
            labels: one_hot::<D>(device, labels.batch, sizes)?,
            second: match labels.second {
                [] => None,
                second => one_hot::<D>(device, second, sizes)?,
            },
        })
    }
}

impl<C: Dim, Z: Dim, D: Backend> Network<C, Z, D> for Labelled<'_, C, Z, D> {
    fn encode<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Distribution<Z, D, T>, D::Err> {
        let encoder = &self.network.encoder;
        encoder.forward(images, self.labels.as_ref(), mode)
    }

    fn decode<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Z, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Maps<C, D, T>, D::Err> {
        let decoder = &self.network.decoder;
        decoder.forward(z, self.labels.as_ref(), mode)
    }

    fn points<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Latent<Z, D, T>, D::Err> {
        let encoder = &self.network.encoder;
        encoder.points(images, self.labels.as_ref(), mode)
    }

    fn visit_decoder<V: Visit<D>>(&self, visitor: &mut V) -> Result<(), V::Err> {
        self.network.decoder.visit("", visitor)
    }

    fn for_second_batch(&self) -> Self {
        Self {
            labels: self.second.clone(),
            ..self.clone()
        }
    }
}
