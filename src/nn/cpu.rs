//! The CPU's operations: our kernels, registered on dfdx's tape.

mod slot;
mod tape;

use dfdx::shapes::{Dim, HasShape, Shape};
use dfdx::tensor::{Cpu, CpuError, Gradients, PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;
use rayon::prelude::*;

use super::backend::{
    Backend, FeatureMaps, Features, Judgement, Latent, Maps, RowFactors, Rows, Sample, Scalar,
    Weights,
};
use super::memory;
use crate::kernels::conv;
use crate::kernels::loss::{self, Reconstruction};
use crate::kernels::tensor::{values, values_mut};
use crate::kernels::{Conv, Isa, buffer_pool, dense};
use crate::optim::{Rule, Step};
use slot::Slot;
use tape::{Buffer, add_to, layer, on_tape, take};

/// A tensor of one value.
fn scalar(device: &Cpu, value: f32) -> Result<Tensor<(), f32, Cpu>, CpuError> {
    let mut vector = memory::vector(device, 1)?;
    vector.fill(value);
    device.try_tensor_from_vec(vector, ())
}

/// Reconstruction error of each row.
fn errors_of_rows<T: Tape<f32, Cpu>>(
    kind: Reconstruction,
    logits: Rows<usize, Cpu, T>,
    images: Rows<usize, Cpu>,
) -> Result<Tensor<(usize,), f32, Cpu, T>, CpuError> {
    let (logits, mut tape) = logits.split_tape();
    let mut slopes = buffer_pool::vector(values(&logits).len());
    let errors = memory::output(logits.device(), (logits.shape().0,), |errors| {
        let (logits, images) = (values(&logits), values(&images));
        loss::reconstruction_per_image(kind, logits, images, errors, &mut slopes);
    })?;
    if !T::OWNS_TAPE {
        buffer_pool::give(slopes);
        return Ok(errors.put_tape(tape));
    }
    let errors_ = errors.clone();
    on_tape(&mut tape, move |gradients| {
        let derrors = take(gradients, &errors_)?;
        add_to(gradients, &logits, |gradient| {
            loss::reconstruction_per_image_backward(&slopes, &derrors, gradient);
        })?;
        buffer_pool::give(slopes);
        Ok(())
    });
    Ok(errors.put_tape(tape))
}

impl Backend for Cpu {
    const COMMON_SIZES: bool = true;
    const TAKES_IMAGES: bool = false;
    type Err = CpuError;
    type Device = Self;
    type Route = Conv;
    type Link = Slot;
    type Squares = f64;
    type Norm = f64;
    /// The factor, if the update is applied.
    type UpdateGate = Option<f32>;
    const MOST_UNREAD: usize = 1;

    fn tensor<S: Shape>(
        device: &Self,
        values: &[f32],
        shape: S,
    ) -> Result<Tensor<S, f32, Self>, CpuError> {
        if values.len() != shape.num_elements() {
            return Err(CpuError::WrongNumElements);
        }
        let mut vector = memory::vector(device, values.len())?;
        vector.copy_from_slice(values);
        device.try_tensor_from_vec(vector, shape)
    }

    fn release(device: &Self) -> Result<(), CpuError> {
        memory::clear(device)
    }

    fn to_small(_: &Self, conv: &Conv) -> Result<Conv, CpuError> {
        Ok(*conv)
    }

    fn to_big(_: &Self, conv: &Conv) -> Result<Conv, CpuError> {
        Ok(*conv)
    }

    fn conv2d<I: Dim, O: Dim, T: Tape<f32, Self>>(
        conv: &Conv,
        x: FeatureMaps<I, Self, T>,
        weights: Weights<(usize, usize, I, O), O, Self>,
        input_gradient: bool,
    ) -> Result<FeatureMaps<O, Self, T>, CpuError> {
        let conv = *conv;
        let (small, outputs) = (conv.small, weights.bias.shape().0);
        let shape = (x.shape().0, small.height, small.width, outputs);
        layer(
            x,
            weights,
            shape,
            input_gradient,
            |x, kernel, epilogue, output, sum| {
                conv::forward(Isa::current(), &conv, x, kernel, epilogue, output, sum);
            },
            move |x, kernel, activation, gradient, out| {
                conv::backward(Isa::current(), &conv, x, kernel, activation, gradient, out);
            },
        )
    }

    fn conv_transpose2d<I: Dim, O: Dim, T: Tape<f32, Self>>(
        conv: &Conv,
        x: FeatureMaps<I, Self, T>,
        weights: Weights<(usize, usize, O, I), O, Self>,
    ) -> Result<FeatureMaps<O, Self, T>, CpuError> {
        let conv = *conv;
        let (big, outputs) = (conv.big, weights.bias.shape().0);
        let shape = (x.shape().0, big.height, big.width, outputs);
        layer(
            x,
            weights,
            shape,
            true,
            |x, kernel, epilogue, output, sum| {
                let isa = Isa::current();
                conv::forward_transposed(isa, &conv, x, kernel, epilogue, output, sum);
            },
            move |x, kernel, activation, gradient, out| {
                let isa = Isa::current();
                conv::backward_transposed(isa, &conv, x, kernel, activation, gradient, out);
            },
        )
    }

    fn dense<S: Shape, I: Dim, O: Dim, R: Shape, T: Tape<f32, Self>>(
        x: Features<S, Self, T>,
        weights: Weights<(I, O), O, Self>,
        output: R,
    ) -> Result<Features<R, Self, T>, CpuError> {
        let (inputs, outputs) = *weights.kernel.shape();
        let sizes = (inputs.size(), outputs.size());
        layer(
            x,
            weights,
            output,
            true,
            |x, kernel, epilogue, output, sum| {
                dense::forward(Isa::current(), x, kernel, sizes, epilogue, output, sum);
            },
            move |x, kernel, (activation, saved), gradient, out| {
                let isa = Isa::current();
                dense::backward_activation(isa, activation, gradient, saved, out.bias);
                dense::backward_kernel(isa, x, gradient, sizes, out.kernel);
                if let Some(input) = out.input {
                    let store = out.store;
                    dense::backward_input(isa, gradient, kernel, sizes, input, store);
                }
            },
        )
    }

    fn append<T: Tape<f32, Self>>(
        maps: Maps<usize, Self, T>,
        rows: &Rows<usize, Self>,
    ) -> Result<Maps<usize, Self, T>, CpuError> {
        let (maps, mut tape) = maps.split_tape();
        let &(images, height, width, inputs) = maps.shape();
        let &(count, added) = rows.shape();
        if count == 0 && images > 0 {
            return Err(CpuError::WrongNumElements);
        }
        let outputs = inputs + added;
        let shape = (images, height, width, outputs);
        let output = memory::output(maps.device(), shape, |output| {
            let (maps, rows) = (values(&maps), values(rows));
            let image = |(i, (output, maps)): (usize, (&mut [f32], &[f32]))| {
                let row = &rows[i % count * added..][..added];
                let places = output.chunks_exact_mut(outputs);
                for (output, place) in places.zip(maps.chunks_exact(inputs)) {
                    let (own, appended) = output.split_at_mut(inputs);
                    own.copy_from_slice(place);
                    appended.copy_from_slice(row);
                }
            };
            let places = (height * width).max(1);
            output
                .par_chunks_mut(places * outputs)
                .zip(maps.par_chunks(places * inputs))
                .enumerate()
                .for_each(image);
        })?;
        let output_ = output.clone();
        on_tape(&mut tape, move |gradients| {
            let incoming = take(gradients, &output_)?;
            add_to(gradients, &maps, |gradient| {
                let places = gradient.chunks_exact_mut(inputs);
                for (gradient, place) in places.zip(incoming.chunks_exact(outputs)) {
                    gradient.iter_mut().zip(place).for_each(|(g, p)| *g += p);
                }
            })?;
            memory::give(output_)
        });
        Ok(output.put_tape(tape))
    }

    fn reparameterise<Z: Dim, T: Tape<f32, Self>>(
        mean: Latent<Z, Self, T>,
        log_var: Latent<Z, Self>,
        eps: Latent<Z, Self>,
        kl_factor: f32,
    ) -> Result<Sample<Z, Self, T>, CpuError> {
        let (mean, mut tape) = mean.split_tape();
        let device = mean.device().clone();
        let latent = mean.shape().1;
        let axes = latent.size();
        let mut kl_per_axis = vec![0.0; axes];
        let z = memory::output(&device, *eps.shape(), |z| {
            loss::sample(
                values(&mean),
                values(&log_var),
                values(&eps),
                z,
                &mut kl_per_axis,
            );
        })?;
        let total = kl_per_axis.iter().sum::<f32>() * kl_factor;
        let kl = scalar(&device, total)?;
        let (z_, kl_) = (z.clone(), kl.clone());
        on_tape(&mut tape, move |gradients| {
            let dz = take(gradients, &z_)?;
            let dkl =
                vec![take(gradients, &kl_)?.first().copied().unwrap_or(0.0) * kl_factor; axes];
            let inputs = (values(&mean), values(&log_var), values(&eps));
            add_to(gradients, &mean, |gradient| {
                loss::sample_backward(inputs, (&dz, &dkl), Some(gradient), None);
            })?;
            add_to(gradients, &log_var, |gradient| {
                loss::sample_backward(inputs, (&dz, &dkl), None, Some(gradient));
            })?;
            memory::give(z_)
        });
        Ok(Sample {
            z,
            kl: kl.put_tape(tape),
            kl_per_axis: Self::tensor(&device, &kl_per_axis, (latent,))?,
        })
    }

    fn reconstruction<C: Dim, T: Tape<f32, Self>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Tensor<(), f32, Self, T>, CpuError> {
        let (logits, mut tape) = logits.split_tape();
        let (len, batch) = (values(&logits).len(), logits.shape().0);
        let mut gradient = buffer_pool::vector(len);
        let error =
            loss::reconstruction(kind, values(&logits), values(&images), batch, &mut gradient);
        let error = scalar(logits.device(), error)?;
        if !T::OWNS_TAPE {
            buffer_pool::give(gradient);
            return Ok(error.put_tape(tape));
        }
        let error_ = error.clone();
        on_tape(&mut tape, move |gradients| {
            let outer = take(gradients, &error_)?.first().copied().unwrap_or(0.0);
            add_to(gradients, &logits, |sum| {
                for (sum, g) in sum.iter_mut().zip(&gradient) {
                    *sum += outer * g;
                }
            })?;
            buffer_pool::give(gradient);
            Ok(())
        });
        Ok(error.put_tape(tape))
    }

    fn reconstruction_per_image<C: Dim, T: Tape<f32, Self>>(
        kind: Reconstruction,
        logits: Maps<C, Self, T>,
        images: Maps<C, Self>,
    ) -> Result<Tensor<(usize,), f32, Self, T>, CpuError> {
        let (logits, tape) = logits.split_tape();
        let batch = logits.shape().0;
        let shape = (batch, values(&logits).len() / batch.max(1));
        let logits = logits.try_reshape_like(&shape)?.put_tape(tape);
        errors_of_rows(kind, logits, images.try_reshape_like(&shape)?)
    }

    fn scale_gradient<N: Dim, T: Tape<f32, Self>>(
        rows: Rows<N, Self, T>,
        factors: RowFactors<Self>,
    ) -> Result<Rows<N, Self, T>, CpuError> {
        let (rows, mut tape) = rows.split_tape();
        let rows_ = rows.clone();
        // Before that of the operation that made the rows, and behind those that use them.
        on_tape(&mut tape, move |gradients| {
            let Some(factors) = factors.get() else {
                return Ok(());
            };
            let width = rows_.shape().1.size();
            add_to(gradients, &rows_, |gradient| {
                for (row, factor) in gradient.chunks_mut(width).zip(values(factors)) {
                    row.iter_mut().for_each(|g| *g *= factor);
                }
            })
        });
        Ok(rows.put_tape(tape))
    }

    fn add_squares<S: Shape>(
        squares: &mut f64,
        gradients: &mut Gradients<f32, Self>,
        param: &Tensor<S, f32, Self>,
    ) -> Result<(), CpuError> {
        let gradient: &Buffer = gradients.get_or_alloc_mut(param)?;
        *squares += loss::squares(gradient);
        Ok(())
    }

    fn judge(
        _step: Step,
        terms: &[&Scalar<Self>],
        squares: Vec<f64>,
        clip_norm: Option<f64>,
        before: Option<&Option<f32>>,
    ) -> Result<Vec<Judgement<Self>>, CpuError> {
        let norms: Vec<f64> = squares.into_iter().map(f64::sqrt).collect();
        #[cfg(feature = "faults")]
        let norms: Vec<f64> = {
            let fault = crate::fs::fault_injection::gradient(_step.number);
            norms.into_iter().map(|norm| norm + fault).collect()
        };
        let is_finite = norms.iter().all(|norm| norm.is_finite())
            && terms.iter().all(|term| Self::scalar(term).is_finite())
            && before.is_none_or(Option::is_some);
        let scale = |norm: f64| clip_norm.map_or(1.0, |limit| (limit / norm).min(1.0)) as f32;
        let judge = |norm| (norm, is_finite.then(|| scale(norm)));
        Ok(norms.into_iter().map(judge).collect())
    }

    fn norm(norm: &f64) -> f64 {
        *norm
    }

    fn choose(
        gate: &Option<f32>,
        new: Tensor<(usize,), f32, Self>,
        old: Tensor<(usize,), f32, Self>,
    ) -> Result<Tensor<(usize,), f32, Self>, CpuError> {
        Ok(if gate.is_some() { new } else { old })
    }

    fn update<S: Shape>(
        rule: &Rule,
        step: Step,
        gate: &Option<f32>,
        gradients: &mut Gradients<f32, Self>,
        param: &mut Tensor<S, f32, Self>,
        state: &mut [Tensor<(usize,), f32, Self>],
    ) -> Result<(), CpuError> {
        // The rule goes value by value, so that how the values are cut changes no bits.
        const SHARE: usize = 8192;
        let Some(scale) = *gate else {
            return Ok(());
        };
        let step = Step {
            gradient_scale: step.gradient_scale * scale,
            ..step
        };
        let gradient = take(gradients, param)?;
        let mut state: Vec<_> = state
            .iter_mut()
            .map(|slot| values_mut(slot).chunks_mut(SHARE))
            .collect();
        let shares: Vec<_> = values_mut(param)
            .chunks_mut(SHARE)
            .zip(gradient.chunks(SHARE))
            .map(|(param, gradient)| {
                let state: Vec<_> = state.iter_mut().filter_map(Iterator::next).collect();
                (param, gradient, state)
            })
            .collect();
        shares
            .into_par_iter()
            .for_each(|(param, gradient, mut state)| {
                rule.update(step, param, gradient, &mut state);
            });
        Ok(())
    }
}
