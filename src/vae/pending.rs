//! Metrics of a step that still lie on the device.

use dfdx::shapes::Dim;
use dfdx::tensor::{NoneTape, Tensor};

use super::model::{ModelError, StepMetrics, StepReport};
use super::network::Outcome;
use crate::nn::Backend;
use crate::nn::backend::Latent;

/// What [`StepMetrics`] are read from.
#[derive(Debug)]
pub(super) struct PendingMetrics<Z: Dim, D: Backend> {
    loss: Tensor<(), f32, D::Device>,
    reconstruction: Tensor<(), f32, D::Device>,
    kl: Tensor<(), f32, D::Device>,
    kl_per_axis: Tensor<(Z,), f32, D::Device>,
    mean: Latent<Z, D>,
}

impl<Z: Dim, D: Backend> PendingMetrics<Z, D> {
    /// Keeps what is to be read, and drops the rest.
    pub(super) fn of<C: Dim>(outcome: Outcome<C, Z, D, NoneTape>) -> Self {
        Self {
            loss: outcome.loss,
            reconstruction: outcome.reconstruction,
            kl: outcome.kl,
            kl_per_axis: outcome.kl_per_axis,
            mean: outcome.mean,
        }
    }

    /// The weighted sum and its terms.
    pub(super) fn losses(&self) -> [&Tensor<(), f32, D::Device>; 3] {
        [&self.loss, &self.reconstruction, &self.kl]
    }

    /// Waits for the device.
    pub(super) fn read(&self) -> StepMetrics {
        let names = ["loss", "reconstruction", "kl"].into_iter();
        let values = self.losses().map(|term| D::scalar(term).into());
        StepMetrics {
            terms: names.zip(values).collect(),
            kl_per_axis: D::to_vec(&self.kl_per_axis)
                .into_iter()
                .map(f64::from)
                .collect(),
            means: D::to_vec(&self.mean),
        }
    }
}

/// A step that was taken and not reported.
#[derive(Debug)]
pub(super) struct PendingStep<Z: Dim, D: Backend> {
    pub(super) numbers: PendingMetrics<Z, D>,
    pub(super) norm: D::Norm,
}

impl<Z: Dim, D: Backend> PendingStep<Z, D> {
    /// Waits for the device.
    ///
    /// # Errors
    /// A term is not finite.
    pub(super) fn read(&self) -> Result<StepReport, ModelError> {
        let metrics = self.numbers.read();
        if let Some(term) = metrics.non_finite() {
            return Err(ModelError::NotFinite(term));
        }
        let grad_norm = D::norm(&self.norm);
        if !grad_norm.is_finite() {
            return Err(ModelError::NotFinite("gradient norm"));
        }
        Ok(StepReport { metrics, grad_norm })
    }
}
