//! Linear decay.

use super::settings::{FRACTION, schedule};

schedule! {
    /// A straight line down to a fraction of the learning rate
    ///
    /// 1 - (1 - f) t, with t from 0 to 1 over the run behind the warm-up.
    pub struct Linear {
        /// Learning rate at the end, as a fraction of `learning_rate`
        pub final_fraction: f64 = 0.0, FRACTION, also(&["alpha"]);
    }
}

impl Linear {
    pub(super) fn depends_on_epochs(&self) -> bool {
        true
    }

    pub(super) fn fraction(&self, t: f64, _epochs: f64) -> f64 {
        1.0 - (1.0 - self.final_fraction) * t
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_rates;
    use crate::config::Value;

    #[test]
    fn falls_by_the_same_amount_each_step() {
        let settings = [("final_fraction", Value::Number(0.2))];
        assert_rates(
            "linear",
            &settings,
            [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3],
        );
    }
}
