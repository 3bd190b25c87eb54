//! Layers, steps and costs of a spec, known before any work starts.

pub mod architecture;

pub use architecture::Architecture;

use crate::experiment::{self, Spec};
use crate::kernels::parallel::MOST_PIECES;
use crate::kernels::{Activation, Extent};
use crate::likelihood::{PixelValues, Verdict};
use crate::metric;
use crate::objective;

/// A spec with the sizes of its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The spec.
    pub spec: Spec,
    /// The network.
    pub architecture: Architecture,
    /// Images that are trained on.
    pub train_images: usize,
    /// Images that are held out.
    pub validation_images: usize,
    /// Optimizer steps an epoch; the last one takes what is left over.
    pub steps_per_epoch: u64,
}

impl Plan {
    /// The plan of a spec on its data: the size of an image, and how many are trained on and held out.
    pub fn new(spec: Spec, image: Extent, train_images: usize, validation_images: usize) -> Self {
        let architecture = Architecture {
            image,
            filters: spec.model.conv_filters.clone(),
            kernel: spec.model.kernel_size,
            stride: spec.model.stride,
            hidden: spec.model.hidden.clone(),
            latent: spec.model.latent_dim,
            activation: activation(spec.model.activation),
            normalization: spec.model.normalization,
        };
        Self {
            architecture,
            train_images,
            validation_images,
            steps_per_epoch: train_images.div_ceil(spec.training.batch_size) as u64,
            spec,
        }
    }

    /// All trained values, those of likelihood and objective too.
    pub fn parameters(&self) -> u64 {
        let (encoder, decoder) = self.architecture.parameters();
        let likelihood = self.spec.loss.reconstruction.parameters().len() as u64;
        encoder + decoder + likelihood + self.spec.objective.parameters(self.architecture.latent)
    }

    /// Values that are kept with those and not trained.
    pub fn buffers(&self) -> u64 {
        let likelihood = self.spec.loss.reconstruction.buffers().len() as u64;
        self.architecture.buffers() + likelihood
    }

    /// What the pixel values are: all data is of bytes, and whether they are all 0 or 255 is not known before it is loaded.
    pub fn pixel_values(&self) -> PixelValues {
        PixelValues::Steps
    }

    /// Whether the reconstruction error is minus the log of a probability density.
    pub fn has_density(&self) -> bool {
        self.spec.loss.reconstruction.judge(self.pixel_values()) == Verdict::Density
    }

    /// Values that the optimizer keeps for each trained value.
    pub fn optimizer_slots(&self) -> u64 {
        self.spec.optimizer.slots().len() as u64
    }

    /// Size of a checkpoint in bytes, without its header.
    pub fn checkpoint_bytes(&self) -> u64 {
        4 * (self.parameters() * (1 + self.optimizer_slots()) + self.buffers())
    }

    /// Estimated room of a whole run on the disk in bytes: three checkpoints and one in the making, each
    /// with the metrics of all epochs, and the figures.
    pub fn disk_bytes(&self) -> u64 {
        let epochs = self.spec.training.epochs as u64;
        let row = 600 + 24 * self.spec.model.latent_dim as u64;
        let checkpoint = self.checkpoint_bytes() + 16_384 + epochs.saturating_mul(row);
        checkpoint.saturating_mul(4).saturating_add(4_000_000)
    }

    /// The most that the metrics of all epochs take in a checkpoint's header, in bytes: names and numbers of
    /// a row, and one number a latent axis.
    pub fn history_bytes(&self) -> u64 {
        let row = metric::row_bytes(objective::metrics(), self.architecture.latent);
        (self.spec.training.epochs as u64).saturating_mul(row)
    }

    /// Estimated memory of training in bytes: images, weights with gradients and optimizer state, the
    /// activations of a step with their gradients, and the gradients of a convolution's kernel that pieces of a batch sum up
    /// by themselves.
    pub fn memory_bytes(&self) -> u64 {
        let batch = self.spec.training.batch_size as u64;
        let images = (self.train_images + self.validation_images) as u64
            * self.architecture.image.len() as u64;
        let weights = 4 * self.parameters() * (2 + self.optimizer_slots());
        let kernels = batch.min(MOST_PIECES as u64) * self.architecture.partial_sums();
        images + weights + 4 * (batch * self.architecture.activation_values() + kernels)
    }

    /// Floating-point operations of a training step on a full batch.
    pub fn flops_per_step(&self) -> u64 {
        self.architecture.training_flops() * self.spec.training.batch_size as u64
    }
}

/// The kernel of a spec's activation.
pub fn activation(activation: experiment::Activation) -> Activation {
    match activation {
        experiment::Activation::Relu => Activation::Relu,
        experiment::Activation::LeakyRelu => Activation::LeakyRelu,
        experiment::Activation::Elu => Activation::Elu,
        experiment::Activation::Silu => Activation::Silu,
        experiment::Activation::Gelu => Activation::Gelu,
        experiment::Activation::Tanh => Activation::Tanh,
    }
}
