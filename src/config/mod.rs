//! Reading TOML configuration: syntax, overrides, checks against a table of settings, diagnostics, suggestions.

pub(crate) mod check;
pub(crate) mod choice;
pub(crate) mod diagnostic;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod hint;
pub(crate) mod kind;
pub(crate) mod members;
pub mod nearest;
pub(crate) mod overrides;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod section;
pub(crate) mod setting;
pub(crate) mod source;
pub(crate) mod suggest;
pub(crate) mod syntax;
pub(crate) mod tree;
pub(crate) mod value;
pub(crate) mod values;
pub(crate) mod walk;
pub(crate) mod write;

pub use choice::Choice;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use document::{DocumentTable, WrittenTable};
pub use error::SpecError;
pub use kind::{Interval, Kind, PathKind};
pub use members::{Member, Members};
pub use rules::{Rule, Rules};
pub use schema::{Form, Schema, Table};
pub use section::{FieldValue, Section};
pub use setting::{DefaultValue, Setting, is_or_is_in};
pub use source::Source;
pub use value::Value;
pub use values::{TableValues, Values};
