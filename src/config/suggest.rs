//! Which setting an unknown key was meant to be.

use super::check::fits;
use super::kind::one_of_keys;
use super::setting::{Form, Setting};
use super::tree::{Item, Raw};
use crate::config::nearest::{nearest, same_name};
use crate::experiment::settings::{SETTINGS, TABLES, of_table};

/// A setting or table that may have been meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Guess {
    /// Its name within its table.
    pub name: &'static str,
    /// Its table.
    pub table: &'static str,
    /// Whether the key is a name of the setting, not just close to one.
    pub sure: bool,
}

/// The most likely meaning of an unknown key: the same name but for case and hyphens, then the name
/// of a setting of another table, then what other programs call a setting, then the closest name of
/// the table, then the closest of any. A setting that could hold the value goes first. `chosen` tells which optimizer and schedule are in force, so
/// that nobody is sent to `[optimizer.adam]` who uses `sgd`.
pub(crate) fn guess(
    table: &'static str,
    key: &str,
    item: &Item,
    chosen: &[(&str, &str)],
) -> Option<Guess> {
    let here = names(table);
    if let Some(name) = here.iter().copied().find(|name| same_name(name, key)) {
        return Some(Guess {
            name,
            table,
            sure: true,
        });
    }
    if matches!(item.raw, Raw::Table(_)) {
        let name = nearest(key, here.iter().copied())?;
        return Some(Guess {
            name,
            table,
            sure: false,
        });
    }
    let reachable = |setting: &&'static Setting| match setting.table().split_once('.') {
        Some(both) => table == setting.table() || chosen.contains(&both),
        None => true,
    };
    let elsewhere = || {
        SETTINGS
            .iter()
            .filter(reachable)
            .filter(|it| it.table() != table)
    };
    let sure = |setting: &'static Setting| Guess {
        name: setting.name(),
        table: setting.table(),
        sure: true,
    };
    let also = |it: &&'static Setting| it.also.iter().any(|name| same_name(name, key));
    let fitting = |it: &&'static Setting| fits(it, item);

    if let Some(setting) = of_table(table).filter(also).find(fitting) {
        return Some(sure(setting));
    }
    if let Some(setting) = elsewhere()
        .filter(|it| same_name(it.name(), key))
        .find(fitting)
    {
        return Some(sure(setting));
    }
    if let Some(setting) = of_table(table).find(also) {
        return Some(sure(setting));
    }
    if let Some(setting) = elsewhere().filter(also).find(fitting) {
        return Some(Guess {
            sure: false,
            ..sure(setting)
        });
    }
    if let Some(setting) = elsewhere().find(|it| same_name(it.name(), key)) {
        return Some(sure(setting));
    }
    // A setting of an optimizer or schedule that the spec does not use.
    if let Some(setting) = SETTINGS
        .iter()
        .find(|it| it.table() != table && same_name(it.name(), key))
    {
        return Some(sure(setting));
    }
    if let Some(name) = nearest(key, here.iter().copied()) {
        return Some(Guess {
            name,
            table,
            sure: false,
        });
    }
    let name = nearest(key, elsewhere().map(|it| it.name()))?;
    let setting = elsewhere().find(|it| it.name() == name)?;
    Some(Guess {
        sure: false,
        ..sure(setting)
    })
}

/// The meaning of a key that stands in `[optimizer]` or `[schedule]` itself instead of in one of
/// their tables.
pub(crate) fn within(
    group: &'static str,
    members: &[&'static str],
    chosen: &[(&str, &str)],
    key: &str,
) -> Option<Guess> {
    let mut order: Vec<&'static str> = members.to_vec();
    order.sort_by_key(|member| !chosen.contains(&(group, member)));
    let all = || {
        order.iter().flat_map(move |member| {
            SETTINGS
                .iter()
                .filter(move |it| it.table().split_once('.') == Some((group, *member)))
        })
    };
    let named = |it: &&Setting| {
        same_name(it.name(), key) || it.also.iter().any(|name| same_name(name, key))
    };
    if let Some(setting) = all().find(named) {
        return Some(Guess {
            name: setting.name(),
            table: setting.table(),
            sure: true,
        });
    }
    let name = nearest(key, all().map(|it| it.name()))?;
    let setting = all().find(|it| it.name() == name)?;
    Some(Guess {
        name,
        table: setting.table(),
        sure: false,
    })
}

/// The names that a table knows, for a message after "expected".
pub(crate) fn allowed(table: &str, is_table: bool) -> String {
    if !table.is_empty() {
        return format!("one of {}", one_of_keys(of_table(table).map(Setting::name)));
    }
    let tables = TABLES.iter().map(|it| it.name);
    let tables = tables.filter(|name| !name.is_empty() && !name.contains('.'));
    if is_table {
        format!("one of {}", one_of_keys(tables))
    } else {
        let keys = of_table("").map(Setting::name);
        format!("{}, or a table", one_of_keys(keys))
    }
}

fn names(table: &'static str) -> Vec<&'static str> {
    let tables = TABLES
        .iter()
        .filter(|it| table.is_empty() && !it.name.contains('.'));
    let keys = of_table(table).map(Setting::name);
    match TABLES.iter().find(|it| it.name == table).map(|it| &it.form) {
        Some(Form::OneOf { members, .. }) => members.to_vec(),
        _ => keys
            .chain(tables.map(|it| it.name))
            .filter(|name| !name.is_empty())
            .collect(),
    }
}
