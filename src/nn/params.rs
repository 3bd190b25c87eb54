//! Parameters and buffers by name, and their initial values. A buffer is kept with the parameters and not trained: a
//! running mean, say.
//!
//! Names and layouts are part of the file format of a checkpoint: `encoder.conv0.kernel`,
//! `decoder.output.bias`. Convolution kernels are (kh, kw, in, out), transposed ones (kh, kw, out, in),
//! dense ones (in, out).

use dfdx::shapes::Shape;
use dfdx::tensor::Tensor;

use super::backend::Backend;
use crate::numeric::random::{Purpose, Stream};

/// Something with parameters, and perhaps buffers.
pub trait Parameters<D: Backend> {
    /// Shows every parameter and buffer, always in the same order. `prefix` comes before each name.
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err>;

    /// As [`Parameters::visit`], to change them.
    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err>;
}

/// What has no parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoParameters;

impl<D: Backend> Parameters<D> for NoParameters {
    fn visit<V: Visit<D>>(&self, _: &str, _: &mut V) -> Result<(), V::Err> {
        Ok(())
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, _: &str, _: &mut V) -> Result<(), V::Err> {
        Ok(())
    }
}

/// Looks at parameters and buffers one after another.
pub trait Visit<D: Backend> {
    /// Why it may stop.
    type Err;
    /// One parameter.
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Self::Err>;

    /// One buffer, which a visitor that trains passes over.
    fn buffer<S: Shape>(
        &mut self,
        _name: &str,
        _buffer: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Self::Err> {
        Ok(())
    }
}

/// Changes parameters and buffers one after another.
pub trait VisitMut<D: Backend> {
    /// Why it may stop.
    type Err;
    /// One parameter.
    fn parameter<S: Shape>(
        &mut self,
        name: &str,
        param: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Self::Err>;

    /// One buffer, which a visitor that trains passes over.
    fn buffer<S: Shape>(
        &mut self,
        _name: &str,
        _buffer: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Self::Err> {
        Ok(())
    }
}

/// Draws initial kernels, one after another; the same seed gives the same network.
#[derive(Clone, Debug)]
pub struct Init {
    seed: u64,
    drawn: u32,
}

impl Init {
    /// Initial values of a run's seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Glorot and Bengio's uniform values (2010): within sqrt(6 / (fan in + fan out)), as
    /// `keras.initializers.GlorotUniform`.
    pub fn glorot_uniform(&mut self, len: usize, fan_in: usize, fan_out: usize) -> Vec<f32> {
        let mut stream = self.stream();
        let limit = (6.0 / (fan_in + fan_out) as f64).sqrt() as f32;
        (0..len)
            .map(|_| (2.0 * stream.uniform() - 1.0) * limit)
            .collect()
    }

    /// Uniform values from `from` to `to`.
    pub fn uniform(&mut self, len: usize, from: f32, to: f32) -> Vec<f32> {
        let mut stream = self.stream();
        let value = |_| from + (to - from) * stream.uniform();
        (0..len).map(value).collect()
    }

    /// Standard normal deviates.
    pub fn normal(&mut self, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        self.stream().fill_normal(&mut values);
        values
    }

    /// The stream of the next values.
    fn stream(&mut self) -> Stream {
        let stream = Stream::new(self.seed, Purpose::Weights, 0, self.drawn);
        self.drawn += 1;
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_glorot_uniform_within_its_bound() {
        let values = Init::new(3).glorot_uniform(100_000, 30, 70);
        let limit = 0.06_f32.sqrt();
        assert!(values.iter().all(|v| v.abs() <= limit));
        let variance = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 1e5;
        // A uniform variable's variance is limit^2 / 3 = 0.02.
        assert!((variance - 0.02).abs() < 2e-4, "{variance}");
    }

    #[test]
    fn draws_different_numbers_for_each_kernel() {
        let mut init = Init::new(3);
        assert_ne!(init.glorot_uniform(10, 1, 1), init.glorot_uniform(10, 1, 1));
        assert_eq!(
            Init::new(3).glorot_uniform(10, 1, 1),
            Init::new(3).glorot_uniform(10, 1, 1)
        );
    }
}
