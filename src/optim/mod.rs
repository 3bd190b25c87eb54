//! Update rules with Keras' formulas and defaults, whose state can be saved.
//!
//! dfdx's optimizers keep their state to themselves and differ from Keras in small ways (Adam's
//! epsilon, RMSprop's first step, SGD's momentum), so that the rules stand here on plain slices. A rule
//! asks for a number of state slots, each of the length of the parameter; they start at zero.

mod rule;

pub use rule::{Rule, Step};
