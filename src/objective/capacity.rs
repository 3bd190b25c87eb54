//! The objective of a KL that is led along a growing capacity.

use dfdx::shapes::Dim;
use dfdx::tensor::{PutTape, SplitTape, Tape};
use dfdx::tensor_ops::TrySub;

use super::compute::{Given, Pass};
use super::description::Description;
use super::rules::kl_is_a_sum;
use super::weighted::{Added, Weighted};
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::metric::{Better, Metric};
use crate::nn::Backend;
use crate::nn::backend::Scalar;
use crate::optim::schedule::Position;
use crate::optim::schedule::growth::{
    EPOCHS_KIND, EPOCHS_UNSET, Growth, STEPS_KIND, STEPS_UNSET, growth_ends, steps_or_epochs,
};

section! {
    /// The beta-VAE with controlled capacity (Burgess et al., 2018, eq. 8), `reconstruction_weight * reconstruction +
    /// kl_weight * gamma * |KL - C|`: the KL follows C, which grows linearly from 0 to `nats` and stays there. The best
    /// epoch is chosen among those that end behind the growth
    ///
    /// C = nats min((t + 1) / length, 1) at the step t from 0. Below C the KL is pushed up, so that the evidence lower bound
    /// gets worse on purpose; at KL = C the subgradient is 0.
    pub struct Capacity: Copy {
        /// Weight of the distance of KL and capacity
        pub gamma: f64 = 1000.0, Kind::Number(Interval::closed(0.0, 1e6));
        /// C at the end of its growth: the KL that is aimed at, summed over latent axes
        pub nats: f64 = 25.0, Kind::Number(Interval::closed(0.0, 1e6)), unit("nats"),
            also(&["capacity", "c_max", "max_capacity", "C"]);
        /// Steps over which C grows; this or `epochs`
        pub steps: Option<u64>, STEPS_KIND, unset(STEPS_UNSET), unit("steps"), also(&["iterations", "c_stop_iter"]);
        /// Epochs over which C grows; this or `steps`
        pub epochs: Option<f64>, EPOCHS_KIND, unset(EPOCHS_UNSET), unit("epochs");
    }
    rules { steps_or_epochs, growth_ends, kl_is_a_sum }
}

impl Description for Capacity {
    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[
            Metric {
                name: "capacity_gap",
                doc: "distance of the KL from the capacity C, abs(KL - C)",
                ..Metric::TERM
            },
            Metric {
                name: "capacity",
                doc: "capacity C: the KL that is aimed at, mean over the epoch's steps",
                better: Better::Neither,
                ..Metric::TERM
            },
        ];
        TERMS
    }

    fn is_final(&self, at: Position) -> bool {
        self.fraction(at) >= 1.0
    }
}

impl Capacity {
    fn fraction(&self, at: Position) -> f64 {
        Growth::of(self.steps, self.epochs).fraction(at)
    }
}

/// |KL - C|; dfdx takes 0 for its slope at 0.
fn gap<D: Backend, T: Tape<f32, D::Device>>(
    kl: Scalar<D, T>,
    capacity: f32,
) -> Result<Scalar<D, T>, D::Err> {
    kl.try_sub(capacity)?.try_abs()
}

