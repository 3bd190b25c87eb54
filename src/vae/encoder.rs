//! From images to the parameters of the latent distribution.

use dfdx::shapes::Dim;
use dfdx::tensor::{SplitTape, Tape};
use dfdx::tensor_ops::ReshapeTo;

use super::condition::{OneHot, Trunk};
use crate::nn::backend::{Distribution, Latent};
use crate::nn::layers::Named;
use crate::nn::params::Init;
use crate::nn::{Backend, FeatureMaps, Maps, Mode, Parameters, Visit, VisitMut};
use crate::plan::Architecture;

/// Layers from the image on, and two heads: q(z | x) = N(mean, e^log_var).
#[derive(Clone, Debug)]
pub struct Encoder<C: Dim, Z: Dim, D: Backend> {
    trunk: Trunk<C, D>,
    z_mean: Named<usize, Z, D>,
    z_log_var: Named<usize, Z, D>,
}

impl<C: Dim, Z: Dim, D: Backend> Encoder<C, Z, D> {
    /// Draws initial weights.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        architecture: &Architecture,
        (channels, latent): (C, Z),
    ) -> Result<Self, D::Err> {
        let layers = architecture.encoder();
        let inputs = (channels, architecture.classes);
        let to_heads = (layers.trunk.channels(), latent);
        Ok(Self {
            trunk: Trunk::new(device, init, &layers.trunk, inputs)?,
            z_mean: Named::new(device, init, &layers.z_mean, to_heads)?,
            z_log_var: Named::new(device, init, &layers.z_log_var, to_heads)?,
        })
    }

    /// (batch, height, width, channels) to mean and log variance, both (batch, latent). The tape goes with
    /// the mean. A conditional encoder reads `labels` too.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        labels: Option<&OneHot<D>>,
        mode: Mode<'_, D>,
    ) -> Result<Distribution<Z, D, T>, D::Err> {
        let features = self.trunk.forward(images, labels, mode)?;
        let (features, tape) = features.split_tape();
        let log_var = self
            .z_log_var
            .forward(features.clone().put_tape(tape), mode)?;
        let (log_var, tape) = rows::<_, D, _>(log_var)?.split_tape();
        let mean = self.z_mean.forward(features.put_tape(tape), mode)?;
        Ok((rows::<_, D, _>(mean)?, log_var))
    }
}

/// What maps of one place hold.
fn rows<Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
    maps: FeatureMaps<Z, D, T>,
) -> Result<Latent<Z, D, T>, D::Err> {
    let &(batch, _, _, latent) = maps.shape();
    maps.into_tensor().try_reshape_like(&(batch, latent))
}

impl<C: Dim, Z: Dim, D: Backend> Parameters<D> for Encoder<C, Z, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.trunk.visit(prefix, visitor)?;
        self.z_mean.visit(prefix, visitor)?;
        self.z_log_var.visit(prefix, visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.trunk.visit_mut(prefix, visitor)?;
        self.z_mean.visit_mut(prefix, visitor)?;
        self.z_log_var.visit_mut(prefix, visitor)
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
            let encoder =
                Encoder::<_, _, Cpu>::new(&Cpu::default(), &mut init, &architecture, sizes);
            let layers = architecture.encoder_layers();
            let said = layers.iter().map(|layer| (&*layer.name, &layer.config));
            assert_eq!(Seen::of(&encoder.unwrap(), ""), Seen::said(said));
        }
    }
}
