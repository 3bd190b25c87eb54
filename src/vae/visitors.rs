//! What is done with every parameter of a network: norms, updates, copies.

use std::collections::BTreeMap;
use std::convert::Infallible;

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, Tensor, TensorFromVec};

use crate::nn::layers::BufferUpdates;
use crate::nn::{Backend, Visit, VisitMut};
use crate::numeric::named_tensor::NamedTensor;
use crate::optim::{Rule, Step};

/// State slots of a parameter, in the order of [`Rule::slots`].
pub(super) type Slots<D> = Vec<Tensor<(usize,), f32, <D as Backend>::Device>>;

/// Adds up the squares of the gradients of all parameters.
pub(super) struct SquaredNorm<'a, D: Backend> {
    pub(super) gradients: &'a mut Gradients<f32, D::Device>,
    pub(super) squares: D::Squares,
}

impl<D: Backend> Visit<D> for SquaredNorm<'_, D> {
    type Err = D::Err;
    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        D::add_squares(&mut self.squares, self.gradients, param)
    }
}

/// Applies a step to all parameters, and what it collected for the buffers.
pub(super) struct Update<'a, D: Backend> {
    pub(super) rule: &'a Rule,
    pub(super) step: Step,
    pub(super) gate: &'a D::UpdateGate,
    pub(super) gradients: &'a mut Gradients<f32, D::Device>,
    pub(super) state: &'a mut BTreeMap<String, Slots<D>>,
    pub(super) updates: &'a BufferUpdates<D>,
}

impl<D: Backend> VisitMut<D> for Update<'_, D> {
    type Err = D::Err;
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        let slots = self
            .state
            .get_mut(name)
            .map(Vec::as_mut_slice)
            .unwrap_or_default();
        D::update(
            self.rule,
            self.step,
            self.gate,
            self.gradients,
            param,
            slots,
        )
    }

    fn buffer<S: Shape>(
        &mut self,
        name: &str,
        buffer: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        self.updates.apply(self.gate, name, buffer)
    }
}

/// All parameters and buffers.
pub(super) struct Collect {
    pub(super) tensors: Vec<NamedTensor>,
}

impl<D: Backend> Visit<D> for Collect {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        self.tensors.push(named::<S, D>(name, param));
        Ok(())
    }

    fn buffer<S: Shape>(
        &mut self,
        name: &str,
        buffer: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        <Self as Visit<D>>::parameter(self, name, buffer)
    }
}

/// The gradients of all parameters.
pub(super) struct CollectGradients<'a, D: Backend> {
    pub(super) gradients: &'a mut Gradients<f32, D::Device>,
    pub(super) tensors: &'a mut Vec<NamedTensor>,
}

impl<D: Backend> Visit<D> for CollectGradients<'_, D> {
    type Err = D::Err;
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        // A parameter that the loss does not look at has none.
        self.gradients.try_alloc_for(param)?;
        self.tensors
            .push(named::<S, D>(name, &self.gradients.get(param)));
        Ok(())
    }
}

/// Replaces parameters and buffers by those of their names.
pub(super) struct Assign<'a> {
    pub(super) by_name: BTreeMap<&'a str, &'a NamedTensor>,
}

impl<D: Backend> VisitMut<D> for Assign<'_> {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        if let Some(source) = self.by_name.get(name) {
            param.copy_from(&source.data);
        }
        Ok(())
    }

    fn buffer<S: Shape>(
        &mut self,
        name: &str,
        buffer: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        <Self as VisitMut<D>>::parameter(self, name, buffer)
    }
}

/// Zeroed state slots for every parameter.
pub(super) struct NewState<'a, D: Backend> {
    pub(super) device: &'a D::Device,
    pub(super) slots: usize,
    pub(super) state: &'a mut BTreeMap<String, Slots<D>>,
}

impl<D: Backend> Visit<D> for NewState<'_, D> {
    type Err = D::Err;
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        let len = param.shape().num_elements();
        let slots: Result<Slots<D>, D::Err> = (0..self.slots)
            .map(|_| self.device.try_tensor_from_vec(vec![0.0; len], (len,)))
            .collect();
        self.state.insert(name.to_owned(), slots?);
        Ok(())
    }
}

/// A copy of a tensor under a name.
pub(super) fn named<S: Shape, D: Backend>(
    name: &str,
    tensor: &Tensor<S, f32, D::Device>,
) -> NamedTensor {
    let shape = tensor.shape().concrete();
    NamedTensor {
        name: name.to_owned(),
        shape: shape.as_ref().to_vec(),
        data: D::to_vec(tensor),
    }
}
