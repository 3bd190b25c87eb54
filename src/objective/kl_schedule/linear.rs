//! Linear growth.

use crate::config::section::section;
use crate::optim::schedule::Position;
use crate::optim::schedule::growth::{
    EPOCHS_KIND, EPOCHS_UNSET, Growth, STEPS_KIND, STEPS_UNSET, growth_ends, steps_or_epochs,
};

section! {
    /// Grows linearly from 0 to the whole weight and stays there (Bowman et al., 2016)
    ///
    /// min((t + 1) / length, 1) at the step t from 0. With `epochs` it says the same as `loss.kl_warmup_epochs`.
    pub struct Linear: Copy {
        /// Steps over which the weight grows; this or `epochs`
        pub steps: Option<u64>, STEPS_KIND, unset(STEPS_UNSET), unit("steps");
        /// Epochs over which the weight grows; this or `steps`
        pub epochs: Option<f64>, EPOCHS_KIND, unset(EPOCHS_UNSET), unit("epochs");
    }
    rules { steps_or_epochs, growth_ends, super::settings::is_the_only_schedule }
}

impl Linear {
    pub(super) fn depends_on_epochs(&self) -> bool {
        false
    }

    pub(super) fn share(&self, at: Position) -> f64 {
        Growth::of(self.steps, self.epochs).fraction(at)
    }
}
