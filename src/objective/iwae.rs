//! The objective of the importance-weighted autoencoder.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{
    BroadcastTo, LogSumExpTo, ReshapeTo, SumTo, TryAdd, TryMul, TryStack, TrySub,
};

use super::compute::{Given, Network, NoParameters, Objective, Outcome, Pass};
use super::description::Description;
use super::noise::{Draw, Noise};
use super::per_image::per_image;
use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Kind, Rules};
use crate::kernels::profile::{self, part};
use crate::metric::{Better, Metric};
use crate::nn::backend::{RowFactors, Rows, Scalar};
use crate::nn::params::Init;
use crate::nn::{Backend, Maps};
use crate::numeric::random::Purpose;

choices! {
    /// The gradient of the importance-weighted bound.
    pub enum Gradient {
        /// doubly reparameterised (Tucker et al., 2019): as `stl`, and what reaches the encoder through a sample is multiplied by the
        /// sample's normalised weight once more. It has the right mean, and its signal to noise grows with the samples
        Dreg = "dreg",
        /// that of the bound (Burda et al., 2016, eq. 14); for the encoder its signal to noise falls with the samples
        Plain = "plain",
        /// mean and log variance inside log q(z | x) are constants (Roeder et al., 2017); its mean is another one for more than one sample
        Stl = "stl",
    }
}

section! {
    /// The importance-weighted autoencoder (Burda et al., 2016, eq. 8): the loss is `-log(1/k sum of w)`, mean over images, where
    /// `log w = log p(x given z) + log p(z) - log q(z given x)` of each of k samples z. The validation part is evaluated with as many samples
    ///
    /// The loss is the negative bound with each gradient. `reconstruction` is the mean over all samples, `kl` the closed form,
    /// so that both compare with those of other objectives. With k = 1 the loss is the negative evidence lower bound, with
    /// the KL estimated by the sample. A network with batch normalisation takes the decoder's statistics over all samples of
    /// all images.
    pub struct Iwae: Copy {
        /// Samples of each image, k. Each of them goes through the decoder: time and memory grow with their number
        pub samples: usize = 5, Kind::Count { min: 1, max: 10_000 }, unit("samples"),
            also(&["k", "n_samples", "num_samples", "importance_samples", "particles"]);
        /// The gradient; the value of the loss is the same
        pub gradient: Gradient = Gradient::Dreg, Kind::Choice(Gradient::CHOICES), also(&["estimator"]);
    }
    rules { weights_are_of_a_likelihood, terms_have_no_weights }
}

/// `w = p(x, z) / q(z | x)` needs a p(x | z).
fn weights_are_of_a_likelihood(it: &mut Rules<'_>) {
    if it.values.text("loss.reconstruction").as_deref() == Some("mse") {
        let message = "`[objective.iwae]` weighs samples by their likelihood, and `mse` is none: \
                       it does not say the variance";
        let diagnostic = it.at_key("loss.reconstruction", message);
        it.diagnostics
            .push(diagnostic.expected("`reconstruction = \"bce\"`"));
    }
}

/// With a factor on log p(x | z) or on log p(z) / q(z | x), or a mean over axes, the sum of weights bounds nothing.
fn terms_have_no_weights(it: &mut Rules<'_>) {
    let keys = [
        ("loss.reconstruction_weight", 1.0),
        ("loss.kl_weight", 1.0),
        ("loss.kl_warmup_epochs", 0.0),
    ];
    for (key, neutral) in keys {
        let value: Option<f64> = it.values.typed(key);
        if value.is_some_and(|value| value != neutral) {
            let name = key.trim_start_matches("loss.");
            let message =
                "`[objective.iwae]` is a bound of log p(x) for log p(x, z) without weights only";
            let diagnostic = it.at_key(key, message);
            it.diagnostics
                .push(diagnostic.expected(format!("`{name} = {neutral:?}`")));
        }
    }
    if it.values.text("loss.kl_reduction").as_deref() == Some("mean") {
        let message = "`[objective.iwae]` takes log p(z) and log q(z given x) summed over axes";
        let diagnostic = it.at_key("loss.kl_reduction", message);
        it.diagnostics
            .push(diagnostic.expected("`kl_reduction = \"sum\"`"));
    }
}

