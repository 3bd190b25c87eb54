//! Operations of the CPU on dfdx's tape: what a forward pass keeps, and how gradients come and go.

use dfdx::shapes::{Dim, Shape};
use dfdx::tensor::{Cpu, CpuError, Gradients, SplitTape, Storage, Tape, Tensor};

use super::slot::Slot;
use crate::kernels::conv::{self, Epilogue};
use crate::kernels::tap_gemm::Store;
use crate::kernels::tensor::values;
use crate::kernels::{Activation, buffer_pool, profile};
use crate::nn::backend::{Features, Weights};
use crate::nn::linked::Linked;
use crate::nn::memory;

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

/// Lets `add` add to the gradient of a tensor.
pub(super) fn add_to<S: Shape, R>(
    gradients: &mut Gradients<f32, Cpu>,
    tensor: &Tensor<S, f32, Cpu>,
    add: impl FnOnce(&mut [f32]) -> R,
) -> Result<R, CpuError> {
    let mut gradient = take(gradients, tensor)?;
    let result = add(&mut gradient);
    put(gradients, tensor, gradient)?;
    Ok(result)
}

/// The gradient of an operation's output, for its backward pass to use up.
enum Incoming {
    /// Through the output's slot.
    Slot(Vec<f32>),
    /// Through dfdx.
    Dfdx(Buffer),
}

impl Incoming {
    fn of<S: Shape>(
        output: &Tensor<S, f32, Cpu>,
        slot: &Slot,
        gradients: &mut Gradients<f32, Cpu>,
    ) -> Result<Self, CpuError> {
        let Some(mut gradient) = slot.take() else {
            return Ok(Self::Dfdx(take(gradients, output)?));
        };
        if slot.is_open() {
            let other = take(gradients, output)?;
            // Zeros stand for none, and -0 + 0 would be another zero.
            if other.iter().any(|&g| g != 0.0) {
                gradient.iter_mut().zip(&*other).for_each(|(g, o)| *g += o);
            }
        }
        Ok(Self::Slot(gradient))
    }

    fn values(&mut self) -> &mut [f32] {
        match self {
            Self::Slot(gradient) => gradient,
            Self::Dfdx(gradient) => gradient,
        }
    }

    fn done(self) {
        if let Self::Slot(gradient) = self {
            buffer_pool::give(gradient);
        }
    }
}

/// The input of a layer, and where its gradient goes.
struct Input<S: Shape> {
    tensor: Tensor<S, f32, Cpu>,
    slot: Slot,
}

impl<S: Shape> Input<S> {
    /// The features without their tape, and that.
    fn of<T: Tape<f32, Cpu>>(features: Features<S, Cpu, T>) -> (Self, T) {
        let (tensor, slot) = features.into_parts();
        let (tensor, tape) = tensor.split_tape();
        (Self { tensor, slot }, tape)
    }

