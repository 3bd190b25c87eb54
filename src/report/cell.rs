//! A value in a table of runs, and how people read it.

use std::cmp::Ordering;

use polars::prelude::{AnyValue, Column, DataFrame};

use crate::sys::printable::printable;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// There is none.
    Null,
    /// `true` or `false`.
    Switch(bool),
    /// A whole number.
    Count(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
}

impl Cell {
    /// The value in a row of a column. A list is its text.
    pub fn of(column: &Column, row: usize) -> Self {
        match column.get(row) {
            Ok(AnyValue::Boolean(value)) => Self::Switch(value),
            Ok(AnyValue::Int64(value)) => Self::Count(value),
            Ok(AnyValue::UInt32(value)) => Self::Count(value.into()),
            Ok(AnyValue::UInt64(value)) => i64::try_from(value).map_or(Self::Null, Self::Count),
            Ok(AnyValue::Float64(value)) => Self::Real(value),
            Ok(AnyValue::String(text)) => Self::Text(text.to_owned()),
            Ok(AnyValue::StringOwned(text)) => Self::Text(text.to_string()),
            Ok(AnyValue::List(list)) => {
                let values = (0..list.len()).map(|i| Self::of(&list.clone().into(), i).plain());
                Self::Text(format!("[{}]", values.collect::<Vec<_>>().join(", ")))
            }
            Ok(AnyValue::Null) | Err(_) => Self::Null,
            Ok(other) => Self::Text(other.to_string()),
        }
    }

    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Count(value) => Some(value as f64),
            Self::Real(value) => Some(value),
            _ => None,
        }
    }

    /// Whether there is a value.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// All digits, as another program reads them; nothing for [`Cell::Null`].
    pub fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Switch(value) => value.to_string(),
            Self::Count(value) => value.to_string(),
            Self::Real(value) => format!("{value:?}"),
            Self::Text(text) => text.clone(),
        }
    }

    /// As people read it: about six digits, `-` where there is nothing, control characters
    /// escaped.
    pub fn shown(&self) -> String {
        match self {
            Self::Null => "-".to_owned(),
            Self::Real(value) => number(*value),
            Self::Text(text) => printable(text),
            other => other.plain(),
        }
    }

    /// Numbers by their size, texts by the alphabet; what is missing or no number comes last.
    pub fn order(&self, other: &Self) -> Ordering {
        let rank = |cell: &Self| match cell {
            Self::Real(value) if value.is_nan() => 3,
            Self::Count(_) | Self::Real(_) => 0,
            Self::Switch(_) => 1,
            Self::Text(_) => 2,
            Self::Null => 4,
        };
        rank(self)
            .cmp(&rank(other))
            .then_with(|| match (self, other) {
                (Self::Text(one), Self::Text(two)) => one.cmp(two),
                (Self::Switch(one), Self::Switch(two)) => one.cmp(two),
                (Self::Count(one), Self::Count(two)) => one.cmp(two),
                _ => self
                    .number()
                    .partial_cmp(&other.number())
                    .unwrap_or(Ordering::Equal),
            })
    }

    /// The order from the smallest or from the largest; what is missing or not a number is last in both.
    pub fn ranked(&self, other: &Self, descending: bool) -> Ordering {
        let is_last = |cell: &Self| cell.is_null() || cell.number().is_some_and(f64::is_nan);
        match descending && !is_last(self) && !is_last(other) {
            true => other.order(self),
            false => self.order(other),
        }
    }
}

/// The rows of a table, cell by cell.
pub fn rows(frame: &DataFrame) -> impl Iterator<Item = Vec<Cell>> + '_ {
    (0..frame.height()).map(|row| frame.columns().iter().map(|it| Cell::of(it, row)).collect())
}

/// A number of a metric with as many digits as mean something: six, no zeros behind the last one where it is
/// exact (`0.001`), a power of ten where it is very large or small.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return format!("{value}").to_lowercase();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..9).contains(&exponent) {
        let text = format!("{value:.5e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", without_zeros(digits));
    }
    without_zeros(&format!("{value:.*}", (5 - exponent).max(0) as usize)).to_owned()
}

