//! The tables below `[sweep]` that hold settings of the sweep itself.

use super::HalvingMetric;
use crate::config::kind::Kind;
use crate::config::setting::DefaultValue::{Is, Required, Unset};
use crate::config::setting::Setting;
use crate::config::value::Value;

use super::MOST_TRIALS;

/// The tables of `[sweep]` with what they are about, in the order of the documentation.
pub static SWEEP_TABLES: &[(&str, &str)] = &[
    (
        "sweep.over",
        "Settings that vary, each with a list (`\"model.latent_dim\" = [2, 4, 8]`) or a range (`seed = { from = 0, to = 9 }`, \
         `\"optimizer.adam.learning_rate\" = { from = 1e-4, to = 1e-2, steps = 3, scale = \"log\" }`): all combinations are run. \
         Both ends of a range belong to it; whole numbers need no `steps`",
    ),
    (
        "sweep.zip",
        "Settings that vary together: lists of one length, the first values of all of them, then the second ones; each row with \
         every combination of `[sweep.over]`",
    ),
    (
        "sweep.random",
        "Draws from the lists and ranges of `[sweep.over]` instead of all combinations; a range needs no `steps` then",
    ),
    (
        "sweep.halving",
        "Successive halving: all trials train for some epochs, the best ones go on. A trial keeps its number of epochs, and \
         with it its schedules",
    ),
];

/// The settings of a sweep itself.
pub static SWEEP_SETTINGS: &[Setting] = &[
    Setting::new(
        "sweep.random.trials",
        Kind::Count {
            min: 1,
            max: MOST_TRIALS as u64,
        },
        Required,
        "How many trials are drawn, no two alike. More of them begin with the same ones",
    )
    .unit("trials"),
    Setting::new(
        "sweep.random.seed",
        Kind::Count {
            min: 0,
            max: i64::MAX as u64,
        },
        Is(Value::Count(0)),
        "Seed of the draws",
    ),
    Setting::new(
        "sweep.halving.metric",
        Kind::Choice(HalvingMetric::CHOICES),
        Unset("`val_loss`, without a validation part `loss`"),
        "What trials are compared by, after the epoch of the decision",
    ),
    Setting::new(
        "sweep.halving.first_epochs",
        Kind::Count {
            min: 1,
            max: 1_000_000,
        },
        Is(Value::Count(1)),
        "Epochs before the first decision; the next ones come after `factor` times as many each",
    )
    .unit("epochs"),
    Setting::new(
        "sweep.halving.factor",
        Kind::Count { min: 2, max: 100 },
        Is(Value::Count(3)),
        "One trial in so many goes on, rounded up",
    ),
];

/// The setting of a dotted key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SWEEP_SETTINGS.iter().find(|it| it.key == key)
}
