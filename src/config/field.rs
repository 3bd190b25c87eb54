//! Rust types that a setting can have.

use std::path::PathBuf;

use super::member::Member;
use super::rules::Rules;
use super::setting::dotted;
use super::value::Value;
use super::values::{TableValues, Values};

/// A Rust type that a setting can have.
pub trait FieldValue: Sized {
    /// What its default is written as.
    type Literal;

    /// The sections that its words choose, whose settings and rules then belong to the table.
    const WORDS: &'static [Member] = &[];

    /// The default as a value.
    fn default_value(literal: Self::Literal) -> Value;

    /// From a checked value; `None` for a value of another type.
    fn from_value(value: Value) -> Option<Self>;

    /// As a value; `None` where the setting is unset.
    fn to_value(&self) -> Option<Value>;

    /// The setting of this name, or its default.
    fn read(values: &TableValues<'_>, name: &str) -> Option<Self> {
        Self::from_value(values.get(name)?)
    }

    /// What the setting writes: its value, and where the word chosen has settings of its own, theirs.
    fn write(&self, name: &'static str) -> Vec<(&'static str, Option<Value>)> {
        vec![(name, self.to_value())]
    }
}

/// An enumeration whose variants have names. `choices!` makes it.
pub trait Named: Copy + 'static {
    /// The name as a spec writes it.
    fn name(self) -> &'static str;

    /// The variant of a name; `None` for a name that does not exist.
    fn from_name(name: &str) -> Option<Self>;
}

impl Values {
    /// The value of a setting as a Rust type, or its default; `None` where it is unset or wrong.
    pub fn typed<T: FieldValue>(&self, key: &str) -> Option<T> {
        T::from_value(self.get(key)?)
    }
}

impl Rules<'_> {
    /// The value of a setting of the rule's table, by its name within it; `None` where it is unset or wrong.
    pub fn get<T: FieldValue>(&self, name: &str) -> Option<T> {
        self.values.typed(&dotted(self.table, name))
    }
}

/// A type whose default is written as itself, and the variant of [`Value`] that holds it.
macro_rules! plain {
    ($($type:ty => $variant:ident),+ $(,)?) => {
        $(impl FieldValue for $type {
            type Literal = Self;

            fn default_value(literal: Self) -> Value {
                Value::$variant(literal.into())
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => value.try_into().ok(),
                    _ => None,
                }
            }

            fn to_value(&self) -> Option<Value> {
                Some(Value::$variant((*self).into()))
            }
        })+
    };
}

plain!(bool => Switch, u32 => Count, u64 => Count, f64 => Number);

impl FieldValue for usize {
    type Literal = Self;

    fn default_value(literal: Self) -> Value {
        Value::Count(literal as u64)
    }

    fn from_value(value: Value) -> Option<Self> {
        u64::from_value(value)?.try_into().ok()
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Count(*self as u64))
    }
}

impl FieldValue for String {
    type Literal = &'static str;

    fn default_value(literal: &'static str) -> Value {
        Value::Text(literal.into())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Text(self.clone()))
    }
}

/// A path that is absolute once read.
impl FieldValue for PathBuf {
    type Literal = &'static str;

    fn default_value(literal: &'static str) -> Value {
        Value::Text(literal.into())
    }

    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(Self::from)
    }

    fn to_value(&self) -> Option<Value> {
        // Reading a spec refuses paths that are not UTF-8, so that nothing is lost here.
        self.to_string_lossy().into_owned().to_value()
    }

    fn read(values: &TableValues<'_>, name: &str) -> Option<Self> {
        values.path(name)
    }
}

impl FieldValue for Vec<usize> {
    type Literal = &'static [usize];

    fn default_value(literal: Self::Literal) -> Value {
        Value::Counts(literal.iter().map(|count| *count as u64).collect())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Counts(counts) => counts.iter().map(|it| (*it).try_into().ok()).collect(),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Counts(
            self.iter().map(|count| *count as u64).collect(),
        ))
    }
}

impl FieldValue for Vec<f64> {
    type Literal = &'static [f64];

    fn default_value(literal: Self::Literal) -> Value {
        Value::Numbers(literal.to_vec())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Numbers(self.clone()))
    }
}

impl<T: Named> FieldValue for Vec<T> {
    type Literal = &'static [T];

    fn default_value(literal: Self::Literal) -> Value {
        Value::Texts(literal.iter().map(|it| it.name().into()).collect())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Texts(texts) => texts.iter().map(|text| T::from_name(text)).collect(),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Texts(
            self.iter().map(|it| it.name().into()).collect(),
        ))
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    type Literal = T::Literal;

    fn default_value(literal: T::Literal) -> Value {
        T::default_value(literal)
    }

    fn from_value(value: Value) -> Option<Self> {
        T::from_value(value).map(Some)
    }

    fn to_value(&self) -> Option<Value> {
        self.as_ref().and_then(T::to_value)
    }

    fn read(values: &TableValues<'_>, name: &str) -> Option<Self> {
        // One that was written wrongly is unset here; it has been reported, and the spec is refused.
        Some(T::read(values, name))
    }
}
