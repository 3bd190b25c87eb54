//! What stands under a name in a document: a table of settings, or one table out of several.

use super::members::Members;
use super::schema::{Form, Table};
use super::section::Section;
use super::value::Value;
use super::values::Values;

/// A table as it is written: its name, and the value of each of its settings that is set.
pub type WrittenTable = (String, Vec<(&'static str, Option<Value>)>);

/// What stands under a name of the first level.
pub trait DocumentTable: Sized {
    /// The table, and those in it.
    fn tables(name: &'static str) -> Vec<Table>;

    /// From checked values; `None` where one is missing or was written wrongly, which has been reported then.
    fn read(values: &Values, name: &'static str) -> Option<Self>;

    /// The tables that say the same.
    fn write(&self, name: &'static str) -> Vec<WrittenTable>;
}

impl<S: Section> DocumentTable for S {
    fn tables(name: &'static str) -> Vec<Table> {
        vec![Table::section::<S>(name)]
    }

    fn read(values: &Values, name: &'static str) -> Option<Self> {
        S::read(&values.table(name))
    }

    fn write(&self, name: &'static str) -> Vec<WrittenTable> {
        vec![(name.to_owned(), S::write(self))]
    }
}

/// At most one of several tables.
impl<M: Members> DocumentTable for Option<M> {
    fn tables(name: &'static str) -> Vec<Table> {
        let form = Form::OneOf {
            members: M::MEMBERS.iter().map(|it| it.name).collect(),
            default: M::DEFAULT,
            absent: M::ABSENT,
        };
        let mut tables = vec![Table::new(name, M::DOC, form)];
        tables.extend(M::MEMBERS.iter().map(|it| Table::member(name, it)));
        tables
    }

    fn read(values: &Values, name: &'static str) -> Option<Self> {
        let Some(member) = values.member(name) else {
            return Some(None);
        };
        M::read_member(member, &values.table(&format!("{name}.{member}"))).map(Some)
    }

    fn write(&self, name: &'static str) -> Vec<WrittenTable> {
        let table = |it: &M| (format!("{name}.{}", it.name()), it.write_member());
        self.iter().map(table).collect()
    }
}

/// Defines a whole document: the settings above the first table, then its tables, one line each.
///
/// ```text
/// document! {
///     /// An experiment
///     pub struct Spec {
///         /// Above the first table
///         /// Seed of everything random
///         pub seed: u64 = 0, Kind::Count { min: 0, max: 9 };
///     }
///     tables {
///         data: Data,                              // a section
///         optimizer: Rule,                         // members with a default
///         schedule: Option<Schedule>,              // members without
///         figures: Figures [changes_no_result],    // changes nothing of what a run computes
///     }
/// }
/// ```
macro_rules! document {
    (
        $(#[doc = $doc:literal])+
        pub struct $type:ident, top $top:ident {
            $(
                $(#[doc = $field_doc:literal])+
                pub $field:ident : $field_type:ty $(= $default:expr)?, $kind:expr
                    $(, $flag:ident ( $($argument:tt)* ))*;
            )*
        }
        tables {
            $($table:ident : $held:ty $([$idle:ident])?,)+
        }
    ) => {
        $crate::config::section::section! {
            /// Above the first table
            pub struct $top {
                $(
                    $(#[doc = $field_doc])+
                    pub $field: $field_type $(= $default)?, $kind $(, $flag($($argument)*))*;
                )*
            }
        }

        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $type {
            $($(#[doc = $field_doc])+ pub $field: $field_type,)*
            $(#[doc = concat!("`[", stringify!($table), "]`")] pub $table: $held,)+
        }

        impl $type {
            /// Its tables.
            fn tables() -> Vec<$crate::config::Table> {
                let mut tables = vec![$crate::config::Table::section::<$top>("")];
                $({
                    #[allow(unused_mut)]
                    let mut tables_of = <$held as $crate::config::DocumentTable>::tables(stringify!($table));
                    $(tables_of.iter_mut().for_each(|it| it.$idle = true);)?
                    tables.extend(tables_of);
                })+
                tables
            }

            /// From checked values; `None` where one is missing or was written wrongly, which has been reported then.
            pub(crate) fn read(values: &$crate::config::Values) -> Option<Self> {
                let top = <$top as $crate::config::Section>::read(&values.table(""))?;
                Some(Self {
                    $($field: top.$field,)*
                    $($table: $crate::config::DocumentTable::read(values, stringify!($table))?,)+
                })
            }

            /// The tables that say the same.
            pub(crate) fn write(&self) -> Vec<$crate::config::WrittenTable> {
                let top = $top { $($field: self.$field.clone(),)* };
                let mut written = vec![(String::new(), $crate::config::Section::write(&top))];
                $(written.extend(
                    $crate::config::DocumentTable::write(&self.$table, stringify!($table))
                );)+
                written
            }
        }
    };
}

pub(crate) use document;
