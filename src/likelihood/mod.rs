//! Likelihoods: what the reconstruction term of a loss is, p(x | z) of pixels given the decoder's logits.
//!
//! A likelihood is one file and one line of the list below. The file holds its settings, its [`Description`] (whether it
//! is a likelihood of the data at all, numbers of its own, the mean that pictures show) and its formula,
//! [`Compute::per_image`], with its tests. Errors are sums over the values of an image.
//!
//! A spec says it by a word of `[loss]`, `reconstruction = "gaussian"`, and the settings of that word stand beside it,
//! `variance = "optimal"`. A table of its own, `[likelihood.gaussian]`, would be a second place for what
//! `loss.reconstruction` has always said, and every spec could say both; so there is one place, specs and sweeps that say
//! `"bce"` or `"mse"` keep their meaning, and a setting beside a word that has none is refused as everywhere.
//!
//! Numbers of its own stand under `likelihood.` in a checkpoint. They are trained with the network, by its optimizer.
//!
//! | file | holds |
//! | --- | --- |
//! | [`description`] | what is known without tensors; specs and plans read nothing else |
//! | [`compute`] | the numbers on a device, and sums that several likelihoods share |

pub mod bce;
pub mod compute;
pub mod continuous_bernoulli;
pub mod description;
pub mod discretized_logistic;
pub mod gaussian;
pub mod laplace;
pub mod mse;
#[cfg(test)]
pub mod testing;

use dfdx::shapes::{Dim, HasShape};
use dfdx::tensor::Tape;
use dfdx::tensor_ops::ReshapeTo;

pub use compute::{Compute, PerImage};
pub use description::{Description, PixelValues, Verdict};

use crate::config::members::members;
use crate::nn::backend::Scalar;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use compute::{Own, Pixels};

members! {
    /// The reconstruction term of the loss
    pub enum AnyLikelihood: Copy, default "bce" {
        Bce(bce::Bce) = "bce",
        Mse(mse::Mse) = "mse",
        Gaussian(gaussian::Gaussian) = "gaussian",
        Laplace(laplace::Laplace) = "laplace",
        ContinuousBernoulli(continuous_bernoulli::ContinuousBernoulli) = "continuous_bernoulli",
        DiscretizedLogistic(discretized_logistic::DiscretizedLogistic) = "discretized_logistic",
    }
    dispatch($) each_likelihood
}

impl Default for AnyLikelihood {
    fn default() -> Self {
        Self::Bce(bce::Bce {})
    }
}

impl std::ops::Deref for AnyLikelihood {
    type Target = dyn Description;

    fn deref(&self) -> &Self::Target {
        each_likelihood!(self, it => it)
    }
}

/// What the names of its own numbers begin with, before a dot.
pub const PREFIX: &str = "likelihood";

/// Any likelihood with its own numbers, on device `D`.
#[derive(Clone, Debug)]
pub struct Likelihood<D: Backend> {
    likelihood: AnyLikelihood,
    own: Own<D>,
}

impl<D: Backend> Likelihood<D> {
    /// With the initial values of its own numbers.
    ///
    /// # Errors
    /// The device's.
    pub fn new(device: &D::Device, likelihood: AnyLikelihood) -> Result<Self, D::Err> {
        Ok(Self {
            likelihood,
            own: Own::new(device, &*likelihood)?,
        })
    }

    /// The error summed over an image, mean over the batch.
    ///
    /// # Errors
    /// The device's.
    pub fn error<C: Dim, T: Tape<f32, D::Device>>(
        &self,
        logits: Maps<C, D, T>,
        images: Maps<C, D>,
        mode: Mode<'_, D>,
    ) -> Result<Scalar<D, T>, D::Err> {
        let (logits, images) = (rows::<C, D, T>(logits)?, rows::<C, D, _>(images)?);
        let mode = mode.within(PREFIX);
        each_likelihood!(&self.likelihood, it => it.error(&self.own, logits, images, mode))
    }

    /// The error of each image, summed over its values: minus the log of the likelihood where it is one.
    ///
    /// # Errors
    /// The device's.
    pub fn per_image<C: Dim, T: Tape<f32, D::Device>>(
        &self,
        logits: Maps<C, D, T>,
        images: Maps<C, D>,
        mode: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        let (logits, images) = (rows::<C, D, T>(logits)?, rows::<C, D, _>(images)?);
        let mode = mode.within(PREFIX);
        each_likelihood!(&self.likelihood, it => it.per_image(&self.own, logits, images, mode))
    }
}

/// The same values without the axis of channels.
fn rows<C: Dim, D: Backend, T: Tape<f32, D::Device>>(
    maps: Maps<C, D, T>,
) -> Result<Pixels<D, T>, D::Err> {
    let &(batch, height, width, channels) = maps.shape();
    maps.try_reshape_like(&(batch, height, width * channels.size()))
}

impl<D: Backend> Parameters<D> for Likelihood<D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.own.visit(prefix, visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.own.visit_mut(prefix, visitor)
    }
}