impl Description for Iwae {
    fn terms() -> &'static [Metric] {
        const TERMS: &[Metric] = &[Metric {
            name: "effective_samples",
            doc: "samples that count of those of an image, `1 / sum of squares` of their normalised weights: from 1 to all",
            unit: "samples",
            better: Better::Higher,
            ..Metric::TERM
        }];
        TERMS
    }

    fn noise(&self) -> Vec<Noise> {
        vec![Noise {
            purpose: Purpose::Noise,
            draw: Draw::Normal {
                samples: self.samples,
            },
        }]
    }

    fn points(&self) -> usize {
        self.samples
    }
}

/// (sample, image)
type Weights<D, T> = Tensor<(usize, usize), f32, <D as Backend>::Device, T>;

/// The points of a batch: (sample and image, latent axis).
struct Points<D: Backend> {
    z: Rows<usize, D>,
    eps: Rows<usize, D>,
    /// q(z | x) of each image.
    mean: Rows<usize, D>,
    log_var: Rows<usize, D>,
}

/// The same for each of so many samples: (sample and image, latent axis).
fn repeated<D: Backend>(
    of_images: Rows<usize, D>,
    samples: usize,
) -> Result<Rows<usize, D>, D::Err> {
    let &(images, values) = of_images.shape();
    let all = vec![of_images; samples].try_stack()?;
    all.try_reshape_like(&(samples * images, values))
}

impl<D: Backend> Points<D> {
    /// Samples and images.
    fn sizes(&self) -> (usize, usize) {
        let images = self.mean.shape().0;
        (self.z.shape().0 / images.max(1), images)
    }

    /// Sums over the latent axes.
    fn sums<T: Tape<f32, D::Device>>(
        &self,
        of_points: Rows<usize, D, T>,
    ) -> Result<Weights<D, T>, D::Err> {
        let sums: Tensor<(usize,), f32, D::Device, T> = of_points.try_sum::<_, Axis<1>>()?;
        sums.try_reshape_like(&self.sizes())
    }

    /// log p(z) - log q(z | x) = (sum over axes of log_var + eps^2 - z^2) / 2, to be differentiated by z and log_var:
    /// (z - mean) / deviation is eps, which nothing is trained by.
    fn log_ratio<T: Tape<f32, D::Device>>(&self, tape: T) -> Result<Weights<D, T>, D::Err> {
        let log_var = self.log_var.clone().put_tape(tape);
        let log_var: Tensor<(usize,), f32, D::Device, T> = log_var.try_sum::<_, Axis<1>>()?;
        let log_var = log_var.try_broadcast_like::<_, Axis<0>>(&self.sizes())?;
        let (log_var, tape) = log_var.split_tape();
        let prior = self.sums(self.z.clone().put_tape(tape).try_square()?)?;
        let noise = self.sums(self.eps.clone().try_square()?)?;
        noise
            .put_tape(T::default())
            .try_sub(prior)?
            .try_add(log_var)?
            .try_mul(0.5)
    }

    /// The same, to be differentiated by z alone: mean and log_var inside log q are constants.
    fn log_ratio_of_points<T: Tape<f32, D::Device>>(
        &self,
        tape: T,
    ) -> Result<Weights<D, T>, D::Err> {
        let samples = self.sizes().0;
        let mean = repeated::<D>(self.mean.clone(), samples)?;
        let inverse = self.log_var.clone().try_mul(-0.5)?.try_exp()?;
        let inverse = repeated::<D>(inverse, samples)?;
        let log_var = self.sums(repeated::<D>(self.log_var.clone(), samples)?)?;
        let standard = self
            .z
            .clone()
            .put_tape(tape)
            .try_sub(mean)?
            .try_mul(inverse)?;
        let (squares, tape) = standard.try_square()?.split_tape();
        let prior = self.z.clone().put_tape(tape).try_square()?;
        let (prior, tape) = prior.split_tape();
        let both = squares.put_tape(tape).try_sub(prior)?;
        self.sums(both)?.try_add(log_var)?.try_mul(0.5)
    }
}

/// What becomes of the weights of a batch.
struct Bound<D: Backend> {
    loss: Scalar<D>,
    effective_samples: Scalar<D>,
    /// Normalised over the samples of an image: (sample and image).
    weights: Tensor<(usize,), f32, D::Device>,
}

