//! The network as a trait object, without its sizes in the type.

use super::error::ModelError;
use crate::metric::codes::{PERPLEXITY, exp_entropy};
use crate::numeric::named_tensor::NamedTensor;
use crate::objective::{Drawn, compute::LOSS};
use crate::optim::Step;
use crate::optim::schedule::Position;
use crate::prior::Mixture;

/// The images of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Images<'a> {
    /// Their values: (batch, height, width, channels), 0 to 1.
    Values(&'a [f32]),
    /// Their places among those given to [`Model::keep_images`].
    Kept(&'a [u32]),
}

/// The classes of the images of a batch, one an image; empty but for a conditional network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels<'a> {
    /// Those of the batch.
    pub batch: &'a [u16],
    /// Those of the second batch, where there is one.
    pub second: &'a [u16],
}

impl<'a> Labels<'a> {
    /// Those of a single batch.
    pub fn of(batch: &'a [u16]) -> Self {
        Self { batch, second: &[] }
    }
}

/// A batch with the random numbers and the weight of its step.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Its images.
    pub images: Images<'a>,
    /// As many others, for objectives that look at two batches.
    pub second: Option<Images<'a>>,
    /// The classes of both.
    pub labels: Labels<'a>,
    /// The random numbers that the objective draws for it.
    pub noise: &'a [Drawn],
    /// Where training is; on the validation part, at the last step before it.
    pub position: Position,
    /// Weight of the KL.
    pub kl_weight: f64,
}

/// Numbers of a batch, each a mean over its images.
#[derive(Clone, Debug, PartialEq)]
pub struct StepMetrics {
    /// `loss`, `reconstruction`, `kl` and the objective's own terms, by the names of their metrics.
    pub terms: Vec<(&'static str, f64)>,
    /// KL of each latent axis in nats; empty where there is none of an axis.
    pub kl_per_axis: Vec<f64>,
    /// The share of the points that took each row of a codebook; empty where there is none.
    pub code_shares: Vec<f64>,
    /// Means of q(z | x), (batch, latent), or what the encoder gives in their place, (point, latent).
    pub means: Vec<f32>,
}

impl StepMetrics {
    /// A term, or the perplexity of the batch's codes, by its name; not a number where there is none of that name.
    pub fn term(&self, name: &str) -> f64 {
        if name == PERPLEXITY.name && !self.code_shares.is_empty() {
            return exp_entropy(&self.code_shares);
        }
        let found = self.terms.iter().find(|(term, _)| *term == name);
        found.map_or(f64::NAN, |(_, value)| *value)
    }

    /// The first term that is not finite, by its name; the loss, which is made of the others, last.
    pub fn non_finite(&self) -> Option<&'static str> {
        let bad = self.terms.iter().filter(|(_, value)| !value.is_finite());
        let bad: Vec<&'static str> = bad.map(|(name, _)| *name).collect();
        let other = bad.iter().find(|name| **name != LOSS);
        other.or(bad.first()).copied()
    }
}

/// What a training step reports.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Numbers of its batch, before the update.
    pub losses: StepMetrics,
    /// Euclidean norm over all gradients of the network, before clipping.
    pub grad_norm: f64,
}

/// Values of a forward pass with the gradients of the losses, for comparisons.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Numbers of the batch.
    pub losses: StepMetrics,
    /// (batch, latent), where there is a distribution.
    pub log_var: Option<Vec<f32>>,
    /// The decoder's input, (batch, latent), or a point for each place of an image.
    pub z: Vec<f32>,
    /// Rows of a codebook, one for each point, where there is one.
    pub codes: Option<Vec<usize>>,
    /// (batch, height, width, channels), before the sigmoid.
    pub logits: Vec<f32>,
    /// One for each parameter, under its name.
    pub gradients: Vec<NamedTensor>,
}

