//! Priors: what the decoder's input is drawn from, p(z).
//!
//! A prior is one file and one line of the list below. The file holds its settings, its [`Description`] and its parameters,
//! which are trained with the network's and stand under `prior.` in a checkpoint.
//!
//! From the standard normal distribution the KL of a Gaussian q(z | x) has a formula, axis by axis. Every other prior is
//! learned, a mixture of normal distributions ([`Components`]): of its KL one sample is taken, and there is none of an
//! axis.
//!
//! | file | holds |
//! | --- | --- |
//! | [`description`] | what is known without tensors |
//! | [`compute`] | the mixture on the device, and log p(z) |
//! | [`draws`] | points drawn from a prior |
//! | `registry` | the types that follow from the list |

pub mod compute;
pub mod description;
pub mod draws;
pub mod mixture;
mod registry;
pub mod standard;
pub mod vamp;

use dfdx::tensor::Tape;

pub use compute::{Components, Encode, Prior, kl};
pub use description::{Description, Sizes, parameter_count};
pub use draws::{Mixture, draw};

use crate::config::members::members;
use crate::nn::params::Init;
use crate::nn::{Backend, Parameters, Visit, VisitMut};

registry::priors! {
    Standard(standard::Standard) = "standard",
    Mixture(mixture::Learned) = "mixture",
    Vamp(vamp::Vamp) = "vamp",
}

impl Default for AnyPrior {
    fn default() -> Self {
        Self::Standard(standard::Standard {})
    }
}
