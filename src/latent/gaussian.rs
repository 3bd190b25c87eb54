//! A normal distribution for each image.

use dfdx::tensor::{SplitTape, Tape};

use super::compute::{Encoded, Latents};
use super::description::{Description, Head};
use crate::config::section::section;
use crate::nn::backend::Rows;
use crate::nn::params::{Init, NoParameters};
use crate::nn::{Backend, Mode};

section! {
    /// A point drawn from a normal distribution of which the encoder gives mean and log variance for each image, q(z | x): the
    /// variational autoencoder (Kingma and Welling, 2014)
    pub struct Gaussian: Copy {}
}

impl Description for Gaussian {
    fn head(&self) -> Head {
        Head::Gaussian
    }
}

impl Latents for Gaussian {
    type State<D: Backend> = NoParameters;

    fn state<D: Backend>(
        &self,
        _: &D::Device,
        _: &mut Init,
        _: usize,
    ) -> Result<NoParameters, D::Err> {
        Ok(NoParameters)
    }

    fn encode<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &NoParameters,
        points: Rows<usize, D, T>,
        _: Mode<'_, D>,
    ) -> Result<(Encoded<D>, T), D::Err> {
        let (z, tape) = points.split_tape();
        let encoded = Encoded {
            z,
            terms: vec![],
            codes: None,
        };
        Ok((encoded, tape))
    }
}
