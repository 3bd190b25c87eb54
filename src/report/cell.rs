//! A value in a table of runs, and how people read it.

use std::cmp::Ordering;

use polars::prelude::{AnyValue, Column, DataFrame};

use crate::ground::printable::printable;

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

    /// As people read it: about six digits, `-` where there is nothing, nothing in it that a terminal would
    /// obey.
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
    fn numbers_keep_six_digits_and_no_idle_zeros() {
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
    fn what_is_missing_comes_last_and_numbers_are_compared_as_numbers() {
        let mut cells = vec![
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
    fn texts_cannot_speak_to_the_terminal() {
        assert_eq!(
            Cell::Text("a\u{1b}[2J\n".to_owned()).shown(),
            "a\\u{1b}[2J\\n"
        );
    }
}