/// The bound by log p(x | z) = -`errors`, (sample and image), and log p(z) - log q(z | x). The derivative of the
/// loss by log w is -w / sum of w, which is that of all three gradients.
fn bound<D: Backend, T: Tape<f32, D::Device>>(
    log_ratio: Weights<D, T>,
    errors: Tensor<(usize,), f32, D::Device>,
) -> Result<(Bound<D>, T), D::Err> {
    let (samples, images) = *log_ratio.shape();
    let log_weights = log_ratio.try_sub(errors.try_reshape_like(&(samples, images))?)?;
    let (log_weights, tape) = log_weights.split_tape();
    let weights = log_weights.clone().try_softmax::<Axis<0>>()?;
    let squares: Tensor<(usize,), f32, D::Device> =
        weights.clone().try_square()?.try_sum::<_, Axis<0>>()?;
    let share = 1.0 / images as f32;
    let effective_samples = squares.try_recip()?.try_sum()?.try_mul(share)?;
    let sums: Tensor<(usize,), f32, D::Device, T> =
        log_weights.put_tape(tape).try_logsumexp::<_, Axis<0>>()?;
    let loss = sums.try_sum()?.try_mul(-share)?;
    let (loss, tape) = loss.try_add((samples as f32).ln())?.split_tape();
    let bound = Bound {
        loss,
        effective_samples,
        weights: weights.try_reshape_like(&(samples * images,))?,
    };
    Ok((bound, tape))
}

impl Objective for Iwae {
    type State<Z: Dim, D: Backend> = NoParameters;

    fn state<Z: Dim, D: Backend>(
        &self,
        _: &D::Device,
        _: &mut Init,
        _: Z,
    ) -> Result<NoParameters, D::Err> {
        Ok(NoParameters)
    }

    fn outcome<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &NoParameters,
        network: &impl Network<C, Z, D>,
        images: Maps<C, D, T>,
        given: &Given<C, Z, D>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err> {
        let eps = given.points(Purpose::Noise)?;
        let (images, tape) = images.split_tape();
        let (mean, log_var) = network.encode(images.clone().put_tape(tape), given.mode)?;
        let (mean, tape) = mean.split_tape();
        let sample = || {
            D::reparameterise(
                mean.clone().put_tape(tape),
                log_var.clone(),
                eps.clone(),
                1.0,
            )
        };
        let sample = part(|| profile::SAMPLING.into(), sample)?;
        let (kl, tape) = sample.kl.split_tape();
        let factors = RowFactors::<D>::default();
        let z = sample.z.put_tape(tape);
        let z = match self.gradient {
            Gradient::Dreg => D::scale_gradient(z, factors.clone())?,
            Gradient::Plain | Gradient::Stl => z,
        };
        let (z, tape) = z.split_tape();
        let logits = network.decode(z.clone().put_tape(tape), given.mode)?;
        let (logits, tape) = logits.split_tape();

        let rows = |of: &Rows<Z, D>| {
            let &(count, latent) = of.shape();
            of.clone().try_reshape_like(&(count, latent.size()))
        };
        let points = Points::<D> {
            z: rows(&z)?,
            eps: rows(&eps)?,
            mean: rows(&mean)?,
            log_var: rows(&log_var)?,
        };
        let weigh = || {
            let log_ratio = match self.gradient {
                Gradient::Plain => points.log_ratio(tape)?,
                Gradient::Dreg | Gradient::Stl => points.log_ratio_of_points(tape)?,
            };
            let (log_ratio, tape) = log_ratio.split_tape();
            let &(count, height, width, channels) = logits.shape();
            let values = height * width * channels.size();
            let images = images.try_reshape_like(&(points.sizes().1, values))?;
            let images = repeated::<D>(images, points.sizes().0)?;
            let images = images.try_reshape_like(logits.shape())?;
            let logits = logits.clone().put_tape(tape);
            let errors = per_image::<C, D, T>(given.loss.reconstruction, logits, images)?;
            let (errors, tape) = errors.split_tape();
            let reconstruction = errors.clone().try_sum()?.try_mul(1.0 / count as f32)?;
            let (bound, tape) = bound::<D, T>(log_ratio.put_tape(tape), errors)?;
            Ok((reconstruction, bound, tape))
        };
        let (reconstruction, bound, tape) = part(|| profile::LOSS.into(), weigh)?;
        // Set once.
        let _ = factors.set(bound.weights);
        let pass = Pass {
            mean,
            log_var,
            z,
            logits,
            reconstruction,
            kl,
            kl_per_axis: sample.kl_per_axis,
        };
        let own = vec![("effective_samples", bound.effective_samples)];
        Ok(pass.outcome(bound.loss.put_tape(tape), own))
    }
}
