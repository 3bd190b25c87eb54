//! The objective of FactorVAE, with a discriminator that is trained beside the network.

use dfdx::shapes::{Axis, Const, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{GatherTo, ReshapeTo, SumTo, TryAdd, TryMul};

use super::compute::{Given, Loss, Network, Objective, Outcome};
use super::description::{Description, Needs, OwnOptimizer, ParameterGroup};
use super::noise::{Draw, Noise};
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::kernels::Activation;
use crate::metric::{Better, Metric};
use crate::nn::backend::{FeatureMaps, Latent, Rows, Scalar};
use crate::nn::layers::{
    BufferUpdates, Finish, Named, NamedConfig, Sequential, SequentialConfig, dense,
};
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use crate::numeric::random::Purpose;
use crate::optim::{Adam, Rule};

section! {
    /// FactorVAE (Kim and Mnih, 2018, eq. 2 and algorithm 2), `reconstruction_weight * reconstruction + kl_weight * KL +
    /// gamma * TC`: the total correlation TC = mean(D_0(z) - D_1(z)) by a discriminator D, which learns to tell the
    /// points z of a batch (class 0) from those of a second one whose axes are permuted one by one (class 1)
    ///
    /// The second batch is the next one of the epoch, as in the paper's algorithm; behind the last come the first. It is
    /// encoded by the weights before the step, with noise of its own; no gradient goes through it, and running means of
    /// batch normalisation do not see it. Both groups of parameters, the network's and the discriminator's, take their
    /// step by gradients at the weights before it.
    ///
    /// The discriminator has dense layers with leaky ReLU of slope 0.2 and two logits, and is trained by Adam (epsilon
    /// 1e-7); the optimizer's `clip_norm` holds for its gradients too, by themselves. While it is untrained,
    /// `total_correlation` is near 0 whatever the true one is.
    pub struct Factor {
        /// Weight of the total correlation
        pub gamma: f64 = 10.0, Kind::Number(Interval::closed(0.0, 1e6)), also(&["tc_weight"]);
        /// Widths of the discriminator's hidden layers
        pub discriminator_hidden: Vec<usize> = &[1000, 1000, 1000, 1000, 1000],
            Kind::Counts { fewest: 1, most: 16, max: 65_536 }, unit("units"), also(&["hidden"]);
        /// Learning rate of the discriminator in every step
        pub discriminator_learning_rate: f64 = 1e-4, Kind::Number(Interval::above(0.0, 1.0)),
            also(&["learning_rate", "discriminator_lr", "lr_discriminator"]);
        /// How long the discriminator's Adam remembers gradients
        pub discriminator_beta_1: f64 = 0.5, Kind::Number(Interval::below(0.0, 1.0)), also(&["beta_1"]);
        /// How long it remembers their squares
        pub discriminator_beta_2: f64 = 0.9, Kind::Number(Interval::below(0.0, 1.0)), also(&["beta_2"]);
    }
}

impl Description for Factor {
    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[
            Metric {
                name: "total_correlation",
                doc: "dependence of the latent axes, `mean(D_0(z) - D_1(z))` by the discriminator D",
                ..Metric::TERM
            },
            Metric {
                name: "discriminator_loss",
                doc: "cross-entropy of the discriminator, mean of both classes; `log 2` where it tells nothing",
                better: Better::Neither,
                ..Metric::TERM
            },
        ];
        TERMS
    }

    fn noise(&self) -> Vec<Noise> {
        let points = Noise {
            purpose: Purpose::SecondPoints,
            draw: Draw::Normal { samples: 1 },
        };
        let permutation = Noise {
            purpose: Purpose::Permutation,
            draw: Draw::Permutation,
        };
        vec![Noise::REPARAMETERISATION, points, permutation]
    }

    fn needs(&self) -> Needs {
        Needs {
            standard_prior: false,
            ..Needs::ALL
        }
    }

    fn second_batch(&self) -> bool {
        true
    }

    fn layers(&self, axes: usize) -> Vec<NamedConfig> {
        let SequentialConfig { first, rest } = self.hidden_layers(axes);
        let output = self.output_layer();
        [vec![first], rest, vec![output]].concat()
    }

    /// z twice, for the loss of the network and for that of the discriminator, and the permuted points.
    fn own_points(&self) -> usize {
        3
    }

    fn optimizer(&self) -> Option<OwnOptimizer> {
        Some(OwnOptimizer {
            rule: Rule::Adam(Adam {
                learning_rate: self.discriminator_learning_rate,
                beta_1: self.discriminator_beta_1,
                beta_2: self.discriminator_beta_2,
                epsilon: 1e-7,
                clip_norm: None,
            }),
            learning_rate: self.discriminator_learning_rate,
        })
    }
}

/// Dense layers with leaky ReLU, and one logit for each of the two classes.
#[derive(Debug)]
pub struct Discriminator<Z: Dim, D: Backend> {
    hidden: Sequential<Z, D>,
    output: Named<usize, Const<2>, D>,
}

impl<Z: Dim, D: Backend> Discriminator<Z, D> {
    fn new(
        device: &D::Device,
        init: &mut Init,
        (hidden, output): (&SequentialConfig, &NamedConfig),
        latent: Z,
    ) -> Result<Self, D::Err> {
        Ok(Self {
            hidden: Sequential::new(device, init, hidden, latent)?,
            output: Named::new(device, init, output, (hidden.channels(), Const))?,
        })
    }

    fn forward<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Z, D, T>,
    ) -> Result<Rows<Const<2>, D, T>, D::Err> {
        let &(batch, latent) = z.shape();
        let z: FeatureMaps<Z, D, T> = z.try_reshape_like(&(batch, 1, 1, latent))?.into();
        let hidden = self.hidden.forward(z, Mode::Evaluation)?;
        let logits = self.output.forward(hidden, Mode::Evaluation)?;
        logits.into_tensor().try_reshape_like(&(batch, Const))
    }
}

