//! The objective of the Wasserstein autoencoder and of the InfoVAE.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, SumTo, TryAdd, TryMul, TrySub};

use super::compute::{Given, Pass, twin};
use super::description::Description;
use super::noise::{Draw, Noise};
use super::weighted::{Added, Weighted};
use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::metric::Metric;
use crate::nn::Backend;
use crate::nn::backend::{Rows, Scalar};
use crate::numeric::random::Purpose;

choices! {
    /// How alike two points are, by their squared distance d2 and the bandwidth h.
    pub enum Kernel {
        /// inverse multiquadratic, h / (h + d2), whose tails reach far
        Imq = "imq",
        /// radial basis function, exp(-d2 / h)
        Rbf = "rbf",
    }
}

choices! {
    /// How the mean over pairs is taken.
    pub enum Statistic {
        /// pairs of different points only: right on average, and so at times below 0; 0 for a batch of one image
        U = "u",
        /// all pairs, a point with itself among them: never below 0, too high on average
        V = "v",
    }
}

section! {
    /// Maximum mean discrepancy of the latent points from as many draws of the prior (Gretton et al., 2012),
    /// `reconstruction_weight * reconstruction + kl_weight * KL + weight * MMD`. With `kl_weight = 0` it is the Wasserstein
    /// autoencoder (Tolstikhin et al., 2018), whose reconstruction error is `mse`; with `kl_weight = 1 - a` and `weight = a +
    /// l - 1` the InfoVAE with the weights a and l (Zhao et al., 2017)
    ///
    /// MMD = mean of k(z, z') + mean of k(p, p') - 2 mean of k(z, p). Of few points it is mostly noise, so that its weight
    /// has to be large.
    pub struct Mmd {
        /// The kernel k
        pub kernel: Kernel = Kernel::Imq, Kind::Choice(Kernel::CHOICES), also(&["kernel_type"]);
        /// h: the squared distance at which the kernel has fallen to 1/2 ("imq") or 1/e ("rbf")
        pub bandwidth: Option<f64>, Kind::Number(Interval::above(0.0, 1e6)),
            unset("2 x `latent_dim`, the mean squared distance of two draws of the prior"), also(&["sigma", "kernel_bandwidth"]);
        /// The kernel is the sum of those with the bandwidth times each of these; `[0.1, 0.2, 0.5, 1, 2, 5, 10]` are those
        /// of the Wasserstein autoencoder
        pub scales: Vec<f64> = &[1.0], Kind::Numbers { fewest: 1, most: 32, each: Interval::closed(1e-6, 1e6) };
        /// How the mean over pairs is taken
        pub statistic: Statistic = Statistic::U, Kind::Choice(Statistic::CHOICES);
        /// Weight of the maximum mean discrepancy; 10 and 100 are published for MNIST and CelebA
        pub weight: f64 = 10.0, Kind::Number(Interval::closed(0.0, 1e6)), also(&["lambda", "reg_weight", "mmd_weight"]);
    }
}

impl Description for Mmd {
    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[Metric {
            name: "mmd",
            doc: "maximum mean discrepancy of the latent points from draws of the prior, in the kernel's own size",
            unit: "",
            ..Metric::TERM
        }];
        TERMS
    }

    fn noise(&self) -> Vec<Noise> {
        let prior = Noise {
            purpose: Purpose::Prior,
            draw: Draw::Normal { samples: 1 },
        };
        vec![Noise::REPARAMETERISATION, prior]
    }
}

/// Squared distances, (first point, second point); the first carry the tape.
fn squared_distances<D: Backend, T: Tape<f32, D::Device>>(
    first: &Rows<usize, D>,
    second: &Rows<usize, D>,
    tape: T,
) -> Result<Tensor<(usize, usize), f32, D::Device, T>, D::Err> {
    let &(images, axes) = first.shape();
    let pairs = (images, second.shape().0, axes);
    let second = second.clone().put_tape(tape);
    let (second, tape) = second
        .try_broadcast_like::<_, Axis<0>>(&pairs)?
        .split_tape();
    let first = first.clone().put_tape(tape);
    let first = first.try_broadcast_like::<_, Axis<1>>(&pairs)?;
    first.try_sub(second)?.try_square()?.try_sum::<_, Axis<2>>()
}

