//! What is known about a prior without computing it.

use crate::kernels::Extent;
use crate::metric::Metric;

/// What the shapes of a prior's parameters depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Size of an image.
    pub image: Extent,
    /// Latent axes.
    pub latent: usize,
}

/// A prior without tensors: what specs and plans read of it.
pub trait Description {
    /// The metrics of the terms that it reports: [`Metric::TERM`] with name, meaning and unit. Each also gets a twin on the
    /// validation part.
    fn terms(&self) -> &'static [Metric] {
        &[]
    }

    /// Whether it is the standard normal distribution, from which the KL of a Gaussian has a formula, axis by axis.
    fn is_standard(&self) -> bool {
        false
    }

    /// Names and shapes of its parameters, in the order in which a visitor sees them.
    fn parameters(&self, _sizes: Sizes) -> Vec<(&'static str, Vec<usize>)> {
        vec![]
    }

    /// Normal distributions that it is a mixture of, each of which a step compares with each image.
    fn component_count(&self) -> usize {
        0
    }

    /// How many images the encoder reads in each step besides those of the batch.
    fn encoded_images(&self) -> usize {
        0
    }
}

/// How many values named shapes have. Sizes that are not checked yet may have a product that overflows.
pub fn parameter_count(values: &[(&'static str, Vec<usize>)]) -> u64 {
    let product = |shape: &[usize]| {
        shape
            .iter()
            .fold(1_u64, |all, &n| all.saturating_mul(n as u64))
    };
    values.iter().map(|(_, shape)| product(shape)).sum()
}

/// log p(z) of a learned prior.
pub(super) const LOG_PRIOR: Metric = Metric {
    name: "log_prior",
    doc: "log density of the prior at the sampled points, `E log p(z)`",
    better: crate::metric::Better::Neither,
    ..Metric::TERM
};
