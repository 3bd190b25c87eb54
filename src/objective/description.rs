//! What is known about an objective without computing it.

use super::noise::Noise;
use crate::likelihood::AnyLikelihood;
use crate::metric::Metric;
use crate::nn::layers::NamedConfig;
use crate::optim::Rule;
use crate::optim::schedule::Position;

/// What an objective needs besides images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// That the encoder gives a normal distribution for each image, q(z | x).
    pub gaussian: bool,
    /// That the prior is the standard normal distribution: its formula has the KL from it axis by axis, or its log density.
    pub standard_prior: bool,
}

impl Needs {
    /// Both.
    pub const ALL: Self = Self {
        gaussian: true,
        standard_prior: true,
    };

    /// Neither.
    pub const NOTHING: Self = Self {
        gaussian: false,
        standard_prior: false,
    };
}

/// The parameters that one loss trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterGroup {
    /// Those of encoder and decoder, of the kind of latents and of the prior.
    Network,
    /// The objective's own: a discriminator's, say.
    Objective,
}

impl ParameterGroup {
    /// All of them, in the order of their steps.
    pub const ALL: [Self; 2] = [Self::Network, Self::Objective];

    /// What the names of its parameters begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Network => "",
            Self::Objective => "objective.",
        }
    }

    /// That of a parameter by its name.
    pub fn of(name: &str) -> Self {
        match name.starts_with(Self::Objective.prefix()) {
            true => Self::Objective,
            false => Self::Network,
        }
    }
}

/// How an objective's own parameters are trained, where it is not as the network's are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnOptimizer {
    /// The update rule.
    pub rule: Rule,
    /// The learning rate of every step.
    pub learning_rate: f64,
}

/// What the spec's `[loss]` says of the terms that every objective has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossTerms {
    /// What the reconstruction error is.
    pub reconstruction: AnyLikelihood,
    /// Its weight.
    pub reconstruction_weight: f64,
    /// Whether the KL is averaged over latent axes (as the published Keras example does) instead of summed (the evidence
    /// lower bound).
    pub kl_mean: bool,
}

/// An objective without tensors: what specs and plans read of it.
pub trait Description {
    /// The metrics of the terms that it reports besides `loss`, `reconstruction` and `kl`: [`Metric::TERM`] with name, meaning
    /// and unit. Each also gets a twin on the validation part.
    fn terms(&self) -> &'static [Metric] {
        &[]
    }

    /// The random numbers that it needs for a batch.
    fn noise(&self) -> Vec<Noise> {
        vec![Noise::REPARAMETERISATION]
    }

    /// Whether it looks at a second batch of images in each step.
    fn second_batch(&self) -> bool {
        false
    }

    /// Whether it has the form at a step that it keeps to the end of the run. The best epoch is chosen among those at whose
    /// last step it has, since losses of other forms do not compare.
    fn is_final(&self, _at: Position) -> bool {
        true
    }

    /// What it needs of `[latent]` and `[prior]`.
    fn needs(&self) -> Needs {
        Needs::ALL
    }

    /// Points of the latent space that are decoded for each image.
    fn points(&self) -> usize {
        1
    }

    /// Its own layers in order, with so many latent axes. Their parameters, under `objective.`, are its own.
    fn layers(&self, _axes: usize) -> Vec<NamedConfig> {
        vec![]
    }

    /// How many points go through its own layers for each image in a training step.
    fn own_points(&self) -> usize {
        0
    }

    /// How many values its own parameters have, with so many latent axes.
    fn parameters(&self, axes: usize) -> u64 {
        let layers = self.layers(axes);
        layers.iter().map(NamedConfig::parameter_count).sum()
    }

    /// How its own parameters are trained; nothing where that is as the network's are.
    fn optimizer(&self) -> Option<OwnOptimizer> {
        None
    }
}
