//! Overrides from the command line: `--set KEY=VALUE`.
//!
//! An override is a key and a value as the file would have them: the key dotted, the value TOML. A
//! value that is not TOML is taken as a text, so that `--set name=foo` needs no quotes within
//! quotes. An override replaces what stands at its key, and what it says is checked like the file.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::schema::Schema;
use super::source::{Place, SET, Source};
use super::syntax;
use super::tree::{Entry, Item, Raw};

const USAGE: &str = "`KEY=VALUE`, such as `model.latent_dim=8`";

/// Longest override, in bytes: more is refused before it is looked at.
const LONGEST: usize = 64 * 1024;

/// One override, read but not yet checked.
struct Override {
    path: Vec<(String, Place)>,
    item: Item,
}

/// Puts the overrides into what the file says, in order: a later one wins.
pub(crate) fn apply(
    schema: &Schema,
    given: &[String],
    root: &mut Vec<Entry>,
    diagnostics: &mut Diagnostics,
) {
    let mut read = Vec::new();
    for text in given {
        match parse(text) {
            Ok(it) => read.push(it),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    for Override { path, item } in read {
        make_room(schema, root, &path, |other| other.key.source.is_file);
        put(root, &path, item);
    }
}

/// Puts the value of a trial at its place, instead of what stands there.
pub(crate) fn vary(schema: &Schema, root: &mut Vec<Entry>, path: &[(String, Place)], item: Item) {
    make_room(schema, root, path, |_| true);
    put(root, path, item);
}

fn parse(given: &str) -> Result<Override, Diagnostic> {
    let (source, path, value) = split(SET, given, "an override", "key", USAGE)?;
    let value = value.trim_start();
    let at = source.text.len() - value.len();
    let value = value.trim_end();
    if value.is_empty() {
        let place = Place::new(&source, at..at);
        return Err(Diagnostic::at(&place, "an override without a value").expected(USAGE));
    }
    let item = syntax::value_or_text(value, &source, at)?;
    Ok(Override { path, item })
}

/// `KEY=VALUE` behind an option: its source, the key and the value.
///
/// Messages call the whole `what` and the key `key_noun`.
pub(crate) fn split<'a>(
    option: &str,
    given: &'a str,
    what: &str,
    key_noun: &str,
    usage: &str,
) -> Result<(Arc<Source>, Vec<(String, Place)>, &'a str), Diagnostic> {
    let source = Source::option(option, given);
    let shift = option.len();
    if given.len() > LONGEST {
        let start = Place::new(&source, shift..shift + 1);
        let message = format!("{what} of more than {LONGEST} bytes");
        return Err(Diagnostic::at(&start, message));
    }
    let refuse = |problem: &str| {
        let whole = Place::new(&source, shift..source.text.len());
        Err(Diagnostic::at(&whole, format!("{what} {problem}")).expected(usage))
    };
    if given.contains(|c: char| c.is_control() && c != '\t') {
        return refuse("with a line break or another control character");
    }
    let Some((key, value)) = given.split_once('=') else {
        return refuse("without `=`");
    };
    if key.trim().is_empty() {
        return refuse(&format!("without a {key_noun}"));
    }
    let path = syntax::key(key, &source, shift)?;
    Ok((source, path, value))
}

/// An override that names another optimizer or schedule takes the place of the file's. Two overrides
/// that disagree are left for the check to find.
fn make_room(
    schema: &Schema,
    root: &mut [Entry],
    path: &[(String, Place)],
    gives_way: impl Fn(&Entry) -> bool,
) {
    let [(table, _), (member, _), ..] = path else {
        return;
    };
    let Some(members) = schema.members(table) else {
        return;
    };
    if !members.contains(&member.as_str()) {
        return;
    }
    for entry in root.iter_mut().filter(|entry| entry.name == *table) {
        if let Raw::Table(inner) = &mut entry.item.raw {
            inner.retain(|other| {
                let replaced = other.name != *member && gives_way(other);
                !(replaced && members.contains(&other.name.as_str()))
            });
        }
    }
}

fn put(table: &mut Vec<Entry>, path: &[(String, Place)], item: Item) {
    let Some(((name, key), rest)) = path.split_first() else {
        return;
    };
    let at = match table.iter().position(|entry| entry.name == *name) {
        Some(at) => at,
        None => {
            table.push(new_table(name, key));
            table.len() - 1
        }
    };
    let Some(entry) = table.get_mut(at) else {
        return;
    };
    if rest.is_empty() {
        *entry = Entry {
            name: name.clone(),
            key: key.clone(),
            item,
        };
        return;
    }
    if !matches!(entry.item.raw, Raw::Table(_)) {
        *entry = new_table(name, key);
    }
    if let Raw::Table(inner) = &mut entry.item.raw {
        put(inner, rest, item);
    }
}

fn new_table(name: &str, key: &Place) -> Entry {
    Entry {
        name: name.to_owned(),
        key: key.clone(),
        item: Item {
            place: Place::new(&Arc::clone(&key.source), key.span.clone()),
            raw: Raw::Table(Vec::new()),
        },
    }
}
