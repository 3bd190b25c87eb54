//! A layer by itself, against values that NumPy computed. Where a test says how, this stands before it:
//!
//! ```python
//! import numpy as np
//! def made(step, *shape): return ((np.arange(np.prod(shape)) * step % 11 - 5) / 8).reshape(shape)
//! def gradients(f, *inputs):  # of sum(f(inputs) * made(3)), by central differences
//!     def loss(): y = f(*inputs); return (y * made(3, *y.shape)).sum()
//!     for a in inputs:
//!         g, h = np.zeros(a.size), 1e-5
//!         for i in range(a.size):
//!             old = a.flat[i]; a.flat[i] = old + h; up = loss(); a.flat[i] = old - h
//!             g[i] = (up - loss()) / (2 * h); a.flat[i] = old
//!         yield g
//! def show(f, *inputs):
//!     for v in [f(*inputs), *gradients(f, *inputs)]: print(np.round(np.ravel(v), 6).tolist())
//! ```

use std::convert::Infallible;

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, Gradients, PutTape, SplitTape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, SumTo, TryMul};

use super::layer::Module;
use super::mode::{BufferUpdates, Mode};
use super::{Layer, LayerConfig};
use crate::nn::backend::Backend;
use crate::nn::dfdx_ops::DfdxOps;
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Numbers of eighths, the same as in the snippets.
pub fn made(step: usize, len: usize) -> Vec<f32> {
    let eighths = |i: usize| (i * step % 11) as f32 - 5.0;
    (0..len).map(|i| eighths(i) / 8.0).collect()
}

/// Puts values into parameters, one after the other.
struct Put<'a>(std::slice::Iter<'a, Vec<f32>>);

impl<D: Backend> VisitMut<D> for Put<'_> {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        param.copy_from(self.0.next().expect(name));
        Ok(())
    }
}

/// Names and shapes that a visitor sees.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub parameters: Vec<(String, Vec<usize>)>,
    pub buffers: Vec<(String, Vec<usize>)>,
}

impl Seen {
    /// What it sees of something.
    pub fn of<D: Backend>(it: &impl Parameters<D>, prefix: &str) -> Self {
        let mut seen = Self::default();
        let Ok(()) = it.visit(prefix, &mut seen);
        seen
    }

    /// What it should see of layers.
    pub fn said<'a>(layers: impl IntoIterator<Item = (&'a str, &'a LayerConfig)>) -> Self {
        let mut said = Self::default();
        for (layer, config) in layers {
            let named = |(name, shape)| (format!("{layer}.{name}"), shape);
            said.parameters
                .extend(config.parameters().into_iter().map(named));
            said.buffers.extend(config.buffers().into_iter().map(named));
        }
        said
    }
}

impl<D: Backend> Visit<D> for Seen {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        let shape = param.shape().concrete().as_ref().to_vec();
        self.parameters.push((name.to_owned(), shape));
        Ok(())
    }
    fn buffer<S: Shape>(
        &mut self,
        name: &str,
        buffer: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        let shape = buffer.shape().concrete().as_ref().to_vec();
        self.buffers.push((name.to_owned(), shape));
        Ok(())
    }
}

/// Makes the updates of buffers and shows them.
struct Updated<'a, D: Backend> {
    gate: &'a D::UpdateGate,
    updates: &'a BufferUpdates<D>,
    buffers: Vec<Vec<f32>>,
}

impl<D: Backend> VisitMut<D> for Updated<'_, D> {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        _: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        Ok(())
    }
    fn buffer<S: Shape>(
        &mut self,
        name: &str,
        buffer: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        self.updates.apply(self.gate, name, buffer).unwrap();
        self.buffers.push(D::to_vec(buffer));
        Ok(())
    }
}

/// The buffers of the layer `a` after a step.
pub fn buffers<D: Backend>(
    layer: &mut Layer<usize, usize, D>,
    gate: &D::UpdateGate,
    updates: &BufferUpdates<D>,
) -> Vec<Vec<f32>> {
    let mut updated = Updated {
        gate,
        updates,
        buffers: vec![],
    };
    let Ok(()) = layer.visit_mut("a", &mut updated);
    updated.buffers
}

