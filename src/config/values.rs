//! The checked values of a document, by dotted key.
//!
//! Holds what was written, and answers with the default for what was not. A setting that was written
//! wrongly has no value: checks that need it are skipped, so that one mistake is reported once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::schema::{Form, Schema};
use super::setting::{DefaultValue, Setting, dotted};
use super::source::Place;
use super::value::Value;

/// What a document says about one setting or table.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The key.
    pub key: Place,
    /// The value; the table's header for a table.
    pub item: Place,
}

/// Checked values and where they were written.
#[derive(Clone, Debug)]
pub struct Values {
    pub(crate) schema: &'static Schema,
    /// The folder to which paths are relative.
    base: PathBuf,
    values: BTreeMap<String, Value>,
    /// Settings and tables that were written, rightly or wrongly.
    written: BTreeMap<String, Written>,
    /// Settings and tables that were written wrongly.
    wrong: BTreeSet<String>,
}

/// The values of one table.
#[derive(Clone, Copy, Debug)]
pub enum TableValues<'a> {
    /// Those of a document.
    Read(&'a Values, &'a str),
    /// Some, and for the other settings the defaults.
    Given(&'a [Setting], &'a [(&'a str, Value)]),
}

impl TableValues<'_> {
    /// The value of a setting of the table, or its default; `None` where it is unset or wrong.
    pub fn get(&self, name: &str) -> Option<Value> {
        match self {
            Self::Read(values, table) => values.get(&dotted(table, name)),
            Self::Given(settings, values) => match values.iter().find(|it| it.0 == name) {
                Some((_, value)) => Some(value.clone()),
                None => default(settings.iter().find(|it| it.key == name)?),
            },
        }
    }

    /// The path of a setting, absolute where it was read.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::Read(values, table) => values.path(&dotted(table, name)),
            Self::Given(..) => text(self.get(name)?).map(PathBuf::from),
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn default(setting: &Setting) -> Option<Value> {
    match &setting.default {
        DefaultValue::Is(value) => Some(value.clone()),
        DefaultValue::Required | DefaultValue::Unset(_) => None,
    }
}

impl Values {
    /// Nothing written. Paths are relative to `base`, which may itself be relative to the current folder.
    pub(crate) fn new(schema: &'static Schema, base: &Path) -> Self {
        let base = match base.as_os_str().is_empty() {
            true => Path::new("."),
            false => base,
        };
        Self {
            schema,
            // Fails only where there is no current folder; then everything relative is not there either.
            base: std::path::absolute(base).unwrap_or_else(|_| base.to_owned()),
            values: BTreeMap::new(),
            written: BTreeMap::new(),
            wrong: BTreeSet::new(),
        }
    }

    /// Those of one table.
    pub fn table<'a>(&'a self, table: &'a str) -> TableValues<'a> {
        TableValues::Read(self, table)
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
    pub fn get(&self, key: &str) -> Option<Value> {
        if self.wrong.contains(key) {
            return None;
        }
        if let Some(value) = self.values.get(key) {
            return Some(value.clone());
        }
        default(self.schema.find(key)?)
    }

    /// The value of a setting that holds text.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        text(self.get(key)?)
    }

    /// The path of a setting, absolute; `None` where it is unset.
    pub(crate) fn path(&self, key: &str) -> Option<PathBuf> {
        let path = self.text(key)?;
        let folder = self.schema.find(key)?.relative_to.as_deref();
        let folder = folder.and_then(|folder| self.text(folder));
        let base = folder.map_or_else(|| self.base.clone(), |folder| self.base.join(folder));
        Some(base.join(path))
    }

    /// Whether the tables and words chosen are those of a setting.
    pub(crate) fn is_in_force(&self, setting: &Setting) -> bool {
        let by_word = setting.only.as_ref().is_none_or(|(choice, words)| {
            self.text(choice)
                .is_some_and(|word| words.contains(&word.as_str()))
        });
        by_word && self.is_table_in_force(setting.table())
    }

    /// Whether a table is not one of several of which another one is chosen.
    pub(super) fn is_table_in_force(&self, table: &str) -> bool {
        table.split_once('.').is_none_or(|(group, member)| {
            self.schema.members(group).is_none() || self.member(group) == Some(member)
        })
    }

    /// The one of several tables that is in force, such as that of `[optimizer]`: the one written (the first of
    /// several, which is an error reported elsewhere), else the default.
    pub fn member(&self, table: &str) -> Option<&'static str> {
        let Form::OneOf {
            members, default, ..
        } = &self.schema.table(table)?.form
        else {
            return None;
        };
        let written = members
            .iter()
            .filter_map(|member| Some((member, self.written(&dotted(table, member))?)))
            .min_by_key(|(_, written)| (!written.key.source.is_file, written.key.span.start));
        match written {
            Some((member, _)) => Some(member),
            None => *default,
        }
    }
}
