//! The objective of the beta-TCVAE.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, LogSumExpTo, SumTo, TryAdd, TryMul, TrySub};

use super::compute::{Given, Pass};
use super::description::Description;
use super::rules::kl_is_a_sum;
use super::weighted::{Added, Weighted};
use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::metric::{Better, Metric};
use crate::nn::Backend;
use crate::nn::backend::Scalar;
use crate::numeric::random::Purpose;

choices! {
    /// How log q(z) is estimated from a batch of B out of N training images.
    pub enum Estimator {
        /// minibatch-weighted sampling: each image of the batch has the weight 1 / (N B). Each log q is then low by up to
        /// log N nats, and the total correlation high by up to (axes - 1) log N; the gradient does not depend on N
        Weighted = "weighted",
        /// minibatch-stratified sampling: an image's own weight is 1 / N, that of the next one (N - B + 1) / (N (B - 1)),
        /// that of the others 1 / (B - 1)
        Stratified = "stratified",
    }
}

section! {
    /// The beta-TCVAE (Chen et al., 2018, eq. 4), `reconstruction_weight * reconstruction + kl_weight * (alpha * MI +
    /// beta * TC + gamma * DWKL)`: the KL divergence in three parts, which add up to it on average
    ///
    /// MI = E log q(z | x) - log q(z), TC = E log q(z) - log prod q(z_d), DWKL = E log prod q(z_d) - log p(z).
    pub struct BetaTc: Copy {
        /// Weight of the mutual information of image and latent point
        pub alpha: f64 = 1.0, Kind::Number(Interval::closed(0.0, 1e6));
        /// Weight of the total correlation
        pub beta: f64 = 6.0, Kind::Number(Interval::closed(0.0, 1e6)), also(&["tc_weight"]);
        /// Weight of the dimension-wise KL divergence
        pub gamma: f64 = 1.0, Kind::Number(Interval::closed(0.0, 1e6));
        /// How log q(z) is estimated from a batch
        pub estimator: Estimator = Estimator::Weighted, Kind::Choice(Estimator::CHOICES);
    }
    rules { kl_is_a_sum }
}

impl Description for BetaTc {
    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[
            Metric {
                name: "mutual_information",
                doc: "mutual information of images and latent points, `E log q(z given x) - log q(z)`, estimated",
                better: Better::Neither,
                ..Metric::TERM
            },
            Metric {
                name: "total_correlation",
                doc: "dependence of the latent axes, `E log q(z) - log prod q(z_d)`, estimated",
                ..Metric::TERM
            },
            Metric {
                name: "dimension_wise_kl",
                doc: "KL of each axis by itself, `E log prod q(z_d) - log p(z)`, estimated",
                better: Better::Neither,
                ..Metric::TERM
            },
        ];
        TERMS
    }
}

impl Estimator {
    /// log of the weight of each image of the batch (second axis) in the estimate of log q at each point (first axis).
    fn log_weights(self, batch: usize, train_images: usize) -> Vec<f32> {
        // A held-out batch may be larger than the training set.
        let (b, n) = (batch as f64, train_images.max(batch) as f64);
        // Of one image only its own weight is left.
        let is_weighted = self == Self::Weighted || batch < 2;
        let weight = |i: usize, j: usize| match (j + batch - i) % batch {
            _ if is_weighted => 1.0 / (n * b),
            0 => 1.0 / n,
            1 => (n - b + 1.0) / (n * (b - 1.0)),
            _ => 1.0 / (b - 1.0),
        };
        let row = |i| (0..batch).map(move |j| weight(i, j).ln() as f32);
        (0..batch).flat_map(row).collect()
    }
}

