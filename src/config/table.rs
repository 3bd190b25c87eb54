//! What stands under a name of the first level of a document: a table of settings, or one table out of several.

use super::rules::TableRule;
use super::schema::{Form, Table};
use super::section::Section;
use super::value::Value;
use super::values::Values;

/// A table with what ties its settings together.
pub type RuledTable = (Table, Vec<TableRule>);

/// A table as it is written: its name, and the value of each of its settings that is set.
pub type WrittenTable = (String, Vec<(&'static str, Option<Value>)>);

/// What stands under a name of the first level.
pub trait DocumentTable: Sized {
    /// The table, and those in it.
    fn tables(name: &'static str) -> Vec<RuledTable>;

    /// From checked values; `None` where one is missing or was written wrongly, which has been reported then.
    fn read(values: &Values, name: &'static str) -> Option<Self>;

    /// The tables that say the same.
    fn write(&self, name: &'static str) -> Vec<WrittenTable>;
}

impl<S: Section> DocumentTable for S {
    fn tables(name: &'static str) -> Vec<RuledTable> {
        let table = Table::new(name, S::DOC, Form::Settings).with(S::settings());
        vec![(table, S::rules())]
    }

    fn read(values: &Values, name: &'static str) -> Option<Self> {
        S::read(&values.table(name))
    }

    fn write(&self, name: &'static str) -> Vec<WrittenTable> {
        vec![(name.to_owned(), S::write(self))]
    }
}
