//! A batch of features on its way from one operation to the next.

use std::fmt::Debug;

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::ReshapeTo;

use super::backend::Backend;

/// How the gradient of [`Features`] comes back from the operations of a backend that used them.
pub trait Link: Clone + Debug + Default {
    /// Notes that operations of dfdx may use them as well, whose gradients come back through dfdx's `Gradients`.
    fn open(&self);
}

/// The way of a backend that has no other than dfdx's `Gradients`.
impl Link for () {
    fn open(&self) {}
}

/// A tensor that operations of a [`Backend`] made and use, together with the way of its gradient.
///
/// dfdx adds every gradient to zeros, and features are many times the size of everything else. Between two operations
/// of the CPU the gradient goes a way of its own, where the first to come sets it ([`Backend::Link`]). It belongs to the
/// features and to their copies and is found by nobody else. Whoever wants to compute with dfdx's own operations takes
/// the tensor out ([`Features::into_tensor`]); its gradient then is the sum of what comes by both ways.
#[derive(Clone, Debug)]
pub struct Features<S: Shape, D: Backend, T = NoneTape> {
    tensor: Tensor<S, f32, D::Device, T>,
    link: D::Link,
}

/// Feature maps or images, NHWC: (image, row, column, channel).
pub type FeatureMaps<C, D, T = NoneTape> = Features<(usize, usize, usize, C), D, T>;

impl<S: Shape, D: Backend, T> Features<S, D, T> {
    pub(super) fn new(tensor: Tensor<S, f32, D::Device, T>, link: D::Link) -> Self {
        Self { tensor, link }
    }

    pub(super) fn into_parts(self) -> (Tensor<S, f32, D::Device, T>, D::Link) {
        (self.tensor, self.link)
    }

    /// The tensor, for whatever operations.
    pub fn into_tensor(self) -> Tensor<S, f32, D::Device, T> {
        self.link.open();
        self.tensor
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &S {
        self.tensor.shape()
    }

    /// The features and the tape by themselves.
    pub fn split_tape(self) -> (Features<S, D>, T)
    where
        T: Tape<f32, D::Device>,
    {
        let (tensor, tape) = self.tensor.split_tape();
        (Features::new(tensor, self.link), tape)
    }

    /// The same values in other axes.
    pub fn reshape<R: Shape>(self, shape: &R) -> Result<Features<R, D, T>, D::Err>
    where
        T: Tape<f32, D::Device>,
    {
        let tensor = self.tensor.try_reshape_like(shape)?;
        Ok(Features::new(tensor, self.link))
    }
}

impl<S: Shape, D: Backend> Features<S, D> {
    /// Goes on with a tape.
    pub fn put_tape<T>(self, tape: T) -> Features<S, D, T> {
        Features::new(self.tensor.put_tape(tape), self.link)
    }
}

/// A tensor from anywhere: its gradient goes through dfdx's `Gradients` alone.
impl<S: Shape, D: Backend, T> From<Tensor<S, f32, D::Device, T>> for Features<S, D, T> {
    fn from(tensor: Tensor<S, f32, D::Device, T>) -> Self {
        Self::new(tensor, D::Link::default())
    }
}
