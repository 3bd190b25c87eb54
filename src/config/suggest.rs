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

impl<'a> Guess<'a> {
    fn of(setting: &'a Setting, sure: bool) -> Self {
        let (name, table) = (setting.name(), setting.table());
        Self { name, table, sure }
    }
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
    let names = names(schema, table);
    let here = |name: &'a str, sure| Guess { name, table, sure };
    let nearest_here = || nearest(key, names.iter().copied()).map(|name| here(name, false));
    if let Some(name) = names.iter().copied().find(|name| same_name(name, key)) {
        return Some(here(name, true));
    }
    if matches!(item.raw, Raw::Table(_)) {
        return nearest_here();
    }
    let reachable = |setting: &&'a Setting| match setting.table().split_once('.') {
        Some(both) => table == setting.table() || chosen.contains(&both),
        None => true,
    };
    let others = || schema.settings().filter(|it| it.table() != table);
    let elsewhere = || others().filter(reachable);
    let own = || schema.of_table(table).iter();
    let same = |it: &&'a Setting| same_name(it.name(), key);
    let also = |it: &&'a Setting| it.also.iter().any(|name| same_name(name, key));
    let fitting = |it: &&'a Setting| fits(it, item);

    let sure = own()
        .filter(also)
        .find(fitting)
        .or_else(|| elsewhere().filter(same).find(fitting))
        .or_else(|| own().find(also));
    if let Some(setting) = sure {
        return Some(Guess::of(setting, true));
    }
    if let Some(setting) = elsewhere().filter(also).find(fitting) {
        return Some(Guess::of(setting, false));
    }
    // Last, a setting of an optimizer or schedule that the spec does not use.
    if let Some(setting) = elsewhere().find(same).or_else(|| others().find(same)) {
        return Some(Guess::of(setting, true));
    }
    nearest_here().or_else(|| {
        let name = nearest(key, elsewhere().map(Setting::name))?;
        let setting = elsewhere().find(|it| it.name() == name)?;
        Some(Guess::of(setting, false))
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
        return Some(Guess::of(setting, true));
    }
    let name = nearest(key, all().map(Setting::name))?;
    let setting = all().find(|it| it.name() == name)?;
    Some(Guess::of(setting, false))
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
