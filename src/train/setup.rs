//! From a plan to a network with its optimizer.

use dfdx::tensor::{Cache, Cpu};

use crate::kernels::loss;
use crate::optim;
use crate::plan::Plan;
use crate::spec::{self, KlReduction, Reconstruction};
use crate::vae::{self, Model, ModelError, Objective};

/// What the spec's `[loss]` asks for.
pub fn objective(loss: &spec::Loss) -> Objective {
    Objective {
        reconstruction: match loss.reconstruction {
            Reconstruction::Bce => loss::Reconstruction::BinaryCrossEntropy,
            Reconstruction::Mse => loss::Reconstruction::SquaredError,
        },
        reconstruction_weight: loss.reconstruction_weight,
        kl_mean: loss.kl_reduction == KlReduction::Mean,
    }
}

/// What the spec's `[optimizer.NAME]` asks for.
pub fn rule(rule: &spec::Rule) -> optim::Rule {
    match *rule {
        spec::Rule::Adam {
            beta_1,
            beta_2,
            epsilon,
        } => optim::Rule::Adam {
            beta_1,
            beta_2,
            epsilon,
            weight_decay: 0.0,
        },
        spec::Rule::AdamW {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        } => optim::Rule::Adam {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        },
        spec::Rule::RmsProp {
            rho,
            momentum,
            epsilon,
            centered,
        } => optim::Rule::RmsProp {
            rho,
            momentum,
            epsilon,
            centered,
        },
        spec::Rule::Sgd { momentum, nesterov } => optim::Rule::Sgd { momentum, nesterov },
    }
}

/// The plan's network on the CPU, with new weights of the plan's seed.
///
/// # Errors
/// The device has no memory for it.
pub fn build_model(plan: &Plan) -> Result<Box<dyn Model>, ModelError> {
    let spec = &plan.spec;
    let (objective, rule) = (objective(&spec.loss), rule(&spec.optimizer.rule));
    let device = Cpu::default();
    // Memory is kept from step to step instead of being given back and asked for again.
    device.enable_cache();
    vae::build(&device, &plan.architecture, objective, rule, spec.seed)
}
