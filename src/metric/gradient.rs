//! The norm of the gradients.

use super::description::Metric;
use super::facts;

/// Norm over all gradients.
pub const GRAD_NORM: Metric = Metric {
    name: facts::GRAD_NORM,
    doc: "Euclidean norm over all gradients of a step before clipping, mean over the epoch's steps",
    value: |facts, name| facts.training.steps.get(name).cloned(),
    ..Metric::REAL
};
