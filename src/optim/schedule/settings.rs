//! Settings that schedules share.

use crate::config::{Interval, Kind, Rules};

/// Settings of a schedule, and the warm-up that each has.
macro_rules! schedule {
    ($(#[doc = $doc:literal])+ pub struct $type:ident { $($settings:tt)* }) => {
        $crate::config::section::section! {
            $(#[doc = $doc])+
            pub struct $type: Copy {
                $($settings)*
                /// The learning rate first grows from 0 over so many epochs
                pub warmup_epochs: f64 = 0.0, $crate::config::Kind::Number($crate::config::Interval::closed(0.0, 1e6)),
                    unit("epochs"), also(&["warmup"]);
            }
            rules { super::settings::warmup_ends }
        }
    };
}

pub(super) use schedule;

/// Where a decay ends.
pub(super) const FRACTION: Kind = Kind::Number(Interval::closed(0.0, 1.0));

pub(super) fn warmup_ends(it: &mut Rules<'_>) {
    let epochs: Option<u32> = it.values.typed("training.epochs");
    let warmup: Option<f64> = it.get("warmup_epochs");
    if let (Some(epochs), Some(warmup)) = (epochs, warmup)
        && warmup >= f64::from(epochs)
    {
        let message = format!("the warm-up takes all of the {epochs} epochs");
        let wrong = it.at(&["warmup_epochs"], message);
        it.diagnostics
            .push(wrong.expected("fewer than `training.epochs`"));
    }
}
