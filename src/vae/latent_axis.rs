//! Latent axes that the types know.

use dfdx::shapes::{Const, Dim};

use super::Vae;
use super::manifold::Plane;
use super::model::Planar;
use crate::likelihood::AnyLikelihood;
use crate::nn::Backend;

/// A latent axis that the registry knows.
pub trait LatentAxis: Dim {
    /// The network as one with two latent axes, if this axis is `Const<2>`.
    fn planar<'a, C: Dim, D: Backend>(
        _network: &'a Vae<C, Self, D>,
        _likelihood: &'a AnyLikelihood,
    ) -> Option<Box<dyn Planar + 'a>> {
        None
    }
}

impl LatentAxis for usize {}

impl LatentAxis for Const<2> {
    fn planar<'a, C: Dim, D: Backend>(
        network: &'a Vae<C, Self, D>,
        likelihood: &'a AnyLikelihood,
    ) -> Option<Box<dyn Planar + 'a>> {
        Some(Box::new(Plane {
            network,
            likelihood,
        }))
    }
}

/// Latent sizes that get a type of their own, besides 2. Adding a size is adding it here.
macro_rules! for_each_latent_size {
    ($do:ident) => {
        $do!(3, 4, 8, 10, 16, 20, 32, 64, 128);
    };
}

macro_rules! latent_axes {
    ($($n:literal),*) => { $(impl LatentAxis for Const<$n> {})* };
}
for_each_latent_size!(latent_axes);
pub(super) use for_each_latent_size;
