//! A whole document as a struct: each of its tables stands in one line, in `document!`.

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
            fn tables() -> Vec<$crate::config::RuledTable> {
                let mut tables = <$top as $crate::config::DocumentTable>::tables("");
                $({
                    #[allow(unused_mut)]
                    let mut here = <$held as $crate::config::DocumentTable>::tables(stringify!($table));
                    $(here.iter_mut().for_each(|(it, _)| it.$idle = true);)?
                    tables.extend(here);
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
