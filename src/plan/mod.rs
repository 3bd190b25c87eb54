//! Layers, steps and costs of a spec, known before any work starts.

pub mod architecture;

pub use architecture::Architecture;

use crate::data::Classes;
use crate::experiment::{self, Condition, Spec};
use crate::kernels::parallel::MOST_PIECES;
use crate::kernels::{Activation, Extent};
use crate::metric;
use crate::objective;

/// A spec with the sizes of its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The spec.
    pub spec: Spec,
    /// The network.
    pub architecture: Architecture,
    /// The classes that it is told; none where it is not conditional.
    pub classes: Classes,
    /// Images that are trained on.
    pub train_images: usize,
    /// Images that are held out.
    pub validation_images: usize,
    /// Optimizer steps an epoch; the last one takes what is left over.
    pub steps_per_epoch: u64,
}

impl Plan {
    /// The plan of a spec on its data: the size of an image, and how many are trained on and held out. A conditional one
    /// also needs [`Plan::with_classes`].
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
            classes: 0,
        };
        Self {
            architecture,
            classes: Classes::default(),
            train_images,
            validation_images,
            steps_per_epoch: train_images.div_ceil(spec.training.batch_size) as u64,
            spec,
        }
    }

    /// Whether the network is told the class of an image.
    pub fn is_conditional(&self) -> bool {
        self.spec.model.condition == Condition::Label
    }

    /// The plan for data of these classes, which only a conditional network depends on.
    #[must_use]
    pub fn with_classes(mut self, classes: Classes) -> Self {
        if self.is_conditional() {
            self.architecture.classes = classes.names.len();
            self.classes = classes;
        }
        self
    }

    /// All trained values, those of the objective too.
    pub fn parameters(&self) -> u64 {
        let (encoder, decoder) = self.architecture.parameters();
        encoder + decoder + self.spec.objective.parameters(self.architecture.latent)
    }

    /// Values that the optimizer keeps for each trained value.
    pub fn optimizer_slots(&self) -> u64 {
        self.spec.optimizer.slots().len() as u64
    }

    /// Size of a checkpoint in bytes, without its header.
    pub fn checkpoint_bytes(&self) -> u64 {
        4 * (self.parameters() * (1 + self.optimizer_slots()) + self.architecture.buffers())
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
