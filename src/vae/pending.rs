//! Metrics of a step that are not yet read from the device.

use dfdx::shapes::Dim;
use dfdx::tensor::Tensor;

use super::error::ModelError;
use super::model::{StepMetrics, StepReport};
use crate::latent::Codes;
use crate::nn::Backend;
use crate::nn::backend::{Latent, Scalar};
use crate::objective::Outcome;
use crate::objective::compute::TermValue;

/// What [`StepMetrics`] are read from.
#[derive(Debug)]
pub(super) struct PendingMetrics<Z: Dim, D: Backend> {
    terms: Vec<TermValue<D>>,
    kl_per_axis: Option<Tensor<(Z,), f32, D::Device>>,
    mean: Latent<Z, D>,
    codes: Option<Codes>,
}

impl<Z: Dim, D: Backend> PendingMetrics<Z, D> {
    /// Keeps what is to be read, and drops the rest.
    pub(super) fn of<C: Dim>(outcome: Outcome<C, Z, D>) -> Self {
        let mut losses = outcome
            .losses
            .into_iter()
            .map(|loss| (loss.name, loss.value));
        let mut terms: Vec<_> = losses.next().into_iter().collect();
        terms.extend(outcome.terms);
        terms.extend(losses);
        Self {
            terms,
            kl_per_axis: outcome.values.kl_per_axis,
            mean: outcome.values.mean,
            codes: outcome.values.codes,
        }
    }

    /// Losses and terms.
    pub(super) fn terms(&self) -> Vec<&Scalar<D>> {
        self.terms.iter().map(|(_, value)| value).collect()
    }

    /// Waits for the device.
    pub(super) fn read(&self) -> StepMetrics {
        let read = |(name, value): &TermValue<D>| (*name, D::scalar(value).into());
        StepMetrics {
            terms: self.terms.iter().map(read).collect(),
            kl_per_axis: self
                .kl_per_axis
                .iter()
                .flat_map(D::to_vec)
                .map(f64::from)
                .collect(),
            code_shares: self.codes.as_ref().map_or(vec![], Codes::shares),
            means: D::to_vec(&self.mean),
        }
    }
}

/// A step that was taken and not reported.
#[derive(Debug)]
pub(super) struct PendingStep<Z: Dim, D: Backend> {
    pub(super) numbers: PendingMetrics<Z, D>,
    /// One for each loss, that of the network first.
    pub(super) norms: Vec<D::Norm>,
}

impl<Z: Dim, D: Backend> PendingStep<Z, D> {
    /// Waits for the device.
    ///
    /// # Errors
    /// A term is not finite.
    pub(super) fn read(&self) -> Result<StepReport, ModelError> {
        let losses = self.numbers.read();
        if let Some(term) = losses.non_finite() {
            return Err(ModelError::NotFinite(term));
        }
        let norms: Vec<f64> = self.norms.iter().map(D::norm).collect();
        if norms.iter().any(|norm| !norm.is_finite()) {
            return Err(ModelError::NotFinite("gradient norm"));
        }
        let grad_norm = norms.first().copied().unwrap_or(0.0);
        Ok(StepReport { losses, grad_norm })
    }
}
