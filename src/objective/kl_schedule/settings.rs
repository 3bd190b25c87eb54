//! What the schedules of the KL's weight do not go with.

use crate::config::Rules;

/// `loss.kl_warmup_epochs` would be a second schedule.
pub(super) fn is_the_only_schedule(it: &mut Rules<'_>) {
    let key = "loss.kl_warmup_epochs";
    if it.values.typed::<f64>(key).is_some_and(|it| it > 0.0) {
        let message = format!("`{key}` beside `[{}]`", it.table);
        let wrong = it
            .at_key(key, message)
            .expected("one schedule of the KL's weight");
        it.diagnostics
            .push(wrong.hint("`[kl_schedule.linear]` with `epochs` says the same as the former"));
    }
}
