//! Layers, steps and costs of a spec, known before any work starts.

pub mod architecture;
#[cfg(test)]
mod published;

pub use architecture::Architecture;

use crate::data::{Binarize, Classes};
use crate::experiment::{self, Condition, Spec};
use crate::kernels::parallel::MOST_PIECES;
use crate::kernels::{Activation, Extent};
use crate::likelihood::{PixelValues, Verdict};
use crate::metric::{self, Measured};
use crate::nn::layers::NamedConfig;
use crate::objective::{self, Noise};
use crate::optim::Rule;
use crate::optim::schedule::Position;
use crate::prior::{Sizes, parameter_count};

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
            kernel: spec.model.kernel_size.clone(),
            stride: spec.model.stride.clone(),
            padding: spec.model.padding.clone(),
            residual_blocks: spec.model.residual_blocks,
            hidden: spec.model.hidden.clone(),
            latent: spec.model.latent_dim,
            activation: activation(&spec.model),
            head: spec.latent.head(),
            image_gradient: spec.prior.encoded_images() > 0,
            normalization: spec.model.normalization,
            decoder: spec.decoder.clone(),
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

    /// Where a step stands, counted from 0 over the whole run.
    pub fn position(&self, step: u64) -> Position {
        Position {
            step,
            steps_per_epoch: self.steps_per_epoch,
            epochs: self.spec.training.epochs as u64,
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

    /// Whether the objective has its final form at the end of an epoch: without such an epoch there is no best one.
    pub fn has_final_epoch(&self) -> bool {
        let mut epochs = (1..=self.spec.training.epochs as u64).rev();
        let last = |epoch: u64| (epoch * self.steps_per_epoch).saturating_sub(1);
        epochs.any(|epoch| self.spec.is_final(self.position(last(epoch))))
    }

    /// All trained values, those of likelihood, kind of latents, prior and objective too.
    pub fn parameters(&self) -> u64 {
        let (encoder, decoder) = self.architecture.parameters();
        let likelihood = self.spec.loss.reconstruction.parameters().len() as u64;
        let objective = self.spec.objective.parameters(self.architecture.latent);
        let [latent, _, prior] = self.kept();
        let kept = parameter_count(&latent) + parameter_count(&prior);
        encoder + decoder + likelihood + objective + kept
    }

    /// Values that are kept with those and not trained.
    pub fn buffers(&self) -> u64 {
        let likelihood = self.spec.loss.reconstruction.buffers().len() as u64;
        let [_, latent, _] = self.kept();
        self.architecture.buffers() + likelihood + parameter_count(&latent)
    }

    /// What the pixel values are: all data is of bytes, and whether they are all 0 or 255 is not known before it is loaded,
    /// unless the spec makes them so.
    pub fn pixel_values(&self) -> PixelValues {
        match self.spec.data.binarize {
            Binarize::None => PixelValues::Steps,
            Binarize::Threshold | Binarize::Sample => PixelValues::Binary,
        }
    }

    /// Whether the reconstruction error is minus the log of a probability density.
    pub fn has_density(&self) -> bool {
        self.spec.loss.reconstruction.judge(self.pixel_values()) == Verdict::Density
    }

    /// Values that the optimizers keep.
    pub fn optimizer_values(&self) -> u64 {
        let objective = &self.spec.objective;
        let own = objective.parameters(self.architecture.latent);
        let slots = |rule: &Rule| rule.slots().len() as u64;
        let network = slots(&self.spec.optimizer);
        let of_own = objective.optimizer().map_or(network, |it| slots(&it.rule));
        (self.parameters() - own) * network + own * of_own
    }

    /// Size of a checkpoint in bytes, without its header.
    pub fn checkpoint_bytes(&self) -> u64 {
        4 * (self.parameters() + self.optimizer_values() + self.buffers())
    }

    /// All layers, the objective's own last, each with how many times for each image of a batch a training step goes through
    /// it, forward and backward.
    pub fn layers(&self) -> Vec<(NamedConfig, u64)> {
        let objective = &self.spec.objective;
        let times = |layers: Vec<NamedConfig>, times: usize| {
            layers.into_iter().map(move |layer| (layer, times as u64))
        };
        let encoder = times(self.architecture.encoder_layers(), 1);
        let decoder = times(self.architecture.decoder_layers(), objective.points());
        let own = objective.layers(self.architecture.latent);
        encoder
            .chain(decoder)
            .chain(times(own, objective.own_points()))
            .collect()
    }

    /// A sum over all layers, as often as a training step goes through them, and over those that it goes through forward
    /// once more.
    fn sum_of_layers(
        &self,
        of: impl Fn(&NamedConfig) -> u64,
        forward: impl Fn(&NamedConfig) -> u64,
    ) -> u64 {
        let layers = self.layers();
        let sum: u64 = layers.iter().map(|(layer, times)| times * of(layer)).sum();
        let second: u64 = match self.spec.objective.second_batch() {
            true => self.architecture.encoder_layers().iter().map(forward).sum(),
            false => 0,
        };
        sum + second
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
        let Spec {
            objective,
            prior,
            latent,
            ..
        } = &self.spec;
        let metrics = objective::metrics_of(objective, prior, latent);
        let row = metric::row_bytes(&metrics, self.architecture.latent);
        (self.spec.training.epochs as u64).saturating_mul(row)
    }

    /// Estimated memory of training in bytes: images, weights with gradients and optimizer state, the
    /// activations of a step with their gradients, those of images that a prior encodes, of its mixture and of a codebook, and
    /// the gradients of a convolution's kernel that pieces of a batch sum up by themselves.
    pub fn memory_bytes(&self) -> u64 {
        let batch = self.spec.training.batch_size as u64;
        let images = (self.train_images + self.validation_images) as u64
            * self.architecture.image.len() as u64;
        let weights = 4 * (2 * self.parameters() + self.optimizer_values());
        let points = self.spec.objective.points() as u64;
        let pieces = (batch * points).min(MOST_PIECES as u64);
        let kernels = pieces * self.architecture.partial_sums();
        // Without a backward pass, an output is kept until the next one is there.
        let activations = self.sum_of_layers(|it| it.kept_values(), |it| it.kept_values() / 2);
        // Where several points are decoded, each has a copy of its image beside it.
        let copies = match points {
            0 | 1 => 0,
            _ => points * self.architecture.image.len() as u64,
        };
        let encoded = self.spec.prior.encoded_images() as u64 * self.encoder_values();
        let axes = self.architecture.latent as u64;
        // Some ten tensors with a value for each image, component and axis, and their gradients.
        let mixture = 20 * batch * self.spec.prior.component_count() as u64 * axes;
        let latent_points = batch * self.architecture.places() as u64;
        // Points, codes, and what lies between them.
        let codes = match self.spec.latent.codes() {
            0 => 0,
            _ => 12 * latent_points * axes,
        };
        let values = batch * (activations + copies) + encoded + mixture + codes;
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
        self.flops_per_image() * self.spec.training.batch_size as u64 + encoded
    }

    /// Floating-point operations of a training step on one image. Activations, losses and the optimizer, which are a few
    /// operations a value, are not counted.
    pub fn flops_per_image(&self) -> u64 {
        self.sum_of_layers(|it| it.training_flops(), |it| it.flops())
    }
}

/// The kernel of a spec's activation.
pub fn activation(model: &experiment::Model) -> Activation {
    match model.activation {
        experiment::Activation::Relu => Activation::Relu,
        experiment::Activation::LeakyRelu => Activation::LeakyRelu(model.activation_slope as f32),
        experiment::Activation::Elu => Activation::Elu,
        experiment::Activation::Silu => Activation::Silu,
        experiment::Activation::Gelu => Activation::Gelu,
        experiment::Activation::Tanh => Activation::Tanh,
    }
}
