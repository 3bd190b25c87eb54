//! How fast a run trains, by the clock on the wall.

use super::description::{Better, Metric};
use super::row::Reading;

/// Images a second.
pub const IMAGES_PER_SECOND: Metric = Metric {
    name: "images_per_second",
    doc: "training images a second, evaluation and writing left out",
    unit: "images/s",
    better: Better::Higher,
    is_wall_clock: true,
    value: |facts, _| {
        let speed = facts.images as f64 / facts.seconds;
        Some(Reading::Real(if facts.seconds > 0.0 { speed } else { 0.0 }))
    },
    ..Metric::REAL
};

/// Duration of an epoch.
pub const SECONDS: Metric = Metric {
    name: "seconds",
    doc: "duration of the epoch's training",
    unit: "s",
    is_wall_clock: true,
    value: |facts, _| Some(Reading::Real(facts.seconds)),
    ..Metric::REAL
};
