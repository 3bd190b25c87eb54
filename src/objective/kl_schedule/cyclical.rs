//! Growth again and again.

use crate::config::section::section;
use crate::config::{Interval, Kind, Rules};
use crate::optim::schedule::Position;

section! {
    /// Grows linearly from 0 to the whole weight in the first part of each of several equal cycles of the run (Fu et al.,
    /// 2019, eq. 6 and 7)
    ///
    /// min(tau / rising, 1), where tau goes from 0 to 1 over each cycle: the fraction of t M / T behind its point at the
    /// step t from 0, for M cycles of T steps in all. Where T is no multiple of M the paper rounds a cycle's length up,
    /// which makes the last cycle short; here all are of one length, as in its authors' program.
    pub struct Cyclical: Copy {
        /// Cycles in the whole run, whose number of epochs a run cannot change later
        pub cycles: u64 = 4, Kind::Count { min: 1, max: 1_000_000 }, unit("cycles"), also(&["n_cycle", "n_cycles"]);
        /// Share of a cycle in which the weight grows
        pub rising: f64 = 0.5, Kind::Number(Interval::open(0.0, 1.0)), also(&["ratio"]);
    }
    rules { super::settings::is_the_only_schedule, has_epochs_for_its_cycles }
}

/// Each cycle has an epoch at least.
fn has_epochs_for_its_cycles(it: &mut Rules<'_>) {
    let epochs: Option<u64> = it.values.typed("training.epochs");
    if let (Some(epochs), Some(cycles)) = (epochs, it.get::<u64>("cycles"))
        && cycles > epochs
    {
        let message = format!("{cycles} cycles of the KL's weight in {epochs} epochs");
        let wrong = it.at(&["cycles"], message);
        it.diagnostics
            .push(wrong.expected("at most as many as `training.epochs`"));
    }
}

impl Cyclical {
    pub(super) fn depends_on_epochs(&self) -> bool {
        true
    }

    pub(super) fn share(&self, at: Position) -> f64 {
        let all = u128::from(at.epochs) * u128::from(at.steps_per_epoch);
        // Whole numbers: the first step of a cycle has the share 0, whatever a fraction would be rounded to.
        let behind = u128::from(at.step) * u128::from(self.cycles) % all.max(1);
        let tau = behind as f64 / all.max(1) as f64;
        (tau / self.rising).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(cycles: u64, rising: f64, epochs: u64) -> Vec<f64> {
        let at = |step| Position {
            step,
            steps_per_epoch: 2,
            epochs,
        };
        let schedule = Cyclical { cycles, rising };
        (0..2 * epochs)
            .map(|step| schedule.share(at(step)))
            .collect()
    }

    /// By the paper's formula, tau = ((t - 1) mod ceil(T / M)) / (T / M) for the step t from 1.
    #[test]
    fn rises_and_stays_in_each_cycle() {
        let cycle = [0.0, 0.5, 1.0, 1.0];
        assert_eq!(shares(2, 0.5, 4), [cycle, cycle].concat());
        assert_eq!(shares(1, 0.25, 2), [0.0, 1.0, 1.0, 1.0]);
    }

    /// Three cycles of ten steps begin at steps 0, 3.33 and 6.67, so that the last one is as long as the others.
    #[test]
    fn divides_steps_evenly_among_cycles() {
        let expected = [0.0, 0.6, 1.0, 1.0, 0.4, 1.0, 1.0, 0.2, 0.8, 1.0];
        for (got, want) in shares(3, 0.5, 5).iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{got} is not {want}");
        }
    }
}
