//! Training or evaluation, and the updates of buffers.

use std::cell::RefCell;

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::Tensor;
use dfdx::tensor_ops::{ReshapeTo, TryAdd, TryMul};

use crate::nn::backend::Backend;

/// Training or evaluation (Keras' `training`).
#[derive(Debug)]
pub enum Mode<'a, D: Backend> {
    /// Training: a layer may use the whole batch, and notes the updates of its buffers.
    Training {
        /// New values of buffers.
        updates: &'a BufferUpdates<D>,
        /// The layer that is being applied, by its name.
        layer: &'a str,
    },
    /// Evaluation: an image's values do not depend on the other images of the batch.
    Evaluation,
}

impl<D: Backend> Clone for Mode<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Backend> Copy for Mode<'_, D> {}

impl<'a, D: Backend> Mode<'a, D> {
    /// Training that leaves its updates there.
    pub fn training(updates: &'a BufferUpdates<D>) -> Self {
        Self::Training { updates, layer: "" }
    }

    /// The name of a layer within the one that is being applied.
    pub fn name_of(self, layer: &str) -> String {
        match self {
            Self::Training { layer: outer, .. } => format!("{outer}.{layer}"),
            Self::Evaluation => layer.to_owned(),
        }
    }

    /// The same within a layer.
    pub fn within(self, layer: &'a str) -> Self {
        match self {
            Self::Training { updates, .. } => Self::Training { updates, layer },
            Self::Evaluation => Self::Evaluation,
        }
    }
}

/// Updates of buffers, made when a step is applied. A step that is refused changes none of them, so a forward pass notes
/// the updates and the step makes them.
#[derive(Debug)]
pub struct BufferUpdates<D: Backend>(RefCell<Vec<Average<D>>>);

/// A step of a moving average.
#[derive(Debug)]
struct Average<D: Backend> {
    buffer: String,
    momentum: f64,
    value: Tensor<(usize,), f32, D::Device>,
}

impl<D: Backend> Default for BufferUpdates<D> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<D: Backend> BufferUpdates<D> {
    /// `buffer = momentum buffer + (1 - momentum) value`, for the buffer of this name.
    pub fn average(&self, buffer: String, momentum: f64, value: Tensor<(usize,), f32, D::Device>) {
        self.0.borrow_mut().push(Average {
            buffer,
            momentum,
            value,
        });
    }

    /// Makes the updates of the buffer of this name, one after the other, if the gate says so. Each is made once.
    ///
    /// # Errors
    /// The device's.
    pub fn apply<S: Shape>(
        &self,
        gate: &D::UpdateGate,
        name: &str,
        buffer: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        let shape = *buffer.shape();
        let all = self.0.take();
        let (own, others): (Vec<_>, _) = all.into_iter().partition(|it| it.buffer == name);
        self.0.replace(others);
        for update in own {
            let old = buffer.clone().try_reshape_like(&(shape.num_elements(),))?;
            let share = (1.0 - update.momentum) as f32;
            let new = update.value.try_mul(share)?;
            let new = new.try_add(old.clone().try_mul(update.momentum as f32)?)?;
            *buffer = D::choose(gate, new, old)?.try_reshape_like(&shape)?;
        }
        Ok(())
    }
}
