//! How an objective is computed: what it is given, and what it gives.

use std::fmt::Debug;

use dfdx::shapes::Dim;
use dfdx::tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{RealizeTo, TryAdd, TryMul};

use super::description::{Description, LossTerms, ParameterGroup};
use super::noise::Drawn;
use crate::kernels::profile::{self, part};
use crate::likelihood::{Likelihood, PerImage};
use crate::nn::backend::{Distribution, Latent, Rows, Scalar};
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use crate::numeric::random::Purpose;
use crate::optim::schedule::Position;

/// Encoder and decoder, as an objective uses them.
pub trait Network<C: Dim, Z: Dim, D: Backend>: Clone {
    /// Images to q(z | x).
    fn encode<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Distribution<Z, D, T>, D::Err>;

    /// Latent points to logits: values before the sigmoid.
    fn decode<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Z, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Maps<C, D, T>, D::Err>;

    /// The network for the images of the second batch, of which it may know something else: their labels.
    fn for_second_batch(&self) -> Self {
        self.clone()
    }
}

/// The images of the second batch.
#[derive(Clone, Debug)]
pub struct Second<C: Dim, D: Backend>(Maps<C, D>);

impl<C: Dim, D: Backend> Second<C, D> {
    /// Of these images, as many as in the batch.
    pub fn new(images: Maps<C, D>) -> Self {
        Self(images)
    }

    /// q(z | x) of the images, with all that the network knows of them.
    pub fn encode<Z: Dim>(
        &self,
        network: &impl Network<C, Z, D>,
        mode: Mode<'_, D>,
    ) -> Result<Distribution<Z, D, NoneTape>, D::Err> {
        network.for_second_batch().encode(self.0.clone(), mode)
    }
}

/// What belongs to a batch besides its images.
#[derive(Debug)]
pub struct Given<'a, C: Dim, Z: Dim, D: Backend> {
    /// As many other images, for objectives with [`Description::second_batch`].
    pub second: Option<Second<C, D>>,
    /// One for each of [`Description::noise`].
    pub noise: &'a [Drawn],
    /// The latent axis.
    pub latent: Z,
    /// Where training is; on the validation part, at the last step before it.
    pub position: Position,
    /// Weight of the KL at this step.
    pub kl_weight: f64,
    /// Whether the network is trained or used as it is.
    pub mode: Mode<'a, D>,
    /// The terms that every objective has.
    pub loss: &'a LossTerms,
    /// What the reconstruction error is computed with.
    pub likelihood: &'a Likelihood<D>,
    /// Images of the training set.
    pub train_images: usize,
    /// Where all tensors are.
    pub device: &'a D::Device,
}

impl<C: Dim, Z: Dim, D: Backend> Given<'_, C, Z, D> {
    /// The numbers of a purpose, none where they were not drawn.
    pub fn drawn(&self, purpose: Purpose) -> &[f32] {
        let found = self.noise.iter().find(|drawn| drawn.purpose == purpose);
        found.map_or(&[], |drawn| &drawn.values)
    }

    /// The numbers of a purpose as points of the latent space, (sample and image, latent axis).
    pub fn points(&self, purpose: Purpose) -> Result<Latent<Z, D>, D::Err> {
        let values = self.drawn(purpose);
        let shape = (values.len() / self.latent.size(), self.latent);
        D::tensor(self.device, values, shape)
    }

    /// Encodes, draws one point an image, decodes, and takes `reconstruction` and `kl`. The tape comes back with all of
    /// them on it.
    pub fn pass<T: Tape<f32, D::Device>>(
        &self,
        network: &impl Network<C, Z, D>,
        images: Maps<C, D, T>,
    ) -> Result<(Pass<C, Z, D>, T), D::Err> {
        let eps = self.points(Purpose::Noise)?;
        let factor = match self.loss.kl_mean {
            true => 1.0 / self.latent.size() as f32,
            false => 1.0,
        };
        let (images, tape) = images.split_tape();
        let (mean, log_var) = network.encode(images.clone().put_tape(tape), self.mode)?;
        let (mean, tape) = mean.split_tape();
        let sample =
            || D::reparameterise(mean.clone().put_tape(tape), log_var.clone(), eps, factor);
        let sample = part(|| profile::SAMPLING.into(), sample)?;
        let (kl, tape) = sample.kl.split_tape();
        let logits = network.decode(sample.z.clone().put_tape(tape), self.mode)?;
        let (logits, tape) = logits.split_tape();
        let error = || self.reconstruction(logits.clone().put_tape(tape), images);
        let (reconstruction, tape) = part(|| profile::LOSS.into(), error)?.split_tape();
        let pass = Pass {
            mean,
            log_var,
            z: sample.z,
            logits,
            reconstruction,
            kl,
            kl_per_axis: sample.kl_per_axis,
        };
        Ok((pass, tape))
    }

    /// The reconstruction error, summed over an image, mean over the batch.
    pub fn reconstruction<T: Tape<f32, D::Device>>(
        &self,
        logits: Maps<C, D, T>,
        images: Maps<C, D>,
    ) -> Result<Scalar<D, T>, D::Err> {
        self.likelihood.error(logits, images, self.mode)
    }

    /// The reconstruction error of each image, summed over its values; as many images as there are logits.
    pub fn reconstruction_per_image<T: Tape<f32, D::Device>>(
        &self,
        logits: Maps<C, D, T>,
        images: Maps<C, D>,
    ) -> Result<PerImage<D, T>, D::Err> {
        self.likelihood.per_image(logits, images, self.mode)
    }

    /// `weight_1 term_1 + weight_2 term_2 + ...` of terms that the tape leads to.
    pub fn weighted_sum<T: Tape<f32, D::Device>>(
        &self,
        tape: T,
        (first, weight): (&Scalar<D>, f64),
        others: &[(&Scalar<D>, f64)],
    ) -> Result<Scalar<D, T>, D::Err> {
        let mut sum = first.clone().put_tape(tape).try_mul(weight as f32)?;
        for &(term, weight) in others {
            let (before, tape) = sum.split_tape();
            let term = term.clone().put_tape(tape).try_mul(weight as f32)?;
            let (term, tape) = term.split_tape();
            sum = before.put_tape(tape).try_add(term)?;
        }
        Ok(sum)
    }
}

