//! How a prior is computed: a learned one is a mixture of normal distributions.

use std::fmt::Debug;

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, LogSumExpTo, SumTo, TryAdd, TryMul, TrySub};

use super::description::{Description, Sizes};
use crate::nn::backend::{Distribution, Rows, Scalar};
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Parameters};

/// The encoder, from images to mean and log variance of q(z | x).
pub type Encode<'a, D, T> =
    &'a mut dyn FnMut(Maps<usize, D, T>) -> Result<Distribution<usize, D, T>, <D as Backend>::Err>;

/// A mixture of normal distributions with diagonal covariances, to which a tape leads.
#[derive(Debug)]
pub struct Components<D: Backend> {
    /// Logarithms of weights that add up to 1, (component).
    pub log_weights: Tensor<(usize,), f32, D::Device>,
    /// Means, (component, latent axis).
    pub mean: Rows<usize, D>,
    /// Logarithms of the variances, (component, latent axis).
    pub log_var: Rows<usize, D>,
}

/// A prior: its settings are the value, its parameters the state.
pub trait Prior: Description + Copy + Debug + PartialEq + 'static {
    /// Its parameters.
    type State<D: Backend>: Parameters<D> + Debug;

    /// Draws the initial values of its parameters.
    ///
    /// # Errors
    /// The device's.
    fn state<D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        sizes: Sizes,
    ) -> Result<Self::State<D>, D::Err>;

    /// The mixture that it is, with the tape that leads to it; none for the standard normal distribution.
    ///
    /// # Errors
    /// The device's.
    fn components<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        state: &Self::State<D>,
        tape: T,
        encode: Encode<'_, D, T>,
    ) -> Result<(Option<Components<D>>, T), D::Err>;
}

const LOG_2_PI: f32 = 1.837_877_1;

impl<D: Backend> Components<D> {
    /// The mean over points of log p(z), where
    /// `log p(z) = logsumexp_k (log_weight_k - sum_d (log 2 pi + log_var_kd + (z_d - mean_kd)^2 / e^log_var_kd) / 2)`.
    ///
    /// # Errors
    /// The device's.
    pub fn mean_log_density<T: Tape<f32, D::Device>>(
        &self,
        z: Rows<usize, D>,
        tape: T,
    ) -> Result<(Scalar<D>, T), D::Err> {
        let &(points, axes) = z.shape();
        let all = (points, self.mean.shape().0, axes);
        let inverse = self.log_var.clone().put_tape(tape);
        let inverse = inverse.try_negate()?.try_exp()?;
        let (inverse, tape) = inverse.try_broadcast_like::<_, Axis<0>>(&all)?.split_tape();
        let log_var = self.log_var.clone().put_tape(tape);
        let (log_var, tape) = log_var.try_broadcast_like::<_, Axis<0>>(&all)?.split_tape();
        let mean = self.mean.clone().put_tape(tape);
        let (mean, tape) = mean.try_broadcast_like::<_, Axis<0>>(&all)?.split_tape();
        let z = z.put_tape(tape).try_broadcast_like::<_, Axis<1>>(&all)?;
        let squares = z.try_sub(mean)?.try_square()?.try_mul(inverse)?;
        let squares: Tensor<(usize, usize), f32, D::Device, T> =
            squares.try_add(log_var)?.try_sum::<_, Axis<2>>()?;
        let constant = LOG_2_PI * axes as f32;
        let (density, tape) = squares.try_add(constant)?.try_mul(-0.5)?.split_tape();
        let weights = self.log_weights.clone().put_tape(tape);
        let weights = weights.try_broadcast_like::<_, Axis<0>>(density.shape())?;
        let (weights, tape) = weights.split_tape();
        let sum = density.put_tape(tape).try_add(weights)?;
        let log_density: Tensor<(usize,), f32, D::Device, T> = sum.try_logsumexp::<_, Axis<1>>()?;
        let mean = log_density.try_sum()?.try_mul(1.0 / points as f32)?;
        Ok(mean.split_tape())
    }
}

/// The KL by one sample an image, the mean over the batch of `log q(z | x) - log p(z)`, and the mean of log p(z). With
/// `z = mean + e^(log_var / 2) eps` it is `log q(z | x) = -sum_d (log 2 pi + log_var_d + eps_d^2) / 2`.
///
/// # Errors
/// The device's.
pub fn kl<D: Backend, T: Tape<f32, D::Device>>(
    prior: &Components<D>,
    z: Rows<usize, D>,
    log_var: Rows<usize, D>,
    eps: Rows<usize, D>,
    tape: T,
) -> Result<([Scalar<D>; 2], T), D::Err> {
    let &(points, axes) = z.shape();
    let (log_prior, tape) = prior.mean_log_density(z, tape)?;
    let own = log_var.put_tape(tape).try_add(eps.try_square()?)?;
    let own = own.try_sum()?.try_mul(-0.5 / points as f32)?;
    let own = own.try_sub(0.5 * LOG_2_PI * axes as f32)?;
    let (own, tape) = own.split_tape();
    let kl = own.put_tape(tape).try_sub(log_prior.clone())?;
    let (kl, tape) = kl.split_tape();
    Ok(([kl, log_prior], tape))
}