/// The numbers of a column with the same number of decimals, so that they can be compared by eye: as many as give
/// the largest one six digits. Numbers too far apart for that are each written by [`number`].
pub fn aligned(values: &[Option<f64>]) -> Vec<Option<String>> {
    let finite = || {
        values
            .iter()
            .flatten()
            .map(|value| value.abs())
            .filter(|value| value.is_finite() && *value > 0.0)
    };
    let (largest, smallest) = (
        finite().fold(0.0, f64::max),
        finite().fold(f64::INFINITY, f64::min),
    );
    let decimals = 5 - largest.log10().floor() as i32;
    let fits = (0..=9).contains(&decimals) && smallest >= 10_f64.powi(2 - decimals);
    let fixed: Vec<Option<String>> = values
        .iter()
        .map(|value| {
            value.map(|value| match fits && value.is_finite() {
                true => format!("{value:.*}", decimals as usize),
                false => number(value),
            })
        })
        .collect();
    let idle = |text: &String| text.len() - text.trim_end_matches('0').len();
    let is_fixed = |text: &&String| text.contains('.');
    let zeros = fixed
        .iter()
        .flatten()
        .filter(is_fixed)
        .map(idle)
        .min()
        .unwrap_or(0)
        .min(decimals.max(0) as usize);
    match fits {
        true => fixed
            .into_iter()
            .map(|text| text.map(|text| shortened(&text, zeros)))
            .collect(),
        false => fixed,
    }
}

fn shortened(text: &str, zeros: usize) -> String {
    match text.contains('.') {
        true => text[..text.len() - zeros].trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

fn without_zeros(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_six_digits_without_trailing_zeros() {
        let texts = [
            252.487_654_3,
            -250.0,
            0.001,
            1e-7,
            1.234_567_8e12,
            0.0,
            f64::NAN,
            f64::NEG_INFINITY,
        ]
        .map(number);
        assert_eq!(
            texts,
            [
                "252.488",
                "-250",
                "0.001",
                "1e-7",
                "1.23457e12",
                "0",
                "nan",
                "-inf"
            ]
        );
        assert_eq!(number(123_456_789.4), "123456789");
    }

    #[test]
    fn aligns_numbers_of_a_column() {
        let texts = |values: &[f64]| -> Vec<String> {
            let values: Vec<_> = values.iter().copied().map(Some).collect();
            aligned(&values).into_iter().flatten().collect()
        };
        assert_eq!(
            texts(&[252.487_654, 85.1, 9.25]),
            ["252.488", "85.100", "9.250"]
        );
        assert_eq!(texts(&[-1.5, 2.25]), ["-1.50", "2.25"]);
        assert_eq!(texts(&[100.0, 200.0]), ["100", "200"]);
        assert_eq!(texts(&[0.001, 0.0001]), ["0.0010", "0.0001"]);
        assert_eq!(texts(&[1e-7, 250.5]), ["1e-7", "250.5"], "too far apart");
        assert_eq!(texts(&[1e12, 5e12]), ["1e12", "5e12"]);
        assert_eq!(texts(&[f64::NAN, 250.5]), ["nan", "250.5"]);
        assert_eq!(texts(&[0.0, 0.0]), ["0", "0"]);
        assert_eq!(aligned(&[None, Some(1.0)]), [None, Some("1".to_owned())]);
        assert!(aligned(&[]).is_empty());
    }

    #[test]
    fn sorts_missing_values_last_and_compares_numbers() {
        let mut cells = [
            Cell::Null,
            Cell::Text("b".to_owned()),
            Cell::Real(f64::NAN),
            Cell::Count(10),
            Cell::Real(9.5),
            Cell::Text("a".to_owned()),
        ];
        cells.sort_by(Cell::order);
        let texts: Vec<_> = cells.iter().map(Cell::shown).collect();
        assert_eq!(texts, ["9.5", "10", "a", "b", "nan", "-"]);
    }

    #[test]
    fn escapes_control_characters() {
        assert_eq!(
            Cell::Text("a\u{1b}[2J\n".to_owned()).shown(),
            "a\\u{1b}[2J\\n"
        );
    }
}
