//! Objectives without parameters of their own that lower a weighted sum of terms of one point an image.

use std::fmt::Debug;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::compute::{Given, Network, NoParameters, Objective, Outcome, Pass, TermValue};
use super::description::Description;
use crate::nn::backend::Scalar;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps};

/// What an objective adds to the weighted reconstruction error.
#[derive(Debug)]
pub struct Added<D: Backend> {
    /// What is lowered besides, each with its weight.
    pub lowered: Vec<(Scalar<D>, f64)>,
    /// What is reported besides `reconstruction` and `kl`.
    pub reported: Vec<TermValue<D>>,
}

/// A weighted sum of the reconstruction error and terms of a forward pass with one point an image. Such a type is an
/// [`Objective`].
pub trait Weighted: Description + Clone + Debug + PartialEq + 'static {
    /// The terms, on the tape that comes back.
    ///
    /// # Errors
    /// The device's.
    fn added<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        pass: &Pass<C, Z, D>,
        tape: T,
        given: &Given<C, Z, D>,
    ) -> Result<(Added<D>, T), D::Err>;
}

impl<O: Weighted> Objective for O {
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
        let (added, tape) = self.added(&pass, tape, given)?;
        let lowered: Vec<_> = added.lowered.iter().map(|(term, by)| (term, *by)).collect();
        let first = (&pass.reconstruction, given.loss.reconstruction_weight);
        let loss = given.weighted_sum(tape, first, &lowered)?;
        Ok(pass.outcome(loss, added.reported))
    }
}
