//! Names of the settings that vary: how they are written, and which of them go together.

use super::Axis;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::nearest::nearest;
use crate::config::source::Place;
use crate::config::tree::Entry;
use crate::experiment::schema;

/// No setting twice, none within another one, and no two optimizers or schedules.
pub(crate) fn check(axes: &[&Axis], diagnostics: &mut Diagnostics) {
    for (i, later) in axes.iter().enumerate() {
        let Some((_, at)) = later.path.last() else {
            continue;
        };
        for earlier in axes.iter().take(i) {
            let within = |one: &str, other: &str| {
                let rest = one.strip_prefix(other);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let message = if later.key == earlier.key {
                format!("`{}` varies twice", later.key)
            } else if within(&later.key, &earlier.key) || within(&earlier.key, &later.key) {
                format!("both `{}` and `{}` vary", earlier.key, later.key)
            } else if let Some(group) = two_members(&later.key, &earlier.key) {
                format!("a second {group}: `{}` and `{}`", earlier.key, later.key)
            } else {
                continue;
            };
            diagnostics.push(Diagnostic::at(at, message).expected("one of the two"));
            break;
        }
    }
}

/// The group in which two keys belong to different members, `optimizer` or `schedule`.
fn two_members(one: &str, other: &str) -> Option<&'static str> {
    let member = |key: &str| {
        let mut parts = key.split('.');
        let group = parts.next()?.to_owned();
        let table = schema().table(&group)?;
        schema().members(&group)?;
        Some((table.name.as_str(), parts.next()?.to_owned()))
    };
    let (one, other) = (member(one)?, member(other)?);
    (one.0 == other.0 && one.1 != other.1).then_some(one.0)
}

/// The parts of a key: a quoted one may be dotted.
pub(crate) fn parts_of(entry: &Entry) -> Vec<(String, Place)> {
    let part = |name: &str| (name.to_owned(), entry.key.clone());
    entry.name.split('.').map(part).collect()
}

/// The known setting for a hint: one with a name close to the whole key, or with its last part.
pub(crate) fn guess(key: &str) -> Option<String> {
    let all = || schema().settings().filter(|it| it.table() != "expect");
    let keys = || all().map(|it| it.key.as_str());
    let last = key.rsplit('.').next().unwrap_or(key);
    if let Some(setting) = all().find(|it| it.name() == last) {
        return Some(setting.key.clone());
    }
    let by_another_name = all().find(|it| it.also.contains(&last));
    let by_another_name = by_another_name.map(|it| it.key.as_str());
    let found = nearest(key, keys()).or(by_another_name);
    found.map(str::to_owned)
}
