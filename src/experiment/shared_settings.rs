//! Settings that stand in several tables with the same type, range and meaning.

use super::data::Dataset;
use crate::config::kind::{Interval, Kind, PathKind};
use crate::config::setting::DefaultValue::{Is, Unset};
use crate::config::setting::Setting;
use crate::config::value::Value;

/// One of the four files of `idx`.
pub(crate) const fn idx_file(key: &'static str, doc: &'static str) -> Setting {
    Setting::new(key, Kind::Path(PathKind::File), Unset("none"), doc).only_sets(&[Dataset::Idx])
}

/// Whether a figure is drawn.
pub(crate) const fn figure(key: &'static str, doc: &'static str) -> Setting {
    Setting::new(key, Kind::Switch, Is(Value::Switch(true)), doc)
}

/// Learning rate of an optimizer.
pub(crate) const fn learning_rate(key: &'static str, default: f64) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::above(0.0, 100.0)),
        Is(Value::Number(default)),
        "Size of a step",
    )
    .also(&["lr"])
}

/// Adam's first decay.
pub(crate) const fn beta_1(key: &'static str) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::below(0.0, 1.0)),
        Is(Value::Number(0.9)),
        "Decay of the mean of the gradient",
    )
}

/// Adam's second decay.
pub(crate) const fn beta_2(key: &'static str) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::below(0.0, 1.0)),
        Is(Value::Number(0.999)),
        "Decay of the mean square of the gradient",
    )
}

/// What keeps a denominator away from 0.
pub(crate) const fn epsilon(key: &'static str) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::closed(1e-30, 1.0)),
        Is(Value::Number(1e-7)),
        "Keeps the denominator away from 0",
    )
    .also(&["eps"])
}

/// Momentum of an optimizer.
pub(crate) const fn momentum(key: &'static str) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::below(0.0, 1.0)),
        Is(Value::Number(0.0)),
        "Share of the last step that the next one keeps",
    )
}

/// Limit of the gradient's norm.
pub(crate) const fn clip_norm(key: &'static str) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::above(0.0, 1e6)),
        Unset("off"),
        "A gradient whose global norm is larger is scaled down to it",
    )
    .also(&["global_clipnorm", "clipnorm", "grad_clip", "max_grad_norm"])
}

/// Where a decay ends.
pub(crate) const fn final_fraction(key: &'static str) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::closed(0.0, 1.0)),
        Is(Value::Number(0.0)),
        "Learning rate at the end, as a fraction of `learning_rate`",
    )
    .also(&["alpha"])
}

/// Warm-up of a schedule.
pub(crate) const fn warmup_epochs(key: &'static str) -> Setting {
    Setting::new(
        key,
        Kind::Number(Interval::closed(0.0, 1e6)),
        Is(Value::Number(0.0)),
        "The learning rate first grows from 0 over so many epochs",
    )
    .unit("epochs")
    .also(&["warmup"])
}
