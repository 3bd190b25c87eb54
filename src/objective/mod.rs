//! Objectives: what training lowers.
//!
//! An objective is one file and one line of the list below. The file holds its settings with what they do not go with,
//! its [`Description`] (terms that become metrics, random numbers that it draws, parameters of its own) and its formula,
//! [`Objective::outcome`], generic over image channels, latent axis and backend, with its tests.
//!
//! A training step goes over a list of losses, each with the [`ParameterGroup`] that it trains: one for most
//! objectives, two where an adversary has parameters and an optimizer of its own. Those parameters stand under
//! `objective.` in a checkpoint.
//!
//! | file | holds |
//! | --- | --- |
//! | [`description`] | what is known without tensors; specs and plans read nothing else |
//! | [`noise`] | random numbers of a batch, each kind under a purpose of its own |
//! | [`compute`] | what an objective is given on the device, and what it gives |
//! | [`fits`] | what does not go with what: objective, kind of latents, prior |
//! | `metrics` | every metric that the program knows, terms of objectives included |
//! | [`kl_schedule`] | the weight of the KL over the steps |
//! | [`weighted`] | objectives that are a weighted sum of terms, without parameters of their own |
//! | `rules` | what several objectives do not go with |
//! | `registry` | the types that follow from the list |

pub mod beta_tc;
pub mod capacity;
pub mod compute;
pub mod description;
pub mod dip;
pub mod elbo;
pub mod factor;
pub mod fits;
pub mod free_bits;
pub mod iwae;
pub mod kl_schedule;
mod metrics;
pub mod mmd;
pub mod noise;
mod registry;
mod rules;
#[cfg(test)]
pub mod testing;
pub mod weighted;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

pub use compute::{Given, Loss, Network, Objective, Outcome, Pass, Second, Values};
pub use description::{Description, LossTerms, Needs, OwnOptimizer, ParameterGroup};
pub use fits::refusals;
pub use kl_schedule::KlSchedule;
pub use metrics::{find_metric, metrics, metrics_of, scalar_names};
pub use noise::{At, Drawn, Noise};

use crate::config::members::members;
use crate::latent::AnyLatent;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Parameters, Visit, VisitMut};
use crate::prior::AnyPrior;

registry::objectives! {
    Elbo(elbo::Elbo) = "elbo",
    BetaTc(beta_tc::BetaTc) = "beta_tc",
    Capacity(capacity::Capacity) = "capacity",
    FreeBits(free_bits::FreeBits) = "free_bits",
    Dip(dip::Dip) = "dip",
    Mmd(mmd::Mmd) = "mmd",
    Iwae(iwae::Iwae) = "iwae",
    Factor(factor::Factor) = "factor",
}

impl Default for AnyObjective {
    fn default() -> Self {
        Self::Elbo(elbo::Elbo {})
    }
}

/// An objective with all that it is computed from besides the network and the batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The objective.
    pub objective: AnyObjective,
    /// The kind of latents.
    pub latent: AnyLatent,
    /// The prior.
    pub prior: AnyPrior,
    /// The terms that every objective has.
    pub loss: LossTerms,
    /// Images of the training set.
    pub train_images: usize,
}
