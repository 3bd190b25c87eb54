//! How operations stand on dfdx's tape: what a forward pass keeps, and the ways that gradients come and go.

use dfdx::shapes::{Dim, Shape};
use dfdx::tensor::{Cpu, CpuError, Gradients, Storage, Tape, Tensor};

use crate::kernels::tap_gemm::Store;
use crate::kernels::tensor::values;
use crate::kernels::{Activation, buffer_pool, conv, profile};
use crate::nn::backend::Weights;
use crate::nn::memory::{self, Slot};

pub(super) type Buffer = <Cpu as Storage<f32>>::Vec;

/// Takes a tensor's gradient out, since only one can be borrowed at a time. An empty one stays behind.
pub(super) fn take<S: Shape>(
    gradients: &mut Gradients<f32, Cpu>,
    tensor: &Tensor<S, f32, Cpu>,
) -> Result<Buffer, CpuError> {
    let empty = tensor.device().try_alloc_len(0)?;
    Ok(std::mem::replace(
        gradients.get_or_alloc_mut(tensor)?,
        empty,
    ))
}

/// Puts a gradient back that [`take`] took out.
fn put<S: Shape>(
    gradients: &mut Gradients<f32, Cpu>,
    tensor: &Tensor<S, f32, Cpu>,
    gradient: Buffer,
) -> Result<(), CpuError> {
    *gradients.get_or_alloc_mut(tensor)? = gradient;
    Ok(())
}

/// The gradient of an operation's output, for its backward pass to use up.
pub(super) enum Incoming {
    /// Through the output's slot.
    Slot(Vec<f32>),
    /// Through dfdx.
    Dfdx(Buffer),
}

impl Incoming {
    pub(super) fn of<S: Shape>(
        output: &Tensor<S, f32, Cpu>,
        slot: Option<&Slot>,
        gradients: &mut Gradients<f32, Cpu>,
    ) -> Result<Self, CpuError> {
        match slot.and_then(Slot::take) {
            Some(gradient) => {
                debug_assert!(
                    take(gradients, output)?.iter().all(|&g| g == 0.0),
                    "an activation was consumed by our operations and by dfdx's"
                );
                Ok(Self::Slot(gradient))
            }
            None => Ok(Self::Dfdx(take(gradients, output)?)),
        }
    }

    pub(super) fn values(&mut self) -> &mut [f32] {
        match self {
            Self::Slot(gradient) => gradient,
            Self::Dfdx(gradient) => gradient,
        }
    }

    pub(super) fn done(self) {
        if let Self::Slot(gradient) = self {
            buffer_pool::give(gradient);
        }
    }
}

/// Lets `write` set the gradient of an operation's input, or add to it.
pub(super) fn send<S: Shape, R>(
    input: &Tensor<S, f32, Cpu>,
    slot: Option<&Slot>,
    gradients: &mut Gradients<f32, Cpu>,
    write: impl FnOnce(&mut [f32], Store<'static>) -> R,
) -> Result<R, CpuError> {
    let Some(slot) = slot else {
        let mut gradient = take(gradients, input)?;
        let result = write(&mut gradient, Store::Add);
        put(gradients, input, gradient)?;
        return Ok(result);
    };
    let (mut gradient, store) = match slot.take() {
        Some(gradient) => (gradient, Store::Add),
        None => {
            let len = values(input).len();
            (buffer_pool::vector(len), Store::Set)
        }
    };
    let result = write(&mut gradient, store);
    slot.put(gradient);
    Ok(result)
}

/// What a layer keeps for its backward pass: the weighted sum where the activation's derivative needs it,
/// else its output, which the tensor holds anyway.
pub(super) struct Saved<S: Shape> {
    pub(super) output: Tensor<S, f32, Cpu>,
    slot: Option<Slot>,
    weighted_sum: Option<Vec<f32>>,
    activation: Activation,
}

impl<S: Shape> Saved<S> {
    /// Runs a forward pass and wraps its output in a tensor.
    pub(super) fn forward<T: Tape<f32, Cpu>>(
        device: &Cpu,
        activation: Activation,
        shape: S,
        run: impl FnOnce(&mut [f32], Option<&mut [f32]>),
    ) -> Result<Self, CpuError> {
        let len = shape.num_elements();
        let mut weighted_sum =
            (T::OWNS_TAPE && activation.needs_input()).then(|| buffer_pool::vector(len));
        let output = memory::output(device, shape, |output| {
            run(output, weighted_sum.as_deref_mut());
        })?;
        Ok(Self {
            slot: T::OWNS_TAPE.then(|| Slot::new(&output)),
            output,
            weighted_sum,
            activation,
        })
    }

    /// Keeps the memory for the next step.
    fn done(self) -> Result<(), CpuError> {
        self.weighted_sum.into_iter().for_each(buffer_pool::give);
        memory::give(self.output)
    }

    /// Activation and what its backward pass asks for.
    fn activation(&self) -> (Activation, &[f32]) {
        (
            self.activation,
            self.weighted_sum
                .as_deref()
                .unwrap_or_else(|| values(&self.output)),
        )
    }
}

/// Registers a backward pass, which counts as that of the part of the step that is going on.
pub(super) fn on_tape<T: Tape<f32, Cpu>>(
    tape: &mut T,
    backward: impl FnOnce(&mut Gradients<f32, Cpu>) -> Result<(), CpuError> + 'static,
) {
    let scope = profile::scope();
    tape.add_backward_op(move |gradients| scope.backward(|| backward(gradients)));
}

/// Registers a convolution-like backward pass.
pub(super) fn register<X: Shape, K: Shape, O: Dim, S: Shape, T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: Tensor<X, f32, Cpu>,
    weights: Weights<K, O, Cpu>,
    saved: Saved<S>,
    input_gradient: bool,
    backward: impl Fn(&[f32], &[f32], (Activation, &[f32]), &mut [f32], conv::Gradients) + 'static,
) -> Result<(), CpuError> {
    if !T::OWNS_TAPE {
        // Nobody comes back for the input.
        return memory::give(x);
    }
    let (kernel, bias) = (weights.kernel.clone(), weights.bias.clone());
    let x_slot = Slot::of(&x);
    on_tape(tape, move |gradients| {
        let mut incoming = Incoming::of(&saved.output, saved.slot.as_ref(), gradients)?;
        let mut kernel_gradient = take(gradients, &kernel)?;
        let mut bias_gradient = take(gradients, &bias)?;
        let mut run = |input: Option<&mut [f32]>, store| {
            let out = conv::Gradients {
                kernel: &mut kernel_gradient,
                bias: &mut bias_gradient,
                input,
                store,
            };
            let gradient = incoming.values();
            backward(
                values(&x),
                values(&kernel),
                saved.activation(),
                gradient,
                out,
            );
        };
        if input_gradient {
            send(&x, x_slot.as_ref(), gradients, |gradient, store| {
                run(Some(gradient), store);
            })?;
        } else {
            run(None, Store::Set);
        }
        put(gradients, &kernel, kernel_gradient)?;
        put(gradients, &bias, bias_gradient)?;
        incoming.done();
        saved.done()
    });
    Ok(())
}

/// For operations that only add.
pub(super) fn clear_unless_added(gradient: &mut [f32], store: Store) {
    if store != Store::Add {
        gradient.fill(0.0);
    }
}
