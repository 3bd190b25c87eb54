//! One epoch's numbers: what they are called, what they mean and in which unit.
//!
//! The names here are the columns of `metrics.parquet`, the keys of `[expect]` and the words of every
//! table and figure. "Nats" are natural logarithms; a mean is over the images of the epoch.

use serde::{Deserialize, Serialize};

/// The metrics of one epoch: a row of `metrics.parquet`.
///
/// Training values are means over the epoch's images while the weights move (as Keras shows them);
/// those that start with `val_` are taken after the epoch with the weights at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: u32,
    /// What the optimizer lowers: `reconstruction_weight * reconstruction + kl_weight * kl`.
    pub loss: f64,
    /// Reconstruction error of an image, summed over its pixels and channels, before its weight.
    pub reconstruction: f64,
    /// Kullback-Leibler divergence as it stands in the loss (`kl_reduction`), before its weight.
    pub kl: f64,
    /// Kullback-Leibler divergence summed over latent axes, in nats, whatever `kl_reduction` is.
    pub kl_nats: f64,
    /// `-(reconstruction + kl_nats)`: with `bce`, the evidence lower bound in nats.
    pub elbo: f64,
    /// `loss` on the validation part, with the weights of the epoch's last step.
    pub val_loss: Option<f64>,
    /// `reconstruction` on the validation part.
    pub val_reconstruction: Option<f64>,
    /// `kl` on the validation part.
    pub val_kl: Option<f64>,
    /// `kl_nats` split by latent axis.
    pub kl_per_axis: Vec<f64>,
    /// Latent axes whose mean varies over the images with a variance above 0.01 (the active units of
    /// Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016).
    pub active_axes: u32,
    /// Euclidean norm over all gradients of a step before clipping, mean over the epoch's steps.
    pub grad_norm: f64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Weight of the divergence at the epoch's last step.
    pub kl_weight: f64,
    /// Training images a second, evaluation and writing left out. A wall-clock value.
    pub images_per_second: f64,
    /// Duration of the epoch's training in seconds. A wall-clock value.
    pub seconds: f64,
}

/// Names of the scalar metrics, in the order of their columns: what `[expect]` may limit.
pub const SCALARS: [&str; 15] = [
    "epoch",
    "loss",
    "reconstruction",
    "kl",
    "kl_nats",
    "elbo",
    "val_loss",
    "val_reconstruction",
    "val_kl",
    "active_axes",
    "grad_norm",
    "learning_rate",
    "kl_weight",
    "images_per_second",
    "seconds",
];

impl EpochMetrics {
    /// A scalar metric by its name in [`SCALARS`]; nothing where the run does not have it (`val_loss`
    /// without a validation part) or the name is unknown.
    pub fn scalar(&self, name: &str) -> Option<f64> {
        Some(match name {
            "epoch" => self.epoch.into(),
            "loss" => self.loss,
            "reconstruction" => self.reconstruction,
            "kl" => self.kl,
            "kl_nats" => self.kl_nats,
            "elbo" => self.elbo,
            "val_loss" => return self.val_loss,
            "val_reconstruction" => return self.val_reconstruction,
            "val_kl" => return self.val_kl,
            "active_axes" => self.active_axes.into(),
            "grad_norm" => self.grad_norm,
            "learning_rate" => self.learning_rate,
            "kl_weight" => self.kl_weight,
            "images_per_second" => self.images_per_second,
            "seconds" => self.seconds,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_scalar_can_be_looked_up() {
        let mut value = 0.0;
        let mut next = || {
            value += 1.0;
            value
        };
        let row = EpochMetrics {
            epoch: next() as u32,
            loss: next(),
            reconstruction: next(),
            kl: next(),
            kl_nats: next(),
            elbo: next(),
            val_loss: Some(next()),
            val_reconstruction: Some(next()),
            val_kl: Some(next()),
            kl_per_axis: vec![],
            active_axes: next() as u32,
            grad_norm: next(),
            learning_rate: next(),
            kl_weight: next(),
            images_per_second: next(),
            seconds: next(),
        };
        let values: Vec<_> = SCALARS.iter().map(|name| row.scalar(name)).collect();
        let expected: Vec<_> = (1..=SCALARS.len()).map(|v| Some(v as f64)).collect();
        assert_eq!(values, expected);
        assert_eq!(row.scalar("kl_per_axis"), None);
    }
}