impl Weighted for Capacity {
    fn added<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        pass: &Pass<C, Z, D>,
        tape: T,
        given: &Given<C, Z, D>,
    ) -> Result<(Added<D>, T), D::Err> {
        let capacity = (self.nats * self.fraction(given.position)) as f32;
        let (gap, tape) = gap::<D, T>(pass.kl.clone().put_tape(tape), capacity)?.split_tape();
        let capacity = D::tensor(given.device, &[capacity], ())?;
        let added = Added {
            lowered: vec![(gap.clone(), given.kl_weight * self.gamma)],
            reported: vec![("capacity_gap", gap), ("capacity", capacity)],
        };
        Ok((added, tape))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{Cpu, Trace};
    use dfdx::tensor_ops::Backward;

    use super::*;
    use crate::nn::DfdxOps;
    use crate::objective::AnyObjective;
    use crate::objective::testing::{self};

    #[track_caller]
    fn check(own: Capacity, values: &[f32], d_mean: [f32; 12], d_log_var: [f32; 12]) {
        testing::check(&AnyObjective::Capacity(own), values, d_mean, d_log_var);
    }

    fn capacity(nats: f64) -> Capacity {
        Capacity {
            gamma: 3.0,
            nats,
            steps: Some(4),
            epochs: None,
        }
    }

    /// With NumPy in double precision, where `m`, `v`, `e`, `x` are the arrays of [`crate::objective::testing`], and slopes
    /// are central differences of 1e-5; at the second of four steps C is half of `nats`:
    ///
    /// ```text
    /// z = m + np.exp(v / 2) * e
    /// r = (np.log1p(np.exp(z)) - z * x).sum(1).mean()
    /// kl = (m**2 + np.exp(v) - 1 - v).sum(1).mean() / 2
    /// gap = abs(kl - nats / 2)
    /// loss = 2 * r + .5 * 3 * gap
    /// ```
    #[test]
    fn pulls_the_kl_down_to_the_capacity() {
        check(
            capacity(2.0),
            &[6.149_879, 0.396_539_7, 1.0],
            [
                0.476_657_2,
                -0.894_675_9,
                0.080_436_1,
                0.584_460_2,
                0.017_974_8,
                -0.426_991_7,
                -0.364_756_2,
                0.688_073_2,
                0.065_496_2,
                0.063_249_6,
                -0.231_419_4,
                0.912_428_3,
            ],
            [
                -0.035_615_4,
                0.238_090_2,
                -0.091_689_8,
                -0.216_063_9,
                -0.028_357_6,
                -0.062_754_5,
                -0.005_208_4,
                -0.153_943,
                -0.097_835_8,
                0.026_487,
                -0.123_803_9,
                -0.192_160_3,
            ],
        );
    }

    #[test]
    fn pushes_the_kl_up_to_the_capacity() {
        check(
            capacity(25.0),
            &[22.210_26, 11.103_46, 12.5],
            [
                0.176_657_2,
                0.005_324_1,
                0.080_436_1,
                -0.165_539_8,
                -0.207_025_2,
                0.098_008_3,
                0.010_243_8,
                0.013_073_2,
                -0.084_503_8,
                -0.011_750_4,
                0.068_580_6,
                -0.212_571_7,
            ],
            [
                0.111_935_6,
                0.155_064_1,
                0.145_355_4,
                0.108_185_4,
                -0.028_357_6,
                0.034_438_6,
                -0.189_642_7,
                0.137_383_1,
                0.108_665_8,
                -0.012_952_1,
                0.045_391_8,
                0.152_057_8,
            ],
        );
    }

    #[test]
    fn has_no_slope_at_the_capacity() {
        fn slope<D: Backend<Device = Cpu>>() -> f32 {
            let kl = D::tensor(&Cpu::default(), &[0.5], ()).unwrap();
            let gap = gap::<D, _>(kl.clone().leaky_traced(), 0.5).unwrap();
            D::scalar(&gap.try_backward().unwrap().get(&kl))
        }
        assert_eq!([slope::<Cpu>(), slope::<DfdxOps<Cpu>>()], [0.0, 0.0]);
    }

    #[test]
    fn is_final_once_the_capacity_has_grown() {
        let at = |step| Position {
            step,
            steps_per_epoch: 2,
            epochs: 9,
        };
        let counted = [
            capacity(2.0),
            Capacity {
                steps: None,
                epochs: Some(2.0),
                ..capacity(2.0)
            },
        ];
        for capacity in counted {
            assert!(!capacity.is_final(at(2)) && capacity.is_final(at(3)));
        }
    }
}
