//! An objective for tests, with all that an objective may have: parameters and an optimizer of its own, random numbers
//! of its own, a second batch, a second loss.

use dfdx::shapes::{Axis, Const, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{GatherTo, ReshapeTo, SumTo, TryAdd, TryMul};

use super::compute::{Given, Loss, Network, Objective, Outcome};
use super::description::{Description, Needs, OwnOptimizer, ParameterGroup};
use super::noise::{Draw, Noise};
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::kernels::Activation;
use crate::metric::Metric;
use crate::nn::backend::{FeatureMaps, Latent, Rows, Scalar};
use crate::nn::layers::{
    BufferUpdates, Finish, Named, NamedConfig, Sequential, SequentialConfig, dense,
};
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use crate::numeric::random::Purpose;
use crate::optim::{Adam, Rule};

section! {
    /// FactorVAE (Kim and Mnih, 2018, eq. 2 and algorithm 2): `R + KL + gamma mean(D_0(z) - D_1(z))`. The discriminator D
    /// learns to tell points z of a batch (class 0) from those of a second batch whose axes are permuted one by one
    pub struct Adversary {
        /// Weight of the total correlation
        pub gamma: f64 = 5.0, Kind::Number(Interval::closed(0.0, 100.0));
        /// Widths of the discriminator's two hidden layers
        pub hidden: Vec<usize> = &[7, 5], Kind::Counts { fewest: 2, most: 2, max: 100 };
        /// Learning rate of the discriminator
        pub learning_rate: f64 = 0.01, Kind::Number(Interval::above(0.0, 1.0));
    }
}

impl Description for Adversary {
    fn terms() -> &'static [Metric] {
        const TERMS: &[Metric] = &[
            Metric {
                name: "total_correlation",
                doc: "mean(D_0(z) - D_1(z))",
                ..Metric::TERM
            },
            Metric {
                name: "discriminator_loss",
                doc: "(CE(D(z), 0) + CE(D(z'), 1)) / 2",
                ..Metric::TERM
            },
        ];
        TERMS
    }

    fn noise(&self) -> Vec<Noise> {
        let points = Noise {
            purpose: Purpose::TestPoints,
            draw: Draw::Normal { samples: 1 },
        };
        let permutation = Noise {
            purpose: Purpose::TestPermutation,
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

    fn parameters(&self, axes: usize) -> u64 {
        let widths = [axes, self.hidden[0], self.hidden[1], 2];
        let layer = |two: &[usize]| (two[0] + 1) * two[1];
        widths.windows(2).map(layer).sum::<usize>() as u64
    }

    fn optimizer(&self) -> Option<OwnOptimizer> {
        Some(OwnOptimizer {
            rule: Rule::Adam(Adam {
                learning_rate: self.learning_rate,
                beta_1: 0.5,
                beta_2: 0.9,
                epsilon: 1e-7,
                clip_norm: None,
            }),
            learning_rate: self.learning_rate,
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
        hidden: &[usize],
        latent: Z,
    ) -> Result<Self, D::Err> {
        let dense = |name: &str, inputs, units, activation| {
            let config = dense::Config {
                inputs,
                output: vec![units],
                finish: Finish::with(activation),
            };
            NamedConfig::new(format!("discriminator.{name}"), config)
        };
        let config = SequentialConfig {
            first: dense("dense", latent.size(), hidden[0], Activation::LeakyRelu),
            rest: vec![dense("dense1", hidden[0], hidden[1], Activation::LeakyRelu)],
        };
        let output = dense("output", hidden[1], 2, Activation::Linear);
        Ok(Self {
            hidden: Sequential::new(device, init, &config, latent)?,
            output: Named::new(device, init, &output, (hidden[1], Const))?,
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

impl Adversary {
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
        let images = given.second.clone().expect("a second batch");
        // Running means are those of the first batch alone.
        let aside = BufferUpdates::default();
        let mode = match given.mode {
            Mode::Training { .. } => Mode::training(&aside),
            Mode::Evaluation => Mode::Evaluation,
        };
        let (mean, log_var) = network.encode(images, mode)?;
        let eps = given.points(Purpose::TestPoints)?;
        let z = D::reparameterise(mean, log_var, eps, 1.0)?.z;
        let (shape, axes) = (*z.shape(), given.latent.size());
        let places = given.drawn(Purpose::TestPermutation).iter().enumerate();
        let places: Vec<usize> = places.map(|(i, &p)| p as usize * axes + i % axes).collect();
        let count = places.len();
        let places = given.device.try_tensor_from_vec(places, (count,))?;
        let flat: Tensor<(usize,), f32, D::Device> = z.try_reshape_like(&(count,))?;
        flat.try_gather(places)?.try_reshape_like(&shape)
    }
}

impl Objective for Adversary {
    type State<Z: Dim, D: Backend> = Discriminator<Z, D>;

    fn state<Z: Dim, D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        latent: Z,
    ) -> Result<Self::State<Z, D>, D::Err> {
        Discriminator::new(device, init, &self.hidden, latent)
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
