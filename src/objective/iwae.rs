//! The objective of the importance-weighted autoencoder.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{
    BroadcastTo, LogSumExpTo, ReshapeTo, SumTo, TryAdd, TryMul, TryStack, TrySub,
};

use super::compute::{Given, Network, NoParameters, Objective, Outcome, Pass};
use super::description::Description;
use super::noise::{Draw, Noise};
use super::rules::kl_is_a_sum;
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
        /// doubly reparameterised (Tucker et al., 2019): as `stl`, and what reaches the encoder through a sample is
        /// multiplied by the sample's normalised weight once more. It has the right mean, and its signal to noise grows
        /// with the samples
        Dreg = "dreg",
        /// that of the bound (Burda et al., 2016, eq. 14); for the encoder its signal to noise falls with the samples
        Plain = "plain",
        /// mean and log variance inside log q(z given x) are constants (Roeder et al., 2017); its mean is another one for
        /// more than one sample
        Stl = "stl",
    }
}

section! {
    /// The importance-weighted autoencoder (Burda et al., 2016, eq. 8): the loss is `-log(1/k sum of w)`, mean over
    /// images, where `log w = log p(x given z) + log p(z) - log q(z given x)` of each of k samples z. The validation part
    /// is evaluated with as many samples
    ///
    /// Whatever the gradient, the loss is the negative bound. `reconstruction` is the mean over all samples, `kl` the
    /// closed form, so that both compare with those of other objectives. With k = 1 the loss is the negative evidence
    /// lower bound, with the KL estimated by the sample. A network with batch normalisation takes the decoder's
    /// statistics over all samples of all images.
    pub struct Iwae: Copy {
        /// Samples of each image, k. Each of them goes through the decoder: time and memory grow with their number
        pub samples: usize = 5, Kind::Count { min: 1, max: 10_000 }, unit("samples"),
            also(&["k", "n_samples", "num_samples", "importance_samples", "particles"]);
        /// The gradient; the value of the loss is the same
        pub gradient: Gradient = Gradient::Dreg, Kind::Choice(Gradient::CHOICES), also(&["estimator"]);
    }
    rules { weights_are_of_a_likelihood, terms_have_no_weights, kl_is_a_sum }
}

/// `w = p(x, z) / q(z | x)` needs a p(x | z).
fn weights_are_of_a_likelihood(it: &mut Rules<'_>) {
    if it.values.text("loss.reconstruction").as_deref() == Some("mse") {
        let message = "`[objective.iwae]` weighs samples by their likelihood, and `mse` is none: \
                       it does not say the variance";
        let diagnostic = it.at_key("loss.reconstruction", message);
        it.diagnostics
            .push(diagnostic.expected("a likelihood, such as `reconstruction = \"gaussian\"`"));
    }
}

/// With a factor on log p(x | z) or on log p(z) / q(z | x), the sum of weights bounds nothing.
fn terms_have_no_weights(it: &mut Rules<'_>) {
    let keys = [
        ("loss.reconstruction_weight", 1.0),
        ("loss.kl_weight", 1.0),
        ("loss.kl_warmup_epochs", 0.0),
    ];
    if let Some(schedule) = it.values.member("kl_schedule") {
        let message = "`[objective.iwae]` is a bound of log p(x) without a factor on the KL";
        let diagnostic = it.at_key(&format!("kl_schedule.{schedule}"), message);
        it.diagnostics
            .push(diagnostic.expected("no table `[kl_schedule]`"));
    }
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
}