impl BetaTc {
    /// Mutual information, total correlation and dimension-wise KL.
    fn parts<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        pass: &Pass<C, Z, D>,
        tape: T,
        given: &Given<C, Z, D>,
    ) -> Result<([Scalar<D>; 3], T), D::Err> {
        const LOG_2_PI: f32 = 1.837_877_1;
        let batch = pass.mean.shape().0;
        let (pairs, share) = ((batch, batch, given.latent), 1.0 / batch as f32);

        // log q(z_i | x_j) of each axis: -(log 2 pi + log_var + (z - mean)^2 / e^log_var) / 2
        let inverse = pass
            .log_var
            .clone()
            .put_tape(tape)
            .try_negate()?
            .try_exp()?;
        let (inverse, tape) = inverse
            .try_broadcast_like::<_, Axis<0>>(&pairs)?
            .split_tape();
        let log_var = pass.log_var.clone().put_tape(tape);
        let (log_var, tape) = log_var
            .try_broadcast_like::<_, Axis<0>>(&pairs)?
            .split_tape();
        let mean = pass.mean.clone().put_tape(tape);
        let (mean, tape) = mean.try_broadcast_like::<_, Axis<0>>(&pairs)?.split_tape();
        let z = pass.z.clone().put_tape(tape);
        let distance = z.try_broadcast_like::<_, Axis<1>>(&pairs)?.try_sub(mean)?;
        let squares = distance.try_square()?.try_mul(inverse)?.try_add(log_var)?;
        let (density, tape) = squares.try_add(LOG_2_PI)?.try_mul(-0.5)?.split_tape();

        // Means over the batch of log q(z), log prod q(z_d), log q(z | x) and log p(z).
        let weights = self.estimator.log_weights(batch, given.train_images);
        let weights: Tensor<(usize, usize), f32, D::Device> =
            D::tensor(given.device, &weights, (batch, batch))?;
        let all: Tensor<(usize, usize), f32, D::Device, T> =
            density.clone().put_tape(tape).try_sum::<_, Axis<2>>()?;
        let all = all.try_add(weights.clone())?;
        let joint: Tensor<(usize,), f32, D::Device, T> = all.try_logsumexp::<_, Axis<1>>()?;
        let (joint, tape) = joint.try_sum()?.try_mul(share)?.split_tape();
        let weights = weights.try_broadcast_like::<_, Axis<2>>(&pairs)?;
        let each = density.put_tape(tape).try_add(weights)?;
        let product: Tensor<(usize, Z), f32, D::Device, T> = each.try_logsumexp::<_, Axis<1>>()?;
        let (product, tape) = product.try_sum()?.try_mul(share)?.split_tape();
        let constant = LOG_2_PI * given.latent.size() as f32;
        let half = -0.5 * share;
        // (z - mean)^2 / e^log_var is eps^2, which nothing is trained by.
        let noise = given.points(Purpose::Noise)?;
        let own = pass
            .log_var
            .clone()
            .put_tape(tape)
            .try_add(noise.try_square()?)?;
        let own = own.try_sum()?.try_mul(half)?.try_sub(0.5 * constant)?;
        let (own, tape) = own.split_tape();
        let prior = pass.z.clone().put_tape(tape).try_square()?;
        let prior = prior.try_sum()?.try_mul(half)?.try_sub(0.5 * constant)?;
        let (prior, tape) = prior.split_tape();

        let minus = |upper: &Scalar<D>, lower: &Scalar<D>, tape: T| {
            let difference = upper.clone().put_tape(tape).try_sub(lower.clone())?;
            Ok::<_, D::Err>(difference.split_tape())
        };
        let (mi, tape) = minus(&own, &joint, tape)?;
        let (tc, tape) = minus(&joint, &product, tape)?;
        let (dwkl, tape) = minus(&product, &prior, tape)?;
        Ok(([mi, tc, dwkl], tape))
    }
}

