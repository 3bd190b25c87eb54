//! The update rule.

/// A rule and its own numbers, all as Keras defines them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Adam (Kingma and Ba, 2015).
    Adam {
        /// Decay of the first moment, 0 or more and below 1.
        beta_1: f64,
        /// Decay of the second moment, 0 or more and below 1.
        beta_2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
    AdamW {
        /// Decay of the first moment, 0 or more and below 1.
        beta_1: f64,
        /// Decay of the second moment, 0 or more and below 1.
        beta_2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
        /// Each step takes `learning_rate * weight_decay` of each weight off it.
        weight_decay: f64,
    },
    /// RMSprop (Tieleman and Hinton, 2012).
    RmsProp {
        /// Decay of the mean square, 0 or more and below 1.
        rho: f64,
        /// Momentum of the update, 0 or more and below 1.
        momentum: f64,
        /// Added to the mean square before the root.
        epsilon: f64,
        /// Whether the mean gradient is taken off the mean square.
        centered: bool,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Momentum of the update, 0 or more and below 1.
        momentum: f64,
        /// Nesterov's momentum; only with a momentum above 0.
        nesterov: bool,
    },
}

impl Rule {
    /// The name of the rule's table: `adam` of `[optimizer.adam]`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Adam { .. } => "adam",
            Self::AdamW { .. } => "adamw",
            Self::RmsProp { .. } => "rmsprop",
            Self::Sgd { .. } => "sgd",
        }
    }
}

/// The one `[optimizer.NAME]` table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer {
    /// The rule.
    pub rule: Rule,
    /// Learning rate before any schedule, above 0.
    pub learning_rate: f64,
    /// Largest global norm of the gradient; a larger one is scaled down to it.
    pub clip_norm: Option<f64>,
}