impl Description for Iwae {
    fn terms(&self) -> &'static [Metric] {
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
            let errors = given.reconstruction_per_image(logits, images)?;
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
            kl_per_axis: Some(sample.kl_per_axis),
            terms: vec![],
        };
        let own = vec![("effective_samples", bound.effective_samples)];
        Ok(pass.outcome(bound.loss.put_tape(tape), own))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;

    use super::*;
    use crate::nn::DfdxOps;
    use crate::objective::testing::{EPS, Found, assert_close};
    use crate::objective::{AnyObjective, Drawn};

    /// Three points of each image.
    fn noise() -> Vec<Drawn> {
        let mut values = vec![];
        for sample in 0..3 {
            values.extend((0..EPS.len()).map(|i| EPS[(i + 5 * sample) % EPS.len()]));
        }
        let purpose = Purpose::Noise;
        vec![Drawn { purpose, values }]
    }

    fn found(gradient: Gradient) -> [Found; 2] {
        let objective = AnyObjective::Iwae(Iwae {
            samples: 3,
            gradient,
        });
        let (device, noise) = (Cpu::default(), noise());
        [
            Found::with::<Cpu>(&device, &objective, &noise),
            Found::with::<DfdxOps<Cpu>>(&device, &objective, &noise),
        ]
    }

    #[track_caller]
    fn check(gradient: Gradient, d_mean: [f32; 12], d_log_var: [f32; 12]) {
        for found in found(gradient) {
            let [(_, reconstruction), (_, kl), (name, effective)] = found.terms[..] else {
                panic!("{found:?}")
            };
            assert_eq!(name, "effective_samples");
            assert_close(
                &[found.loss, reconstruction, kl, effective],
                &[3.629_865_5, 3.018_516, 1.396_539_7, 1.395_344_9],
            );
            assert_close(&found.d_mean, &d_mean);
            assert_close(&found.d_log_var, &d_log_var);
        }
    }

    /// With NumPy in double precision, where `m`, `v`, `x` are the arrays of [`crate::objective::testing`], `e[s]` is
    /// theirs rolled by `-5 * s` places, and slopes are central differences of 1e-5, of mean and log variance at `m` and
    /// `v`:
    ///
    /// ```text
    /// def log_w(mean, log_var, q_mean, q_log_var):
    ///     z = mean + exp(log_var / 2) * e
    ///     r = (log1p(exp(z)) - z * x).sum(2)
    ///     return -r - (z**2).sum(2) / 2 + ((z - q_mean)**2 / exp(q_log_var) + q_log_var).sum(2) / 2
    /// loss = lambda mean, log_var: -log(exp(log_w(mean, log_var, mean, log_var)).mean(0)).mean()
    /// w = exp(log_w(m, v, m, v)); w /= w.sum(0)
    /// effective_samples = (1 / (w**2).sum(0)).mean()
    /// ```
    #[test]
    fn differentiates_the_bound() {
        check(
            Gradient::Plain,
            [
                0.307_500_5,
                -0.221_713_2,
                -0.009_147_8,
                0.198_823_9,
                0.155_083_2,
                0.022_721_9,
                0.013_999_3,
                0.398_293,
                -0.148_716,
                0.164_210_7,
                -0.023_030_8,
                0.536_069_1,
            ],
            [
                -0.092_382_0,
                -0.197_602_9,
                -0.122_093_9,
                -0.184_428_8,
                -0.083_292_0,
                -0.084_936_8,
                -0.094_745_3,
                -0.127_287_2,
                -0.002_884_7,
                -0.071_495_6,
                -0.025_211_2,
                -0.140_306_4,
            ],
        );
    }

    /// As above, `loss` being `-log(exp(log_w(mean, log_var, m, v)).mean(0)).mean()`.
    #[test]
    fn holds_the_posterior_constant() {
        check(
            Gradient::Stl,
            [
                0.229_975,
                -0.402_860_8,
                0.010_643_1,
                1.312_110_8,
                0.023_765_6,
                -0.291_796_8,
                -0.144_641_2,
                0.414_640_2,
                0.321_301_9,
                0.048_608_5,
                -0.277_596_5,
                0.728_412_9,
            ],
            [
                0.020_231_6,
                -0.170_347_5,
                -0.003_447_9,
                -0.397_792_2,
                0.006_398_6,
                -0.138_888_5,
                -0.057_648_9,
                -0.004_711_3,
                -0.183_295_4,
                0.015_429_1,
                -0.130_284_3,
                -0.038_595_4,
            ],
        );
    }

    /// As above, `loss` being `-(w**2 * log_w(mean, log_var, m, v)).sum(0).mean()` with constant `w`: what reaches mean
    /// and log variance does so through z alone.
    #[test]
    fn weighs_the_gradient_of_points_twice() {
        check(
            Gradient::Dreg,
            [
                0.203_938_4,
                -0.343_387_5,
                0.019_071_2,
                0.947_442_8,
                0.016_034_1,
                -0.209_261_3,
                -0.081_995_4,
                0.283_885_3,
                0.246_453_1,
                0.033_680_6,
                -0.222_340_4,
                0.573_065_7,
            ],
            [
                0.015_962_8,
                -0.169_782_8,
                -0.000_678_3,
                -0.294_583_7,
                0.004_047_3,
                -0.113_748_4,
                -0.043_306_1,
                -0.006_098_3,
                -0.140_845_7,
                0.009_075_8,
                -0.106_777_7,
                -0.032_524_0,
            ],
        );
    }

    /// With one sample there is nothing to weigh: DReG is STL.
    #[test]
    fn makes_no_difference_between_dreg_and_stl_of_one_sample() {
        let of = |gradient| {
            let objective = AnyObjective::Iwae(Iwae {
                samples: 1,
                gradient,
            });
            Found::of::<Cpu>(&Cpu::default(), &objective)
        };
        let (dreg, stl) = (of(Gradient::Dreg), of(Gradient::Stl));
        assert_close(&dreg.d_mean, &stl.d_mean);
        assert_close(&dreg.d_log_var, &stl.d_log_var);
        assert_eq!(dreg.terms[2], ("effective_samples", 1.0));
    }
}
