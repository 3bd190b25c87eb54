//! Rules that tie several settings together.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::kind::Kind;
use super::setting::{DefaultValue, Setting, dotted, name_of};
use super::source::Place;
use super::values::Values;

/// A rule: reports what does not go together. It runs on whatever was read, so that what it finds is reported next to the
/// plain mistakes, and passes over settings that were not written rightly.
pub type Rule = fn(&mut Rules<'_>);

/// A rule of a table.
#[derive(Clone, Copy, Debug)]
pub struct TableRule {
    rule: Rule,
    /// Where it holds with one word of a setting of the table only: that setting and the word.
    only: Option<(&'static str, &'static str)>,
}

impl From<Rule> for TableRule {
    fn from(rule: Rule) -> Self {
        Self { rule, only: None }
    }
}

impl TableRule {
    /// With one word of a setting of the table only.
    pub(super) fn only(self, name: &'static str, word: &'static str) -> Self {
        Self {
            only: Some((name, word)),
            ..self
        }
    }
}

/// What a rule sees.
pub struct Rules<'a> {
    /// What was read, by dotted key.
    pub values: &'a Values,
    /// The table to which the rule belongs.
    pub table: &'a str,
    /// The file as a whole.
    pub(crate) file: &'a Place,
    /// Where to report.
    pub diagnostics: &'a mut Diagnostics,
}

/// Checks these rules, each with its table and where that is in force, and what the schema says of each setting beside its kind.
pub(crate) fn check(
    values: &Values,
    rules: &[(String, TableRule)],
    file: &Place,
    diagnostics: &mut Diagnostics,
) {
    let mut it = Rules {
        values,
        table: "",
        file,
        diagnostics,
    };
    it.settings();
    for (table, TableRule { rule, only }) in rules {
        it.table = table;
        let word = only.map(|(name, word)| (values.text(&dotted(table, name)), word));
        let is_chosen = word.is_none_or(|(chosen, word)| chosen.as_deref() == Some(word));
        if is_chosen && values.is_table_in_force(table) {
            rule(&mut it);
        }
    }
}

impl Rules<'_> {
    /// At the value of the first of these settings of the table that was written, else about the file as a whole.
    pub fn at(&self, names: &[&str], message: impl Into<String>) -> Diagnostic {
        let written = |name: &&str| self.values.written(&dotted(self.table, name));
        match names.iter().find_map(written) {
            Some(written) => Diagnostic::at(&written.item, message),
            None => Diagnostic::whole(&self.file.source, message),
        }
    }

    /// At the value of a setting of any table, by its dotted key, if it was written, else about the file as a whole.
    pub fn at_key(&self, key: &str, message: impl Into<String>) -> Diagnostic {
        match self.values.written(key) {
            Some(written) => Diagnostic::at(&written.item, message),
            None => Diagnostic::whole(&self.file.source, message),
        }
    }

    fn settings(&mut self) {
        let schema = self.values.schema;
        for setting in schema.settings() {
            if self.values.written(&setting.key).is_none() {
                self.is_missing(setting);
            } else {
                self.has_a_meaning(setting);
            }
        }
    }

    /// Reports a setting that was not written, where it has no default and is in force.
    fn is_missing(&mut self, setting: &Setting) {
        if setting.default != DefaultValue::Required || !self.values.is_in_force(setting) {
            return;
        }
        let message = format!("`{}` is missing", setting.key);
        let name = setting.name();
        let example = match setting.kind {
            Kind::Choice([first, ..]) => first.name,
            _ => "my_experiment",
        };
        let whole = |message| Diagnostic::whole(&self.file.source, message);
        let (diagnostic, hint) = match (self.values.written(setting.table()), setting.table()) {
            (Some(table), _) => (
                Diagnostic::at(&table.item, message),
                format!("add a line such as `{name} = \"{example}\"` to the table"),
            ),
            (None, "") => (
                whole(message),
                format!("add a line such as `{name} = \"{example}\"` at the top"),
            ),
            (None, table) => (
                whole(message),
                format!("add a table `[{table}]` with `{name} = \"{example}\"`"),
            ),
        };
        self.diagnostics
            .push(diagnostic.expected(setting.expected()).hint(hint));
    }

    /// Reports a setting that the word chosen or another one that is not set leaves without a meaning.
    fn has_a_meaning(&mut self, setting: &Setting) {
        let key = &setting.key;
        let Some(written) = self.values.written(key) else {
            return;
        };
        let at = |message| Diagnostic::at(&written.key, message);
        if let Some((choice, words)) = &setting.only
            && let Some(word) = self.values.text(choice)
            && !words.contains(&word.as_str())
        {
            let diagnostic = at(format!("`{key}` has no meaning for \"{word}\""))
                .expected(format!(
                    "with {} only",
                    setting.only_text().unwrap_or_default()
                ))
                .hint(format!(
                    "remove the line, or choose another `{}`",
                    name_of(choice)
                ));
            return self.diagnostics.push(diagnostic);
        }
        if let Some(other) = &setting.needs
            && self.values.written(other).is_none()
        {
            let name = name_of(other);
            let diagnostic = at(format!("`{key}` without `{other}`"))
                .expected(format!("next to `{name}` only"))
                .hint(format!("add a line `{name} = ...`, or remove this one"));
            self.diagnostics.push(diagnostic);
        }
    }
}
