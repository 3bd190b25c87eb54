//! A table of settings as a struct: name, type, default, range, unit, meaning, reading and writing of each setting
//! stand once, in `section!`.

use std::path::PathBuf;

use super::choice::Named;
use super::rules::Rule;
use super::setting::Setting;
use super::value::Value;
use super::values::TableValues;

/// A table of settings. `section!` makes the struct and this together.
pub trait Section: Sized {
    /// What the table is about: the struct's doc comment, whose first paragraph the handbook prints.
    const DOC: &'static str;

    /// What ties its settings together.
    const RULES: &'static [Rule];

    /// Its settings, by their names within the table, in the order of the documentation.
    fn settings() -> Vec<Setting>;

    /// From checked values. `None` where one is missing or was written wrongly, which has been reported then.
    fn read(values: &TableValues<'_>) -> Option<Self>;

    /// The value of each setting; `None` where it is unset.
    fn write(&self) -> Vec<(&'static str, Option<Value>)>;

    /// With these values, and the defaults of the other settings; `None` where one has none.
    fn given(values: &[(&str, Value)]) -> Option<Self> {
        Self::read(&TableValues::Given(&Self::settings(), values))
    }
}

/// A Rust type that a setting can have.
pub trait FieldValue: Sized {
    /// What its default is written as.
    type Literal;

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

    /// Settings that the words of this one bring into the table, each with the words it belongs to.
    fn settings_of_words(_name: &'static str) -> Vec<Setting> {
        Vec::new()
    }
}

/// Defines a table of settings: the struct, and [`Section`] for it.
///
/// ```text
/// section! {
///     /// What the table is about; the first paragraph stands in the handbook
///     pub struct Adam: Copy {                       // `: Copy` is optional
///         /// What the setting does; printed in the handbook, so Markdown on one paragraph without a full stop
///         pub beta_1: f64 = 0.9, Kind::Number(Interval::below(0.0, 1.0)), also(&["b1"]);
///         /// Without a default: every spec must say
///         pub name: String, Kind::Name;
///         /// An `Option` is unset by default; `unset` says what holds then
///         pub limit: Option<usize>, Kind::Count { min: 1, max: 9 }, unset("all"), unit("images");
///     }
///     rules { nesterov_needs_momentum }             // optional: `fn(&mut Rules)`, what ties settings together
/// }
/// ```
///
/// What stands behind the kind are methods of [`Setting`].
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        pub struct $type:ident $(: $derive:ident)? {
            $(
                $(#[doc = $field_doc:literal])+
                pub $field:ident : $field_type:ty $(= $default:expr)?, $kind:expr
                    $(, $flag:ident ( $($argument:tt)* ))*;
            )*
        }
        $(rules { $($rule:path),+ $(,)? })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq $(, $derive)?)]
        pub struct $type {
            $($(#[doc = $field_doc])+ pub $field: $field_type,)*
        }

        impl $crate::config::Section for $type {
            const DOC: &'static str = concat!($($doc, "\n"),+);
            const RULES: &'static [$crate::config::Rule] = &[$($($rule),+)?];

            fn settings() -> Vec<$crate::config::Setting> {
                #[allow(unused_mut)]
                let mut settings = vec![$(
                    $crate::config::Setting::new(
                        stringify!($field),
                        $kind,
                        concat!($($field_doc),+).trim_ascii(),
                    )
                    $(.default(
                        <$field_type as $crate::config::FieldValue>::default_value($default)
                    ))?
                    $(.$flag($($argument)*))*
                ),*];
                $(settings.extend(
                    <$field_type as $crate::config::FieldValue>::settings_of_words(stringify!($field))
                );)*
                settings
            }

            fn read(values: &$crate::config::TableValues<'_>) -> Option<Self> {
                Some(Self {
                    $($field: $crate::config::FieldValue::read(values, stringify!($field))?,)*
                })
            }

            fn write(&self) -> Vec<(&'static str, Option<$crate::config::Value>)> {
                let mut written = Vec::new();
                $(written.extend(
                    $crate::config::FieldValue::write(&self.$field, stringify!($field))
                );)*
                written
            }
        }
    };
}

pub(crate) use section;

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
        Some(Value::Text(self.clone().into()))
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
        // One that was written wrongly is unset here; it has been reported, and nothing is made of the spec.
        Some(T::read(values, name))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::{Interval, Kind};
    use crate::config::members::{Members, members};
    use crate::config::{DefaultValue, Rules};

