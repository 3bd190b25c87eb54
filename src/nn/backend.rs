//! The operations that the network needs of a device beyond dfdx's own.

use std::cell::OnceCell;
use std::fmt::{Debug, Display};
use std::rc::Rc;

use dfdx::shapes::{Dim, HasShape, Shape};
use dfdx::tensor::{Gradients, HasErr, NoneTape, Storage, Tape, Tensor};
use dfdx::tensor_ops::{Device, RealizeTo, ReshapeTo};

use super::linked::{Link, Linked};
use crate::kernels::loss::Reconstruction;
use crate::kernels::{Activation, Conv};
use crate::optim::{Rule, Step};

/// A batch of feature maps or images, NHWC: (image, row, column, channel).
pub type Maps<C, D, T = NoneTape> =
    Tensor<(usize, usize, usize, C), f32, <D as Backend>::Device, T>;

/// A batch of rows: (image, value).
pub type Rows<N, D, T = NoneTape> = Tensor<(usize, N), f32, <D as Backend>::Device, T>;

/// A batch of points of the latent space: (image, latent axis).
pub type Latent<Z, D, T = NoneTape> = Rows<Z, D, T>;

/// A value without axes: a loss or one of its terms.
pub type Scalar<D, T = NoneTape> = Tensor<(), f32, <D as Backend>::Device, T>;

/// Mean, which carries the tape, and log variance of q(z | x).
pub type Distribution<Z, D, T> = (Latent<Z, D, T>, Latent<Z, D>);

/// A tensor between two operations, with the link for its gradient.
pub type Features<S, D, T = NoneTape> = Linked<S, <D as Backend>::Device, <D as Backend>::Link, T>;

/// Feature maps between operations: (image, row, column, channel).
pub type FeatureMaps<C, D, T = NoneTape> = Features<(usize, usize, usize, C), D, T>;

/// Kernel and bias of a layer with `O` output channels or units.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a, S: Shape, O: Dim, D: Backend> {
    /// The kernel, in the layout that the operation names.
    pub kernel: &'a Tensor<S, f32, D::Device>,
    /// One value an output channel.
    pub bias: &'a Tensor<(O,), f32, D::Device>,
    /// Applied to the weighted sum.
    pub activation: Activation,
}

/// Factors of rows that are known after the forward pass only: see [`Backend::scale_gradient`].
pub type RowFactors<D> = Rc<OnceCell<Tensor<(usize,), f32, <D as Backend>::Device>>>;

/// A sample of the latent space with its KL, from [`Backend::reparameterise`].
#[derive(Debug)]
pub struct Sample<Z: Dim, D: Backend, T> {
    /// z = mean + e^(log_var / 2) eps, as many rows as eps has.
    pub z: Latent<Z, D>,
    /// The KL, mean over the batch, summed over latent axes and multiplied with the factor; on the tape.
    pub kl: Scalar<D, T>,
    /// The KL of each latent axis in nats, mean over the batch.
    pub kl_per_axis: Tensor<(Z,), f32, D::Device>,
}

/// The norm over the gradients of a parameter group, and whether its update is applied: see [`Backend::judge`].
pub type Judgement<D> = (<D as Backend>::Norm, <D as Backend>::UpdateGate);

