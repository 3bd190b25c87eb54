//! Checks a whole tree against the schema.
//!
//! Every key is looked up, every value checked, and all that is wrong is reported. A mistyped key
//! whose meaning is clear is read under its right name as well, so that `epoch = "ten"` gives both errors:
//! that the key is `epochs` and that it takes an integer, and a mistyped `name` is not also missing.

use std::path::Path;

use super::check::check;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::hint::{did_you_mean_key, shown};
use super::kind::one_of_keys;
use super::schema::{Form, Schema, Table};
use super::setting::dotted;
use super::suggest::{self, Guess};
use super::tree::{Entry, Item, Raw};
use super::values::{Values, Written};
use crate::config::nearest::nearest;

/// Checks every key and value. Paths are relative to `base`.
pub(crate) fn walk(
    schema: &'static Schema,
    base: &Path,
    root: &[Entry],
    diagnostics: &mut Diagnostics,
) -> Values {
    let mut walk = Walk {
        schema,
        values: Values::new(schema, base),
        chosen: chosen(schema, root),
        diagnostics,
    };
    if let Some(top) = schema.table("") {
        walk.settings(top, root);
    }
    walk.values
}

/// The members that are chosen, such as the optimizer, known before the walk gets there.
fn chosen(schema: &'static Schema, root: &[Entry]) -> Vec<(&'static str, &'static str)> {
    let mut chosen = Vec::new();
    for table in &schema.tables {
        let Form::OneOf {
            members, default, ..
        } = &table.form
        else {
            continue;
        };
        let inner = root.iter().find(|entry| entry.name == table.name);
        let written = match inner.map(|entry| &entry.item.raw) {
            Some(Raw::Table(entries)) => entries
                .iter()
                .find_map(|entry| members.iter().copied().find(|member| *member == entry.name)),
            _ => None,
        };
        chosen.extend(
            written
                .or(*default)
                .map(|member| (table.name.as_str(), member)),
        );
    }
    chosen
}

struct Walk<'a> {
    schema: &'static Schema,
    values: Values,
    chosen: Vec<(&'static str, &'static str)>,
    diagnostics: &'a mut Diagnostics,
}

