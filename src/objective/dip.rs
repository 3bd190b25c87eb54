//! The objective of the DIP-VAE.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, PermuteTo, SumTo, TryAdd, TryMatMul, TryMul, TrySub};

use super::compute::{Given, Pass, Posterior, twin};
use super::description::{Description, Needs};
use super::weighted::{Added, Weighted};
use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::metric::Metric;
use crate::nn::Backend;
use crate::nn::backend::Scalar;

choices! {
    /// Whose covariance is led to the identity.
    pub enum Covariance {
        /// that of the means of q(z | x): DIP-VAE-I
        Means = "i",
        /// that of the points z, which is the former with the mean of the variances of q(z | x) on its diagonal: DIP-VAE-II
        Points = "ii",
    }
}

section! {
    /// The DIP-VAE (Kumar et al., 2018, eq. 6 and 7), `reconstruction_weight * reconstruction + kl_weight * KL +
    /// lambda_od * sum of C_ij^2 over i != j + lambda_d * sum of (C_ii - 1)^2`: the covariance C of the latent axes over a
    /// batch is led to the identity
    ///
    /// C is divided by the number of images. Over few images it is noisy: of 64 independent ones an entry has a standard
    /// deviation of 1/8.
    pub struct Dip: Copy {
        /// Whose covariance it is
        pub r#type: Covariance = Covariance::Means, Kind::Choice(Covariance::CHOICES), also(&["kind", "dip_type"]);
        /// Weight of the covariances of different axes
        pub lambda_od: f64 = 10.0, Kind::Number(Interval::closed(0.0, 1e6)), also(&["lambda_offdiag"]);
        /// Weight of the distances of the variances from 1; ten times `lambda_od` is usual for "i", as much as it for "ii"
        pub lambda_d: f64 = 100.0, Kind::Number(Interval::closed(0.0, 1e6)), also(&["lambda_diag"]);
    }
}

impl Description for Dip {
    fn needs(&self) -> Needs {
        Needs {
            standard_prior: false,
            ..Needs::ALL
        }
    }

    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[
            Metric {
                name: "dip_off_diagonal",
                doc: "sum of the squared covariances of different latent axes over a batch",
                unit: "",
                ..Metric::TERM
            },
            Metric {
                name: "dip_diagonal",
                doc: "sum over latent axes of the squared distance of the variance over a batch from 1",
                unit: "",
                ..Metric::TERM
            },
        ];
        TERMS
    }
}

impl Dip {
    /// The sums over the entries beside the diagonal and on it.
    fn sums<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        q: &Posterior<D>,
        tape: T,
        device: &D::Device,
    ) -> Result<([Scalar<D>; 2], T), D::Err> {
        let shape @ (images, axes) = *q.mean.shape();
        let share = 1.0 / images as f32;
        let mean = q.mean.clone().put_tape(tape);
        let mean = mean.try_sum::<(usize,), Axis<0>>()?.try_mul(share)?;
        let (mean, tape) = mean.try_broadcast_like::<_, Axis<0>>(&shape)?.split_tape();
        let centred = q.mean.clone().put_tape(tape).try_sub(mean)?;
        let (centred, tape) = centred.split_tape();

        let (other, tape) = twin::<D, T>(&centred, tape)?;
        let transposed = centred.clone().put_tape(tape);
        let transposed = transposed.try_permute::<(usize, usize), _>()?;
        let products = transposed.try_matmul(other)?.try_mul(share)?;
        let beside: Vec<f32> = (0..axes * axes)
            .map(|i| f32::from(i / axes != i % axes))
            .collect();
        let beside: Tensor<(usize, usize), f32, D::Device> =
            D::tensor(device, &beside, (axes, axes))?;
        let beside = products.try_mul(beside)?.try_square()?;
        let (off_diagonal, tape) = beside.try_sum()?.split_tape();

        let variance = centred.put_tape(tape).try_square()?;
        let variance = match self.r#type {
            Covariance::Means => variance,
            Covariance::Points => {
                let (variance, tape) = variance.split_tape();
                let own = q.log_var.clone().put_tape(tape).try_exp()?;
                own.try_add(variance)?
            }
        };
        let variance = variance.try_sum::<(usize,), Axis<0>>()?.try_mul(share)?;
        let diagonal = variance.try_sub(1.0)?.try_square()?;
        let (diagonal, tape) = diagonal.try_sum()?.split_tape();
        Ok(([off_diagonal, diagonal], tape))
    }
}

