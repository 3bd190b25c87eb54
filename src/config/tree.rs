//! A spec as written: TOML values with the place of every key and value, before any of it is
//! understood.
//!
//! The file and the overrides are merged in this form, so that one check sees them all and every
//! error still points into the text it came from.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::{Place, Source};

/// Tables within tables deeper than this are cut off. No setting lies deeper than three, so what is
/// cut off is under an unknown key, which is an error anyway.
const DEEPEST: usize = 8;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub place: Place,
    pub raw: Raw,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Text(String),
    /// Saturated where it does not fit, which is far outside every range.
    Integer(i128),
    /// May be NaN or infinite, and is infinite where it does not fit.
    Float(f64),
    Switch(bool),
    Date,
    List(Vec<Item>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub name: String,
    pub key: Place,
    pub item: Item,
}

impl Raw {
    /// What it is, with its article.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Switch(_) => "a boolean",
            Self::Date => "a date or time",
            Self::List(list) if list.iter().any(|it| matches!(it.raw, Self::Table(_))) => {
                "a list of tables"
            }
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Converts a parsed TOML table. `shift` is added to every offset: an override is shown with
/// `--set ` before it.
pub(crate) fn entries(table: DeTable<'_>, source: &Arc<Source>, shift: usize) -> Vec<Entry> {
    from_table(table, source, shift, 0)
}

/// Converts one parsed TOML value.
pub(crate) fn item(value: Spanned<DeValue<'_>>, source: &Arc<Source>, shift: usize) -> Item {
    from_value(value, source, shift, 0)
}

fn from_table(table: DeTable<'_>, source: &Arc<Source>, shift: usize, depth: usize) -> Vec<Entry> {
    if depth > DEEPEST {
        return Vec::new();
    }
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(name, value)| Entry {
            key: place(&name, source, shift),
            name: name.into_inner().into_owned(),
            item: from_value(value, source, shift, depth),
        })
        .collect();
    // The parser sorts by name; people read from top to bottom.
    entries.sort_by_key(|entry| entry.key.span.start);
    entries
}

fn from_value(
    value: Spanned<DeValue<'_>>,
    source: &Arc<Source>,
    shift: usize,
    depth: usize,
) -> Item {
    let place = place(&value, source, shift);
    let raw = match value.into_inner() {
        DeValue::String(text) => Raw::Text(text.into_owned()),
        DeValue::Integer(integer) => {
            let digits = integer.as_str();
            let far = if digits.starts_with('-') {
                i128::MIN
            } else {
                i128::MAX
            };
            Raw::Integer(i128::from_str_radix(digits, integer.radix()).unwrap_or(far))
        }
        DeValue::Float(float) => Raw::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(switch) => Raw::Switch(switch),
        DeValue::Datetime(_) => Raw::Date,
        DeValue::Array(_) if depth > DEEPEST => Raw::List(Vec::new()),
        DeValue::Array(list) => Raw::List(
            list.into_iter()
                .map(|it| from_value(it, source, shift, depth + 1))
                .collect(),
        ),
        DeValue::Table(table) => Raw::Table(from_table(table, source, shift, depth + 1)),
    };
    Item { place, raw }
}

fn place<T>(spanned: &Spanned<T>, source: &Arc<Source>, shift: usize) -> Place {
    let span = spanned.span();
    Place::new(source, span.start + shift..span.end + shift)
}
