//! Settings that update rules share.

use crate::config::{Interval, Kind};

/// Settings of a rule between those that every rule has: the learning rate, whose default differs, and the limit of the
/// gradient's norm.
macro_rules! optimizer {
    (
        $(#[doc = $doc:literal])+
        pub struct $type:ident, learning_rate $rate:literal { $($settings:tt)* }
        $(rules { $($rule:path),+ })?
    ) => {
        $crate::config::section::section! {
            $(#[doc = $doc])+
            pub struct $type: Copy {
                /// Size of a step
                pub learning_rate: f64 = $rate, $crate::config::Kind::Number($crate::config::Interval::above(0.0, 100.0)),
                    also(&["lr"]);
                $($settings)*
                /// A gradient whose global norm is larger is scaled down to it
                pub clip_norm: Option<f64>, $crate::config::Kind::Number($crate::config::Interval::above(0.0, 1e6)),
                    unset("off"), also(&["global_clipnorm", "clipnorm", "grad_clip", "max_grad_norm"]);
            }
            $(rules { $($rule),+ })?
        }
    };
}

pub(super) use optimizer;

/// What a decay or a momentum may be.
pub(super) const DECAY: Kind = Kind::Number(Interval::below(0.0, 1.0));
/// What keeps a denominator away from 0.
pub(super) const EPSILON: Kind = Kind::Number(Interval::closed(1e-30, 1.0));