impl Mmd {
    fn bandwidth(&self, axes: usize) -> f64 {
        self.bandwidth.unwrap_or(2.0 * axes as f64)
    }

    /// The weighted sum of the kernel over all pairs of two sets of points.
    fn similarity<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        (first, second): (&Rows<usize, D>, &Rows<usize, D>),
        weights: &Rows<usize, D>,
        tape: T,
    ) -> Result<Scalar<D, T>, D::Err> {
        let bandwidth = self.bandwidth(first.shape().1);
        let (squares, mut tape) = squared_distances::<D, T>(first, second, tape)?.split_tape();
        let mut whole: Option<Rows<usize, D>> = None;
        for scale in &self.scales {
            let bandwidth = (bandwidth * scale) as f32;
            let squares = squares.clone().put_tape(tape);
            let mut kernel = match self.kernel {
                Kernel::Imq => squares
                    .try_mul(1.0 / bandwidth)?
                    .try_add(1.0)?
                    .try_recip()?,
                Kernel::Rbf => squares.try_mul(-1.0 / bandwidth)?.try_exp()?,
            };
            if let Some(before) = whole {
                kernel = kernel.try_add(before)?;
            }
            let (sum, rest) = kernel.split_tape();
            (whole, tape) = (Some(sum), rest);
        }
        // There is at least one scale.
        let whole = whole.unwrap_or(squares).put_tape(tape);
        let rows: Tensor<(usize,), f32, D::Device, T> =
            whole.try_mul(weights.clone())?.try_sum::<_, Axis<1>>()?;
        rows.try_sum()
    }

    /// The discrepancy of the points z, which carry the tape, from as many draws of the prior.
    fn discrepancy<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        z: &Rows<usize, D>,
        prior: &Rows<usize, D>,
        tape: T,
        device: &D::Device,
    ) -> Result<Scalar<D, T>, D::Err> {
        let images = z.shape().0;
        let (same, across) = self.statistic.weights(images);
        let weights = |values: &[f32]| D::tensor(device, values, (images, images));
        let (same, across) = (weights(&same)?, weights(&across)?);
        let of_prior = self.similarity::<D, NoneTape>((prior, prior), &same, NoneTape)?;
        let (other, tape) = twin::<D, T>(z, tape)?;
        let of_points = self.similarity::<D, T>((z, &other), &same, tape)?;
        let (of_points, tape) = of_points.split_tape();
        let between = self.similarity::<D, T>((z, prior), &across, tape)?;
        between.try_add(of_points)?.try_add(of_prior)
    }
}

impl Statistic {
    /// Weights of the pairs within a set of points and of those of two sets, (point, point).
    fn weights(self, images: usize) -> (Vec<f32>, Vec<f32>) {
        let pairs = (images * images) as f64;
        let different = (images * images - images) as f64;
        let (same, own, across) = match self {
            Self::V => (1.0 / pairs, 1.0 / pairs, -2.0 / pairs),
            Self::U if images < 2 => (0.0, 0.0, 0.0),
            Self::U => (1.0 / different, 0.0, -2.0 / pairs),
        };
        let of_pair = |i: usize| match i / images == i % images {
            true => own as f32,
            false => same as f32,
        };
        let count = images * images;
        (
            (0..count).map(of_pair).collect(),
            vec![across as f32; count],
        )
    }
}

