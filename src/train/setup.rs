//! From a plan to a network with its optimizer.

use dfdx::tensor::{Cache, Cpu};

use crate::data::{Images, fill_batch};
use crate::nn::{Device, DfdxOps};
use crate::objective::Setup;
use crate::optim::Rule;
use crate::plan::{Architecture, Plan};
use crate::vae::{self, Model, ModelError};

/// The plan's objective with all that it is computed from.
pub fn setup(plan: &Plan) -> Setup {
    Setup {
        objective: plan.spec.objective.clone(),
        latent: plan.spec.latent,
        prior: plan.spec.prior,
        loss: plan.spec.loss.terms(),
        train_images: plan.train_images,
    }
}

/// The plan's network on a device, with new weights of the plan's seed.
///
/// # Errors
/// The device has no memory for it.
pub fn build_model(plan: &Plan, device: Device) -> Result<Box<dyn Model>, ModelError> {
    build(
        device,
        &plan.architecture,
        setup(plan),
        plan.spec.optimizer,
        plan.spec.seed,
    )
}

/// A network on a device, with new weights of a seed.
///
/// # Errors
/// The device is not there, or has no memory for it.
pub fn build(
    device: Device,
    architecture: &Architecture,
    setup: Setup,
    rule: Rule,
    seed: u64,
) -> Result<Box<dyn Model>, ModelError> {
    match device {
        Device::Cpu => vae::build::<Cpu>(&cpu(), architecture, setup, rule, seed),
        Device::CpuDfdx => vae::build::<DfdxOps<Cpu>>(&cpu(), architecture, setup, rule, seed),
        #[cfg(feature = "cuda")]
        Device::Cuda(index) => {
            let error = |error: &dyn std::fmt::Display| ModelError::Device(error.to_string());
            let gpu = crate::nn::device::open_cuda(index).map_err(|e| error(&e))?;
            gpu.try_enable_cache().map_err(|e| error(&e))?;
            vae::build::<DfdxOps<dfdx::tensor::Cuda>>(&gpu, architecture, setup, rule, seed)
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => Err(ModelError::Device(
            crate::nn::device::Absent::NotBuilt.to_string(),
        )),
    }
}

/// Memory is kept from step to step instead of being given back and asked for again.
fn cpu() -> Cpu {
    let device = Cpu::default();
    device.enable_cache();
    device
}

/// Gives all images to a model whose device holds them, so that batches need not be uploaded. Sets that are too large
/// for that, or whose images are drawn anew in each epoch, stay where they are.
///
/// # Errors
/// The device has no memory for them.
pub fn keep_images(model: &mut dyn Model, images: &Images) -> Result<(), ModelError> {
    /// Of four bytes each.
    const MOST_VALUES: usize = 1 << 30;
    let values = images.len().saturating_mul(images.values_per_image());
    if !model.takes_images() || values > MOST_VALUES || images.are_drawn() {
        return Ok(());
    }
    let all: Vec<u32> = (0..images.len() as u32).collect();
    let mut pixels = vec![0.0; values];
    fill_batch(images, &all, &mut pixels);
    model.keep_images(&pixels)
}
