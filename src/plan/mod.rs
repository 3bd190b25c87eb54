//! Layers, steps and costs of a spec, known before any work starts.

pub mod architecture;

pub use architecture::Architecture;

use crate::experiment::{self, Spec};
use crate::kernels::parallel::MOST_PIECES;
use crate::kernels::{Activation, Extent};
use crate::metric::{self, Measured};
use crate::objective::{self, Noise};
use crate::prior::{Sizes, parameter_count};

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
            head: spec.latent.head(),
            image_gradient: spec.prior.encoded_images() > 0,
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

    /// All trained values, those of the objective, of the kind of latents and of the prior too.
    pub fn parameters(&self) -> u64 {
        let (encoder, decoder) = self.architecture.parameters();
        let objective = self.spec.objective.parameters(self.architecture.latent);
        let [latent, _, prior] = self.kept();
        encoder + decoder + objective + parameter_count(&latent) + parameter_count(&prior)
    }

    /// Names and shapes of what is kept besides the layers: trained values of the kind of latents, its others, and trained
    /// values of the prior.
    pub fn kept(&self) -> [Vec<(&'static str, Vec<usize>)>; 3] {
        let axes = self.architecture.latent;
        let latent = &self.spec.latent;
        let prior = self.spec.prior.parameters(self.sizes());
        [latent.parameters(axes), latent.buffers(axes), prior]
    }

    /// What the shapes of a prior's parameters depend on.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            image: self.architecture.image,
            latent: self.architecture.latent,
        }
    }

    /// Values that are kept with the trained ones: running means and counts.
    pub fn buffers(&self) -> u64 {
        let [_, latent, _] = self.kept();
        self.architecture.buffers() + parameter_count(&latent)
    }

    /// Whether the encoder gives a distribution for each image, which has a KL from a prior.
    pub fn has_distribution(&self) -> bool {
        self.architecture.head.is_distribution()
    }

    /// What a step measures besides terms.
    pub fn measured(&self) -> Measured {
        let has_q = self.has_distribution();
        Measured {
            axes: self.architecture.latent,
            kl: has_q && self.spec.prior.is_standard(),
            means: has_q,
            codes: self.spec.latent.codes(),
        }
    }

    /// The random numbers that a batch needs.
    pub fn noise(&self) -> Vec<Noise> {
        match self.has_distribution() {
            true => self.spec.objective.noise(),
            false => vec![],
        }
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
    /// activations of a step with their gradients, those of images that a prior encodes, of its mixture and of a codebook, and
    /// the gradients of a convolution's kernel that pieces of a batch sum up by themselves.
    pub fn memory_bytes(&self) -> u64 {
        let batch = self.spec.training.batch_size as u64;
        let images = (self.train_images + self.validation_images) as u64
            * self.architecture.image.len() as u64;
        let weights = 4 * self.parameters() * (2 + self.optimizer_slots());
        let kernels = batch.min(MOST_PIECES as u64) * self.architecture.partial_sums();
        let encoded = self.spec.prior.encoded_images() as u64 * self.encoder_values();
        let axes = self.architecture.latent as u64;
        // Some ten tensors with a value for each image, component and axis, and their gradients.
        let mixture = 20 * batch * self.spec.prior.component_count() as u64 * axes;
        let points = batch * self.architecture.places() as u64;
        // Points, codes, and what lies between them.
        let codes = match self.spec.latent.codes() {
            0 => 0,
            _ => 12 * points * axes,
        };
        let values = batch * self.architecture.activation_values() + encoded + mixture + codes;
        images + weights + 4 * (values + kernels)
    }

    /// Activation values of the encoder on one image, with their gradients.
    fn encoder_values(&self) -> u64 {
        let layers = self.architecture.encoder_layers();
        layers.iter().map(|layer| layer.kept_values()).sum()
    }

    /// Floating-point operations of a training step on a full batch.
    pub fn flops_per_step(&self) -> u64 {
        let layers = self.architecture.encoder_layers();
        let encoder: u64 = layers.iter().map(|layer| layer.training_flops()).sum();
        let encoded = self.spec.prior.encoded_images() as u64 * encoder;
        self.architecture.training_flops() * self.spec.training.batch_size as u64 + encoded
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
