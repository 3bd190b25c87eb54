//! The checked values of a spec, by dotted key.
//!
//! Holds what was written, and answers with the default for what was not. A setting that was written
//! wrongly has no value: checks that need it are skipped, so that one mistake is told once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::setting::{DefaultValue, Form};
use super::source::Place;
use super::value::Value;
use crate::experiment::settings;

/// The values of one table.
#[derive(Clone, Copy, Debug)]
pub struct TableValues<'a> {
    values: &'a Values,
    table: &'a str,
}

impl TableValues<'_> {
    /// The value of a setting of the table, or its default; `None` where it is unset or wrong.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.values.get(&dotted(self.table, name))
    }

    /// The path of a setting, absolute.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        match self.get(name)? {
            Value::Text(text) => Some(PathBuf::from(text.as_ref())),
            _ => None,
        }
    }
}

/// `table.name`, or the name alone above the first table.
pub(crate) fn dotted(table: &str, name: &str) -> String {
    if table.is_empty() {
        name.to_owned()
    } else {
        format!("{table}.{name}")
    }
}

/// What a spec says about one setting or table.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The key.
    pub key: Place,
    /// The value; the table's header for a table.
    pub item: Place,
}

/// Checked values and where they were written.
#[derive(Clone, Debug, Default)]
pub struct Values {
    values: BTreeMap<String, Value>,
    /// Settings and tables that were written, rightly or wrongly.
    written: BTreeMap<String, Written>,
    /// Settings and tables that were written wrongly.
    wrong: BTreeSet<String>,
}

impl Values {
    /// Those of one table.
    pub fn table<'a>(&'a self, table: &'a str) -> TableValues<'a> {
        TableValues {
            values: self,
            table,
        }
    }

    pub(crate) fn note(&mut self, key: &str, written: Written) {
        self.written.entry(key.to_owned()).or_insert(written);
    }

    pub(crate) fn set(&mut self, key: &str, value: Option<Value>) {
        match value {
            Some(value) => {
                self.values.insert(key.to_owned(), value);
            }
            None => {
                self.wrong.insert(key.to_owned());
            }
        }
    }

    /// Where a setting or table was written.
    pub(crate) fn written(&self, key: &str) -> Option<&Written> {
        self.written.get(key)
    }

    /// Every place, for diagnostics that are found later.
    pub(crate) fn into_places(self) -> BTreeMap<String, Written> {
        self.written
    }

    /// The value of a setting, or its default; `None` where it is unset or wrong.
    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        if self.wrong.contains(key) {
            return None;
        }
        if let Some(value) = self.values.get(key) {
            return Some(value.clone());
        }
        match &settings::find(key)?.default {
            DefaultValue::Is(value) => Some(value.clone()),
            DefaultValue::Required | DefaultValue::Unset(_) => None,
        }
    }

    pub(crate) fn switch(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Switch(switch) => Some(switch),
            _ => None,
        }
    }

    pub(crate) fn count(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Count(count) => Some(count),
            _ => None,
        }
    }

    pub(crate) fn size(&self, key: &str) -> Option<usize> {
        usize::try_from(self.count(key)?).ok()
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<Cow<'static, str>> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn choice<T>(&self, key: &str, from_name: fn(&str) -> Option<T>) -> Option<T> {
        from_name(&self.text(key)?)
    }

    pub(crate) fn sizes(&self, key: &str) -> Option<Vec<usize>> {
        match self.get(key)? {
            Value::Counts(counts) => counts
                .iter()
                .map(|count| usize::try_from(*count).ok())
                .collect(),
            _ => None,
        }
    }

    pub(crate) fn choices<T>(&self, key: &str, from_name: fn(&str) -> Option<T>) -> Option<Vec<T>> {
        match self.get(key)? {
            Value::Texts(texts) => texts.iter().map(|text| from_name(text)).collect(),
            _ => None,
        }
    }

    /// The member table of `[optimizer]` or `[schedule]` that is in force: the one written (the first
    /// of several, which is an error reported elsewhere), else the default.
    pub(crate) fn member(&self, table: &str) -> Option<&'static str> {
        let Form::OneOf { members, default } = &settings::find_table(table)?.form else {
            return None;
        };
        let written = members
            .iter()
            .filter_map(|member| Some((member, self.written(&format!("{table}.{member}"))?)))
            .min_by_key(|(_, written)| (!written.key.source.is_file, written.key.span.start));
        match written {
            Some((member, _)) => Some(member),
            None => *default,
        }
    }
}
