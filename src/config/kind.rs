//! What a setting may hold: its type and range, written once and used for checking, for the message
//! when the check fails, for the JSON Schema and for the documentation.

use std::ops::{Bound, RangeBounds};

/// Type and range of a setting.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// An integer.
    Count {
        /// Least value.
        min: u64,
        /// Greatest value, at most `i64::MAX`, which is as far as TOML goes.
        max: u64,
    },
    /// A finite number; an integer will do.
    Number(Interval),
    /// A name that is fit to be part of a folder's name.
    Name,
    /// Any text on one line.
    Line {
        /// Most characters.
        max: usize,
    },
    /// A file or folder that is there.
    Path(PathKind),
    /// One of several names.
    Choice(&'static [Choice]),
    /// Some of several names, at least one, none twice.
    Choices(&'static [Choice]),
    /// A list of integers.
    Counts {
        /// Fewest items.
        fewest: usize,
        /// Most items.
        most: usize,
        /// Greatest value of an item; the least is 1.
        max: u64,
    },
    /// An integer for all layers, a list with one for each of them, or one of several words.
    CountOrCounts {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
        /// Most items of a list; the fewest is 1.
        most: usize,
        /// The words.
        words: &'static [&'static str],
    },
    /// A list of finite numbers; integers will do.
    Numbers {
        /// Fewest items.
        fewest: usize,
        /// Most items.
        most: usize,
        /// The range of each.
        each: Interval,
    },
    /// A word of a form of its own, such as `cuda:N`.
    Word(&'static Word),
    /// A number, or one of several words.
    NumberOr(Interval, &'static [&'static str]),
    /// A table with `min`, `max` or both.
    Limits,
}

/// One allowed name of a setting, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the spec says, without quotes.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub doc: &'static str,
}

/// A form of words, such as `cuda:N`.
#[derive(Debug)]
pub struct Word {
    /// What would be right, for a message after "expected".
    pub expected: &'static str,
    /// The words that can be listed.
    pub names: &'static [&'static str],
    /// The form of the others, as a regular expression.
    pub pattern: &'static str,
    /// One of the others.
    pub example: &'static str,
    /// The word as it is stored; for one of another form, a hint where there is one.
    pub read: fn(&str) -> Result<String, Option<String>>,
}

/// What has to be found at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

impl PathKind {
    /// `file` or `folder`.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
        }
    }
}

/// A range of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub min: Bound<f64>,
    /// Upper end.
    pub max: Bound<f64>,
}

impl Interval {
    /// Both ends belong to it.
    pub const fn closed(min: f64, max: f64) -> Self {
        Self {
            min: Bound::Included(min),
            max: Bound::Included(max),
        }
    }

    /// The upper end does not belong to it.
    pub const fn below(min: f64, max: f64) -> Self {
        Self {
            min: Bound::Included(min),
            max: Bound::Excluded(max),
        }
    }

    /// The lower end does not belong to it.
    pub const fn above(min: f64, max: f64) -> Self {
        Self {
            min: Bound::Excluded(min),
            max: Bound::Included(max),
        }
    }

    /// Neither end belongs to it.
    pub const fn open(min: f64, max: f64) -> Self {
        Self {
            min: Bound::Excluded(min),
            max: Bound::Excluded(max),
        }
    }

    /// Whether a number lies in it.
    pub fn holds(&self, number: f64) -> bool {
        (self.min, self.max).contains(&number)
    }
}

impl Interval {
    fn expected(&self) -> String {
        let noun = match *self == Self::open(0.0, 1.0) {
            true => "fraction",
            false => "number",
        };
        let min = match self.min {
            Bound::Included(min) => format!("from {}", number_text(min)),
            Bound::Excluded(min) => format!("above {}", number_text(min)),
            Bound::Unbounded => String::new(),
        };
        let max = match (self.min, self.max) {
            (Bound::Included(_), Bound::Included(max)) => format!("to {}", number_text(max)),
            (Bound::Included(_), Bound::Excluded(max)) => format!("to below {}", number_text(max)),
            (_, Bound::Included(max)) => format!("and at most {}", number_text(max)),
            (_, Bound::Excluded(max)) => format!("and below {}", number_text(max)),
            (_, Bound::Unbounded) => String::new(),
        };
        format!("a {noun} {min} {max}").trim_end().to_owned()
    }
}

/// Longest name, in characters.
pub(crate) const LONGEST_NAME: usize = 64;

