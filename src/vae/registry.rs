//! The types of a network from the numbers of a plan.

use std::cell::Cell;
use std::collections::BTreeMap;

use dfdx::shapes::{Const, Dim};

use super::Vae;
use super::error::{ModelError, device_error};
use super::latent_axis::{LatentAxis, for_each_latent_size};
use super::model::Model;
use super::trainable::{Groups, Optimizers, TrainableVae};
use super::visitors::NewState;
use crate::latent;
use crate::likelihood::Likelihood;
use crate::nn::Backend;
use crate::nn::params::Init;
use crate::objective::{ParameterGroup, Prepared, Setup, refusals};
use crate::optim::Rule;
use crate::plan::Architecture;
use crate::prior::{self, Sizes};

/// Builds the network of an architecture with new weights, its objective and its optimizers.
///
/// # Errors
/// The device has no memory for it; objective, kind of latents and prior do not go together.
pub fn build<D: Backend>(
    device: &D::Device,
    architecture: &Architecture,
    setup: Setup,
    rule: Rule,
    seed: u64,
) -> Result<Box<dyn Model>, ModelError> {
    let refused = refusals(&setup.objective, &setup.latent, &setup.prior);
    if let Some(refusal) = refused.into_iter().next() {
        return Err(ModelError::Mismatch(refusal.message));
    }
    let spec = Parts::<D> {
        device,
        architecture,
        setup,
        rule,
        seed,
    };
    let (channels, latent) = (architecture.image.channels, architecture.latent);
    if D::COMMON_SIZES {
        match channels {
            1 => spec.with_channels(Const::<1>),
            3 => spec.with_channels(Const::<3>),
            other => spec.with_channels(other),
        }
    } else {
        match latent {
            // Its manifold can be drawn.
            2 => spec.with_sizes(channels, Const::<2>),
            other => spec.with_sizes(channels, other),
        }
    }
}

struct Parts<'a, D: Backend> {
    device: &'a D::Device,
    architecture: &'a Architecture,
    setup: Setup,
    rule: Rule,
    seed: u64,
}

impl<D: Backend> Parts<'_, D> {
    fn with_channels<C: Dim>(&self, channels: C) -> Result<Box<dyn Model>, ModelError> {
        macro_rules! by_size {
            ($($n:literal),*) => {
                match self.architecture.latent {
                    2 => self.with_sizes(channels, Const::<2>),
                    $($n => self.with_sizes(channels, Const::<$n>),)*
                    other => self.with_sizes(channels, other),
                }
            };
        }
        macro_rules! dispatch { ($($n:literal),*) => { return by_size!($($n),*) }; }
        for_each_latent_size!(dispatch);
    }

    fn with_sizes<C: Dim, Z: LatentAxis>(
        &self,
        channels: C,
        latent: Z,
    ) -> Result<Box<dyn Model>, ModelError> {
        let objective = &self.setup.objective;
        let (device, mut init) = (self.device, Init::new(self.seed));
        let sizes = (channels, latent);
        let network = Vae::<C, Z, D>::new(device, &mut init, self.architecture, sizes);
        // The network's weights come first, and are the same with each objective and prior.
        let network = network.map_err(device_error)?;
        let likelihood = Likelihood::new(device, self.setup.loss.reconstruction);
        let objective_state = Prepared::new(objective, device, &mut init, latent);
        let objective_state = objective_state.map_err(device_error)?;
        let axes = latent.size();
        let kind = latent::Prepared::new(&self.setup.latent, device, &mut init, axes);
        let sizes = Sizes {
            image: self.architecture.image,
            latent: axes,
        };
        let kind = kind.map_err(device_error)?;
        let prior = prior::Prepared::new(&self.setup.prior, device, &mut init, sizes);
        let groups = Groups {
            network,
            likelihood: likelihood.map_err(device_error)?,
            kind,
            prior: prior.map_err(device_error)?,
            objective: objective_state,
        };
        let optimizers = Optimizers {
            network: self.rule,
            objective: objective.optimizer(),
        };
        let mut state = BTreeMap::new();
        for group in ParameterGroup::ALL {
            let mut new = NewState::<D> {
                device,
                slots: optimizers.rule(group).slots().len(),
                state: &mut state,
            };
            groups.visit(group, &mut new).map_err(device_error)?;
        }
        Ok(Box::new(TrainableVae {
            device: self.device.clone(),
            groups,
            channels,
            latent,
            image: self.architecture.image,
            places: self.architecture.places(),
            setup: self.setup.clone(),
            optimizers,
            state,
            unread: vec![],
            gate: None,
            kept: None,
            batch: Cell::new(0),
        }))
    }
}
