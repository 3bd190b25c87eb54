//! Dense layer with bias and activation (`keras.layers.Dense`, `torch.nn.Linear` with the kernel transposed).

use dfdx::shapes::{Dim, HasShape, Shape};
use dfdx::tensor::{Tape, Tensor, TensorFromVec};

use crate::kernels::Activation;
use crate::nn::backend::{Backend, Features, Weights};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Maps (batch, `I`) to (batch, `O`): `activation(x kernel + bias)`.
#[derive(Clone, Debug)]
pub struct Dense<I: Dim, O: Dim, D: Backend> {
    activation: Activation,
    /// (in, out)
    kernel: Tensor<(I, O), f32, D::Device>,
    bias: Tensor<(O,), f32, D::Device>,
}

impl<I: Dim, O: Dim, D: Backend> Dense<I, O, D> {
    /// Glorot-uniform kernel, zero bias.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        (inputs, outputs): (I, O),
        activation: Activation,
    ) -> Result<Self, D::Err> {
        let (fan_in, fan_out) = (inputs.size(), outputs.size());
        let kernel = init.glorot_uniform(fan_in * fan_out, fan_in, fan_out);
        Ok(Self {
            activation,
            kernel: device.try_tensor_from_vec(kernel, (inputs, outputs))?,
            bias: device.try_tensor_from_vec(vec![0.0; fan_out], (outputs,))?,
        })
    }

    /// Where the weights are.
    pub fn device(&self) -> &D::Device {
        self.bias.device()
    }

    /// Applies the layer. All axes behind the first are taken as one of `I` values (NHWC order, as Keras'
    /// `Flatten`).
    pub fn forward<S: Shape, T: Tape<f32, D::Device>>(
        &self,
        x: Features<S, D, T>,
    ) -> Result<Features<(usize, O), D, T>, D::Err> {
        let batch = x.shape().concrete()[0];
        self.forward_to(x, (batch, self.bias.shape().0))
    }

    /// Applies the layer and gives its output another shape of as many values (Keras' `Reshape`).
    pub fn forward_to<S: Shape, R: Shape, T: Tape<f32, D::Device>>(
        &self,
        x: Features<S, D, T>,
        output: R,
    ) -> Result<Features<R, D, T>, D::Err> {
        let weights = Weights {
            kernel: &self.kernel,
            bias: &self.bias,
            activation: self.activation,
        };
        D::dense(x, weights, output)
    }
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for Dense<I, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.kernel"), &self.kernel)?;
        visitor.parameter(&format!("{prefix}.bias"), &self.bias)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.kernel"), &mut self.kernel)?;
        visitor.parameter(&format!("{prefix}.bias"), &mut self.bias)
    }
}
