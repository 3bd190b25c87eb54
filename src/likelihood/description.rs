//! What is known about a likelihood without computing it.

use crate::numeric::math::sigmoid;

/// What the pixel values of a data set are, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelValues {
    /// 0 and 1 alone.
    Binary,
    /// Bytes: 0 to 1 in 255 steps. They may all be 0 or 1.
    Steps,
    /// Any numbers from 0 to 1.
    Real,
}

/// Whether e^-error is what the model says of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A probability: the errors of different likelihoods compare, and give bits.
    Probability,
    /// A probability density: errors may be negative, depend on the unit of a pixel value, and compare with those of
    /// other densities only.
    Density,
    /// Neither, and why.
    Neither(&'static str),
}

/// A number of a likelihood's own, with its initial value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnValue {
    /// Its name behind `likelihood.` in a checkpoint.
    pub name: &'static str,
    /// What it begins with.
    pub initial: f32,
}

/// A likelihood without tensors: what specs and plans read of it.
pub trait Description {
    /// What it is for pixels with such values.
    fn judge(&self, pixels: PixelValues) -> Verdict;

    /// Its own parameters, trained with the network's.
    fn parameters(&self) -> &'static [OwnValue] {
        &[]
    }

    /// Numbers that are kept with those and not trained.
    fn buffers(&self) -> &'static [OwnValue] {
        &[]
    }

    /// Turns logits into the pixel values from 0 to 1 that a picture shows: means of p(x | z).
    fn mean(&self, logits: &mut [f32]) {
        logits.iter_mut().for_each(|value| *value = sigmoid(*value));
    }
}
