//! Whether a step's update is applied, decided on the device: its numbers need not be read at every step.

use dfdx::shapes::{HasShape, Rank0};
use dfdx::tensor::Tensor;
use dfdx::tensor_ops::{BroadcastTo, ChooseFrom, Device, TryAdd, TryEq, TryMul, TrySub, bool_and};

/// Whether a step's update is applied, and how its gradients are scaled.
#[derive(Clone, Debug)]
pub struct UpdateGate<D: Device<f32>> {
    /// Whether it is applied.
    go: Tensor<(), bool, D>,
    /// The factor on its gradients, where their norm is limited.
    scale: Option<Tensor<(), f32, D>>,
}

impl<D: Device<f32>> UpdateGate<D> {
    /// See [`crate::nn::Backend::judge`].
    ///
    /// # Errors
    /// The device's.
    pub fn judge(
        terms: &[&Tensor<(), f32, D>],
        norms: Vec<Tensor<(), f32, D>>,
        clip_norm: Option<f64>,
        before: Option<&Self>,
    ) -> Result<Vec<(Tensor<(), f32, D>, Self)>, D::Err> {
        let mut sum = terms[0].clone();
        for value in terms[1..].iter().copied().chain(&norms) {
            sum = sum.try_add(value.clone())?;
        }
        // x - x is 0 for every number, and no number for what is not one or infinite.
        let is_finite = sum.clone().try_sub(sum)?.try_eq(0.0)?;
        let go = match before {
            Some(before) => bool_and::<Rank0, f32, D>(&is_finite, &before.go),
            None => is_finite,
        };
        let scale = |norm: &Tensor<(), f32, D>| {
            let limit = |limit: f64| norm.clone().try_recip()?.try_mul(limit as f32);
            let factor = clip_norm.map(limit).transpose()?;
            factor.map(|factor| factor.try_clamp(0.0, 1.0)).transpose()
        };
        let judge = |norm| {
            let (go, scale) = (go.clone(), scale(&norm)?);
            Ok((norm, Self { go, scale }))
        };
        norms.into_iter().map(judge).collect()
    }

    /// A parameter's gradient with the factor.
    ///
    /// # Errors
    /// The device's.
    pub fn scaled(
        &self,
        gradient: Tensor<(usize,), f32, D>,
    ) -> Result<Tensor<(usize,), f32, D>, D::Err> {
        let Some(scale) = &self.scale else {
            return Ok(gradient);
        };
        let shape = *gradient.shape();
        gradient.try_mul(scale.clone().try_broadcast_like(&shape)?)
    }

    /// The new values if the update is applied, else the old ones.
    ///
    /// # Errors
    /// The device's.
    pub fn choose(
        &self,
        new: Tensor<(usize,), f32, D>,
        old: Tensor<(usize,), f32, D>,
    ) -> Result<Tensor<(usize,), f32, D>, D::Err> {
        let shape = *new.shape();
        let go = self.go.clone().try_broadcast_like(&shape)?;
        go.try_choose(new, old)
    }
}