    section! {
        /// A ball
        ///
        /// Not in the handbook.
        pub struct Ball: Copy {
            /// Across, from one side
            /// to the other
            pub width: f64 = 2.0, Kind::Number(Interval::above(0.0, 9.0)), unit("m"), also(&["size"]);
            /// How many
            pub count: Option<usize>, Kind::Count { min: 1, max: 9 }, unset("all");
        }
    }

    section! {
        /// A box
        pub struct Crate {
            /// Sides
            pub sides: Vec<usize> = &[1, 2], Kind::Counts { fewest: 1, most: 3, max: 9 };
            /// How many
            pub count: Option<usize>, Kind::Count { min: 1, max: 9 }, unset("all");
        }
        rules { nothing }
    }

    fn nothing(_: &mut Rules<'_>) {}

    members! {
        /// What is kicked
        pub enum Kicked, default "ball" {
            Ball(Ball) = "ball",
            Crate(Crate) = "crate",
        }
        dispatch($) each
    }

    section! {
        /// A game
        pub struct Game {
            /// What is kicked
            pub kind: Kicked, Kind::Choice(Kicked::choices());
            /// By whom
            pub player: String = "one", Kind::Name, changes_no_result();
        }
    }

    #[test]
    fn describes_the_settings_of_a_struct() {
        let [width, count] = Ball::settings().try_into().unwrap();
        assert_eq!(
            (width.key.as_str(), width.unit, width.also),
            ("width", "m", ["size"].as_slice())
        );
        assert_eq!(width.doc, "Across, from one side to the other");
        assert_eq!(width.default, DefaultValue::Is(Value::Number(2.0)));
        assert_eq!(count.default, DefaultValue::Unset("all"));
        assert_eq!(first_paragraph(Ball::DOC), "A ball");
        assert_eq!((Ball::RULES.len(), Crate::RULES.len()), (0, 1));
        assert_eq!(Ball::DOC.lines().count(), 3);
    }

    #[test]
    fn writes_members_by_name_with_their_settings() {
        let kicked = Kicked::Crate(Crate {
            sides: vec![3],
            count: None,
        });
        assert_eq!(kicked.name(), "crate");
        assert_eq!(Kicked::DEFAULT, Some("ball"));
        let written = [("sides", Some(Value::Counts(vec![3]))), ("count", None)];
        assert_eq!(kicked.write_member(), written);
        assert_eq!(each!(&kicked, it => it.count), None);
        let names: Vec<_> = Kicked::choices()
            .iter()
            .map(|it| (it.name, it.doc))
            .collect();
        assert_eq!(names, [("ball", "A ball"), ("crate", "A box")]);
    }

    #[test]
    fn brings_settings_of_a_word_into_the_table() {
        let settings = Game::settings();
        let keys: Vec<_> = settings
            .iter()
            .map(|it| (it.key.as_str(), it.only.clone().map_or(vec![], |it| it.1)))
            .collect();
        let expected: [(&str, Vec<&str>); 5] = [
            ("kind", vec![]),
            ("player", vec![]),
            ("width", vec!["ball"]),
            ("count", vec!["ball", "crate"]),
            ("sides", vec!["crate"]),
        ];
        assert_eq!(keys, expected);
        assert!(settings[1].changes_no_result);
        assert_eq!(settings[2].only.clone().unwrap().0, "kind");
        assert_eq!(Game::given(&[]), None);
        let word = Value::Text("crate".to_owned());
        let game = Game::given(&[("kind", word), ("sides", Value::Counts(vec![3]))]).unwrap();
        assert!(matches!(&game.kind, Kicked::Crate(it) if it.sides == [3] && it.count.is_none()));
        assert_eq!(Game::given(&[("sides", Value::Switch(true))]), None);
        let names: Vec<_> = game.write().iter().map(|it| it.0).collect();
        assert_eq!(names, ["kind", "sides", "count", "player"]);
    }
}
