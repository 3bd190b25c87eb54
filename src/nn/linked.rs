//! A tensor between two operations, with the link through which its gradient comes back.

use std::fmt::Debug;

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{Device, ReshapeTo};

/// How a gradient comes back to the operation that made a tensor from those that used it.
pub trait Link: Clone + Debug + Default {
    /// Notes that operations of dfdx may use the tensor as well, whose gradients come through dfdx's `Gradients`.
    fn open(&self);
}

/// The link of a backend whose gradients all come through dfdx's `Gradients`.
impl Link for () {
    fn open(&self) {}
}

/// A tensor that a backend's operations make and use, with the link between them.
///
/// dfdx adds every gradient to zeros, and features are many times the size of everything else. Between two operations
/// of the CPU a gradient goes through this link, where the first to come sets it. The link belongs to the tensor and to
/// its copies alone. For dfdx's own operations the tensor is taken out ([`Linked::into_tensor`]); its gradient then is
/// the sum of those that come through the link and through `Gradients`.
#[derive(Clone, Debug)]
pub struct Linked<S: Shape, D: Device<f32>, L, T = NoneTape> {
    tensor: Tensor<S, f32, D, T>,
    link: L,
}

impl<S: Shape, D: Device<f32>, L: Link, T> Linked<S, D, L, T> {
    pub(super) fn new(tensor: Tensor<S, f32, D, T>, link: L) -> Self {
        Self { tensor, link }
    }

    pub(super) fn into_parts(self) -> (Tensor<S, f32, D, T>, L) {
        (self.tensor, self.link)
    }

    /// The tensor, for any operations.
    pub fn into_tensor(self) -> Tensor<S, f32, D, T> {
        self.link.open();
        self.tensor
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &S {
        self.tensor.shape()
    }
}

impl<S: Shape, D: Device<f32>, L: Link, T: Tape<f32, D>> Linked<S, D, L, T> {
    /// The values and the tape by themselves.
    pub fn split_tape(self) -> (Linked<S, D, L>, T) {
        let (tensor, tape) = self.tensor.split_tape();
        (Linked::new(tensor, self.link), tape)
    }

    /// The same values in other axes.
    ///
    /// # Errors
    /// The device's.
    pub fn reshape<R: Shape>(self, shape: &R) -> Result<Linked<R, D, L, T>, D::Err> {
        let tensor = self.tensor.try_reshape_like(shape)?;
        Ok(Linked::new(tensor, self.link))
    }
}

impl<S: Shape, D: Device<f32>, L: Link> Linked<S, D, L> {
    /// Goes on with a tape.
    pub fn put_tape<T>(self, tape: T) -> Linked<S, D, L, T> {
        Linked::new(self.tensor.put_tape(tape), self.link)
    }
}

/// A tensor from anywhere: its gradient comes through dfdx's `Gradients` alone.
impl<S: Shape, D: Device<f32>, L: Link, T> From<Tensor<S, f32, D, T>> for Linked<S, D, L, T> {
    fn from(tensor: Tensor<S, f32, D, T>) -> Self {
        Self::new(tensor, L::default())
    }
}