impl<Z: Dim, D: Backend> Parameters<D> for Discriminator<Z, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.hidden.visit(prefix, visitor)?;
        self.output.visit(prefix, visitor)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        self.hidden.visit_mut(prefix, visitor)?;
        self.output.visit_mut(prefix, visitor)
    }
}

fn discriminator_layer(
    name: &str,
    inputs: usize,
    units: usize,
    activation: Activation,
) -> NamedConfig {
    let config = dense::Config {
        inputs,
        output: vec![units],
        finish: Finish::with(activation),
    };
    NamedConfig::new(format!("discriminator.{name}"), config)
}

/// The mean over the batch of `weights[0] logits_0 + weights[1] logits_1`.
fn mean<D: Backend, T: Tape<f32, D::Device>>(
    logits: Rows<Const<2>, D, T>,
    weights: [f32; 2],
) -> Result<Scalar<D, T>, D::Err> {
    let (logits, tape) = logits.split_tape();
    let images = logits.shape().0;
    let weights = weights.map(|weight| weight / images as f32).repeat(images);
    let weights = D::tensor(logits.device(), &weights, *logits.shape())?;
    logits.put_tape(tape).try_mul(weights)?.try_sum()
}

impl Factor {
    fn hidden_layers(&self, axes: usize) -> SequentialConfig {
        let mut inputs = axes;
        let mut next = 0;
        let mut layer = |&units: &usize| {
            let number = if next == 0 {
                String::new()
            } else {
                next.to_string()
            };
            next += 1;
            let name = format!("dense{number}");
            discriminator_layer(
                &name,
                std::mem::replace(&mut inputs, units),
                units,
                Activation::LEAKY_RELU,
            )
        };
        // At least one, by the setting's range.
        let (first, rest) = self.discriminator_hidden.split_first().unwrap_or((&1, &[]));
        SequentialConfig {
            first: layer(first),
            rest: rest.iter().map(layer).collect(),
        }
    }

    fn output_layer(&self) -> NamedConfig {
        let inputs = self.discriminator_hidden.last().copied().unwrap_or(1);
        discriminator_layer("output", inputs, 2, Activation::Linear)
    }

    /// The mean cross-entropy of one class, halved.
    fn half_cross_entropy<Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        discriminator: &Discriminator<Z, D>,
        z: Latent<Z, D, T>,
        class: usize,
    ) -> Result<Scalar<D, T>, D::Err> {
        let log_softmax = discriminator.forward(z)?.try_log_softmax::<Axis<1>>()?;
        let mut weights = [0.0; 2];
        weights[class] = -0.5;
        mean::<D, T>(log_softmax, weights)
    }

    /// Points of the second batch, each axis in an order of its own.
    fn permuted<C: Dim, Z: Dim, D: Backend>(
        network: &impl Network<C, Z, D>,
        given: &Given<C, Z, D>,
    ) -> Result<Latent<Z, D>, D::Err> {
        let second = given.second.as_ref().expect("a second batch");
        // Running means are those of the first batch alone.
        let aside = BufferUpdates::default();
        let mode = match given.mode {
            Mode::Training { .. } => Mode::training(&aside),
            Mode::Evaluation => Mode::Evaluation,
        };
        let (mean, log_var) = second.encode(network, mode)?;
        let eps = given.points(Purpose::SecondPoints)?;
        let z = D::reparameterise(mean, log_var, eps, 1.0)?.z;
        let (shape, axes) = (*z.shape(), given.latent.size());
        let places = given.drawn(Purpose::Permutation).iter().enumerate();
        let places: Vec<usize> = places.map(|(i, &p)| p as usize * axes + i % axes).collect();
        let count = places.len();
        let places = given.device.try_tensor_from_vec(places, (count,))?;
        let flat: Tensor<(usize,), f32, D::Device> = z.try_reshape_like(&(count,))?;
        flat.try_gather(places)?.try_reshape_like(&shape)
    }
}

impl Objective for Factor {
    type State<Z: Dim, D: Backend> = Discriminator<Z, D>;

    fn state<Z: Dim, D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        latent: Z,
    ) -> Result<Self::State<Z, D>, D::Err> {
        let layers = (&self.hidden_layers(latent.size()), &self.output_layer());
        Discriminator::new(device, init, layers, latent)
    }

    fn outcome<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        discriminator: &Self::State<Z, D>,
        network: &impl Network<C, Z, D>,
        images: Maps<C, D, T>,
        given: &Given<C, Z, D>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err> {
        let (pass, tape) = given.pass(network, images)?;
        let logits = discriminator.forward(pass.z.clone().put_tape(tape))?;
        let (tc, tape) = mean::<D, T>(logits, [1.0, -1.0])?.split_tape();
        let loss = given.weighted_sum(
            tape,
            (&pass.reconstruction, given.loss.reconstruction_weight),
            &[(&pass.kl, given.kl_weight), (&tc, self.gamma)],
        )?;
        // On a tape of its own z is an input.
        let z = pass.z.clone().put_tape(T::default());
        let real = Self::half_cross_entropy(discriminator, z, 0)?;
        let (real, tape) = real.split_tape();
        let permuted = Self::permuted(network, given)?.put_tape(tape);
        let permuted = Self::half_cross_entropy(discriminator, permuted, 1)?;
        let own = Loss {
            name: "discriminator_loss",
            value: permuted.try_add(real)?,
            group: ParameterGroup::Objective,
        };
        let mut outcome = pass.outcome(loss, vec![("total_correlation", tc)]);
        outcome.losses.push(own);
        Ok(outcome)
    }
}