impl Kind {
    /// What would be right, for a message after "expected" and for the documentation.
    pub fn expected(&self) -> String {
        match self {
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Count { min, max } => {
                format!("an integer from {} to {}", grouped(*min), grouped(*max))
            }
            Self::Number(span) => span.expected(),
            Self::Name => {
                format!("1 to {LONGEST_NAME} ASCII letters, digits, `_`, `-` or `.`, in quotes")
            }
            Self::Line { max } => format!("1 to {max} characters on one line, in quotes"),
            Self::Path(kind) => format!("the path of a {}, in quotes", kind.noun()),
            Self::Choice(choices) => one_of(choices.iter().map(|choice| choice.name)),
            Self::Choices(choices) => {
                let names = choices.iter().map(|choice| format!("\"{}\"", choice.name));
                format!("a list of {}", joined(names.collect(), "and"))
            }
            Self::Counts { fewest, most, max } => {
                format!(
                    "a list of {fewest} to {most} integers from 1 to {}",
                    grouped(*max)
                )
            }
            Self::CountOrCounts {
                min,
                max,
                most,
                words,
            } => {
                let (min, max) = (grouped(*min), grouped(*max));
                let words = words.iter().map(|word| format!("\"{word}\""));
                let counts = [
                    format!("an integer from {min} to {max}"),
                    format!("a list of 1 to {most} of them"),
                ];
                joined(counts.into_iter().chain(words).collect(), "or")
            }
            Self::Numbers { fewest, most, each } => {
                format!(
                    "a list of {fewest} to {most} numbers, each {}",
                    each.expected()
                )
            }
            Self::Word(word) => word.expected.to_owned(),
            Self::NumberOr(span, words) => {
                let words = words.iter().map(|word| format!("\"{word}\""));
                joined([span.expected()].into_iter().chain(words).collect(), "or")
            }
            Self::Limits => "`{ min = NUMBER }`, `{ max = NUMBER }` or both".to_owned(),
        }
    }

    /// Whether the value is written in quotes.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Self::Name
            | Self::Line { .. }
            | Self::Path(_)
            | Self::Choice(_)
            | Self::Word(_)
            | Self::NumberOr(..) => true,
            Self::Switch
            | Self::Count { .. }
            | Self::Number(_)
            | Self::Choices(_)
            | Self::Counts { .. }
            | Self::CountOrCounts { .. }
            | Self::Numbers { .. }
            | Self::Limits => false,
        }
    }
}

/// `"a", "b" or "c"`.
pub(crate) fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    joined(names.map(|name| format!("\"{name}\"")).collect(), "or")
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn one_of_keys<'a>(names: impl Iterator<Item = &'a str>) -> String {
    joined(names.map(|name| format!("`{name}`")).collect(), "or")
}

fn joined(names: Vec<String>, word: &str) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// An integer of five digits or more with `_` between groups of three, as TOML allows.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

/// A number as a person would write it.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && (0.0..1e15).contains(&number) {
        // Exact: whole and below 2^53.
        grouped(number as u64)
    } else if number.abs() < 1e-4 {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_and_excludes_the_ends_of_a_range() {
        assert!(Interval::closed(0.0, 1.0).holds(0.0) && Interval::closed(0.0, 1.0).holds(1.0));
        assert!(!Interval::below(0.0, 1.0).holds(1.0) && Interval::below(0.0, 1.0).holds(0.0));
        assert!(!Interval::above(0.0, 1.0).holds(0.0) && Interval::above(0.0, 1.0).holds(1.0));
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!Interval::closed(-1e300, 1e300).holds(odd));
        }
    }

    #[test]
    fn writes_expectations_in_words() {
        let count = Kind::Count {
            min: 1,
            max: 1_000_000,
        };
        assert_eq!(count.expected(), "an integer from 1 to 1_000_000");
        let momentum = Kind::Number(Interval::below(0.0, 1.0));
        assert_eq!(momentum.expected(), "a number from 0 to below 1");
        let rate = Kind::Number(Interval::above(0.0, 100.0));
        assert_eq!(rate.expected(), "a number above 0 and at most 100");
        let padding = Kind::CountOrCounts {
            min: 0,
            max: 15,
            most: 12,
            words: &["same", "valid"],
        };
        let expected = "an integer from 0 to 15, a list of 1 to 12 of them, \"same\" or \"valid\"";
        assert_eq!(padding.expected(), expected);
        let weight = Kind::Number(Interval::closed(1e-30, 1e6));
        assert_eq!(weight.expected(), "a number from 1e-30 to 1_000_000");
    }

    #[test]
    fn groups_digits_from_the_right() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1024), "1024");
        assert_eq!(grouped(65_536), "65_536");
        assert_eq!(grouped(i64::MAX as u64), "9_223_372_036_854_775_807");
    }
}