impl Weighted for Dip {
    fn added<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        pass: &Pass<C, Z, D>,
        tape: T,
        given: &Given<C, Z, D>,
    ) -> Result<(Added<D>, T), D::Err> {
        let (sums, tape) = self.sums(&pass.posterior(), tape, given.device)?;
        let [off_diagonal, diagonal] = sums;
        let added = Added {
            lowered: vec![
                (pass.kl.clone(), given.kl_weight),
                (off_diagonal.clone(), self.lambda_od),
                (diagonal.clone(), self.lambda_d),
            ],
            reported: vec![
                ("dip_off_diagonal", off_diagonal),
                ("dip_diagonal", diagonal),
            ],
        };
        Ok((added, tape))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{Cpu, Trace};
    use dfdx::tensor_ops::Backward;

    use super::*;
    use crate::config::Section as _;

    use crate::objective::AnyObjective;
    use crate::objective::testing::{self};

    #[track_caller]
    fn check(own: Dip, values: &[f32], d_mean: [f32; 12], d_log_var: [f32; 12]) {
        testing::check(&AnyObjective::Dip(own), values, d_mean, d_log_var);
    }

    /// With NumPy in double precision, where `m`, `v`, `e`, `x` are the arrays of [`crate::objective::testing`], and slopes
    /// are central differences of 1e-5; the second summand of `c` in the second test only:
    ///
    /// ```text
    /// z = m + np.exp(v / 2) * e
    /// r = (np.log1p(np.exp(z)) - z * x).sum(1).mean()
    /// kl = (m**2 + np.exp(v) - 1 - v).sum(1).mean() / 2
    /// c = (m - m.mean(0)).T @ (m - m.mean(0)) / 4 + np.diag(np.exp(v).mean(0))
    /// off_diagonal = (c**2).sum() - (np.diag(c)**2).sum()
    /// diagonal = ((np.diag(c) - 1)**2).sum()
    /// loss = 2 * r + .5 * kl + lambda_od * off_diagonal + lambda_d * diagonal
    /// ```
    #[test]
    fn weighs_the_covariance_of_means() {
        let of_means = Dip {
            r#type: Covariance::Means,
            lambda_od: 10.0,
            lambda_d: 100.0,
        };
        check(
            of_means,
            &[86.406_84, 0.176_975, 0.783_837_5],
            [
                -8.105_843,
                41.872_826,
                10.387_936,
                -51.160_54,
                -15.267_025,
                32.443_01,
                51.510_242,
                -36.901_928,
                2.215_496_3,
                8.265_75,
                9.976_081,
                -44.665_073,
            ],
            [
                0.013_568_3,
                0.210_414_8,
                -0.012_674_7,
                -0.107_980_8,
                -0.028_357_6,
                -0.030_356_8,
                -0.066_686_5,
                -0.056_834_3,
                -0.029_002,
                0.013_340_6,
                -0.067_405_3,
                -0.077_420_9,
            ],
        );
    }

    #[test]
    fn weighs_the_covariance_of_points() {
        let of_points = Dip {
            r#type: Covariance::Points,
            lambda_od: 5.0,
            lambda_d: 4.0,
        };
        check(
            of_points,
            &[7.738_236_4, 0.176_975, 0.150_005_5],
            [
                1.517_986_4,
                -2.134_605,
                0.597_908_2,
                1.499_856_4,
                0.619_312_6,
                -1.522_347_8,
                -1.277_652_4,
                2.483_917_7,
                0.188_240_6,
                -1.230_579_6,
                -1.288_672_8,
                1.117_567_8,
            ],
            [
                0.167_888_4,
                1.097_974_3,
                0.018_615_6,
                -0.073_547_4,
                0.698_314_7,
                0.032_654_1,
                0.312_879_6,
                0.105_308_2,
                0.009_216_1,
                0.294_530_1,
                0.331_400_9,
                -0.070_439_1,
            ],
        );
    }

    /// Large enough that dfdx's product of matrices is shared among threads.
    #[test]
    fn gives_the_same_bits_for_any_number_of_threads() {
        const SHAPE: (usize, usize) = (64, 160);
        let bits = || {
            let device = Cpu::default();
            let rows = |seed| {
                let values = crate::kernels::reference::numbers(SHAPE.0 * SHAPE.1, seed);
                Cpu::tensor(&device, &values, SHAPE).unwrap()
            };
            let q = Posterior::<Cpu> {
                mean: rows(1),
                log_var: rows(2),
                z: rows(3),
            };
            let dip = Dip::given(&[]).unwrap();
            let (_, tape) = q.mean.clone().leaky_traced().split_tape();
            let ([sum, _], tape) = dip.sums(&q, tape, &device).unwrap();
            let gradients = sum.clone().put_tape(tape).try_backward().unwrap();
            let mut values = Cpu::to_vec(&gradients.get(&q.mean));
            values.push(Cpu::scalar(&sum));
            values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(bits)
        };
        let one = on(1);
        assert!([2, 3, 7].into_iter().all(|threads| on(threads) == one));
    }
}
