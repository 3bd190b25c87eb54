//! Names and values: the metrics of an epoch, or the sums that they come from.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::real_text::RealText;

/// Most names that a text of a row may have.
const MOST_NAMES: usize = 128;
/// Longest name in such a text.
const LONGEST_NAME: usize = 64;

/// What was read of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// A whole number.
    Count(u32),
    /// A number.
    Real(f64),
    /// A number for each latent axis.
    PerAxis(Vec<f64>),
}

/// Readings by name, in the order in which they were put in; each name once.
///
/// A row of JSON is an object: counts are numbers, reals are texts ([`real_text`](super::real_text)), lists are lists
/// of such texts, and `null` is the same as no entry. Names have lower-case letters, digits and `_` alone, so that
/// they can be printed and never look like a setting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(Vec<(Cow<'static, str>, Reading)>);

impl Row {
    /// The reading with a name.
    pub fn get(&self, name: &str) -> Option<&Reading> {
        let found = self.0.iter().find(|(it, _)| it == name);
        found.map(|(_, reading)| reading)
    }

    /// The number with a name, counts included; nothing for a list.
    pub fn scalar(&self, name: &str) -> Option<f64> {
        match *self.get(name)? {
            Reading::Count(value) => Some(value.into()),
            Reading::Real(value) => Some(value),
            Reading::PerAxis(_) => None,
        }
    }

    /// The list with a name; an empty one where there is none.
    pub fn axes(&self, name: &str) -> &[f64] {
        match self.get(name) {
            Some(Reading::PerAxis(values)) => values,
            _ => &[],
        }
    }

    /// The epoch that it is of, from 1; 0 where it does not say.
    pub fn epoch(&self) -> u32 {
        match self.get("epoch") {
            Some(&Reading::Count(epoch)) => epoch,
            _ => 0,
        }
    }

    /// Puts a reading in, in place of one with the same name.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, reading: impl Into<Reading>) {
        let (name, reading) = (name.into(), reading.into());
        match self.get_mut(&name) {
            Some(old) => *old = reading,
            None => self.0.push((name, reading)),
        }
    }

    /// The reading with a name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Reading> {
        let found = self.0.iter_mut().find(|(it, _)| it == name);
        found.map(|(_, reading)| reading)
    }

    /// Leaves out those of other names.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// Names and readings, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Cow<'static, str>, &Reading)> {
        self.0.iter().map(|(name, reading)| (name, reading))
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<Cow<'static, str>>, R: Into<Reading>> FromIterator<(N, R)> for Row {
    fn from_iter<I: IntoIterator<Item = (N, R)>>(readings: I) -> Self {
        let mut row = Self::default();
        for (name, reading) in readings {
            row.set(name, reading);
        }
        row
    }
}

impl From<u32> for Reading {
    fn from(value: u32) -> Self {
        Self::Count(value)
    }
}

impl From<f64> for Reading {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Vec<f64>> for Reading {
    fn from(values: Vec<f64>) -> Self {
        Self::PerAxis(values)
    }
}

impl Serialize for Reading {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(value) => to.serialize_u32(*value),
            Self::Real(value) => RealText(*value).serialize(to),
            Self::PerAxis(values) => {
                let mut list = to.serialize_seq(Some(values.len()))?;
                for &value in values {
                    list.serialize_element(&RealText(value))?;
                }
                list.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ReadingVisitor)
    }
}

struct ReadingVisitor;

impl<'de> Visitor<'de> for ReadingVisitor {
    type Value = Reading;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a whole number, the text of a number or a list of such texts")
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Reading, E> {
        let count = u32::try_from(value);
        count
            .map(Reading::Count)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Reading, E> {
        RealText::parse(text).map(Reading::Real)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Reading, A::Error> {
        let mut values = vec![];
        while let Some(RealText(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Reading::PerAxis(values))
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, reading) in self.iter() {
            map.serialize_entry(name, reading)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("readings by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut read: Vec<(String, Option<Reading>)> = vec![];
        while let Some(name) = map.next_key::<String>()? {
            if read.len() == MOST_NAMES {
                return Err(A::Error::custom(format!("more than {MOST_NAMES} names")));
            }
            if !is_name(&name) {
                let start: String = name.chars().take(LONGEST_NAME).collect();
                return Err(A::Error::custom(format!("{start:?} is no name")));
            }
            if read.iter().any(|(it, _)| *it == name) {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
            read.push((name, map.next_value()?));
        }
        let there = |(name, reading): (String, Option<_>)| Some((name.into(), reading?));
        Ok(Row(read.into_iter().filter_map(there).collect()))
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Row, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn writes_and_reads_all_kinds() {
        let mut row = Row::default();
        row.set("epoch", 7);
        row.set("loss", -0.0);
        row.set("kl_per_axis", vec![0.1, f64::INFINITY]);
        let text = r#"{"epoch":7,"loss":"-0.0","kl_per_axis":["0.1","inf"]}"#;
        assert_eq!(serde_json::to_string(&row).unwrap(), text);
        let read = read(text).unwrap();
        assert_eq!(read, row);
        assert!(read.scalar("loss").unwrap().is_sign_negative());
        assert_eq!((read.epoch(), read.scalar("epoch")), (7, Some(7.0)));
        assert_eq!(read.axes("kl_per_axis"), [0.1, f64::INFINITY]);
        assert_eq!(read.scalar("kl_per_axis"), None);
        assert!(read.axes("loss").is_empty() && read.get("kl").is_none());
    }

    #[test]
    fn replaces_a_reading_of_the_same_name() {
        let mut row = Row::from_iter([("kl", 1.0), ("loss", 2.0), ("kl", 3.0)]);
        assert_eq!(row, Row::from_iter([("kl", 3.0), ("loss", 2.0)]));
        *row.get_mut("kl").unwrap() = Reading::Real(4.0);
        assert_eq!(row.get_mut("elbo"), None);
        row.retain(|name| name != "loss");
        assert_eq!(row, Row::from_iter([("kl", 4.0)]));
    }

    #[test]
    fn rejects_texts_that_are_no_row() {
        assert_eq!(read(r#"{"val_loss":null}"#).unwrap(), Row::default());
        let many: Vec<String> = (0..200).map(|i| format!("\"a{i}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        let long = format!("{{\"{}\":1}}", "a".repeat(65));
        for (text, says) in [
            (r#"{"a":1,"a":2}"#, "`a` is there twice"),
            (r#"{"a":null,"a":2}"#, "`a` is there twice"),
            (r#"{"A":1}"#, "\"A\" is no name"),
            (r#"{"":1}"#, "\"\" is no name"),
            (r#"{"model.latent_dim":1}"#, "is no name"),
            (r#"{"\u001b[2J":1}"#, "\"\\u{1b}[2J\" is no name"),
            (&long, "is no name"),
            (&many, "more than 128 names"),
            (r#"{"a":4294967296}"#, "invalid value: integer `4294967296`"),
            (r#"{"a":-1}"#, "invalid type: integer `-1`"),
            (r#"{"a":1.5}"#, "invalid type: floating point"),
            (r#"{"a":true}"#, "invalid type: boolean"),
            (r#"{"a":{}}"#, "invalid type: map"),
            (r#"{"a":[1]}"#, "invalid type: integer `1`"),
            (r#"{"a":["1",[]]}"#, "invalid type: sequence"),
            (r#"{"a":"one"}"#, "\"one\" is no number"),
            ("[]", "invalid type: sequence"),
            ("null", "invalid type: null"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text:.80}: {error}");
        }
    }
}
