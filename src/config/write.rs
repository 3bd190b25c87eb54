//! A whole document as TOML, every default filled in.
//!
//! Reading it back gives exactly what was written. Settings that are unset stand as comments that say what holds
//! instead; those that have no meaning beside the others are left out, since a document that has them is refused.

use std::fmt::Write as _;

use super::schema::{Form, Schema};
use super::setting::{DefaultValue, Setting, dotted, name_of};
use super::table::WrittenTable;
use super::value::Value;

/// The tables as TOML, in the order of the schema, each behind a blank line.
pub fn to_toml(schema: &Schema, written: &[WrittenTable]) -> String {
    let mut out = String::new();
    for table in &schema.tables {
        let Some((_, values)) = written.iter().find(|(name, _)| *name == table.name) else {
            continue;
        };
        let lines: Vec<String> = match table.form {
            Form::Names { .. } => {
                let line = |(name, value): &(&str, Option<Value>)| {
                    Some(format!("{name} = {}", value.as_ref()?.to_toml()))
                };
                values.iter().filter_map(line).collect()
            }
            _ => {
                let shown = table.settings.iter().filter(|it| has_a_meaning(it, values));
                shown.map(|it| line(it, value(values, it.name()))).collect()
            }
        };
        // A default that has no settings need not be said.
        let is_default = table
            .name
            .split_once('.')
            .is_some_and(|(group, member)| schema.default_member(group) == Some(member));
        if lines.is_empty() && (is_default || !matches!(table.form, Form::Settings)) {
            continue;
        }
        let header = match table.name.as_str() {
            "" => String::new(),
            name => format!("[{name}]\n"),
        };
        // Writing to a `String` cannot fail.
        let _ = write!(out, "\n{header}");
        lines.iter().for_each(|line| out.extend([line, "\n"]));
    }
    out
}

/// The values that have a meaning, by dotted key.
pub fn settings(schema: &Schema, written: &[WrittenTable]) -> Vec<(String, Value)> {
    let of_table = |(table, values): &WrittenTable| {
        let meant = |name: &str| {
            let setting = schema.find(&dotted(table, name));
            setting.is_some_and(|it| has_a_meaning(it, values))
        };
        let set = values.iter().filter(|(name, _)| meant(name));
        let keyed = set.filter_map(|(name, value)| Some((dotted(table, name), value.clone()?)));
        keyed.collect::<Vec<_>>()
    };
    written.iter().flat_map(of_table).collect()
}

fn line(setting: &Setting, value: Option<&Value>) -> String {
    let name = setting.name();
    match (value, &setting.default) {
        (Some(value), _) => format!("{name} = {}", value.to_toml()),
        (None, DefaultValue::Unset(instead)) => format!("# {name} is not set: {instead}"),
        (None, _) => format!("# {name} is not set"),
    }
}

fn value<'a>(values: &'a [(&'static str, Option<Value>)], name: &str) -> Option<&'a Value> {
    let found = values.iter().find(|(it, _)| *it == name);
    found.and_then(|(_, value)| value.as_ref())
}

fn has_a_meaning(setting: &Setting, values: &[(&'static str, Option<Value>)]) -> bool {
    let of = |key: &str| value(values, name_of(key));
    let by_word = setting
        .only
        .as_ref()
        .is_none_or(|(choice, words)| match of(choice) {
            Some(Value::Text(word)) => words.contains(&word.as_str()),
            _ => true,
        });
    by_word
        && setting
            .needs
            .as_ref()
            .is_none_or(|other| of(other).is_some())
}
