//! The objective of a KL that is led along a growing capacity.

use dfdx::shapes::Dim;
use dfdx::tensor::{PutTape, SplitTape, Tape};
use dfdx::tensor_ops::TrySub;

use super::compute::{Given, Network, NoParameters, Objective, Outcome};
use super::description::Description;
use super::rules::kl_is_a_sum;
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::metric::{Better, Metric};
use crate::nn::backend::Scalar;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps};
use crate::optim::schedule::growth::{
    EPOCHS_KIND, EPOCHS_UNSET, Growth, STEPS_KIND, STEPS_UNSET, growth_ends, steps_or_epochs,
};
use crate::optim::schedule::Position;

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
    fn terms() -> &'static [Metric] {
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

impl Objective for Capacity {
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
        let capacity = (self.nats * self.fraction(given.position)) as f32;
        let (gap, tape) = gap::<D, T>(pass.kl.clone().put_tape(tape), capacity)?.split_tape();
        let loss = given.weighted_sum(
            tape,
            (&pass.reconstruction, given.loss.reconstruction_weight),
            &[(&gap, given.kl_weight * self.gamma)],
        )?;
        let capacity = D::tensor(given.device, &[capacity], ())?;
        Ok(pass.outcome(loss, vec![("capacity_gap", gap), ("capacity", capacity)]))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{Cpu, Trace};
    use dfdx::tensor_ops::Backward;

    use super::*;
    use crate::nn::DfdxOps;
    use crate::objective::AnyObjective;
    use crate::objective::testing::{Found, assert_close};
    //CAPTESTS
}