/// Puts values into buffers, one after the other.
struct PutBuffers<'a>(std::slice::Iter<'a, Vec<f32>>);

impl<D: Backend> VisitMut<D> for PutBuffers<'_> {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        _: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        Ok(())
    }
    fn buffer<S: Shape>(
        &mut self,
        name: &str,
        buffer: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        buffer.copy_from(self.0.next().expect(name));
        Ok(())
    }
}

/// Sets the buffers of a layer.
pub fn set_buffers<D: Backend>(layer: &mut Layer<usize, usize, D>, values: &[Vec<f32>]) {
    let mut put = PutBuffers(values.iter());
    let Ok(()) = Parameters::<D>::visit_mut(layer, "", &mut put);
}

struct GradientsOf<'a, D: Backend>(&'a Gradients<f32, D::Device>, Vec<Vec<f32>>);

impl<D: Backend> Visit<D> for GradientsOf<'_, D> {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        self.1.push(D::to_vec(&self.0.get(param)));
        Ok(())
    }
}

/// A layer of these parameters; what it says of itself is what a visitor sees.
pub fn layer<D: Backend>(
    device: &D::Device,
    config: &LayerConfig,
    inputs: usize,
    parameters: &[Vec<f32>],
) -> Layer<usize, usize, D> {
    let outputs = *config.output().last().unwrap();
    let mut init = Init::new(1);
    let mut layer = Layer::<_, _, D>::new(device, &mut init, config, (inputs, outputs)).unwrap();
    let seen = Seen::of::<D>(&layer, "a");
    assert_eq!(seen, Seen::said([("a", config)]));
    let mut put = Put(parameters.iter());
    let Ok(()) = Parameters::<D>::visit_mut(&mut layer, "", &mut put);
    assert_eq!(put.0.next(), None);
    layer
}

/// The layer's output, and the gradients of the sum of its products with [`made`]: by the input and by each parameter.
pub fn differentiate<D: Backend>(
    device: &D::Device,
    layer: &Layer<usize, usize, D>,
    (shape, x): ((usize, usize, usize, usize), &[f32]),
    mode: Mode<'_, D>,
) -> Vec<Vec<f32>> {
    let x = D::tensor(device, x, shape).unwrap();
    let y = layer.forward(x.leaky_trace().into(), mode).unwrap();
    let (y, tape) = y.into_tensor().split_tape();
    let upstream = made(3, y.shape().num_elements());
    let upstream = D::tensor(device, &upstream, *y.shape()).unwrap();
    let loss = y.clone().put_tape(tape).try_mul(upstream).unwrap();
    let loss = loss.try_sum::<(), _>().unwrap();
    let gradients = loss.try_backward().unwrap();
    let mut found = vec![D::to_vec(&y), D::to_vec(&gradients.get(&x))];
    let mut of_parameters = GradientsOf::<D>(&gradients, vec![]);
    let Ok(()) = layer.visit("", &mut of_parameters);
    found.extend(of_parameters.1);
    found
}

/// Output and gradients are these, within rounding, with our kernels and with dfdx's operations.
#[track_caller]
pub fn assert_values(
    config: impl Into<LayerConfig>,
    x: ((usize, usize, usize, usize), &[f32]),
    parameters: &[Vec<f32>],
    expected: &[&[f32]],
) {
    let config = config.into();
    let device = Cpu::default();
    let inputs = x.0.3;
    let ours = layer::<Cpu>(&device, &config, inputs, parameters);
    let dfdx = layer::<DfdxOps<Cpu>>(&device, &config, inputs, parameters);
    let ours = differentiate(&device, &ours, x, Mode::Evaluation);
    assert_close(&ours, expected);
    assert_close(
        &differentiate(&device, &dfdx, x, Mode::Evaluation),
        expected,
    );
}

/// Each value within rounding of single precision.
#[track_caller]
pub fn assert_close<V: AsRef<[f32]>>(found: &[V], expected: &[&[f32]]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let found = found.as_ref();
        let close = found
            .iter()
            .zip(*expected)
            .all(|(f, e)| (f - e).abs() < 4e-6);
        assert!(
            close && found.len() == expected.len(),
            "tensor {i}: {found:?} is not {expected:?}"
        );
    }
}