/// Values of a forward pass with one point an image, with the terms that every objective has.
#[derive(Debug)]
pub struct Pass<C: Dim, Z: Dim, D: Backend> {
    /// Mean of q(z | x).
    pub mean: Latent<Z, D>,
    /// Log variance of q(z | x).
    pub log_var: Latent<Z, D>,
    /// The points drawn.
    pub z: Latent<Z, D>,
    /// Reconstructions before the sigmoid.
    pub logits: Maps<C, D>,
    /// Reconstruction error, before its weight.
    pub reconstruction: Scalar<D>,
    /// KL as `[loss]` reduces it, before its weight.
    pub kl: Scalar<D>,
    /// KL of each axis in nats.
    pub kl_per_axis: Tensor<(Z,), f32, D::Device>,
}

/// q(z | x) and its points with the latent axis as a number: what is computed from them is compiled once for all sizes.
#[derive(Debug)]
pub struct Posterior<D: Backend> {
    /// Mean of q(z | x), (image, latent axis).
    pub mean: Rows<usize, D>,
    /// Log variance of q(z | x), (image, latent axis).
    pub log_var: Rows<usize, D>,
    /// The points drawn, (image, latent axis).
    pub z: Rows<usize, D>,
}

/// The same tensor, which gradients find again, with its second axis as a number.
fn untyped<Z: Dim, D: Backend>(tensor: &Latent<Z, D>) -> Rows<usize, D> {
    let realized = tensor.clone().try_realize::<(usize, usize)>();
    realized.unwrap_or_else(|_| unreachable!("a size of any axis is a number"))
}

/// The same values as a tensor of their own: dfdx has no operation of a tensor with itself, be it broadcast or transposed.
pub(super) fn twin<D: Backend, T: Tape<f32, D::Device>>(
    tensor: &Rows<usize, D>,
    tape: T,
) -> Result<(Rows<usize, D>, T), D::Err> {
    Ok(tensor.clone().put_tape(tape).try_mul(1.0)?.split_tape())
}

impl<C: Dim, Z: Dim, D: Backend> Pass<C, Z, D> {
    /// q(z | x) and its points, the latent axis as a number.
    pub fn posterior(&self) -> Posterior<D> {
        Posterior {
            mean: untyped::<Z, D>(&self.mean),
            log_var: untyped::<Z, D>(&self.log_var),
            z: untyped::<Z, D>(&self.z),
        }
    }

    /// The outcome of an objective that lowers `loss` by training the network.
    pub fn outcome<T>(self, loss: Scalar<D, T>, own: Vec<TermValue<D>>) -> Outcome<C, Z, D, T> {
        let mut terms = vec![
            ("reconstruction", self.reconstruction.clone()),
            ("kl", self.kl.clone()),
        ];
        terms.extend(own);
        let losses = vec![Loss {
            name: LOSS,
            value: loss,
            group: ParameterGroup::Network,
        }];
        Outcome {
            pass: self,
            losses,
            terms,
        }
    }
}

/// Name of the metric of what is lowered by training the network.
pub const LOSS: &str = "loss";

/// What is lowered by training one group of parameters.
#[derive(Debug)]
pub struct Loss<D: Backend, T = NoneTape> {
    /// Name of its metric; that of the network's is [`LOSS`].
    pub name: &'static str,
    /// Its value, with a tape of its own.
    pub value: Scalar<D, T>,
    /// What it trains. Gradients that reach other parameters are left out.
    pub group: ParameterGroup,
}

/// A term that is reported: name of its metric, value.
pub type TermValue<D> = (&'static str, Scalar<D>);

/// What is lowered, and what is reported.
#[derive(Debug)]
pub struct Outcome<C: Dim, Z: Dim, D: Backend, T = NoneTape> {
    /// Values of the forward pass.
    pub pass: Pass<C, Z, D>,
    /// One for each group of parameters that is trained, that of the network first.
    pub losses: Vec<Loss<D, T>>,
    /// `reconstruction` and `kl`, before their weights, then the objective's own.
    pub terms: Vec<TermValue<D>>,
}

/// An objective: its settings are the value, its parameters the state.
pub trait Objective: Description + Clone + Debug + PartialEq + 'static {
    /// Its own parameters; [`NoParameters`] for none.
    type State<Z: Dim, D: Backend>: Parameters<D> + Debug;

    /// Draws the initial values of its own parameters.
    fn state<Z: Dim, D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        latent: Z,
    ) -> Result<Self::State<Z, D>, D::Err>;

    /// Losses and terms of a batch; `images` carry the tape of the network's loss.
    fn outcome<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        state: &Self::State<Z, D>,
        network: &impl Network<C, Z, D>,
        images: Maps<C, D, T>,
        given: &Given<C, Z, D>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err>;
}

/// The state of an objective without parameters of its own.
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
