//! One section out of several: `[optimizer.adam]` by the name of its table, or `dataset = "sprites"` by a word.

use super::kind::Choice;
use super::member::Member;
use super::schema::{Form, Table, first_paragraph};
use super::setting::dotted;
use super::table::{DocumentTable, RuledTable, WrittenTable};
use super::value::Value;
use super::values::{TableValues, Values};

/// An enumeration of sections, of which a spec chooses one. `members!` makes it.
pub trait Members: Sized {
    /// What they are.
    const DOC: &'static str;
    /// All of them, in the order of the documentation.
    const MEMBERS: &'static [Member];
    /// The one taken where a spec has no table of the group.
    const DEFAULT: Option<&'static str>;
    /// What a report calls it where a spec has none and there is no default.
    const ABSENT: &'static str;

    /// What a spec calls it.
    fn name(&self) -> &'static str;

    /// The member of a name, with the values of its settings; `None` for another name, and where a value is missing.
    fn read_member(name: &str, values: &TableValues<'_>) -> Option<Self>;

    /// The value of each of its settings.
    fn write_member(&self) -> Vec<(&'static str, Option<Value>)>;

    /// The member of a name with these values, and the defaults of its other settings.
    fn given(name: &str, values: &[(&str, Value)]) -> Option<Self> {
        let member = Self::MEMBERS.iter().find(|it| it.name == name)?;
        Self::read_member(name, &TableValues::Given(&(member.settings)(), values))
    }
}

/// At most one of several tables.
impl<M: Members> DocumentTable for Option<M> {
    fn tables(name: &'static str) -> Vec<RuledTable> {
        let form = Form::OneOf {
            members: M::MEMBERS.iter().map(|it| it.name).collect(),
            default: M::DEFAULT,
            absent: M::ABSENT,
        };
        let member = |it: &Member| {
            let table = Table::new(&dotted(name, it.name), it.doc, Form::Settings);
            (table.with((it.settings)()), (it.rules)())
        };
        let mut tables = vec![(Table::new(name, M::DOC, form), vec![])];
        tables.extend(M::MEMBERS.iter().map(member));
        tables
    }

    fn read(values: &Values, name: &'static str) -> Option<Self> {
        let Some(member) = values.member(name) else {
            return Some(None);
        };
        M::read_member(member, &values.table(&dotted(name, member))).map(Some)
    }

    fn write(&self, name: &'static str) -> Vec<WrittenTable> {
        let table = |it: &M| (dotted(name, it.name()), it.write_member());
        self.iter().map(table).collect()
    }
}

/// Defines an enumeration of sections: one line a member.
///
/// ```text
/// members! {
///     /// The update rule
///     pub enum Rule: Copy, default "adam" {      // `: Copy`, `, default ..` and `, absent ..` are optional
///         Adam(adam::Adam) = "adam",
///         Sgd(sgd::Sgd) = "sgd",                 // attributes before a line go with it: `#[cfg(test)]`
///     }
///     dispatch($) each_rule                      // optional: `each_rule!(self, it => it.slots())`
/// }
/// ```
///
/// It can stand in a section as a setting that takes a word,
/// `pub dataset: Dataset, Kind::Choice(Dataset::choices());`: the settings of its members then belong to that table,
/// each with its words only.
macro_rules! members {
    (
        $(#[doc = $doc:literal])+
        pub enum $type:ident $(: $derive:ident)? $(, default $default:literal)? $(, absent $absent:literal)? {
            $($(#[$only:meta])* $variant:ident ( $section:ty ) = $name:literal),+ $(,)?
        }
        dispatch($d:tt) $dispatch:ident
    ) => {
        $crate::config::members::members! {
            $(#[doc = $doc])+
            pub enum $type $(: $derive)? $(, default $default)? $(, absent $absent)? {
                $($(#[$only])* $variant($section) = $name),+
            }
        }

        /// The same expression for whichever member it is.
        macro_rules! $dispatch {
            ($d value:expr, $d it:ident => $d body:expr) => {
                match $d value {
                    $($(#[$only])* $type::$variant($d it) => $d body,)+
                }
            };
        }
    };
    (
        $(#[doc = $doc:literal])+
        pub enum $type:ident $(: $derive:ident)? $(, default $default:literal)? $(, absent $absent:literal)? {
            $($(#[$only:meta])* $variant:ident ( $section:ty ) = $name:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq $(, $derive)?)]
        pub enum $type {
            $($(#[$only])* #[doc = concat!("`", $name, "`")] $variant($section),)+
        }

        impl $crate::config::Members for $type {
            const DOC: &'static str = concat!($($doc, "\n"),+);
            const MEMBERS: &'static [$crate::config::Member] =
                &[$($(#[$only])* $crate::config::Member::of::<$section>($name),)+];
            const DEFAULT: Option<&'static str> = {
                #[allow(unused_mut, unused_assignments)]
                let mut default = None;
                $(default = Some($default);)?
                default
            };
            const ABSENT: &'static str = {
                #[allow(unused_mut, unused_assignments)]
                let mut absent = "none";
                $(absent = $absent;)?
                absent
            };

            fn name(&self) -> &'static str {
                self.name()
            }

            fn read_member(name: &str, values: &$crate::config::TableValues<'_>) -> Option<Self> {
                match name {
                    $($(#[$only])* $name => $crate::config::Section::read(values).map(Self::$variant),)+
                    _ => None,
                }
            }

            fn write_member(&self) -> Vec<(&'static str, Option<$crate::config::Value>)> {
                match self {
                    $($(#[$only])* Self::$variant(section) => $crate::config::Section::write(section),)+
                }
            }
        }

        /// Where it is not optional, it has a default, so that one is always in force.
        impl $crate::config::DocumentTable for $type {
            fn tables(name: &'static str) -> Vec<$crate::config::RuledTable> {
                <Option<Self> as $crate::config::DocumentTable>::tables(name)
            }

            fn read(values: &$crate::config::Values, name: &'static str) -> Option<Self> {
                <Option<Self> as $crate::config::DocumentTable>::read(values, name)?
            }

            fn write(&self, name: &'static str) -> Vec<$crate::config::WrittenTable> {
                $crate::config::DocumentTable::write(&Some(self.clone()), name)
            }
        }

        impl $type {
            /// What a spec calls it.
            pub const fn name(&self) -> &'static str {
                match self {
                    $($(#[$only])* Self::$variant(_) => $name,)+
                }
            }

            /// The words that choose a member.
            pub fn choices() -> &'static [$crate::config::Choice] {
                static CHOICES: std::sync::LazyLock<Vec<$crate::config::Choice>> =
                    std::sync::LazyLock::new($crate::config::members::choices::<$type>);
                &CHOICES
            }
        }

        impl $crate::config::FieldValue for $type {
            type Literal = &'static str;

            const WORDS: &'static [$crate::config::Member] =
                <Self as $crate::config::Members>::MEMBERS;

            fn default_value(literal: &'static str) -> $crate::config::Value {
                $crate::config::Value::Text(literal.into())
            }

            /// Nothing: a member has settings beside its word.
            fn from_value(_value: $crate::config::Value) -> Option<Self> {
                None
            }

            fn to_value(&self) -> Option<$crate::config::Value> {
                Some($crate::config::Value::Text($crate::config::Members::name(self).into()))
            }

            fn read(values: &$crate::config::TableValues<'_>, name: &str) -> Option<Self> {
                match values.get(name)? {
                    $crate::config::Value::Text(word) => {
                        $crate::config::Members::read_member(&word, values)
                    }
                    _ => None,
                }
            }

            fn write(&self, name: &'static str) -> Vec<(&'static str, Option<$crate::config::Value>)> {
                let mut written = vec![(name, $crate::config::FieldValue::to_value(self))];
                written.extend($crate::config::Members::write_member(self));
                written
            }
        }
    };
}

pub(crate) use members;

/// The names and meanings of all members.
pub fn choices<M: Members>() -> Vec<Choice> {
    let choice = |member: &Member| Choice {
        name: member.name,
        // Made once for each enumeration, and kept as long as the program runs.
        doc: first_paragraph(member.doc).leak(),
    };
    M::MEMBERS.iter().map(choice).collect()
}
