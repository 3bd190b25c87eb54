//! Transposed two-dimensional convolution with `same` padding, bias and activation
//! (`keras.layers.Conv2DTranspose`): the adjoint of the convolution that it mirrors, with no inserted zeros.

use dfdx::shapes::Dim;
use dfdx::tensor::{Tape, Tensor, TensorFromVec};

use crate::kernels::{Activation, Conv};
use crate::nn::backend::{Backend, FeatureMaps, Weights};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Maps (batch, small height, small width, `I`) to (batch, big height, big width, `O`), where `conv` names
/// the sizes: 4x4 may become 7x7 or 8x8, whichever the mirrored convolution started from.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d<I: Dim, O: Dim, D: Backend> {
    route: D::Route,
    activation: Activation,
    /// (kh, kw, out, in)
    kernel: Tensor<(usize, usize, O, I), f32, D::Device>,
    bias: Tensor<(O,), f32, D::Device>,
}

impl<I: Dim, O: Dim, D: Backend> ConvTranspose2d<I, O, D> {
    /// Glorot-uniform kernel, zero bias. `inputs` and `outputs` are the channels of `conv.small` and
    /// `conv.big`.
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
            route: D::to_big(device, &conv)?,
            activation,
            kernel: device
                .try_tensor_from_vec(kernel, (conv.kernel, conv.kernel, outputs, inputs))?,
            bias: device.try_tensor_from_vec(vec![0.0; outputs.size()], (outputs,))?,
        })
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
        D::conv_transpose2d(&self.route, x, weights)
    }
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for ConvTranspose2d<I, O, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.kernel"), &self.kernel)?;
        visitor.parameter(&format!("{prefix}.bias"), &self.bias)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}.kernel"), &mut self.kernel)?;
        visitor.parameter(&format!("{prefix}.bias"), &mut self.bias)
    }
}