impl Walk<'_> {
    fn note(&mut self, key: &str, entry: &Entry) {
        let written = Written {
            key: entry.key.clone(),
            item: entry.item.place.clone(),
        };
        self.values.note(key, written);
    }

    /// A table of settings, and for the top level of tables.
    fn settings(&mut self, table: &'static Table, entries: &[Entry]) {
        for entry in entries {
            if self.diagnostics.is_full() {
                break;
            }
            if !self.known(table, &entry.name, entry) {
                self.unknown(table, entry, entries);
            }
        }
    }

    /// Reads an entry as the setting or table `name`; false where there is none of that name.
    fn known(&mut self, table: &'static Table, name: &str, entry: &Entry) -> bool {
        let key = dotted(&table.name, name);
        if let Some(setting) = table.settings.iter().find(|it| it.key == key) {
            self.note(&key, entry);
            let value = check(setting, &key, &entry.item, self.diagnostics);
            self.values.set(&key, value);
            return true;
        }
        if table.name.is_empty()
            && let Some(inner) = self.schema.first_level().find(|it| it.name == name)
        {
            self.table(inner, entry);
            return true;
        }
        false
    }

    fn table(&mut self, table: &'static Table, entry: &Entry) {
        self.note(&table.name, entry);
        let Raw::Table(entries) = &entry.item.raw else {
            self.not_a_table(table, &entry.item);
            self.values.set(&table.name, None);
            return;
        };
        match &table.form {
            Form::Settings => self.settings(table, entries),
            Form::OneOf {
                members, default, ..
            } => self.one_of(table, members, default.is_some(), entry, entries),
            Form::Names { names, noun } => self.names(table, names, noun, entries),
            Form::Apart => {}
        }
    }

    fn not_a_table(&mut self, table: &'static Table, item: &Item) {
        let message = format!("`{}` is {}", table.name, item.raw.noun());
        let mut diagnostic = Diagnostic::at(&item.place, message);
        diagnostic = match (&table.form, &item.raw) {
            (Form::OneOf { members, .. }, raw) => {
                let member = match raw {
                    Raw::Text(text) => nearest(text, members.iter().copied()),
                    _ => None,
                };
                let hint = member.map(|member| {
                    if item.place.source.is_file {
                        format!("write a table: `[{}.{member}]`", table.name)
                    } else {
                        format!("write `--set {}.{member}={{}}`", table.name)
                    }
                });
                diagnostic
                    .expected(tables_text(&table.name, members))
                    .maybe_hint(hint)
            }
            (_, Raw::List(_)) => diagnostic
                .expected(format!("a table `[{}]`", table.name))
                .hint("write the header with one pair of brackets"),
            _ => diagnostic.expected(format!("a table `[{}]`", table.name)),
        };
        self.diagnostics.push(diagnostic);
    }

    /// One table out of several.
    fn one_of(
        &mut self,
        table: &'static Table,
        members: &'static [&'static str],
        required: bool,
        entry: &Entry,
        entries: &[Entry],
    ) {
        if entries.is_empty() && required {
            let message = format!("`[{}]` is empty", table.name);
            self.diagnostics.push(
                Diagnostic::at(&entry.item.place, message)
                    .expected(tables_text(&table.name, members)),
            );
        }
        let mut first: Option<&Entry> = None;
        for inner in entries {
            if self.diagnostics.is_full() {
                break;
            }
            let Some(member) = members.iter().find(|member| **member == inner.name) else {
                self.unknown_member(table, members, inner, entries);
                continue;
            };
            if let Some(first) = first {
                let message = format!("a second {}: `{}` and `{member}`", table.name, first.name);
                self.diagnostics.push(
                    Diagnostic::at(&inner.key, message)
                        .expected(format!("one `[{}.NAME]` at most", table.name))
                        .hint("remove one of the two"),
                );
            } else {
                first = Some(inner);
            }
            self.member(table, member, inner);
        }
    }

    fn member(&mut self, table: &'static Table, member: &str, inner: &Entry) {
        let name = dotted(&table.name, member);
        if let Some(inner_table) = self.schema.table(&name) {
            self.table(inner_table, inner);
        }
    }

    fn unknown_member(
        &mut self,
        table: &'static Table,
        members: &'static [&'static str],
        inner: &Entry,
        siblings: &[Entry],
    ) {
        let guess = nearest(&inner.name, members.iter().copied());
        let is_table = matches!(inner.item.raw, Raw::Table(_));
        let key = shown(&inner.name);
        let (message, hint) = if is_table {
            let hint = guess.map(did_you_mean_key);
            (format!("unknown {} `{key}`", table.name), hint)
        } else {
            let message = format!("unknown key `{key}` in `[{}]`", table.name);
            let guess =
                suggest::within(self.schema, &table.name, members, &self.chosen, &inner.name);
            let hint = match guess {
                Some(Guess {
                    name,
                    table,
                    sure: true,
                }) => Some(format!("`{name}` belongs in `[{table}]`")),
                Some(Guess {
                    name,
                    table,
                    sure: false,
                }) => Some(format!("did you mean `{name}` in `[{table}]`?")),
                None => None,
            };
            (message, hint)
        };
        self.diagnostics.push(
            Diagnostic::at(&inner.key, message)
                .expected(tables_text(&table.name, members))
                .maybe_hint(hint),
        );
        if is_table
            && let Some(member) = guess
            && !siblings.iter().any(|it| it.name == member)
        {
            self.member(table, member, inner);
        }
    }

    /// One of several names a line.
    fn names(
        &mut self,
        table: &'static Table,
        names: &'static [&'static str],
        noun: &str,
        entries: &[Entry],
    ) {
        let Some(setting) = table.settings.first() else {
            return;
        };
        for entry in entries {
            if self.diagnostics.is_full() {
                break;
            }
            let name = entry.name.as_str();
            if names.contains(&name) {
                let key = dotted(&table.name, name);
                self.note(&key, entry);
                let value = check(setting, &key, &entry.item, self.diagnostics);
                self.values.set(&key, value);
                continue;
            }
            let message = format!("unknown {noun} `{}` in `[{}]`", shown(name), table.name);
            let guess = nearest(name, names.iter().copied()).map(did_you_mean_key);
            self.diagnostics.push(
                Diagnostic::at(&entry.key, message)
                    .expected(format!("one of {}", one_of_keys(names.iter().copied())))
                    .maybe_hint(guess),
            );
        }
    }

    fn unknown(&mut self, table: &'static Table, entry: &Entry, siblings: &[Entry]) {
        let is_table = matches!(entry.item.raw, Raw::Table(_));
        let key = shown(&entry.name);
        let message = match (table.name.as_str(), is_table) {
            ("", true) => format!("unknown table `[{key}]`"),
            ("", false) => format!("unknown key `{key}`"),
            (name, true) => format!("unknown table `[{name}.{key}]`"),
            (name, false) => format!("unknown key `{key}` in `[{name}]`"),
        };
        let guess = suggest::guess(
            self.schema,
            &table.name,
            &entry.name,
            &entry.item,
            &self.chosen,
        );
        let (hint, here) = match guess {
            None => (None, None),
            Some(guess) if guess.table == table.name => {
                (Some(did_you_mean_key(guess.name)), Some(guess.name))
            }
            Some(guess) if guess.table.is_empty() => (
                Some(format!(
                    "`{}` belongs at the top, above the first table",
                    guess.name
                )),
                None,
            ),
            Some(guess) if guess.sure => (
                Some(format!("`{}` belongs in `[{}]`", guess.name, guess.table)),
                None,
            ),
            Some(guess) => (
                Some(format!(
                    "did you mean `{}` in `[{}]`?",
                    guess.name, guess.table
                )),
                None,
            ),
        };
        self.diagnostics.push(
            Diagnostic::at(&entry.key, message)
                .expected(suggest::allowed(self.schema, &table.name, is_table))
                .maybe_hint(hint),
        );
        if let Some(name) = here
            && !siblings.iter().any(|it| it.name == name)
        {
            self.known(table, name, entry);
        }
    }
}

/// `` `[optimizer.adam]`, `[optimizer.sgd]` or ... ``.
fn tables_text(table: &str, members: &[&str]) -> String {
    let names: Vec<String> = members
        .iter()
        .map(|member| format!("[{table}.{member}]"))
        .collect();
    one_of_keys(names.iter().map(String::as_str))
}
