//! Cosine decay.

use super::settings::{FRACTION, schedule};
use crate::numeric::math::cos_pi;

schedule! {
    /// Half a cosine wave down to a fraction of the learning rate
    ///
    /// Loshchilov and Hutter, "SGDR", 2017, without restarts: f + (1 - f) (1 + cos(pi t)) / 2, with t from 0 to 1 over
    /// the run behind the warm-up.
    pub struct Cosine {
        /// Learning rate at the end, as a fraction of `learning_rate`
        pub final_fraction: f64 = 0.0, FRACTION, also(&["alpha"]);
    }
}

impl Cosine {
    pub(super) fn depends_on_epochs(&self) -> bool {
        true
    }

    pub(super) fn fraction(&self, t: f64, _epochs: f64) -> f64 {
        self.final_fraction + (1.0 - self.final_fraction) * 0.5 * (1.0 + cos_pi(t))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_rates;
    use crate::config::Value;

    #[test]
    fn falls_along_half_a_wave_behind_the_warmup() {
        let half = 0.5_f64.sqrt();
        let fourth = [0.5 + half / 2.0, 0.5, 0.5 - half / 2.0];
        let expected = [0.25, 0.5, 0.75, 1.0, 1.0, fourth[0], fourth[1], fourth[2]];
        assert_rates("cosine", &[("warmup_epochs", Value::Number(2.0))], expected);
    }
}
