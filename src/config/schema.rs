//! Everything that a document may say: tables and their settings.
//!
//! Reading, checking, did-you-mean, the resolved text, the JSON Schema and the handbook all follow from it.

use super::setting::{Setting, is_or_is_in};

/// The tables of a document, in the order of the documentation.
#[derive(Debug, Default)]
pub struct Schema {
    /// The tables; that of the settings above the first table has an empty name.
    pub tables: Vec<Table>,
}

/// One table.
#[derive(Debug)]
pub struct Table {
    /// Its name, dotted; empty for the top level.
    pub name: String,
    /// What it is about, in one sentence.
    pub doc: String,
    /// What it may hold.
    pub form: Form,
    /// Its settings.
    pub settings: Vec<Setting>,
    /// Whether nothing in it changes what a run computes.
    pub changes_no_result: bool,
}

/// What a table may hold.
#[derive(Debug)]
pub enum Form {
    /// Its settings.
    Settings,
    /// One table out of several: `[optimizer.adam]`.
    OneOf {
        /// Names of the tables.
        members: Vec<&'static str>,
        /// The one taken where a document has none; `None` where having none means something.
        default: Option<&'static str>,
        /// What a report calls having none.
        absent: &'static str,
    },
    /// One setting for each of these names, all like the only one of `settings`.
    Names {
        /// The names.
        names: Vec<&'static str>,
        /// What they are names of.
        noun: &'static str,
    },
    /// What is known here by name and read elsewhere.
    Apart,
}

impl Table {
    /// A table without settings.
    pub fn new(name: &str, doc: &str, form: Form) -> Self {
        Self {
            name: name.to_owned(),
            doc: first_paragraph(doc),
            form,
            settings: Vec::new(),
            changes_no_result: false,
        }
    }

    /// With settings, by their names within the table.
    pub fn with(mut self, settings: Vec<Setting>) -> Self {
        let within = |setting: Setting| setting.within(&self.name);
        self.settings = settings.into_iter().map(within).collect();
        self
    }
}

impl Schema {
    /// All settings, table by table; of names of which each may be set, the one that stands for all.
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.tables.iter().flat_map(|table| &table.settings)
    }

    /// The setting of a dotted key.
    pub fn find(&self, key: &str) -> Option<&Setting> {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        let table = self.table(table)?;
        match &table.form {
            Form::Names { names, .. } => table.settings.first().filter(|_| names.contains(&name)),
            _ => table.settings.iter().find(|it| it.key == key),
        }
    }

    /// The table of a dotted name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The settings of a table.
    pub fn of_table(&self, table: &str) -> &[Setting] {
        self.table(table).map_or(&[], |it| it.settings.as_slice())
    }

    /// The tables of the first level, the top left out.
    pub fn first_level(&self) -> impl Iterator<Item = &Table> {
        let is_first = |it: &&Table| !it.name.is_empty() && !it.name.contains('.');
        self.tables.iter().filter(is_first)
    }

    /// Names of the tables of which one may be chosen; `None` for any other table.
    pub fn members(&self, table: &str) -> Option<&[&'static str]> {
        match &self.table(table)?.form {
            Form::OneOf { members, .. } => Some(members),
            _ => None,
        }
    }

    /// The one of several tables that is taken where a document has none.
    pub fn default_member(&self, table: &str) -> Option<&'static str> {
        match self.table(table)?.form {
            Form::OneOf { default, .. } => default,
            _ => None,
        }
    }

    /// Whether a setting or table, or whatever stands in one, changes nothing of what a run computes.
    pub fn changes_no_result(&self, key: &str) -> bool {
        let mut tables = self.tables.iter().filter(|it| it.changes_no_result);
        let mut settings = self.settings().filter(|it| it.changes_no_result);
        tables.any(|it| is_or_is_in(key, &it.name)) || settings.any(|it| is_or_is_in(key, &it.key))
    }
}

/// The first paragraph of a doc comment, on one line.
pub fn first_paragraph(doc: &str) -> String {
    let lines = doc.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}
