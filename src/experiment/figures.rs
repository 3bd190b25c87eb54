//! Which pictures a run leaves behind.

use std::path::PathBuf;

use crate::figures::Switch;

/// The `[figures]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Loss curves.
    pub loss: bool,
    /// The latent manifold, or a traversal of each axis where there are not two of them.
    pub manifold: bool,
    /// Latent means of all images, by class.
    pub clusters: bool,
    /// Originals above their reconstructions.
    pub reconstructions: bool,
    /// Decoded samples from the prior.
    pub samples: bool,
    /// The manifold and the samples are `n` by `n` images.
    pub n: usize,
    /// The manifold runs from `-scale` to `scale` on each axis.
    pub scale: f64,
    /// A CSV file with the columns `epoch` and `loss`, drawn over the loss curves. Absolute.
    pub published: Option<PathBuf>,
    /// What the legend calls that curve.
    pub published_name: String,
}

impl Figures {
    /// Whether a figure's setting is on.
    pub fn asks_for(&self, switch: &Switch) -> bool {
        match switch.name {
            "loss" => self.loss,
            "manifold" => self.manifold,
            "clusters" => self.clusters,
            "reconstructions" => self.reconstructions,
            "samples" => self.samples,
            _ => switch.default,
        }
    }
}
