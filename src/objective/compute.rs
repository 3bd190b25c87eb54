//! How an objective is computed: what it is given, and what it gives.

use std::fmt::Debug;

use dfdx::shapes::{Dim, HasShape, Shape};
use dfdx::tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{RealizeTo, ReshapeTo, SumTo, TryAdd, TryMul};

use super::description::{Description, LossTerms, ParameterGroup};
use super::noise::Drawn;
use crate::kernels::profile::{self, part};
use crate::latent::deterministic::DECODER_L2;
use crate::latent::{self, Codes};
use crate::likelihood::{Likelihood, PerImage};
use crate::nn::backend::{Distribution, Latent, Rows, Scalar, counted, tensor_len};
use crate::nn::layers::BufferUpdates;
use crate::nn::params::Init;
pub use crate::nn::params::NoParameters;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit};
use crate::numeric::random::Purpose;
use crate::optim::schedule::Position;
use crate::prior::{self, Components};

/// Encoder and decoder, as an objective uses them.
pub trait Network<C: Dim, Z: Dim, D: Backend>: Clone {
    /// Images to q(z | x); for an encoder that ends in [`Head::Gaussian`](latent::Head).
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

    /// Images to what the encoder's first head gives: means of q(z | x), or points without a distribution, one for each image
    /// or for each place of its last feature map.
    fn points<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<Latent<Z, D, T>, D::Err> {
        Ok(self.encode(images, mode)?.0)
    }

    /// Shows the decoder's parameters.
    fn visit_decoder<V: Visit<D>>(&self, _visitor: &mut V) -> Result<(), V::Err> {
        Ok(())
    }

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
    /// The prior with its parameters.
    pub prior: &'a prior::Prepared<D>,
    /// The kind of latents with what it keeps.
    pub kind: &'a latent::Prepared<D>,
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

    /// The normal distributions that a learned prior is a mixture of. Images that it encodes leave running means as they are:
    /// those are of the batch alone.
    pub fn components<T: Tape<f32, D::Device>>(
        &self,
        network: &impl Network<C, Z, D>,
        channels: C,
        tape: T,
    ) -> Result<(Option<Components<D>>, T), D::Err> {
        let aside = BufferUpdates::default();
        let mode = match self.mode {
            Mode::Training { .. } => Mode::training(&aside),
            Mode::Evaluation => Mode::Evaluation,
        };
        let mut encode = |images: Maps<usize, D, T>| {
            let &(count, height, width, _) = images.shape();
            let images = images.try_reshape_like(&(count, height, width, channels))?;
            let (mean, log_var) = network.encode(images, mode)?;
            let log_var = counted::<_, D, _>(log_var)?;
            Ok((counted::<_, D, _>(mean)?, log_var))
        };
        self.prior.components(tape, &mut encode)
    }

    /// Encodes, draws one point an image, decodes, and takes `reconstruction` and `kl`. The tape comes back with all of
    /// them on it. Of a learned prior the KL is taken by those points, and there is none of an axis.
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
        let (components, tape) = self.components(network, images.shape().3, tape)?;
        let (mean, log_var) = network.encode(images.clone().put_tape(tape), self.mode)?;
        let (mean, tape) = mean.split_tape();
        let noise = eps.clone();
        let sample =
            || D::reparameterise(mean.clone().put_tape(tape), log_var.clone(), eps, factor);
        let sample = part(|| profile::SAMPLING.into(), sample)?;
        let (mut kl, mut tape) = sample.kl.split_tape();
        let (mut kl_per_axis, mut terms) = (Some(sample.kl_per_axis), vec![]);
        if let Some(prior) = components {
            let points = [&sample.z, &log_var, &noise].map(|it| counted::<_, D, _>(it.clone()));
            let [z, log_var, noise] = points;
            let found = prior::kl(&prior, z?, log_var?, noise?, tape)?;
            let ([own, log_prior], rest) = found;
            (kl, tape, kl_per_axis) = (own, rest, None);
            terms.push(("log_prior", log_prior));
        }
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
            kl_per_axis,
            terms,
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