    /// Lets `write` set the gradient, or add to it.
    fn send<R>(
        &self,
        gradients: &mut Gradients<f32, Cpu>,
        write: impl FnOnce(&mut [f32], Store<'static>) -> R,
    ) -> Result<R, CpuError> {
        if !self.slot.exists() {
            return add_to(gradients, &self.tensor, |gradient| {
                write(gradient, Store::Add)
            });
        }
        let (mut gradient, store) = match self.slot.take() {
            Some(gradient) => (gradient, Store::Add),
            None => {
                let len = values(&self.tensor).len();
                (buffer_pool::vector(len), Store::Set)
            }
        };
        let result = write(&mut gradient, store);
        self.slot.put(gradient);
        Ok(result)
    }
}

/// What a layer keeps for its backward pass: the weighted sum where the activation's derivative needs it,
/// else its output, which the tensor holds anyway.
struct Saved<S: Shape> {
    output: Tensor<S, f32, Cpu>,
    slot: Slot,
    weighted_sum: Option<Vec<f32>>,
    activation: Activation,
}

impl<S: Shape> Saved<S> {
    /// Runs a forward pass and wraps its output in a tensor.
    fn forward<T: Tape<f32, Cpu>>(
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
            slot: Slot::new(),
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

/// Runs a layer that multiplies, and registers its backward pass.
pub(super) fn layer<X: Shape, K: Shape, O: Dim, S: Shape, T: Tape<f32, Cpu>>(
    x: Features<X, Cpu, T>,
    weights: Weights<K, O, Cpu>,
    shape: S,
    input_gradient: bool,
    forward: impl FnOnce(&[f32], &[f32], Epilogue, &mut [f32], Option<&mut [f32]>),
    backward: impl Fn(&[f32], &[f32], (Activation, &[f32]), &mut [f32], conv::Gradients) + 'static,
) -> Result<Features<S, Cpu, T>, CpuError> {
    let (x, mut tape) = Input::of(x);
    let activation = weights.activation;
    let run = |output: &mut [f32], sum: Option<&mut [f32]>| {
        let (bias, kernel) = (values(weights.bias), values(weights.kernel));
        let epilogue = Epilogue { bias, activation };
        forward(values(&x.tensor), kernel, epilogue, output, sum);
    };
    let saved = Saved::forward::<T>(x.tensor.device(), activation, shape, run)?;
    let output = Linked::new(saved.output.clone(), saved.slot.clone());
    if !T::OWNS_TAPE {
        // No backward pass needs the input, unless there is a copy of it.
        if x.slot.is_sole() {
            memory::give(x.tensor)?;
        }
        return Ok(output.put_tape(tape));
    }
    let (kernel, bias) = (weights.kernel.clone(), weights.bias.clone());
    on_tape(&mut tape, move |gradients| {
        let mut incoming = Incoming::of(&saved.output, &saved.slot, gradients)?;
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
                values(&x.tensor),
                values(&kernel),
                saved.activation(),
                gradient,
                out,
            );
        };
        if input_gradient {
            x.send(gradients, |gradient, store| run(Some(gradient), store))?;
        } else {
            run(None, Store::Set);
        }
        put(gradients, &kernel, kernel_gradient)?;
        put(gradients, &bias, bias_gradient)?;
        incoming.done();
        saved.done()
    });
    Ok(output.put_tape(tape))
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Trace;
    use dfdx::tensor_ops::{Backward, SumTo, TryAdd, TryMul};

    use super::*;
    use crate::nn::Backend as _;

    /// Without a tape, layers give back the memory of what they read. Two that read one tensor may not give it back twice:
    /// the next two outputs would be tensors of one id, which share their gradient.
    #[test]
    fn gives_memory_back_that_two_layers_read_at_most_once() {
        const LEN: usize = 977;
        let device = Cpu::default();
        let tensor = |len| Cpu::tensor(&device, &vec![1.0; len], (len,)).unwrap();
        let matrix = |shape: (usize, usize)| {
            let ones = vec![1.0; shape.0 * shape.1];
            Cpu::tensor(&device, &ones, shape).unwrap()
        };
        let dense = |x: Linked<(usize, usize), Cpu, Slot>, outputs: usize| {
            let &(batch, inputs) = x.shape();
            let (kernel, bias) = (matrix((inputs, outputs)), tensor(outputs));
            let weights = Weights {
                kernel: &kernel,
                bias: &bias,
                activation: Activation::Linear,
            };
            Cpu::dense(x, weights, (batch, outputs)).unwrap()
        };
        let features = dense(matrix((1, 1)).into(), LEN);
        dense(features.clone(), 1);
        dense(features, 1);
        let output = || memory::output(&device, (LEN,), |values| values.fill(1.0)).unwrap();
        let (first, second) = (output(), output());
        let times = |x: &Tensor<_, f32, Cpu>, slope: f32| x.leaky_trace().try_mul(slope).unwrap();
        let sum = times(&first, 2.0).try_add(times(&second, 3.0)).unwrap();
        let gradients = sum.try_sum::<(), _>().unwrap().try_backward().unwrap();
        assert_eq!(gradients.get(&first).as_vec(), [2.0; LEN]);
        assert_eq!(gradients.get(&second).as_vec(), [3.0; LEN]);
    }
}
