//! The TOML front end: from a text and overrides to typed values, or to everything that is wrong with them. It knows no
//! setting; a [`Schema`] says what there is.
//!
//! | file | holds |
//! | --- | --- |
//! | `section` | `section!`: a table as a struct; name, type, default, range, unit, meaning, reading and writing stand once |
//! | `members`, `member`, `choice` | `members!` and `choices!`: one out of several tables or words |
//! | `document`, `schema`, `table` | all tables of a document, and what is known of them |
//! | `setting`, `kind`, `field`, `value` | a setting, its type and range, its value |
//! | `source`, `tree`, `syntax`, `overrides` | what was written, with the place of every key and value |
//! | `walk`, `check`, `suggest`, `nearest`, `hint` | every key and value against the schema |
//! | `values`, `rules` | what was written rightly, and rules that tie settings together |
//! | `write` | back to TOML |
//! | `diagnostic`, `error` | what is wrong, and how it is shown |

pub(crate) mod check;
pub(crate) mod choice;
pub(crate) mod diagnostic;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod field;
pub(crate) mod hint;
pub(crate) mod kind;
pub(crate) mod member;
pub(crate) mod members;
pub mod nearest;
pub(crate) mod overrides;
pub(crate) mod paths;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod section;
pub(crate) mod setting;
pub(crate) mod source;
pub(crate) mod suggest;
pub(crate) mod syntax;
pub(crate) mod table;
pub(crate) mod tree;
pub(crate) mod value;
pub(crate) mod values;
pub(crate) mod walk;
pub(crate) mod write;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use error::SpecError;
pub use field::{FieldValue, Named};
pub use kind::{Choice, Interval, Kind, PathKind, Word};
pub use member::Member;
pub use members::Members;
pub use rules::{Rule, Rules, TableRule};
pub use schema::{Form, Schema, Table};
pub use section::Section;
pub use setting::{DefaultValue, Setting, is_or_is_in};
pub use source::Source;
pub use table::{DocumentTable, RuledTable, WrittenTable};
pub use value::Value;
pub use values::{TableValues, Values};
