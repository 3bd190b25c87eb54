//! What is known of an epoch when it ends: all that metrics are computed from.

use serde::{Deserialize, Serialize};

use super::row::Row;

/// An epoch at its end.
#[derive(Clone, Debug)]
pub struct EpochFacts<'a> {
    /// Counted from 1.
    pub epoch: u32,
    /// Measurements over the training images, taken while the weights move.
    pub training: &'a Measurements,
    /// Measurements over the validation part, with the weights of the epoch's last step.
    pub validation: Option<&'a Measurements>,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Weight of the KL at the epoch's last step.
    pub kl_weight: f64,
    /// Training images seen.
    pub images: u64,
    /// Duration of the training in seconds, evaluation and writing left out.
    pub seconds: f64,
    /// Values of an image: height times width times channels.
    pub image_values: usize,
    /// Whether the reconstruction error is minus the log of a probability density, which has no bits.
    pub is_density: bool,
}

/// Measurements over the steps or images of an epoch by name, or the sums that they come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurements {
    /// Terms of the objective, `loss` among them, over images.
    pub terms: Row,
    /// Values that a step has as a whole, such as [`GRAD_NORM`], over steps.
    pub steps: Row,
    /// Values of each latent axis, [`KL`], [`MEAN`] and [`SQUARE`], and of each row of a codebook, [`CODES`], over images; those
    /// that there are.
    pub axes: Row,
}

/// Which lists a network's measurements have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Latent axes.
    pub axes: usize,
    /// Whether there is a KL of each axis.
    pub kl: bool,
    /// Whether means of a distribution are measured.
    pub means: bool,
    /// Rows of a codebook, 0 without one.
    pub codes: usize,
}

impl Measured {
    /// Names of the lists with their lengths.
    pub fn lists(self) -> Vec<(&'static str, usize)> {
        let of_axes = [(KL, self.kl), (MEAN, self.means), (SQUARE, self.means)];
        let of_axes = of_axes.into_iter().filter(|(_, is_there)| *is_there);
        let codes = (self.codes > 0).then_some((CODES, self.codes));
        of_axes
            .map(|(name, _)| (name, self.axes))
            .chain(codes)
            .collect()
    }
}

/// Term of the objective: what the optimizer minimises.
pub const LOSS: &str = "loss";
/// Value of a step: the Euclidean norm over all gradients before clipping.
pub const GRAD_NORM: &str = "grad_norm";
/// Value of an axis: its KL in nats.
pub const KL: &str = "kl";
/// Value of an axis: the latent mean.
pub const MEAN: &str = "mean";
/// Value of an axis: the square of the latent mean.
pub const SQUARE: &str = "square";
/// Value of a row of a codebook: the share of the points that took it.
pub const CODES: &str = "codes";
