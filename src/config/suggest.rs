//! The setting that an unknown key most likely stands for, for "did you mean" hints.

use super::check::fits;
use super::kind::one_of_keys;
use super::schema::Schema;
use super::setting::Setting;
use super::tree::{Item, Raw};
use crate::config::nearest::{nearest, same_name};

/// A setting or table that may have been meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Guess<'a> {
    /// Its name within its table.
    pub name: &'a str,
    /// Its table.
    pub table: &'a str,
    /// Whether the key is a name of the setting, not just close to one.
    pub sure: bool,
}

/// The most likely meaning of an unknown key: the same name but for case and hyphens, then the name
/// of a setting of another table, then what other programs call a setting, then the closest name of
/// the table, then the closest of any.
///
/// A setting that could hold the value goes first. `chosen` holds the optimizer and schedule in force, so that a spec
/// with `sgd` gets no hint about `[optimizer.adam]`.
pub(crate) fn guess<'a>(
    schema: &'a Schema,
    table: &'a str,
    key: &str,
    item: &Item,
    chosen: &[(&str, &str)],
) -> Option<Guess<'a>> {
    let here = names(schema, table);
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
    let reachable = |setting: &&'a Setting| match setting.table().split_once('.') {
        Some(both) => table == setting.table() || chosen.contains(&both),
        None => true,
    };
    let elsewhere = || {
        schema
            .settings()
            .filter(reachable)
            .filter(|it| it.table() != table)
    };
    let own = || schema.of_table(table).iter();
    let sure = |setting: &'a Setting| Guess {
        name: setting.name(),
        table: setting.table(),
        sure: true,
    };
    let also = |it: &&'a Setting| it.also.iter().any(|name| same_name(name, key));
    let fitting = |it: &&'a Setting| fits(it, item);

    if let Some(setting) = own().filter(also).find(fitting) {
        return Some(sure(setting));
    }
    if let Some(setting) = elsewhere()
        .filter(|it| same_name(it.name(), key))
        .find(fitting)
    {
        return Some(sure(setting));
    }
    if let Some(setting) = own().find(also) {
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
    if let Some(setting) = schema
        .settings()
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
pub(crate) fn within<'a>(
    schema: &'a Schema,
    group: &str,
    members: &[&str],
    chosen: &[(&str, &str)],
    key: &str,
) -> Option<Guess<'a>> {
    let mut order = members.to_vec();
    order.sort_by_key(|member| !chosen.contains(&(group, member)));
    let all = || {
        order.iter().flat_map(move |member| {
            schema
                .settings()
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
pub(crate) fn allowed(schema: &Schema, table: &str, is_table: bool) -> String {
    let keys = || one_of_keys(schema.of_table(table).iter().map(Setting::name));
    match (table, is_table) {
        ("", true) => {
            let tables = schema.first_level().map(|it| it.name.as_str());
            format!("one of {}", one_of_keys(tables))
        }
        ("", false) => format!("{}, or a table", keys()),
        _ => format!("one of {}", keys()),
    }
}

fn names<'a>(schema: &'a Schema, table: &str) -> Vec<&'a str> {
    if let Some(members) = schema.members(table) {
        return members.to_vec();
    }
    let tables = schema.first_level().filter(|_| table.is_empty());
    let keys = schema.of_table(table).iter().map(Setting::name);
    keys.chain(tables.map(|it| it.name.as_str())).collect()
}
