//! What is minimised.

use crate::config::choice::choices;
use crate::kernels::loss;
use crate::objective::LossTerms;

choices! {
    /// The reconstruction term of the loss.
    pub enum Reconstruction {
        /// binary cross-entropy, from logits
        Bce = "bce",
        /// squared error, after the sigmoid
        Mse = "mse",
    }
}

choices! {
    /// How the KL divergence is reduced over the latent axes.
    pub enum KlReduction {
        /// sum over the axes: the textbook's evidence lower bound
        Sum = "sum",
        /// mean over the axes: the published Keras example
        Mean = "mean",
    }
}

/// The `[loss]` table: `reconstruction_weight * reconstruction + kl_weight * KL`.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// The reconstruction term.
    pub reconstruction: Reconstruction,
    /// Factor of the reconstruction term, 0 or more.
    pub reconstruction_weight: f64,
    /// Factor of the KL term once warm, 0 or more.
    pub kl_weight: f64,
    /// Reduction of the KL term over the latent axes.
    pub kl_reduction: KlReduction,
    /// Epochs over which the KL weight grows from 0 to `kl_weight`; may be a fraction.
    pub kl_warmup_epochs: f64,
}

impl Loss {
    /// The terms that every objective has.
    pub fn terms(&self) -> LossTerms {
        LossTerms {
            reconstruction: match self.reconstruction {
                Reconstruction::Bce => loss::Reconstruction::BinaryCrossEntropy,
                Reconstruction::Mse => loss::Reconstruction::SquaredError,
            },
            reconstruction_weight: self.reconstruction_weight,
            kl_mean: self.kl_reduction == KlReduction::Mean,
        }
    }
}
