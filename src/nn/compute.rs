//! What the network asks of a device beyond dfdx's own operations.

use dfdx::shapes::{Dim, Shape};
use dfdx::tensor::{Gradients, NoneTape, Tape, Tensor};
use dfdx::tensor_ops::Device;

use crate::kernels::loss::Reconstruction;
use crate::kernels::{Activation, Conv};
use crate::optim::{Rule, Step};

/// A batch of feature maps or images, NHWC: (image, row, column, channel).
pub type Maps<C, D, T = NoneTape> = Tensor<(usize, usize, usize, C), f32, D, T>;

/// A batch of rows: (image, value).
pub type Rows<N, D, T = NoneTape> = Tensor<(usize, N), f32, D, T>;

/// A batch of points of the latent space: (image, latent axis).
pub type Latent<Z, D, T = NoneTape> = Rows<Z, D, T>;

/// Kernel and bias of a layer with `O` output channels or units.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a, S: Shape, O: Dim, D: Compute> {
    /// The kernel, in the layout that the operation names.
    pub kernel: &'a Tensor<S, f32, D>,
    /// One value an output channel.
    pub bias: &'a Tensor<(O,), f32, D>,
    /// Applied to the weighted sum.
    pub activation: Activation,
}

/// What [`Compute::reparameterise`] gives.
#[derive(Debug)]
pub struct Sample<Z: Dim, D: Compute, T> {
    /// z = mean + e^(log_var / 2) eps
    pub z: Latent<Z, D>,
    /// The divergence, mean over the batch, summed over latent axes and multiplied with the factor; on the
    /// tape.
    pub kl: Tensor<(), f32, D, T>,
    /// The divergence of each latent axis in nats, mean over the batch.
    pub kl_per_axis: Vec<f32>,
}

/// A device on which the network runs.
///
/// Operations with a tape register their gradients on it; gradients are added to what is there, so that a
/// tensor may be used twice. Errors are the device's (out of memory, say).
pub trait Compute: Device<f32> {
    /// A tensor of these values, row-major.
    ///
    /// # Errors
    /// Their number is not that of the shape, or the device has no memory for them.
    fn tensor<S: Shape>(&self, values: &[f32], shape: S)
    -> Result<Tensor<S, f32, Self>, Self::Err>;

    /// Gives back the memory that is kept from step to step.
    fn release(&self) -> Result<(), Self::Err>;

    /// Convolution with bias and activation. Kernel: (kh, kw, in, out); `conv.big` is the input.
    ///
    /// `input_gradient`: whether anybody needs the gradient of `x`.
    fn conv2d<I: Dim, O: Dim, T: Tape<f32, Self>>(
        conv: &Conv,
        x: Maps<I, Self, T>,
        weights: Weights<(usize, usize, I, O), O, Self>,
        input_gradient: bool,
    ) -> Result<Maps<O, Self, T>, Self::Err>;

    /// Transposed convolution with bias and activation. Kernel: (kh, kw, out, in); `conv.small` is the
    /// input.
    fn conv_transpose2d<I: Dim, O: Dim, T: Tape<f32, Self>>(
        conv: &Conv,
        x: Maps<I, Self, T>,
        weights: Weights<(usize, usize, O, I), O, Self>,
    ) -> Result<Maps<O, Self, T>, Self::Err>;

    /// Dense layer with bias and activation. Kernel: (in, out). The input's axes behind the first are
    /// flattened, the output takes the shape asked for.
    fn dense<S: Shape, I: Dim, O: Dim, R: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        weights: Weights<(I, O), O, Self>,
        output: R,
    ) -> Result<Tensor<R, f32, Self, T>, Self::Err>;

    /// Draws from N(mean, e^log_var) by the noise `eps`, and measures the divergence from N(0, 1).
    fn reparameterise<Z: Dim, T: Tape<f32, Self>>(
        mean: Latent<Z, Self, T>,
        log_var: Latent<Z, Self>,
        eps: Latent<Z, Self>,
        kl_factor: f32,
    ) -> Result<Sample<Z, Self, T>, Self::Err>;

    /// Reconstruction error summed over an image, mean over the batch.
    fn reconstruction<C: Dim, T: Tape<f32, Self>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Tensor<(), f32, Self, T>, Self::Err>;

    /// Sum of the squares of a parameter's gradient.
    fn gradient_square<S: Shape>(
        gradients: &mut Gradients<f32, Self>,
        param: &Tensor<S, f32, Self>,
    ) -> Result<f64, Self::Err>;

    /// One optimizer step on one parameter; `state` has one tensor for each of [`Rule::slots`].
    fn update<S: Shape>(
        rule: &Rule,
        step: Step,
        gradients: &mut Gradients<f32, Self>,
        param: &mut Tensor<S, f32, Self>,
        state: &mut [Tensor<(usize,), f32, Self>],
    ) -> Result<(), Self::Err>;

    /// The value of a scalar.
    fn scalar<T>(tensor: &Tensor<(), f32, Self, T>) -> f32 {
        let mut value = [0.0];
        tensor.copy_into(&mut value);
        value[0]
    }

    /// All values in row-major order.
    fn to_vec<S: Shape>(tensor: &Tensor<S, f32, Self>) -> Vec<f32> {
        let mut values = vec![0.0; tensor_len(tensor)];
        tensor.copy_into(&mut values);
        values
    }
}

/// Number of values of a tensor.
pub fn tensor_len<S: Shape, D: Compute, T>(tensor: &Tensor<S, f32, D, T>) -> usize {
    use dfdx::shapes::HasShape;
    tensor.shape().num_elements()
}
