//! The loss, its reconstruction term, and the evidence lower bound.

use super::description::{Better, Comparable, Metric};
use super::facts::EpochFacts;
use super::kl::kl_nats;
use super::row::Reading;

/// What the optimizer minimises.
pub const LOSS: Metric = Metric {
    name: super::facts::LOSS,
    doc: "what the optimizer minimises: `reconstruction_weight * reconstruction + kl_weight * kl`, and what the objective adds to it",
    comparable_when: Comparable::SameLoss,
    unit: "",
    ..Metric::TERM
};

/// Reconstruction error.
pub const RECONSTRUCTION: Metric = Metric {
    name: "reconstruction",
    doc: "reconstruction error of an image, summed over its pixels and channels, before its weight; nats but for `mse`, minus the log of a density with `gaussian`, `laplace` and `continuous_bernoulli`",
    unit: "",
    ..Metric::TERM
};

/// The loss on the validation part.
pub const VAL_LOSS: Metric = LOSS.on_validation("val_loss", "`loss` on the validation part");

/// The reconstruction error on the validation part.
pub const VAL_RECONSTRUCTION: Metric = RECONSTRUCTION.on_validation(
    "val_reconstruction",
    "`reconstruction` on the validation part",
);

/// The evidence lower bound.
pub const ELBO: Metric = Metric {
    name: "elbo",
    doc: "`-(reconstruction + kl_nats)`; but for `mse` the evidence lower bound (Kingma and Welling, 2014), of a density with `gaussian`, `laplace` and `continuous_bernoulli`",
    unit: "nats",
    better: Better::Higher,
    value: |facts, _| elbo(facts).map(Reading::Real),
    ..Metric::REAL
};

/// The evidence lower bound of an epoch.
pub fn elbo(facts: &EpochFacts) -> Option<f64> {
    let reconstruction = facts.training.terms.scalar(RECONSTRUCTION.name)?;
    Some(-(reconstruction + kl_nats(facts)?))
}
