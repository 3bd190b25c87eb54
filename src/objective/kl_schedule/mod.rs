//! The weight of the KL as a function of the step.
//!
//! To add a schedule: its file with settings and formula, and a line in [`KlSchedule`].

mod cyclical;
mod linear;
mod settings;

use crate::config::members::members;
use crate::optim::schedule::Position;

pub use cyclical::Cyclical;
pub use linear::Linear;

members! {
    /// The weight of the KL over time, as a share of `loss.kl_weight`: at most one of these tables, none for a weight that
    /// is constant behind `loss.kl_warmup_epochs`
    pub enum KlSchedule: Copy, absent "none" {
        Linear(Linear) = "linear",
        Cyclical(Cyclical) = "cyclical",
    }
    dispatch($) each_kl_schedule
}

impl KlSchedule {
    /// The share of the whole weight at a step, from 0 to 1.
    pub fn share(&self, at: Position) -> f64 {
        each_kl_schedule!(self, it => it.share(at))
    }

    /// Whether the weight of a step depends on how many epochs the whole run has.
    pub fn depends_on_epochs(&self) -> bool {
        each_kl_schedule!(self, it => it.depends_on_epochs())
    }
}
