//! How a likelihood is computed: its own values on a device, and the error of images.

use std::fmt::Debug;

use dfdx::shapes::{Axes3, Axis, HasShape};
use dfdx::tensor::{NoneTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{BroadcastTo, ReshapeTo, SumTo, TryMul, TrySub};

use super::description::{Description, OwnValue};
use crate::kernels::loss::Reconstruction;
use crate::nn::backend::Scalar;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};

/// Values of images: (image, row, column and channel). Few sizes in the type, so that the arithmetic is compiled once.
pub type Pixels<D, T = NoneTape> = Tensor<(usize, usize, usize), f32, <D as Backend>::Device, T>;

/// A number for each image.
pub type PerImage<D, T = NoneTape> = Tensor<(usize,), f32, <D as Backend>::Device, T>;

/// A likelihood: its settings are the value.
pub trait Compute: Description + Copy + Debug + PartialEq + 'static {
    /// The error of each image, summed over its values: minus the log of the likelihood where it is one.
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        own: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        mode: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err>;

    /// The mean of [`Compute::per_image`] over the batch.
    fn error<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        own: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        mode: Mode<'_, D>,
    ) -> Result<Scalar<D, T>, D::Err> {
        let images = self.per_image(own, logits, images, mode)?;
        let count = images.shape().0;
        images.try_sum()?.try_mul(1.0 / count as f32)
    }
}

/// A likelihood's own parameters and buffers, each one number of shape (1).
#[derive(Clone, Debug)]
pub struct Own<D: Backend> {
    parameters: Vec<(&'static str, PerImage<D>)>,
    buffers: Vec<(&'static str, PerImage<D>)>,
}

impl<D: Backend> Own<D> {
    /// With their initial values.
    ///
    /// # Errors
    /// The device's.
    pub fn new(device: &D::Device, description: &dyn Description) -> Result<Self, D::Err> {
        let all = |values: &[OwnValue]| {
            let tensor = |it: &OwnValue| {
                let value = device.try_tensor_from_vec(vec![it.initial], (1,))?;
                Ok((it.name, value))
            };
            values
                .iter()
                .map(tensor)
                .collect::<Result<Vec<_>, D::Err>>()
        };
        Ok(Self {
            parameters: all(description.parameters())?,
            buffers: all(description.buffers())?,
        })
    }

    /// A parameter, by its place in [`Description::parameters`].
    pub fn parameter(&self, place: usize) -> PerImage<D> {
        self.parameters[place].1.clone()
    }

    /// A buffer, by its place in [`Description::buffers`].
    pub fn buffer(&self, place: usize) -> PerImage<D> {
        self.buffers[place].1.clone()
    }
}

impl<D: Backend> Parameters<D> for Own<D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        for (name, value) in &self.parameters {
            visitor.parameter(&format!("{prefix}.{name}"), value)?;
        }
        for (name, value) in &self.buffers {
            visitor.buffer(&format!("{prefix}.{name}"), value)?;
        }
        Ok(())
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        for (name, value) in &mut self.parameters {
            visitor.parameter(&format!("{prefix}.{name}"), value)?;
        }
        for (name, value) in &mut self.buffers {
            visitor.buffer(&format!("{prefix}.{name}"), value)?;
        }
        Ok(())
    }
}

/// A likelihood without numbers of its own that devices have an operation for.
pub trait Fused: Description + Copy + Debug + PartialEq + 'static {
    /// The operation.
    const KIND: Reconstruction;
}

impl<L: Fused> Compute for L {
    fn per_image<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        let (logits, images) = (maps::<D, T>(logits)?, maps::<D, _>(images)?);
        D::reconstruction_per_image(L::KIND, logits, images)
    }

    fn error<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &Own<D>,
        logits: Pixels<D, T>,
        images: Pixels<D>,
        _: Mode<'_, D>,
    ) -> Result<Scalar<D, T>, D::Err> {
        let (logits, images) = (maps::<D, T>(logits)?, maps::<D, _>(images)?);
        D::reconstruction(L::KIND, logits, images)
    }
}

/// The same values with an axis of channels.
fn maps<D: Backend, T: Tape<f32, D::Device>>(
    values: Pixels<D, T>,
) -> Result<Maps<usize, D, T>, D::Err> {
    let &(batch, rows, values_of_row) = values.shape();
    values.try_reshape_like(&(batch, rows, values_of_row, 1))
}

/// Sums over the values of an image: over a row first, which keeps them short.
pub fn sum_of_values<D: Backend, T: Tape<f32, D::Device>>(
    values: Pixels<D, T>,
) -> Result<PerImage<D, T>, D::Err> {
    let rows: Tensor<(usize, usize), f32, D::Device, T> = values.try_sum::<_, Axis<2>>()?;
    rows.try_sum::<_, Axis<1>>()
}

/// (sigmoid(logits) - x)^2, summed over the values of an image.
pub fn squared_error<D: Backend, T: Tape<f32, D::Device>>(
    logits: Pixels<D, T>,
    images: Pixels<D>,
) -> Result<PerImage<D, T>, D::Err> {
    sum_of_values::<D, T>(logits.try_sigmoid()?.try_sub(images)?.try_square()?)
}

/// A number for each of so many images.
pub fn for_each_image<D: Backend, T: Tape<f32, D::Device>>(
    number: Scalar<D, T>,
    images: usize,
) -> Result<PerImage<D, T>, D::Err> {
    number.try_broadcast_like::<_, Axis<0>>(&(images,))
}

/// A number for each value of images.
pub fn for_each_value<D: Backend, T: Tape<f32, D::Device>>(
    number: Scalar<D, T>,
    shape: (usize, usize, usize),
) -> Result<Pixels<D, T>, D::Err> {
    number.try_broadcast_like::<_, Axes3<0, 1, 2>>(&shape)
}
