//! The objective that leaves some nats of each group of latent axes free.

use dfdx::shapes::{Axis, Dim, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{ReshapeTo, SumTo, TryAdd, TryMul, TrySub};

use super::compute::{Given, Network, NoParameters, Objective, Outcome, Posterior};
use super::description::Description;
use super::rules::kl_is_a_sum;
use crate::config::section::section;
use crate::config::{Interval, Kind, Rules};
use crate::metric::{Better, Metric};
use crate::nn::backend::Scalar;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps};

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
    fn terms() -> &'static [Metric] {
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

impl Objective for FreeBits {
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
        let (pass, tape) = given.pass(network, images)?;
        let (kl_free, tape) = self.kl_free(&pass.posterior(), tape)?.split_tape();
        let loss = given.weighted_sum(
            tape,
            (&pass.reconstruction, given.loss.reconstruction_weight),
            &[(&kl_free, given.kl_weight)],
        )?;
        Ok(pass.outcome(loss, vec![("kl_free", kl_free)]))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;

    use super::*;
    use crate::nn::DfdxOps;
    use crate::objective::AnyObjective;
    use crate::objective::testing::{Found, assert_close};
    //FBTESTS
}
