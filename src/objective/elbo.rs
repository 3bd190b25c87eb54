//! The evidence lower bound.

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::compute::{Given, Network, NoParameters, Objective, Outcome};
use super::description::Description;
use crate::config::section::section;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps};

section! {
    /// The negative evidence lower bound with weights, `reconstruction_weight * reconstruction + kl_weight * KL` (Kingma
    /// and Welling, 2014). With a `kl_weight` above 1 it is the beta-VAE's (Higgins et al., 2017)
    pub struct Elbo: Copy {}
}

impl Description for Elbo {}

impl Objective for Elbo {
    type State<Z: Dim, D: Backend> = NoParameters;

    fn state<Z: Dim, D: Backend>(
        &self,
        _: &D::Device,
        _: &mut Init,
        _: Z,
    ) -> Result<NoParameters, D::Err> {
        Ok(NoParameters)
    }

    fn outcome<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &NoParameters,
        network: &impl Network<C, Z, D>,
        images: Maps<C, D, T>,
        given: &Given<C, Z, D>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err> {
        let (pass, tape) = given.pass(network, images)?;
        let loss = given.weighted_sum(
            tape,
            (&pass.reconstruction, given.loss.reconstruction_weight),
            &[(&pass.kl, given.kl_weight)],
        )?;
        Ok(pass.outcome(loss, vec![]))
    }
}
