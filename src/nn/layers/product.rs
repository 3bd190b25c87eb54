//! Kernel and bias: the parameters of a layer that multiplies.

use dfdx::shapes::{Dim, Shape};
use dfdx::tensor::{Tensor, TensorFromVec};

use super::layer::Values;
use crate::kernels::Activation;
use crate::nn::backend::{Backend, Weights};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

const KERNEL: &str = "kernel";
const BIAS: &str = "bias";

/// What follows the product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finish {
    /// Whether there is a bias: not where a normalization that has one comes next.
    pub bias: bool,
    /// The nonlinearity.
    pub activation: Activation,
}

impl Finish {
    /// A bias, then this activation.
    pub fn with(activation: Activation) -> Self {
        Self {
            bias: true,
            activation,
        }
    }

    /// Nothing at all.
    pub const NONE: Self = Self {
        bias: false,
        activation: Activation::Linear,
    };

    /// The parameters of a layer with such a kernel.
    pub(super) fn parameters(self, kernel: Vec<usize>, outputs: usize) -> Vec<Values> {
        let mut all: Vec<Values> = vec![(KERNEL.into(), kernel)];
        all.extend(self.bias.then(|| (BIAS.into(), vec![outputs])));
        all
    }
}

/// A kernel, and a bias for each output.
#[derive(Clone, Debug)]
pub struct Product<K: Shape, O: Dim, D: Backend> {
    kernel: Tensor<K, f32, D::Device>,
    /// Zeros where there is none.
    bias: Tensor<(O,), f32, D::Device>,
    finish: Finish,
}

impl<K: Shape, O: Dim, D: Backend> Product<K, O, D> {
    /// Glorot-uniform kernel, zero bias.
    pub(super) fn new(
        device: &D::Device,
        init: &mut Init,
        kernel: K,
        (fan_in, fan_out): (usize, usize),
        outputs: O,
        finish: Finish,
    ) -> Result<Self, D::Err> {
        let values = init.glorot_uniform(kernel.num_elements(), fan_in, fan_out);
        Ok(Self {
            kernel: device.try_tensor_from_vec(values, kernel)?,
            bias: device.try_tensor_from_vec(vec![0.0; outputs.size()], (outputs,))?,
            finish,
        })
    }

    /// As an operation takes them.
    pub(super) fn weights(&self) -> Weights<'_, K, O, D> {
        Weights {
            kernel: &self.kernel,
            bias: &self.bias,
            activation: self.finish.activation,
        }
    }
}

impl<K: Shape, O: Dim, D: Backend> Parameters<D> for Product<K, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.{KERNEL}"), &self.kernel)?;
        match self.finish.bias {
            true => visitor.parameter(&format!("{prefix}.{BIAS}"), &self.bias),
            false => Ok(()),
        }
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.{KERNEL}"), &mut self.kernel)?;
        match self.finish.bias {
            true => visitor.parameter(&format!("{prefix}.{BIAS}"), &mut self.bias),
            false => Ok(()),
        }
    }
}

/// A layer whose parameters are those of its product.
macro_rules! parameters_of_product {
    ($layer:ident) => {
        impl<I: Dim, O: Dim, D: Backend> Parameters<D> for $layer<I, O, D> {
            fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
                self.product.visit(prefix, visitor)
            }

            fn visit_mut<V: VisitMut<D>>(
                &mut self,
                prefix: &str,
                visitor: &mut V,
            ) -> Result<(), V::Err> {
                self.product.visit_mut(prefix, visitor)
            }
        }
    };
}

pub(super) use parameters_of_product;
