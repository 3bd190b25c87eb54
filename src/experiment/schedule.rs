//! How the learning rate changes while a model trains.

/// The shape of the decay after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// No decay.
    Constant,
    /// Half a cosine wave from the learning rate down to `final_fraction` of it.
    Cosine {
        /// Where the learning rate ends behind the last step, as a fraction of where it starts.
        final_fraction: f64,
    },
    /// Multiplied by `factor` every so many epochs.
    Step {
        /// Epochs between two steps, at least 1.
        every_epochs: usize,
        /// The factor, above 0 and at most 1.
        factor: f64,
    },
    /// A straight line from the learning rate down to `final_fraction` of it.
    Linear {
        /// Where the learning rate ends behind the last step, as a fraction of where it starts.
        final_fraction: f64,
    },
}

impl Decay {
    /// The name of the table, `cosine` of `[schedule.cosine]`; `None` for a constant rate.
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Constant => None,
            Self::Cosine { .. } => Some("cosine"),
            Self::Step { .. } => Some("step"),
            Self::Linear { .. } => Some("linear"),
        }
    }

    /// Whether the learning rate of a step depends on how many epochs the whole run has.
    pub const fn depends_on_epochs(&self) -> bool {
        matches!(self, Self::Cosine { .. } | Self::Linear { .. })
    }
}

/// The `[schedule.NAME]` table, or a constant learning rate where the spec has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The decay.
    pub decay: Decay,
    /// Epochs over which the learning rate first grows from 0; may be a fraction.
    pub warmup_epochs: f64,
}