/// A way to compute the network, and the device that it computes on.
///
/// Operations with a tape register their gradients on it; gradients are added to what is there, so that a
/// tensor may be used twice. Errors are the device's (out of memory, say).
///
/// What it makes need not be `Send`: dfdx's `Cuda` is not, and a model stays on the thread that built it.
pub trait Backend: Debug + Clone + 'static {
    /// The device's error.
    type Err: Debug + Display;
    /// dfdx's device, which holds the tensors.
    type Device: Device<f32> + HasErr<Err = Self::Err>;
    /// Whether networks of common sizes get types of their own. Where sizes go to the device as numbers anyway, that
    /// would only multiply compiled code.
    const COMMON_SIZES: bool;
    /// Whether uploading a batch costs more than gathering it from all images on the device.
    const TAKES_IMAGES: bool;
    /// What a convolution needs besides its weights, made once for a layer.
    type Route: Debug + Clone;
    /// How the gradient of [`Features`] comes back.
    type Link: Link;
    /// A running sum of squares.
    type Squares: Default;
    /// The Euclidean norm over the gradients of a parameter group.
    type Norm: Debug;
    /// Whether a step's update is applied, and the factor on its gradients.
    type UpdateGate: Debug;
    /// Steps that are taken at most before their numbers are read: reading waits for the device.
    const MOST_UNREAD: usize;

    /// A tensor of these values, row-major.
    ///
    /// # Errors
    /// Their number is not that of the shape, or the device has no memory for them.
    fn tensor<S: Shape>(
        device: &Self::Device,
        values: &[f32],
        shape: S,
    ) -> Result<Tensor<S, f32, Self::Device>, Self::Err>;

    /// Gives back the memory that is kept from step to step.
    fn release(device: &Self::Device) -> Result<(), Self::Err>;

    /// The route from the big side to the small one, for [`Backend::conv2d`].
    fn to_small(device: &Self::Device, conv: &Conv) -> Result<Self::Route, Self::Err>;

    /// The route from the small side to the big one, for [`Backend::conv_transpose2d`].
    fn to_big(device: &Self::Device, conv: &Conv) -> Result<Self::Route, Self::Err>;

    /// Convolution with bias and activation. Kernel: (kh, kw, in, out); the big side is the input.
    ///
    /// `input_gradient`: whether the gradient of `x` is needed.
    fn conv2d<I: Dim, O: Dim, T: Tape<f32, Self::Device>>(
        route: &Self::Route,
        x: FeatureMaps<I, Self, T>,
        weights: Weights<(usize, usize, I, O), O, Self>,
        input_gradient: bool,
    ) -> Result<FeatureMaps<O, Self, T>, Self::Err>;

    /// Transposed convolution with bias and activation. Kernel: (kh, kw, out, in); the small side is the
    /// input.
    fn conv_transpose2d<I: Dim, O: Dim, T: Tape<f32, Self::Device>>(
        route: &Self::Route,
        x: FeatureMaps<I, Self, T>,
        weights: Weights<(usize, usize, O, I), O, Self>,
    ) -> Result<FeatureMaps<O, Self, T>, Self::Err>;

    /// Dense layer with bias and activation. Kernel: (in, out). The input's axes behind the first are
    /// flattened, the output takes the shape asked for.
    fn dense<S: Shape, I: Dim, O: Dim, R: Shape, T: Tape<f32, Self::Device>>(
        x: Features<S, Self, T>,
        weights: Weights<(I, O), O, Self>,
        output: R,
    ) -> Result<Features<R, Self, T>, Self::Err>;

    /// Appends to the channels of every place of an image the image's row: (image, row, column, `I`) and (row, `K`) to
    /// (image, row, column, `I` + `K`). Image i takes row i modulo their number, so that a batch may stand several times
    /// one after the other. The rows get no gradient.
    ///
    /// # Errors
    /// The device's; there is no row, but an image.
    fn append<T: Tape<f32, Self::Device>>(
        maps: Maps<usize, Self, T>,
        rows: &Rows<usize, Self>,
    ) -> Result<Maps<usize, Self, T>, Self::Err>;

    /// Draws from N(mean, e^log_var) by the noise `eps`, and computes the KL from N(0, 1). The noise has one row for each
    /// image, or several: (sample and image, latent axis).
    fn reparameterise<Z: Dim, T: Tape<f32, Self::Device>>(
        mean: Latent<Z, Self, T>,
        log_var: Latent<Z, Self>,
        eps: Latent<Z, Self>,
        kl_factor: f32,
    ) -> Result<Sample<Z, Self, T>, Self::Err>;

    /// Reconstruction error summed over an image, mean over the batch.
    fn reconstruction<C: Dim, T: Tape<f32, Self::Device>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Scalar<Self, T>, Self::Err>;

    /// Reconstruction error of each image, summed over its values.
    fn reconstruction_per_image<C: Dim, T: Tape<f32, Self::Device>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Tensor<(usize,), f32, Self::Device, T>, Self::Err>;

    /// The rows as they are; the gradient that comes back to them is multiplied by a factor a row. The factors may be set
    /// after the operations that use the rows, as long as that is before the backward pass; where none are set, the
    /// gradient stays as it is. The rows may have been used by no other operation.
    fn scale_gradient<N: Dim, T: Tape<f32, Self::Device>>(
        rows: Rows<N, Self, T>,
        factors: RowFactors<Self>,
    ) -> Result<Rows<N, Self, T>, Self::Err>;

    /// Adds the squares of a parameter's gradient.
    fn add_squares<S: Shape>(
        squares: &mut Self::Squares,
        gradients: &mut Gradients<f32, Self::Device>,
        param: &Tensor<S, f32, Self::Device>,
    ) -> Result<(), Self::Err>;

    /// Decides about a step: its updates are applied if all terms and the norms over the gradients of all groups are
    /// finite and no update before was refused. `squares` has one sum a group, whose gradients are scaled down to a norm of
    /// `clip_norm`; there is at least one term.
    fn judge(
        step: Step,
        terms: &[&Scalar<Self>],
        squares: Vec<Self::Squares>,
        clip_norm: Option<f64>,
        before: Option<&Self::UpdateGate>,
    ) -> Result<Vec<Judgement<Self>>, Self::Err>;

    /// The norm's value.
    fn norm(norm: &Self::Norm) -> f64;

    /// The new values if the gate says so, else the old ones.
    fn choose(
        gate: &Self::UpdateGate,
        new: Tensor<(usize,), f32, Self::Device>,
        old: Tensor<(usize,), f32, Self::Device>,
    ) -> Result<Tensor<(usize,), f32, Self::Device>, Self::Err>;

    /// One optimizer step on one parameter, if the gate says so; `state` has one tensor for each of [`Rule::slots`].
    fn update<S: Shape>(
        rule: &Rule,
        step: Step,
        gate: &Self::UpdateGate,
        gradients: &mut Gradients<f32, Self::Device>,
        param: &mut Tensor<S, f32, Self::Device>,
        state: &mut [Tensor<(usize,), f32, Self::Device>],
    ) -> Result<(), Self::Err>;

    /// The value of a scalar.
    fn scalar<T>(tensor: &Tensor<(), f32, Self::Device, T>) -> f32 {
        let mut value = [0.0];
        tensor.copy_into(&mut value);
        value[0]
    }

    /// All values in row-major order.
    fn to_vec<S: Shape>(tensor: &Tensor<S, f32, Self::Device>) -> Vec<f32> {
        let mut values = vec![0.0; tensor_len(tensor)];
        tensor.copy_into(&mut values);
        values
    }
}

/// Rows whose values are counted by a number, for arithmetic that need not be compiled for each size. The tensor is the same,
/// with the same gradient.
///
/// # Errors
/// The device's.
pub fn counted<N: Dim, D: Backend, T: Tape<f32, D::Device>>(
    rows: Rows<N, D, T>,
) -> Result<Rows<usize, D, T>, D::Err> {
    let &(batch, values) = rows.shape();
    match rows.try_realize::<(usize, usize)>() {
        Ok(rows) => Ok(rows),
        Err(rows) => rows.try_reshape_like(&(batch, values.size())),
    }
}

/// Number of values of a tensor.
pub fn tensor_len<S: Shape, D: Storage<f32>, T>(tensor: &Tensor<S, f32, D, T>) -> usize {
    tensor.shape().num_elements()
}
