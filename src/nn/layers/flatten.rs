//! All values of an image in one axis (`keras.layers.Flatten`): `y[(i w + j) c + k] = x[i, j, k]`.

use std::marker::PhantomData;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::layer::{Describe, Module};
use super::mode::Mode;
use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

/// Sizes of the layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Values of an image.
    pub values: usize,
}

impl Describe for Config {
    fn kind(&self) -> &'static str {
        "Flatten"
    }

    fn output(&self) -> Vec<usize> {
        vec![self.values]
    }

    fn computes(&self) -> bool {
        false
    }
}

/// Maps (batch, height, width, `I`) to (batch, 1, 1, `O`).
#[derive(Clone, Debug)]
pub struct Flatten<I: Dim, O: Dim, D: Backend> {
    values: O,
    types: PhantomData<(I, D)>,
}

impl<I: Dim, O: Dim, D: Backend> Module<I, O, D> for Flatten<I, O, D> {
    type Config = Config;

    fn new(_: &D::Device, _: &mut Init, _: &Config, (_, values): (I, O)) -> Result<Self, D::Err> {
        Ok(Self {
            values,
            types: PhantomData,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: FeatureMaps<I, D, T>,
        _: Mode<'_, D>,
    ) -> Result<FeatureMaps<O, D, T>, D::Err> {
        let row = (x.shape().0, 1, 1, self.values);
        x.reshape(&row)
    }
}

impl<I: Dim, O: Dim, D: Backend> Parameters<D> for Flatten<I, O, D> {
    fn visit<V: Visit<D>>(&self, _: &str, _: &mut V) -> Result<(), V::Err> {
        Ok(())
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, _: &str, _: &mut V) -> Result<(), V::Err> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_values, made};
    use super::*;

    #[test]
    fn leaves_values_and_gradients_in_their_order() {
        let x = made(2, 12);
        assert_values(
            Config { values: 6 },
            ((2, 1, 3, 2), &x),
            &[],
            &[&x, &made(3, 12)],
        );
    }
}
