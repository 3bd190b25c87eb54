//! Two-dimensional convolution with `same` padding, bias and activation (`keras.layers.Conv2D`).

use dfdx::shapes::Dim;
use dfdx::tensor::{Tape, Tensor, TensorFromVec};

use crate::kernels::{Activation, Conv};
use crate::nn::backend::{Backend, FeatureMaps, Weights};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Maps (batch, height, width, `I`) to (batch, height / stride, width / stride, `O`), rounded up.
#[derive(Clone, Debug)]
pub struct Conv2d<I: Dim, O: Dim, D: Backend> {
    route: D::Route,
    activation: Activation,
    /// (kh, kw, in, out)
    kernel: Tensor<(usize, usize, I, O), f32, D::Device>,
    bias: Tensor<(O,), f32, D::Device>,
    /// Whether the input is something that is trained.
    input_gradient: bool,
}

impl<I: Dim, O: Dim, D: Backend> Conv2d<I, O, D> {
    /// Glorot-uniform kernel, zero bias. `inputs` and `outputs` are the channels of `conv.big` and
    /// `conv.small`.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        conv: Conv,
        (inputs, outputs): (I, O),
        activation: Activation,
    ) -> Result<Self, D::Err> {
        let area = conv.kernel * conv.kernel;
        let (fan_in, fan_out) = (area * inputs.size(), area * outputs.size());
        let kernel = init.glorot_uniform(conv.kernel_len(), fan_in, fan_out);
        Ok(Self {
            route: D::to_small(device, &conv)?,
            activation,
            kernel: device
                .try_tensor_from_vec(kernel, (conv.kernel, conv.kernel, inputs, outputs))?,
            bias: device.try_tensor_from_vec(vec![0.0; outputs.size()], (outputs,))?,
            input_gradient: true,
        })
    }

    /// For the first layer: nobody needs the gradient of its input.
    pub fn without_input_gradient(self) -> Self {
        Self {
            input_gradient: false,
            ..self
        }
    }

    /// Applies the layer.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        let weights = Weights {
            kernel: &self.kernel,
            bias: &self.bias,
            activation: self.activation,
        };
        D::conv2d(&self.route, x, weights, self.input_gradient)
    }
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for Conv2d<I, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.kernel"), &self.kernel)?;
        visitor.parameter(&format!("{prefix}.bias"), &self.bias)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.kernel"), &mut self.kernel)?;
        visitor.parameter(&format!("{prefix}.bias"), &mut self.bias)
    }
}