impl Weighted for BetaTc {
    fn added<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        pass: &Pass<C, Z, D>,
        tape: T,
        given: &Given<C, Z, D>,
    ) -> Result<(Added<D>, T), D::Err> {
        let (terms, tape) = self.parts(pass, tape, given)?;
        let weights = [self.alpha, self.beta, self.gamma];
        let lowered = terms.iter().cloned().zip(weights);
        let names = self.terms().iter().map(|term| term.name);
        let added = Added {
            lowered: lowered
                .map(|(term, by)| (term, given.kl_weight * by))
                .collect(),
            reported: names.zip(terms).collect(),
        };
        Ok((added, tape))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;

    use super::*;
    use crate::nn::DfdxOps;
    use crate::objective::AnyObjective;
    use crate::objective::testing::{Found, assert_close};

    fn found(estimator: Estimator) -> [Found; 2] {
        let objective = AnyObjective::BetaTc(BetaTc {
            alpha: 1.5,
            beta: 6.0,
            gamma: 0.75,
            estimator,
        });
        let device = Cpu::default();
        [
            Found::of::<Cpu>(&device, &objective),
            Found::of::<DfdxOps<Cpu>>(&device, &objective),
        ]
    }

    #[track_caller]
    fn check(estimator: Estimator, values: [f32; 4], d_mean: [f32; 12], d_log_var: [f32; 12]) {
        for found in found(estimator) {
            let [_, _, mi, tc, dwkl] = found.terms[..] else {
                panic!("{found:?}")
            };
            let names = [
                "mutual_information",
                "total_correlation",
                "dimension_wise_kl",
            ];
            assert_eq!([mi, tc, dwkl].map(|(name, _)| name), names);
            assert_close(&[found.loss, mi.1, tc.1, dwkl.1], &values);
            assert_close(&found.d_mean, &d_mean);
            assert_close(&found.d_log_var, &d_log_var);
        }
    }

    /// With NumPy in double precision, where `m`, `v`, `e`, `x` are the arrays of [`crate::objective::testing`], `W` is
    /// `-log(100 * 4)` everywhere, and slopes are central differences of 1e-5:
    ///
    /// ```text
    /// lse = lambda a: log(exp(a - a.max(1, keepdims=True)).sum(1)) + a.max(1)
    /// z = m + exp(v / 2) * e
    /// L = -.5 * (log(2 * pi) + v + (z[:, None] - m)**2 * exp(-v))
    /// joint, prod = lse(W + L.sum(2)), lse(W[:, :, None] + L).sum(1)
    /// given, prior = np.einsum('iid->i', L), -.5 * (log(2 * pi) + z**2).sum(1)
    /// mi, tc, dwkl = (given - joint).mean(), (joint - prod).mean(), (prod - prior).mean()
    /// r = (np.log1p(exp(z)) - z * x).sum(1).mean()
    /// loss = 2 * r + .5 * (1.5 * mi + 6 * tc + .75 * dwkl)
    /// ```
    #[test]
    fn splits_kl_by_weighted_sampling() {
        check(
            Estimator::Weighted,
            [32.053_253, 5.321_889, 9.164_616, -13.298_887],
            [
                -0.264_887_7,
                -0.950_551_3,
                1.057_340_7,
                0.945_849_4,
                0.233_294_7,
                -0.425_454_2,
                0.563_254_2,
                0.788_78,
                -0.839_517,
                -0.639_901_2,
                -0.319_849_9,
                0.518_859_8,
            ],
            [
                -0.036_895_6,
                0.318_306_5,
                -0.176_224_5,
                -0.172_798_7,
                -0.181_994_1,
                -0.154_093_8,
                0.157_238_1,
                0.169_284_9,
                0.266_153_4,
                -0.207_930_1,
                -0.679_415_8,
                -0.095_056_9,
            ],
        );
    }

    /// As above, with `W[i, i] = log(1 / 100)`, `W[i, (i + 1) % 4] = log(97 / 300)` and `log(1 / 3)` elsewhere.
    #[test]
    fn splits_kl_by_stratified_sampling() {
        check(
            Estimator::Stratified,
            [6.299_937_2, 1.645_295_3, -0.120_942_8, -0.336_734_8],
            [
                0.256_687_1,
                -1.413_901_1,
                1.055_428_1,
                0.080_679_4,
                -0.120_722_3,
                0.117_815,
                1.040_426_9,
                0.822_011_1,
                -1.327_130_7,
                -0.773_478_7,
                0.464_286,
                0.465_117,
            ],
            [
                0.128_145_8,
                0.486_040_7,
                -0.272_304_8,
                -0.115_010_7,
                0.154_564_1,
                0.098_713_7,
                0.248_157_9,
                -0.049_118_4,
                0.321_314_7,
                -0.067_437_2,
                -1.048_339_1,
                -0.027_732_7,
            ],
        );
    }

    #[test]
    fn gives_stratified_weights_that_add_up_to_one() {
        for (batch, images) in [(2, 2), (3, 3), (6, 500), (7, 5)] {
            let weights = Estimator::Stratified.log_weights(batch, images);
            for row in weights.chunks(batch) {
                let sum: f64 = row.iter().map(|w| f64::from(*w).exp()).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{batch} of {images}: {row:?}");
            }
        }
        // One image has no other beside it.
        let alone = Estimator::Stratified.log_weights(1, 100);
        assert_close(&alone, &[-(100.0_f32.ln())]);
    }
}
