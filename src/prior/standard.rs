//! The standard normal distribution.

use dfdx::tensor::Tape;

use super::compute::{Components, Encode, Prior};
use super::description::{Description, Sizes};
use crate::config::section::section;
use crate::nn::Backend;
use crate::nn::params::{Init, NoParameters};

section! {
    /// The standard normal distribution: the KL divergence has a formula, axis by axis
    pub struct Standard: Copy {}
}

impl Description for Standard {
    fn is_standard(&self) -> bool {
        true
    }
}

impl Prior for Standard {
    type State<D: Backend> = NoParameters;

    fn state<D: Backend>(
        &self,
        _: &D::Device,
        _: &mut Init,
        _: Sizes,
    ) -> Result<NoParameters, D::Err> {
        Ok(NoParameters)
    }

    fn components<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &NoParameters,
        tape: T,
        _: Encode<'_, D, T>,
    ) -> Result<(Option<Components<D>>, T), D::Err> {
        Ok((None, tape))
    }
}
