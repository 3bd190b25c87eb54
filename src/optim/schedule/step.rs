//! Step decay.

use super::settings::schedule;
use crate::config::{Interval, Kind};

schedule! {
    /// Multiplied by a factor every so many epochs
    pub struct Steps {
        /// Epochs between two steps
        pub every_epochs: usize = 10, Kind::Count { min: 1, max: 1_000_000 }, unit("epochs"), also(&["step_size"]);
        /// What the learning rate is multiplied by at each step
        pub factor: f64 = 0.5, Kind::Number(Interval::above(0.0, 1.0)), also(&["gamma"]);
    }
}

impl Steps {
    pub(super) fn depends_on_epochs(&self) -> bool {
        false
    }

    pub(super) fn fraction(&self, _t: f64, epochs: f64) -> f64 {
        let times = (epochs / self.every_epochs.max(1) as f64).floor();
        self.factor.powi(times.min(f64::from(i32::MAX)) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_rates;
    use crate::config::Value;

    #[test]
    fn is_multiplied_every_epoch_behind_the_warmup() {
        let settings = [
            ("every_epochs", Value::Count(1)),
            ("factor", Value::Number(0.1)),
            ("warmup_epochs", Value::Number(1.0)),
        ];
        assert_rates(
            "step",
            &settings,
            [0.5, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01],
        );
    }
}
