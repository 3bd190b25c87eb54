//! The CPU's operations: our kernels, registered on dfdx's tape.

use dfdx::shapes::{Dim, HasShape, Shape};
use dfdx::tensor::{
    Cache, Cpu, CpuError, Gradients, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec,
};

use super::compute::{Compute, Latent, Maps, Sample, Weights};
use crate::kernels::conv::{self, Epilogue};
use crate::kernels::loss::{self, Reconstruction};
use crate::kernels::tensor::values;
use crate::kernels::{Activation, Conv, Path, dense, scratch};
use crate::optim::{Rule, Step};

type Buffer = <Cpu as Storage<f32>>::Vec;

/// Takes a tensor's gradient out, since only one can be borrowed at a time. An empty one stays behind.
fn take<S: Shape>(
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

/// A vector that a tensor can be made of, whatever it holds.
///
/// Memory goes in a circle, so that a training step asks the system for none: a tensor that is dropped goes to dfdx's
/// cache; gradients are allocated from there, which fills them with zeros; gradients that are used up go to
/// [`scratch`], and come from there as the next step's outputs, which need no zeros. A tensor must therefore never
/// be made of a vector from elsewhere: the cache would grow by it.
fn buffer(device: &Cpu, len: usize) -> Result<Vec<f32>, CpuError> {
    match scratch::take(len) {
        Some(vector) => Ok(vector),
        None => Ok(into_vector(device.try_alloc_len(len)?)),
    }
}

fn into_vector(mut buffer: Buffer) -> Vec<f32> {
    let vector = std::mem::take(&mut *buffer);
    // Dropped, it would put its empty vector into the cache, which keeps those too.
    std::mem::forget(buffer);
    vector
}

/// A tensor of one value.
fn scalar(device: &Cpu, value: f32) -> Result<Tensor<(), f32, Cpu>, CpuError> {
    let mut vector = buffer(device, 1)?;
    vector.fill(value);
    device.try_tensor_from_vec(vector, ())
}

/// What a layer keeps for its backward pass: the weighted sum where the activation's derivative needs it,
/// else its output, which the tensor holds anyway.
struct Saved<S: Shape> {
    output: Tensor<S, f32, Cpu>,
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
        let mut output = buffer(device, shape.num_elements())?;
        let mut weighted_sum =
            (T::OWNS_TAPE && activation.needs_input()).then(|| vec![0.0; output.len()]);
        run(&mut output, weighted_sum.as_deref_mut());
        let output = device.try_tensor_from_vec(output, shape)?;
        Ok(Self {
            output,
            weighted_sum,
            activation,
        })
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

/// Registers a convolution-like backward pass.
fn register<X: Shape, K: Shape, O: Dim, S: Shape, T: Tape<f32, Cpu>>(
    tape: &mut T,
    x: Tensor<X, f32, Cpu>,
    weights: Weights<K, O, Cpu>,
    saved: Saved<S>,
    input_gradient: bool,
    backward: impl FnOnce(&[f32], &[f32], (Activation, &[f32]), &mut [f32], conv::Gradients) + 'static,
) {
    let (kernel, bias) = (weights.kernel.clone(), weights.bias.clone());
    tape.add_backward_op(move |gradients| {
        let mut output_gradient = take(gradients, &saved.output)?;
        let mut kernel_gradient = take(gradients, &kernel)?;
        let mut bias_gradient = take(gradients, &bias)?;
        let mut x_gradient = if input_gradient {
            Some(take(gradients, &x)?)
        } else {
            None
        };
        let out = conv::Gradients {
            kernel: &mut kernel_gradient,
            bias: &mut bias_gradient,
            input: x_gradient.as_mut().map(|g| g.as_mut_slice()),
        };
        backward(
            values(&x),
            values(&kernel),
            saved.activation(),
            &mut output_gradient,
            out,
        );
        scratch::give(into_vector(output_gradient));
        put(gradients, &kernel, kernel_gradient)?;
        put(gradients, &bias, bias_gradient)?;
        match x_gradient {
            Some(gradient) => put(gradients, &x, gradient),
            None => Ok(()),
        }
    });
}

impl Compute for Cpu {
    fn tensor<S: Shape>(
        &self,
        values: &[f32],
        shape: S,
    ) -> Result<Tensor<S, f32, Self>, Self::Err> {
        if values.len() != shape.num_elements() {
            return Err(CpuError::WrongNumElements);
        }
        let mut vector = buffer(self, values.len())?;
        vector.copy_from_slice(values);
        self.try_tensor_from_vec(vector, shape)
    }

    fn release(&self) -> Result<(), Self::Err> {
        scratch::clear();
        self.try_empty_cache()
    }

    fn conv2d<I: Dim, O: Dim, T: Tape<f32, Self>>(
        conv: &Conv,
        x: Maps<I, Self, T>,
        weights: Weights<(usize, usize, I, O), O, Self>,
        input_gradient: bool,
    ) -> Result<Maps<O, Self, T>, Self::Err> {
        let conv = *conv;
        let (x, mut tape) = x.split_tape();
        let shape = (
            x.shape().0,
            conv.small.height,
            conv.small.width,
            weights.bias.shape().0,
        );
        let epilogue = Epilogue {
            bias: values(weights.bias),
            activation: weights.activation,
        };
        let saved = Saved::forward::<T>(x.device(), weights.activation, shape, |output, sum| {
            conv::forward(
                Path::current(),
                &conv,
                values(&x),
                values(weights.kernel),
                epilogue,
                output,
                sum,
            );
        })?;
        let output = saved.output.clone();
        register(
            &mut tape,
            x,
            weights,
            saved,
            input_gradient,
            move |x, kernel, activation, gradient, out| {
                conv::backward(Path::current(), &conv, x, kernel, activation, gradient, out);
            },
        );
        Ok(output.put_tape(tape))
    }

    fn conv_transpose2d<I: Dim, O: Dim, T: Tape<f32, Self>>(
        conv: &Conv,
        x: Maps<I, Self, T>,
        weights: Weights<(usize, usize, O, I), O, Self>,
    ) -> Result<Maps<O, Self, T>, Self::Err> {
        let conv = *conv;
        let (x, mut tape) = x.split_tape();
        let shape = (
            x.shape().0,
            conv.big.height,
            conv.big.width,
            weights.bias.shape().0,
        );
        let epilogue = Epilogue {
            bias: values(weights.bias),
            activation: weights.activation,
        };
        let saved = Saved::forward::<T>(x.device(), weights.activation, shape, |output, sum| {
            conv::forward_transposed(
                Path::current(),
                &conv,
                values(&x),
                values(weights.kernel),
                epilogue,
                output,
                sum,
            );
        })?;
        let output = saved.output.clone();
        register(
            &mut tape,
            x,
            weights,
            saved,
            true,
            move |x, kernel, activation, gradient, out| {
                conv::backward_transposed(
                    Path::current(),
                    &conv,
                    x,
                    kernel,
                    activation,
                    gradient,
                    out,
                );
            },
        );
        Ok(output.put_tape(tape))
    }

    fn dense<S: Shape, I: Dim, O: Dim, R: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        weights: Weights<(I, O), O, Self>,
        output: R,
    ) -> Result<Tensor<R, f32, Self, T>, Self::Err> {
        let (x, mut tape) = x.split_tape();
        let (inputs, outputs) = *weights.kernel.shape();
        let sizes = (inputs.size(), outputs.size());
        let epilogue = Epilogue {
            bias: values(weights.bias),
            activation: weights.activation,
        };
        let saved = Saved::forward::<T>(x.device(), weights.activation, output, |output, sum| {
            dense::forward(
                Path::current(),
                values(&x),
                values(weights.kernel),
                sizes,
                epilogue,
                output,
                sum,
            );
        })?;
        let output = saved.output.clone();
        register(
            &mut tape,
            x,
            weights,
            saved,
            true,
            move |x, kernel, (activation, saved), gradient, out| {
                activation.backward(gradient, saved);
                conv::add_columns(gradient, out.bias);
                dense::backward_kernel(Path::current(), x, gradient, sizes, out.kernel);
                if let Some(input) = out.input {
                    dense::backward_input(Path::current(), gradient, kernel, sizes, input);
                }
            },
        );
        Ok(output.put_tape(tape))
    }

    fn reparameterise<Z: Dim, T: Tape<f32, Self>>(
        mean: Latent<Z, Self, T>,
        log_var: Latent<Z, Self>,
        eps: Latent<Z, Self>,
        kl_factor: f32,
    ) -> Result<Sample<Z, Self, T>, Self::Err> {
        let (mean, mut tape) = mean.split_tape();
        let device = mean.device().clone();
        let axes = mean.shape().1.size();
        let mut z = buffer(&device, values(&mean).len())?;
        let mut kl_per_axis = vec![0.0; axes];
        loss::sample(
            values(&mean),
            values(&log_var),
            values(&eps),
            &mut z,
            &mut kl_per_axis,
        );
        let z = device.try_tensor_from_vec(z, *mean.shape())?;
        let total = kl_per_axis.iter().sum::<f32>() * kl_factor;
        let kl = scalar(&device, total)?;
        let (z_, kl_) = (z.clone(), kl.clone());
        tape.add_backward_op(move |gradients| {
            let dz = take(gradients, &z_)?;
            let dkl =
                vec![take(gradients, &kl_)?.first().copied().unwrap_or(0.0) * kl_factor; axes];
            let inputs = (values(&mean), values(&log_var), values(&eps));
            loss::sample_backward(
                inputs,
                (&dz, &dkl),
                Some(gradients.get_or_alloc_mut(&mean)?),
                None,
            );
            loss::sample_backward(
                inputs,
                (&dz, &dkl),
                None,
                Some(gradients.get_or_alloc_mut(&log_var)?),
            );
            Ok(())
        });
        Ok(Sample {
            z,
            kl: kl.put_tape(tape),
            kl_per_axis,
        })
    }

    fn reconstruction<C: Dim, T: Tape<f32, Self>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Tensor<(), f32, Self, T>, Self::Err> {
        let (logits, mut tape) = logits.split_tape();
        let mut gradient = vec![0.0; values(&logits).len()];
        let batch = logits.shape().0;
        let error =
            loss::reconstruction(kind, values(&logits), values(&images), batch, &mut gradient);
        let error = scalar(logits.device(), error)?;
        let error_ = error.clone();
        tape.add_backward_op(move |gradients| {
            let outer = take(gradients, &error_)?.first().copied().unwrap_or(0.0);
            let sum = gradients.get_or_alloc_mut(&logits)?;
            for (sum, g) in sum.iter_mut().zip(&gradient) {
                *sum += outer * g;
            }
            Ok(())
        });
        Ok(error.put_tape(tape))
    }

    fn gradient_square<S: Shape>(
        gradients: &mut Gradients<f32, Self>,
        param: &Tensor<S, f32, Self>,
    ) -> Result<f64, Self::Err> {
        let gradient: &Buffer = gradients.get_or_alloc_mut(param)?;
        // Sixteen sums side by side, added in a fixed order, let the compiler use vectors.
        let mut sums = [0.0_f64; 16];
        for block in gradient.chunks(16) {
            for (sum, &g) in sums.iter_mut().zip(block) {
                *sum += f64::from(g) * f64::from(g);
            }
        }
        Ok(sums.iter().sum())
    }

    fn update<S: Shape>(
        rule: &Rule,
        step: Step,
        gradients: &mut Gradients<f32, Self>,
        param: &mut Tensor<S, f32, Self>,
        state: &mut [Tensor<(usize,), f32, Self>],
    ) -> Result<(), Self::Err> {
        let gradient = take(gradients, param)?;
        let mut values = Self::to_vec(param);
        let mut slots: Vec<Vec<f32>> = state.iter().map(Self::to_vec).collect();
        let mut views: Vec<&mut [f32]> = slots.iter_mut().map(Vec::as_mut_slice).collect();
        rule.update(step, &mut values, &gradient, &mut views);
        param.copy_from(&values);
        for (tensor, slot) in state.iter_mut().zip(&slots) {
            tensor.copy_from(slot);
        }
        Ok(())
    }
}
