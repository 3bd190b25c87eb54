//! The objective that leaves some nats of each group of latent axes free.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{ReshapeTo, SumTo, TryAdd, TryMul, TrySub};

use super::compute::{Given, Pass, Posterior};
use super::description::Description;
use super::rules::kl_is_a_sum;
use super::weighted::{Added, Weighted};
use crate::config::section::section;
use crate::config::{Interval, Kind, Rules};
use crate::metric::{Better, Metric};
use crate::nn::Backend;
use crate::nn::backend::Scalar;

section! {
    /// Free bits (Kingma et al., 2016, appendix C.8), `reconstruction_weight * reconstruction + kl_weight * sum over groups
    /// of max(nats, KL of the group)`: the KL of a group of latent axes, averaged over the batch first, costs nothing up to
    /// `nats`. `kl` stays the whole KL
    ///
    /// A group below `nats` gets no gradient from its KL at all.
    pub struct FreeBits: Copy {
        /// KL of a group that is free
        pub nats: f64 = 0.25, Kind::Number(Interval::closed(0.0, 1e6)), unit("nats"),
            also(&["free_nats", "lambda", "free_bits"]);
        /// Neighbouring latent axes that form a group
        pub axes_per_group: usize = 1, Kind::Count { min: 1, max: 4096 }, unit("axes"), also(&["group_size"]);
    }
    rules { kl_is_a_sum, groups_are_whole }
}

/// Axes that are left over would be a smaller group with as many free nats.
fn groups_are_whole(it: &mut Rules<'_>) {
    let axes: Option<usize> = it.values.typed("model.latent_dim");
    if let (Some(axes), Some(group)) = (axes, it.get::<usize>("axes_per_group"))
        && axes % group != 0
    {
        let message = format!("groups of {group} do not divide {axes} latent axes");
        let wrong = it.at(&["axes_per_group"], message);
        it.diagnostics
            .push(wrong.expected("a divisor of `model.latent_dim`"));
    }
}

impl Description for FreeBits {
    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[Metric {
            name: "kl_free",
            doc: "KL with the free nats of each group counted as if they were used, sum over groups of max(`nats`, KL of the group)",
            better: Better::Neither,
            ..Metric::TERM
        }];
        TERMS
    }
}

/// The KL of each latent axis in nats, mean over the batch: sum of (mean^2 + e^log_var - 1 - log_var) / 2 B.
fn kl_per_axis<D: Backend, T: Tape<f32, D::Device>>(
    q: &Posterior<D>,
    tape: T,
) -> Result<Tensor<(usize,), f32, D::Device, T>, D::Err> {
    let scale = 0.5 / q.mean.shape().0 as f32;
    let square = q.mean.clone().put_tape(tape).try_square()?;
    let (square, tape) = square.try_sub(q.log_var.clone())?.split_tape();
    let variance = q.log_var.clone().put_tape(tape).try_exp()?;
    let twice = variance.try_sub(1.0)?.try_add(square)?;
    twice.try_sum::<_, Axis<0>>()?.try_mul(scale)
}

impl FreeBits {
    /// The sum over groups of max(nats, KL of the group), as nats + max(0, KL - nats), whose slope is 0 where both are equal.
    fn kl_free<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        q: &Posterior<D>,
        tape: T,
    ) -> Result<Scalar<D, T>, D::Err> {
        let axes = kl_per_axis(q, tape)?;
        let groups = axes.shape().0 / self.axes_per_group;
        let groups = axes.try_reshape_like(&(groups, self.axes_per_group))?;
        let groups: Tensor<(usize,), f32, D::Device, T> = groups.try_sum::<_, Axis<1>>()?;
        let nats = self.nats as f32;
        let above = groups.try_sub(nats)?.try_relu()?;
        above.try_add(nats)?.try_sum()
    }
}

impl Weighted for FreeBits {
    fn added<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        pass: &Pass<C, Z, D>,
        tape: T,
        given: &Given<C, Z, D>,
    ) -> Result<(Added<D>, T), D::Err> {
        let (kl_free, tape) = self.kl_free(&pass.posterior(), tape)?.split_tape();
        let added = Added {
            lowered: vec![(kl_free.clone(), given.kl_weight)],
            reported: vec![("kl_free", kl_free)],
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
    fn check(own: FreeBits, values: &[f32], d_mean: [f32; 12], d_log_var: [f32; 12]) {
        testing::check(&AnyObjective::FreeBits(own), values, d_mean, d_log_var);
    }

    /// With NumPy in double precision, where `m`, `v`, `e`, `x` are the arrays of [`crate::objective::testing`], and slopes
    /// are central differences of 1e-5:
    ///
    /// ```text
    /// z = m + np.exp(v / 2) * e
    /// r = (np.log1p(np.exp(z)) - z * x).sum(1).mean()
    /// kl = (m**2 + np.exp(v) - 1 - v).mean(0) / 2
    /// kl_free = np.maximum(nats, kl.reshape(-1, axes_per_group).sum(1)).sum()
    /// loss = 2 * r + .5 * kl_free
    /// ```
    #[test]
    fn spares_axes_below_the_free_nats() {
        let of_axes = FreeBits {
            nats: 0.5,
            axes_per_group: 1,
        };
        check(
            of_axes,
            &[6.368_826_4, 1.627_514],
            [
                0.326_657_2,
                -0.444_675_9,
                0.080_436_1,
                0.209_460_2,
                -0.094_525_2,
                -0.251_991_7,
                -0.177_256_2,
                0.350_573_2,
                0.015_496_2,
                0.025_749_6,
                -0.081_419_4,
                0.537_428_3,
            ],
            [
                0.038_160_1,
                0.196_577_1,
                -0.012_674_7,
                -0.053_939_3,
                -0.028_357_6,
                -0.030_356_8,
                -0.097_425_6,
                -0.008_28,
                -0.029_002,
                0.006_767_4,
                -0.039_206_1,
                -0.077_420_9,
            ],
        );
    }

    #[test]
    fn counts_the_axes_of_a_group_together() {
        let above = FreeBits {
            nats: 0.5,
            axes_per_group: 3,
        };
        check(
            above,
            &[6.253_339_3, 1.396_539_7],
            [
                0.376_657_2,
                -0.594_675_9,
                0.080_436_1,
                0.334_460_2,
                -0.057_025_2,
                -0.251_991_7,
                -0.239_756_2,
                0.463_073_2,
                0.015_496_2,
                0.038_249_6,
                -0.131_419_4,
                0.537_428_3,
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
        let below = FreeBits { nats: 2.0, ..above };
        check(
            below,
            &[6.555_069_4, 2.0],
            [
                0.326_657_2,
                -0.444_675_9,
                0.080_436_1,
                0.209_460_2,
                -0.094_525_2,
                -0.164_491_7,
                -0.177_256_2,
                0.350_573_2,
                -0.009_503_8,
                0.025_749_6,
                -0.081_419_4,
                0.349_928_3,
            ],
            [
                0.038_160_1,
                0.196_577_1,
                0.026_832_8,
                -0.053_939_3,
                -0.028_357_6,
                -0.014_157_9,
                -0.097_425_6,
                -0.008_28,
                0.005_415,
                0.006_767_4,
                -0.039_206_1,
                -0.020_051_2,
            ],
        );
    }
}
