//! One section out of several: `[optimizer.adam]` by the name of its table, or `dataset = "sprites"` by a word.

use super::rules::Rule;
use super::section::Section;
use super::setting::Setting;
use super::value::Value;
use super::values::TableValues;

/// One of the sections that may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// What a spec calls it.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// Its own settings.
    pub settings: fn() -> Vec<Setting>,
    /// What ties them together.
    pub rules: &'static [Rule],
}

impl Member {
    /// The member that a section is.
    pub const fn of<S: Section>(name: &'static str) -> Self {
        Self {
            name,
            doc: S::DOC,
            settings: S::settings,
            rules: S::RULES,
        }
    }
}

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

/// The settings of all members, as those of the table in which the setting `name` chooses one by its word.
///
/// A setting that several members have under one name stands once, as the first one describes it.
pub fn settings_of_words(name: &'static str, members: &[Member]) -> Vec<Setting> {
    let mut all: Vec<Setting> = Vec::new();
    for member in members {
        for setting in (member.settings)() {
            match all.iter_mut().find(|it| it.key == setting.key) {
                Some(known) => known.only.iter_mut().for_each(|it| it.1.push(member.name)),
                None => all.push(setting.only(name, &[member.name])),
            }
        }
    }
    all
}

/// Defines an enumeration of sections: one line a member.
///
/// ```text
/// members! {
///     /// The update rule
///     pub enum Rule: Copy, default "adam" {      // `: Copy`, `, default ..` and `, absent ..` are optional
///         Adam(adam::Adam) = "adam",
///         Sgd(sgd::Sgd) = "sgd",
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
            $($variant:ident ( $section:ty ) = $name:literal),+ $(,)?
        }
        dispatch($d:tt) $dispatch:ident
    ) => {
        $crate::config::members::members! {
            $(#[doc = $doc])+
            pub enum $type $(: $derive)? $(, default $default)? $(, absent $absent)? {
                $($variant($section) = $name),+
            }
        }

        /// The same expression for whichever member it is.
        macro_rules! $dispatch {
            ($d value:expr, $d it:ident => $d body:expr) => {
                match $d value {
                    $($type::$variant($d it) => $d body,)+
                }
            };
        }
    };
    (
        $(#[doc = $doc:literal])+
        pub enum $type:ident $(: $derive:ident)? $(, default $default:literal)? $(, absent $absent:literal)? {
            $($variant:ident ( $section:ty ) = $name:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq $(, $derive)?)]
        pub enum $type {
            $(#[doc = concat!("`", $name, "`")] $variant($section),)+
        }

        impl $crate::config::Members for $type {
            const DOC: &'static str = concat!($($doc, "\n"),+);
            const MEMBERS: &'static [$crate::config::Member] =
                &[$($crate::config::Member::of::<$section>($name),)+];
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
                    $($name => $crate::config::Section::read(values).map(Self::$variant),)+
                    _ => None,
                }
            }

            fn write_member(&self) -> Vec<(&'static str, Option<$crate::config::Value>)> {
                match self {
                    $(Self::$variant(section) => $crate::config::Section::write(section),)+
                }
            }
        }

        /// Where it is not optional, it has a default, so that one is always in force.
        impl $crate::config::DocumentTable for $type {
            fn tables(name: &'static str) -> Vec<$crate::config::Table> {
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
                    $(Self::$variant(_) => $name,)+
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

            fn settings_of_words(name: &'static str) -> Vec<$crate::config::Setting> {
                $crate::config::members::settings_of_words(
                    name,
                    <Self as $crate::config::Members>::MEMBERS,
                )
            }
        }
    };
}

pub(crate) use members;

/// The names and meanings of all members.
pub fn choices<M: Members>() -> Vec<super::choice::Choice> {
    let choice = |member: &Member| super::choice::Choice {
        name: member.name,
        // Made once for each enumeration, and kept as long as the program runs.
        doc: super::section::first_paragraph(member.doc).leak(),
    };
    M::MEMBERS.iter().map(choice).collect()
}
