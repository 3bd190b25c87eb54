//! From points of the latent space to images.

use dfdx::shapes::{Dim, HasShape};
use dfdx::tensor::Tape;
use dfdx::tensor_ops::{ReshapeTo, TryMul};

use super::condition::{OneHot, Trunk};
use crate::experiment::OutputActivation;
use crate::nn::backend::Latent;
use crate::nn::layers::Named;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use crate::plan::Architecture;

/// Layers up to the size of an image, and an output layer.
#[derive(Clone, Debug)]
pub struct Decoder<C: Dim, Z: Dim, D: Backend> {
    device: D::Device,
    /// Height and width of the map of points that it starts from.
    start: (usize, usize),
    trunk: Trunk<Z, D>,
    output: Named<usize, C, D>,
    activation: OutputActivation,
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
        let inputs = (latent, architecture.classes);
        let to_image = (layers.trunk.channels(), channels);
        Ok(Self {
            device: device.clone(),
            start: architecture.latent_map(),
            trunk: Trunk::new(device, init, &layers.trunk, inputs)?,
            output: Named::new(device, init, &layers.output, to_image)?,
            activation: architecture.decoder.output_activation,
        })
    }

    /// Where the weights are.
    pub fn device(&self) -> &D::Device {
        &self.device
    }

    /// How many classes it reads.
    pub fn classes(&self) -> usize {
        self.trunk.classes()
    }

    /// (batch, latent), or (batch * places, latent) where each place has a point of its own, to logits, (batch, height,
    /// width, channels): values before the sigmoid. A conditional decoder reads `labels` too.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Z, D, T>,
        labels: Option<&OneHot<D>>,
        mode: Mode<'_, D>,
    ) -> Result<Maps<C, D, T>, D::Err> {
        let (&(points, latent), (height, width)) = (z.shape(), self.start);
        let shape = (points / (height * width), height, width, latent);
        let z: Maps<Z, D, T> = z.try_reshape_like(&shape)?;
        let features = self.trunk.forward(z, labels, mode)?;
        let output = self.output.forward(features, mode)?.into_tensor();
        match self.activation {
            OutputActivation::Sigmoid => Ok(output),
            // (tanh a + 1) / 2 = sigmoid(2 a)
            OutputActivation::Tanh => output.try_mul(2.0),
        }
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
        let dense = Architecture {
            filters: vec![],
            ..reference()
        };
        let blocks = Architecture {
            residual_blocks: 1,
            ..reference()
        };
        for architecture in [reference(), dense, blocks] {
            let mut init = Init::new(1);
            let sizes = (architecture.image.channels, architecture.latent);
            let decoder =
                Decoder::<_, _, Cpu>::new(&Cpu::default(), &mut init, &architecture, sizes);
            let layers = architecture.decoder_layers();
            let said = layers.iter().map(|layer| (&*layer.name, &layer.config));
            assert_eq!(Seen::of(&decoder.unwrap(), ""), Seen::said(said));
        }
    }

    /// The pixels of `tanh` on the scale from 0 to 1 are (tanh a + 1) / 2 of the same values a.
    #[test]
    fn maps_the_hyperbolic_tangent_to_the_scale_of_pixels() {
        let logits = |output_activation| {
            let architecture = Architecture {
                decoder: crate::experiment::Decoder {
                    output_activation,
                    ..Default::default()
                },
                ..reference()
            };
            let (device, mut init) = (Cpu::default(), Init::new(1));
            let decoder = Decoder::<_, _, Cpu>::new(&device, &mut init, &architecture, (1, 2));
            let z = Cpu::tensor(&device, &[0.5, -1.0], (1, 2)).unwrap();
            Cpu::to_vec(&decoder.unwrap().forward(z, None, Mode::Evaluation).unwrap())
        };
        let values = logits(OutputActivation::Sigmoid);
        for (tanh, value) in logits(OutputActivation::Tanh).into_iter().zip(values) {
            let pixel = crate::numeric::math::sigmoid(tanh);
            assert!((pixel - (value.tanh() + 1.0) / 2.0).abs() < 1e-6);
        }
    }
}