/// A network with exactly two latent axes.
pub trait Planar {
    /// See [`manifold`](super::manifold()).
    fn manifold(&self, points: &[[f32; 2]], labels: &[u16]) -> Result<Vec<f32>, ModelError>;
}

/// A network with its optimizer's state.
pub trait Model {
    /// One optimizer step on a batch, whose numbers may stay on the device until [`Model::reports`] reads them.
    /// Nothing changes when a term is not finite, nor in any step after that until then.
    ///
    /// `clip_norm` limits the norm over the gradients of each parameter group.
    fn begin_step(
        &mut self,
        batch: Batch,
        step: Step,
        clip_norm: Option<f64>,
    ) -> Result<(), ModelError>;

    /// The steps since it was called last, one after the other: what they report, or why nothing changed in them.
    fn reports(&mut self) -> Vec<Result<StepReport, ModelError>>;

    /// After how many steps they should be read: 1 where that costs nothing.
    fn most_unread(&self) -> usize;

    /// One optimizer step and its report; see [`Model::begin_step`].
    fn train_step(
        &mut self,
        batch: Batch,
        step: Step,
        clip_norm: Option<f64>,
    ) -> Result<StepReport, ModelError> {
        self.begin_step(batch, step, clip_norm)?;
        let last = self.reports().pop();
        last.unwrap_or_else(|| Err(ModelError::Device("a step left no report".to_owned())))
    }

    /// Numbers of a batch, the weights at rest.
    fn evaluate(&self, batch: Batch) -> Result<StepMetrics, ModelError>;

    /// Forward values and gradients of a batch, the weights at rest.
    fn forward(&self, batch: Batch) -> Result<Forward, ModelError>;

    /// (batch, height, width, channels) to means of q(z | x), (batch, latent); where there is no distribution, to the decoder's
    /// input. Labels as in [`Labels`].
    fn encode(&self, images: &[f32], labels: &[u16]) -> Result<Vec<f32>, ModelError>;

    /// The rows of the codebook that images take, (batch, place); nothing without a codebook.
    fn codes(&self, images: &[f32], labels: &[u16]) -> Result<Option<Vec<usize>>, ModelError>;

    /// The learned prior; nothing for the standard normal distribution.
    fn prior(&self) -> Result<Option<Mixture>, ModelError>;

    /// (batch, latent), or a point for each place of an image, to pixel values from 0 to 1, (batch, height, width, channels).
    /// Labels as in [`Labels`].
    fn decode(&self, z: &[f32], labels: &[u16]) -> Result<Vec<f32>, ModelError>;

    /// Every parameter, the likelihood's own under `likelihood.`, the objective's under `objective.`, and every value that is kept with them and not trained (a
    /// running mean).
    fn weights(&self) -> Vec<NamedTensor>;

    /// Replaces all of [`Model::weights`]; nothing changes when one is missing, too many or of another shape.
    fn set_weights(&mut self, weights: &[NamedTensor]) -> Result<(), ModelError>;

    /// The optimizer's state: `optimizer.SLOT.PARAMETER`.
    fn optimizer_state(&self) -> Vec<NamedTensor>;

    /// Replaces the optimizer's state; nothing changes when one is missing, too many or of another shape.
    fn set_optimizer_state(&mut self, state: &[NamedTensor]) -> Result<(), ModelError>;

    /// Whether the device is one that images have to be uploaded to, and that holds all of them better than a batch at
    /// a time.
    fn takes_images(&self) -> bool;

    /// Uploads the images of a data set, (image, height, width, channels), for batches of [`Images::Kept`].
    fn keep_images(&mut self, images: &[f32]) -> Result<(), ModelError>;

    /// Whether it has them.
    fn keeps_images(&self) -> bool;

    /// Gives back the memory that is kept from step to step; the next step asks for it again.
    fn release_memory(&self) -> Result<(), ModelError>;

    /// The network as one with exactly two latent axes, if it is one.
    fn planar(&self) -> Option<Box<dyn Planar + '_>>;
}