    /// Encodes and decodes without any distribution: what is lowered is the reconstruction error with the terms of the kind
    /// of latents.
    pub fn outcome_without_distribution<T: Tape<f32, D::Device>>(
        &self,
        network: &impl Network<C, Z, D>,
        images: Maps<C, D, T>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err> {
        let (images, tape) = images.split_tape();
        let points = network.points(images.clone().put_tape(tape), self.mode)?;
        let (mean, tape) = points.split_tape();
        let encode = || {
            let points = counted::<_, D, _>(mean.clone())?.put_tape(tape);
            self.kind.encode(points, self.mode)
        };
        let (encoded, tape) = part(|| profile::SAMPLING.into(), encode)?;
        let z = encoded.z.put_tape(tape).try_reshape_like(mean.shape())?;
        let (z, tape) = z.split_tape();
        let logits = network.decode(z.clone().put_tape(tape), self.mode)?;
        let (logits, tape) = logits.split_tape();
        let error = || self.reconstruction(logits.clone().put_tape(tape), images);
        let (reconstruction, tape) = part(|| profile::LOSS.into(), error)?.split_tape();
        let (mut terms, mut weighted) = (vec![("reconstruction", reconstruction.clone())], vec![]);
        for term in encoded.terms {
            weighted.extend(term.weight.map(|weight| (term.value.clone(), weight)));
            terms.push((term.name, term.value));
        }
        let (squares, tape) = match self.kind.description().decoder_l2() {
            None => (None, tape),
            Some(weight) => {
                let mut sum = SumOfSquares::<D, T> { sum: None, tape };
                network.visit_decoder(&mut sum)?;
                (sum.sum.map(|sum| (sum, weight)), sum.tape)
            }
        };
        terms.extend(squares.iter().map(|(sum, _)| (DECODER_L2, sum.clone())));
        weighted.extend(squares);
        let weighted: Vec<_> = weighted.iter().map(|(term, by)| (term, *by)).collect();
        let first = (&reconstruction, self.loss.reconstruction_weight);
        let value = self.weighted_sum(tape, first, &weighted)?;
        Ok(Outcome {
            values: Values {
                mean,
                log_var: None,
                z,
                logits,
                kl_per_axis: None,
                codes: encoded.codes,
            },
            losses: vec![Loss {
                name: LOSS,
                value,
                group: ParameterGroup::Network,
            }],
            terms,
        })
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

/// Adds up the squares of all values of parameters.
struct SumOfSquares<D: Backend, T> {
    sum: Option<Scalar<D>>,
    tape: T,
}

impl<D: Backend, T: Tape<f32, D::Device>> Visit<D> for SumOfSquares<D, T> {
    type Err = D::Err;

    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        let tape = std::mem::take(&mut self.tape);
        let flat = param.clone().put_tape(tape);
        let flat = flat.try_reshape_like(&(tensor_len(param),))?;
        let mut sum: Scalar<D, T> = flat.try_square()?.try_sum()?;
        if let Some(before) = self.sum.take() {
            sum = sum.try_add(before)?;
        }
        let (sum, tape) = sum.split_tape();
        (self.sum, self.tape) = (Some(sum), tape);
        Ok(())
    }
}

/// Values of a forward pass with one point drawn from q(z | x) an image, with the terms that every objective has.
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
    /// KL of each axis in nats, from the standard normal distribution.
    pub kl_per_axis: Option<Tensor<(Z,), f32, D::Device>>,
    /// Terms of the prior that are reported.
    pub terms: Vec<TermValue<D>>,
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
        let mut terms = vec![("reconstruction", self.reconstruction), ("kl", self.kl)];
        terms.extend(self.terms);
        terms.extend(own);
        let losses = vec![Loss {
            name: LOSS,
            value: loss,
            group: ParameterGroup::Network,
        }];
        Outcome {
            values: Values {
                mean: self.mean,
                log_var: Some(self.log_var),
                z: self.z,
                logits: self.logits,
                kl_per_axis: self.kl_per_axis,
                codes: None,
            },
            losses,
            terms,
        }
    }
}

/// Values of a forward pass that are told, as far as the network has them. Rows are images, or places of images where
/// each has a point of its own.
#[derive(Debug)]
pub struct Values<C: Dim, Z: Dim, D: Backend> {
    /// Mean of q(z | x), or the encoder's output where there is no distribution.
    pub mean: Latent<Z, D>,
    /// Log variance of q(z | x).
    pub log_var: Option<Latent<Z, D>>,
    /// The decoder's input.
    pub z: Latent<Z, D>,
    /// Reconstructions before the sigmoid.
    pub logits: Maps<C, D>,
    /// KL of each axis in nats.
    pub kl_per_axis: Option<Tensor<(Z,), f32, D::Device>>,
    /// Rows of a codebook.
    pub codes: Option<Codes>,
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
    pub values: Values<C, Z, D>,
    /// One for each group of parameters that is trained, that of the network first.
    pub losses: Vec<Loss<D, T>>,
    /// `reconstruction` and `kl`, before their weights, then those of the prior and the objective's own.
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
