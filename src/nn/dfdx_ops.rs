//! The network's operations made of dfdx's own, for any of its devices: what CUDA runs.
//!
//! dfdx has no convolution on stable Rust, but gathering, multiplying matrices and adding up, all with gradients, on
//! the CPU and on CUDA. A convolution gathers the patches of an image under the kernel and multiplies them with it; a
//! transposed one multiplies first and then gathers, for every pixel of its output, the few products that fall on it,
//! so that no inserted zero is multiplied ([`Route`]).
//!
//! | file | holds |
//! | --- | --- |
//! | [`route`] | which pixels meet, as index and mask |
//! | [`activation`] | activations |
//! | [`loss`] | sampling, KL and reconstruction error |
//! | [`mod@scale_gradient`] | a gradient that is multiplied on its way back |
//! | [`update`] | update rules |
//! | [`update_gate`] | whether an update is applied, decided on the device |
//!
//! What is avoided, since dfdx compiles it at run time with paths of the machine it was built on: reshaping what does
//! not lie in order, concatenating, changing number types. On the CPU the same functions run for the tests, which
//! compare them with our kernels; they are many times slower there.

pub mod activation;
pub mod loss;
pub mod route;
pub mod scale_gradient;
pub mod update;
pub mod update_gate;

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use dfdx::shapes::{Axes2, Axis, Dim, HasShape, Shape};
use dfdx::tensor::{Cache, Gradients, HasErr, PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{
    BroadcastTo, Device, GatherTo, PermuteTo, ReshapeTo, SumTo, TryAdd, TryMatMul,
};

use super::backend::{
    Backend, FeatureMaps, Features, Judgement, Latent, Maps, RowFactors, Rows, Sample, Scalar,
    Weights,
};
use crate::kernels::loss::Reconstruction;
use crate::kernels::{Activation, Conv};
use crate::optim::{Rule, Step};
use route::Route;
use update_gate::UpdateGate;

/// Computes with dfdx's operations on a device of dfdx.
#[derive(Clone, Copy, Debug)]
pub struct DfdxOps<D>(PhantomData<D>);

/// The sum of squares so far, where the device has it.
#[derive(Debug)]
pub struct Squares<D: Device<f32>>(Option<Tensor<(), f32, D>>);

impl<D: Device<f32>> Default for Squares<D> {
    fn default() -> Self {
        Self(None)
    }
}

/// Bias and activation on rows of output channels, in the shape asked for.
fn finish<O: Dim, R: Shape, D: Device<f32>, T: Tape<f32, D>>(
    rows: Tensor<(usize, O), f32, D, T>,
    bias: &Tensor<(O,), f32, D>,
    activation: Activation,
    output: &R,
) -> Result<Tensor<R, f32, D, T>, D::Err> {
    let shape = *rows.shape();
    let bias = bias.clone().try_broadcast_like::<_, Axis<0>>(&shape)?;
    activation::apply(activation, rows.try_add(bias)?)?.try_reshape_like(output)
}

impl<D: Device<f32> + Cache + HasErr<Err = E>, E: Debug + Display> Backend for DfdxOps<D> {
    const COMMON_SIZES: bool = false;
    const TAKES_IMAGES: bool = true;
    type Err = E;
    type Device = D;
    type Route = Route<D>;
    type Link = ();
    type Squares = Squares<D>;
    type Norm = Tensor<(), f32, D>;
    type UpdateGate = UpdateGate<D>;
    const MOST_UNREAD: usize = 50;

    fn tensor<S: Shape>(device: &D, values: &[f32], shape: S) -> Result<Tensor<S, f32, D>, E> {
        device.try_tensor_from_vec(values.to_vec(), shape)
    }

    fn release(device: &D) -> Result<(), E> {
        device.try_empty_cache()
    }

    fn to_small(device: &D, conv: &Conv) -> Result<Route<D>, E> {
        Route::to_small(device, conv)
    }

    fn to_big(device: &D, conv: &Conv) -> Result<Route<D>, E> {
        Route::to_big(device, conv)
    }

    fn conv2d<I: Dim, O: Dim, T: Tape<f32, D>>(
        route: &Route<D>,
        x: FeatureMaps<I, Self, T>,
        weights: Weights<(usize, usize, I, O), O, Self>,
        input_gradient: bool,
    ) -> Result<FeatureMaps<O, Self, T>, E> {
        let (conv, x) = (&route.conv, x.into_tensor());
        let (images, height, width, inputs) = *x.shape();
        let outputs = weights.bias.shape().0;
        let x = x.try_reshape_like(&(images, height * width, inputs))?;
        let patches = match input_gradient {
            true => route.gather(x)?,
            false => {
                let (x, tape) = x.split_tape();
                route.gather(x)?.put_tape(tape)
            }
        };
        let rows = (images * conv.small.pixels(), conv.patch_len());
        let kernel = weights
            .kernel
            .clone()
            .try_reshape_like(&(conv.patch_len(), outputs))?;
        let sums = patches.try_reshape_like(&rows)?.try_matmul(kernel)?;
        let output = (images, conv.small.height, conv.small.width, outputs);
        Ok(finish(sums, weights.bias, weights.activation, &output)?.into())
    }

    fn conv_transpose2d<I: Dim, O: Dim, T: Tape<f32, D>>(
        route: &Route<D>,
        x: FeatureMaps<I, Self, T>,
        weights: Weights<(usize, usize, O, I), O, Self>,
    ) -> Result<FeatureMaps<O, Self, T>, E> {
        let (conv, x) = (&route.conv, x.into_tensor());
        let (images, height, width, inputs) = *x.shape();
        let outputs = weights.bias.shape().0;
        let (taps, pixels) = (conv.kernel * conv.kernel, conv.big.pixels());
        let kernel = weights
            .kernel
            .clone()
            .try_reshape_like(&(conv.patch_len(), inputs))?
            .try_permute::<_, Axes2<1, 0>>()?;
        let products = x
            .try_reshape_like(&(images * height * width, inputs))?
            .try_matmul(kernel)?
            .try_reshape_like(&(images, height * width * taps, outputs))?;
        let shape = (images, pixels, route.most, outputs);
        let sums = route.gather(products)?.try_reshape_like(&shape)?;
        let sums: Tensor<(usize, usize, O), f32, D, T> = sums.try_sum::<_, Axis<2>>()?;
        let sums = sums.try_reshape_like(&(images * pixels, outputs))?;
        let output = (images, conv.big.height, conv.big.width, outputs);
        Ok(finish(sums, weights.bias, weights.activation, &output)?.into())
    }

    fn dense<S: Shape, I: Dim, O: Dim, R: Shape, T: Tape<f32, D>>(
        x: Features<S, Self, T>,
        weights: Weights<(I, O), O, Self>,
        output: R,
    ) -> Result<Features<R, Self, T>, E> {
        let x = x.into_tensor();
        let inputs = weights.kernel.shape().0;
        let images = x.shape().concrete()[0];
        let x = x.try_reshape_like(&(images, inputs))?;
        let sums = x.try_matmul(weights.kernel.clone())?;
        Ok(finish(sums, weights.bias, weights.activation, &output)?.into())
    }

    /// A product with a matrix of ones and zeros moves columns to their place, to the last bit.
    fn append<T: Tape<f32, D>>(
        maps: Maps<usize, Self, T>,
        rows: &Rows<usize, Self>,
    ) -> Result<Maps<usize, Self, T>, E> {
        let &(images, height, width, inputs) = maps.shape();
        let &(count, added) = rows.shape();
        let (places, outputs) = (height * width, inputs + added);
        let device = maps.device().clone();
        let columns = |number: usize, first: usize| {
            let mut ones = vec![0.0; number * outputs];
            for i in 0..number {
                ones[i * outputs + first + i] = 1.0;
            }
            device.try_tensor_from_vec(ones, (number, outputs))
        };
        let rows = match count {
            _ if count == images => rows.clone(),
            // The shape's check fails.
            0 => device.try_tensor_from_vec(vec![], (images, added))?,
            _ => {
                let of_image = (0..images).map(|i| i % count).collect();
                let of_image = device.try_tensor_from_vec(of_image, (images,))?;
                rows.clone().try_gather(of_image)?
            }
        };
        let appended = rows.try_matmul(columns(added, inputs)?)?;
        let shape = (images, places, outputs);
        maps.try_reshape_like(&(images * places, inputs))?
            .try_matmul(columns(inputs, 0)?)?
            .try_reshape_like(&shape)?
            .try_add(appended.try_broadcast_like::<_, Axis<1>>(&shape)?)?
            .try_reshape_like(&(images, height, width, outputs))
    }

    fn reparameterise<Z: Dim, T: Tape<f32, D>>(
        mean: Latent<Z, Self, T>,
        log_var: Latent<Z, Self>,
        eps: Latent<Z, Self>,
        kl_factor: f32,
    ) -> Result<Sample<Z, Self, T>, E> {
        loss::reparameterise(mean, log_var, eps, kl_factor)
    }

    fn reconstruction<C: Dim, T: Tape<f32, D>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Tensor<(), f32, D, T>, E> {
        loss::reconstruction(kind, logits, images)
    }

    fn reconstruction_per_image<C: Dim, T: Tape<f32, D>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Tensor<(usize,), f32, D, T>, E> {
        loss::reconstruction_per_image(kind, logits, images)
    }

    fn scale_gradient<N: Dim, T: Tape<f32, D>>(
        rows: Rows<N, Self, T>,
        factors: RowFactors<Self>,
    ) -> Result<Rows<N, Self, T>, E> {
        scale_gradient::scale_gradient::<N, Self, T>(rows, factors)
    }

    fn add_squares<S: Shape>(
        squares: &mut Squares<D>,
        gradients: &mut Gradients<f32, D>,
        param: &Tensor<S, f32, D>,
    ) -> Result<(), E> {
        let gradient = update::gradient(gradients, param)?;
        let sum = gradient.try_square()?.try_sum()?;
        squares.0 = Some(match squares.0.take() {
            Some(before) => before.try_add(sum)?,
            None => sum,
        });
        Ok(())
    }

    fn judge(
        _: Step,
        terms: &[&Scalar<Self>],
        squares: Vec<Squares<D>>,
        clip_norm: Option<f64>,
        before: Option<&UpdateGate<D>>,
    ) -> Result<Vec<Judgement<Self>>, E> {
        let norm = |squares: Squares<D>| match squares.0 {
            Some(sum) => sum.try_sqrt(),
            // Nothing is trained.
            None => terms[0].device().try_zeros(),
        };
        let norms: Result<Vec<Scalar<Self>>, E> = squares.into_iter().map(norm).collect();
        UpdateGate::judge(terms, norms?, clip_norm, before)
    }

    fn norm(norm: &Tensor<(), f32, D>) -> f64 {
        Self::scalar(norm).into()
    }

    fn choose(
        gate: &UpdateGate<D>,
        new: Tensor<(usize,), f32, D>,
        old: Tensor<(usize,), f32, D>,
    ) -> Result<Tensor<(usize,), f32, D>, E> {
        gate.choose(new, old)
    }

    fn update<S: Shape>(
        rule: &Rule,
        step: Step,
        gate: &UpdateGate<D>,
        gradients: &mut Gradients<f32, D>,
        param: &mut Tensor<S, f32, D>,
        state: &mut [Tensor<(usize,), f32, D>],
    ) -> Result<(), E> {
        update::update(rule, step, gate, gradients, param, state)
    }
}

#[cfg(test)]
mod tests;
