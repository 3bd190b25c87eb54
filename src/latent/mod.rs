//! Kinds of latents: what the decoder is given for an image.
//!
//! A kind is one file and one line of the list below. The file holds its settings, its [`Description`] (which head the
//! encoder ends in, terms that become metrics, values that it keeps) and what it makes of the head's output. Its values
//! stand under `latent.` in a checkpoint.
//!
//! | file | holds |
//! | --- | --- |
//! | [`description`] | what is known without tensors; specs and plans read nothing else |
//! | [`compute`] | from the encoder's output to the decoder's input |
//! | `registry` | the types that follow from the list |

pub mod compute;
pub mod description;
pub mod deterministic;
pub mod gaussian;
mod registry;
pub mod vq;

use dfdx::tensor::Tape;

pub use compute::{Codes, Encoded, Latents, Term};
pub use description::{Description, Head, PREFIX};

use crate::config::members::members;
use crate::nn::backend::Rows;
use crate::nn::params::Init;
use crate::nn::{Backend, Mode, Parameters, Visit, VisitMut};

registry::latents! {
    Gaussian(gaussian::Gaussian) = "gaussian",
    Deterministic(deterministic::Deterministic) = "deterministic",
    Vq(vq::Vq) = "vq",
}

impl Default for AnyLatent {
    fn default() -> Self {
        Self::Gaussian(gaussian::Gaussian {})
    }
}