impl Weighted for Mmd {
    fn added<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        pass: &Pass<C, Z, D>,
        tape: T,
        given: &Given<C, Z, D>,
    ) -> Result<(Added<D>, T), D::Err> {
        let z = pass.posterior().z;
        let prior = D::tensor(given.device, given.drawn(Purpose::Prior), *z.shape())?;
        let mmd = self.discrepancy::<D, T>(&z, &prior, tape, given.device)?;
        let (mmd, tape) = mmd.split_tape();
        let added = Added {
            lowered: vec![
                (pass.kl.clone(), given.kl_weight),
                (mmd.clone(), self.weight),
            ],
            reported: vec![("mmd", mmd)],
        };
        Ok((added, tape))
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    use crate::objective::AnyObjective;
    use crate::objective::testing::{self};

    #[track_caller]
    fn check(own: Mmd, values: &[f32], d_mean: [f32; 12], d_log_var: [f32; 12]) {
        testing::check(&AnyObjective::Mmd(own), values, d_mean, d_log_var);
    }

    /// With NumPy in double precision, where `m`, `v`, `e`, `x`, `p` are the arrays of [`crate::objective::testing`], and
    /// slopes are central differences of 1e-5:
    ///
    /// ```text
    /// def k(a, b):
    ///     d2 = ((a[:, None] - b)**2).sum(2)
    ///     return sum(6 * s / (6 * s + d2) for s in [1])
    /// z = m + np.exp(v / 2) * e
    /// r = (np.log1p(np.exp(z)) - z * x).sum(1).mean()
    /// kl = (m**2 + np.exp(v) - 1 - v).sum(1).mean() / 2
    /// pairs = lambda a: (a.sum() - np.trace(a)) / 12
    /// mmd = pairs(k(z, z)) + pairs(k(p, p)) - 2 * k(z, p).mean()
    /// loss = 2 * r + .5 * kl + 10 * mmd
    /// ```
    #[test]
    fn compares_different_points_by_the_inverse_multiquadratic() {
        let imq = Mmd {
            kernel: Kernel::Imq,
            bandwidth: None,
            scales: vec![1.0],
            statistic: Statistic::U,
            weight: 10.0,
        };
        check(
            imq,
            &[4.726_145_3, -0.152_719_4],
            [
                0.421_288_2,
                -0.600_296_7,
                0.257_420_4,
                0.501_930_2,
                0.149_094_3,
                -0.020_136_5,
                -0.175_579_3,
                0.735_699_8,
                0.502_692_5,
                0.279_682_4,
                -0.093_171_6,
                0.247_353_8,
            ],
            [
                0.018_782_1,
                0.212_899_6,
                0.046_365_8,
                -0.151_107,
                0.033_478_3,
                -0.010_400_8,
                -0.031_412_9,
                -0.063_273_3,
                -0.306_592_8,
                0.076_793_5,
                -0.048_987_8,
                -0.060_799_4,
            ],
        );
    }

    /// As above, with `exp(-d2 / (3 * s)) for s in [.5, 2]` and `mean()` for `pairs`.
    #[test]
    fn compares_all_points_by_radial_basis_functions() {
        let rbf = Mmd {
            kernel: Kernel::Rbf,
            bandwidth: Some(3.0),
            scales: vec![0.5, 2.0],
            statistic: Statistic::V,
            weight: 10.0,
        };
        check(
            rbf,
            &[10.900_275, 0.464_693_5],
            [
                0.506_257_1,
                -1.496_780_2,
                0.698_659_7,
                0.638_331_2,
                0.802_824_5,
                -0.123_284_5,
                -0.301_452_3,
                1.579_362_9,
                1.260_987_2,
                1.108_118_2,
                0.003_668,
                0.192_420_5,
            ],
            [
                0.028_708_2,
                0.609_206_6,
                0.193_559_7,
                -0.186_232_3,
                0.229_597_3,
                -0.019_278_9,
                -0.100_596_6,
                -0.083_199_2,
                -0.738_647_9,
                0.294_521_1,
                -0.002_356_4,
                -0.057_651_6,
            ],
        );
    }

    #[test]
    fn finds_no_pair_of_different_points_in_one() {
        assert_eq!(Statistic::U.weights(1), (vec![0.0], vec![0.0]));
        assert_eq!(Statistic::V.weights(1), (vec![1.0], vec![-2.0]));
        let (same, across) = Statistic::U.weights(3);
        assert_eq!((same[0], same[1]), (0.0, 1.0 / 6.0));
        assert_eq!(across, [-2.0 / 9.0; 9]);
    }
}
