//! What is known about a kind of latents without computing it.

use crate::metric::Metric;

/// What the names of a kind's values begin with in a checkpoint.
pub const PREFIX: &str = "latent.";

/// What the encoder ends in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Head {
    /// Two dense layers, mean and log variance of a normal distribution q(z | x) for each image.
    #[default]
    Gaussian,
    /// One dense layer, a point for each image.
    Mean,
    /// A convolution without neighbours, a point for each place of the last feature map, from which the decoder's transposed
    /// convolutions start. There are no dense layers.
    Map,
}

impl Head {
    /// Whether it gives a distribution, which has a KL from a prior.
    pub fn is_distribution(self) -> bool {
        self == Self::Gaussian
    }
}

/// A kind of latents without tensors: what specs and plans read of it.
pub trait Description {
    /// The metrics of the terms that it adds to the loss: [`Metric::TERM`] with name, meaning and unit. Each also gets a twin
    /// on the validation part.
    fn terms(&self) -> &'static [Metric] {
        &[]
    }

    /// What the encoder ends in.
    fn head(&self) -> Head;

    /// Names and shapes of what it trains, in the order in which a visitor sees them.
    fn parameters(&self, _axes: usize) -> Vec<(&'static str, Vec<usize>)> {
        vec![]
    }

    /// The same of what it keeps and does not train.
    fn buffers(&self, _axes: usize) -> Vec<(&'static str, Vec<usize>)> {
        vec![]
    }

    /// Rows of its codebook, 0 where it has none.
    fn codes(&self) -> usize {
        0
    }

    /// Weight of the sum of the squares of all parameters of the decoder, where that is a term of the loss.
    fn decoder_l2(&self) -> Option<f64> {
        None
    }
}
