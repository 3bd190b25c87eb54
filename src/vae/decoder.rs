//! From points of the latent space to images.

use dfdx::shapes::{Dim, HasShape};
use dfdx::tensor::Tape;
use dfdx::tensor_ops::ReshapeTo;

use crate::nn::backend::Latent;
use crate::nn::layers::{Named, Sequential};
use crate::nn::params::Init;
use crate::nn::{Backend, FeatureMaps, Maps, Mode, Parameters, Visit, VisitMut};
use crate::plan::Architecture;

/// Layers up to the size of an image, and an output layer.
#[derive(Clone, Debug)]
pub struct Decoder<C: Dim, Z: Dim, D: Backend> {
    device: D::Device,
    /// Height and width of the map of points that it starts from.
    start: (usize, usize),
    trunk: Sequential<Z, D>,
    output: Named<usize, C, D>,
}

impl<C: Dim, Z: Dim, D: Backend> Decoder<C, Z, D> {
    /// Draws initial weights.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        architecture: &Architecture,
        (channels, latent): (C, Z),
    ) -> Result<Self, D::Err> {
        let layers = architecture.decoder();
        let to_image = (layers.trunk.channels(), channels);
        Ok(Self {
            device: device.clone(),
            start: architecture.latent_map(),
            trunk: Sequential::new(device, init, &layers.trunk, latent)?,
            output: Named::new(device, init, &layers.output, to_image)?,
        })
    }

    /// Where the weights are.
    pub fn device(&self) -> &D::Device {
        &self.device
    }

    /// (batch, latent), or (batch * places, latent) where each place has a point of its own, to logits, (batch, height, width, channels): values before the sigmoid.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Z, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Maps<C, D, T>, D::Err> {
        let (&(points, latent), (height, width)) = (z.shape(), self.start);
        let shape = (points / (height * width), height, width, latent);
        let z: FeatureMaps<Z, D, T> = z.try_reshape_like(&shape)?.into();
        let features = self.trunk.forward(z, mode)?;
        Ok(self.output.forward(features, mode)?.into_tensor())
    }
}

impl<C: Dim, Z: Dim, D: Backend> Parameters<D> for Decoder<C, Z, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.trunk.visit(prefix, visitor)?;
        self.output.visit(prefix, visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.trunk.visit_mut(prefix, visitor)?;
        self.output.visit_mut(prefix, visitor)
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;

    use super::*;
    use crate::nn::layers::testing::Seen;
    use crate::plan::architecture::tests::reference;

    #[test]
    fn has_the_names_and_shapes_of_the_plan() {
        let architecture = reference();
        let mut init = Init::new(1);
        let sizes = (architecture.image.channels, architecture.latent);
        let decoder = Decoder::<_, _, Cpu>::new(&Cpu::default(), &mut init, &architecture, sizes);
        let layers = architecture.decoder_layers();
        let said = layers.iter().map(|layer| (&*layer.name, &layer.config));
        assert_eq!(Seen::of(&decoder.unwrap(), ""), Seen::said(said));
    }
}
