//! From points of the latent space to images.

use dfdx::shapes::{Dim, HasShape};
use dfdx::tensor::Tape;

use crate::kernels::profile::part;
use crate::kernels::{Activation, Extent};
use crate::nn::backend::Latent;
use crate::nn::params::Init;
use crate::nn::{Backend, ConvTranspose2d, Dense, FeatureMaps, Maps, Parameters, Visit, VisitMut};
use crate::plan::Architecture;

/// A dense layer up to the encoder's last feature map, transposed convolutions that mirror the encoder's,
/// and an output layer of stride 1.
#[derive(Clone, Debug)]
pub struct Decoder<C: Dim, Z: Dim, D: Backend> {
    feature_map: Extent,
    hidden: Dense<Z, usize, D>,
    convolutions: Vec<ConvTranspose2d<usize, usize, D>>,
    output: ConvTranspose2d<usize, C, D>,
}

impl<C: Dim, Z: Dim, D: Backend> Decoder<C, Z, D> {
    /// Draws initial weights.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        architecture: &Architecture,
        (channels, latent): (C, Z),
    ) -> Result<Self, D::Err> {
        let activation = architecture.activation;
        let feature_map = architecture.feature_map();
        let hidden = Dense::new(device, init, (latent, feature_map.len()), activation)?;
        let mut convolutions = vec![];
        for conv in architecture.transposed_convolutions() {
            let sizes = (conv.small.channels, conv.big.channels);
            convolutions.push(ConvTranspose2d::new(device, init, conv, sizes, activation)?);
        }
        let conv = architecture.output();
        let sizes = (conv.small.channels, channels);
        let output = ConvTranspose2d::new(device, init, conv, sizes, Activation::Linear)?;
        Ok(Self {
            feature_map,
            hidden,
            convolutions,
            output,
        })
    }

    /// Where the weights are.
    pub fn device(&self) -> &D::Device {
        self.hidden.device()
    }

    /// (batch, latent) to logits, (batch, height, width, channels): values before the sigmoid.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Z, D, T>,
    ) -> Result<Maps<C, D, T>, D::Err> {
        let Extent {
            height,
            width,
            channels,
        } = self.feature_map;
        let batch = z.shape().0;
        let shape = (batch, height, width, channels);
        let hidden = || self.hidden.forward_to(z.into(), shape);
        let mut maps: FeatureMaps<usize, D, T> = part(|| "decoder.hidden".into(), hidden)?;
        for (i, conv) in self.convolutions.iter().enumerate() {
            let name = || format!("decoder.conv{i}").into();
            maps = part(name, || conv.forward(maps))?;
        }
        let output = || self.output.forward(maps);
        Ok(part(|| "decoder.output".into(), output)?.into_tensor())
    }
}

impl<C: Dim, Z: Dim, D: Backend> Parameters<D> for Decoder<C, Z, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.hidden
            .visit(&format!("{prefix}decoder.hidden"), visitor)?;
        for (i, conv) in self.convolutions.iter().enumerate() {
            conv.visit(&format!("{prefix}decoder.conv{i}"), visitor)?;
        }
        self.output
            .visit(&format!("{prefix}decoder.output"), visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.hidden
            .visit_mut(&format!("{prefix}decoder.hidden"), visitor)?;
        for (i, conv) in self.convolutions.iter_mut().enumerate() {
            conv.visit_mut(&format!("{prefix}decoder.conv{i}"), visitor)?;
        }
        self.output
            .visit_mut(&format!("{prefix}decoder.output"), visitor)
    }
}
