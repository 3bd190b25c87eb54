//! Tables of runs, written to stdout or to a file.

use std::path::Path;

use clap::ValueEnum;
use polars::prelude::DataFrame;

use super::CliError;
use super::output::{write, write_with};
use crate::report::{self, Collection};
use crate::sys::exit;
use crate::sys::printable::printable;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For a terminal
    Table,
    /// A table of Markdown
    Markdown,
    /// Comma-separated values with all digits
    Csv,
    /// An array with an object a row
    Json,
    /// Parquet, as polars and pandas read it
    Parquet,
}

/// Writes a table.
///
/// # Errors
/// Writing failed.
pub fn write_table(
    table: &DataFrame,
    format: TableFormat,
    out: Option<&Path>,
) -> Result<(), CliError> {
    let once = |text: String| std::iter::once(text);
    match format {
        TableFormat::Table => write(once(report::table(table)), out),
        TableFormat::Markdown => write(once(report::markdown(table)), out),
        TableFormat::Csv => write(report::csv(table), out),
        TableFormat::Json => write(report::json(table), out),
        TableFormat::Parquet => write_with(out, |to| Ok(report::parquet(table, to)?)),
    }
}

/// Says on stderr which folders are not in the answer.
///
/// # Errors
/// None can be read.
pub fn warn_of_left_out(collection: &Collection) -> Result<(), CliError> {
    for left_out in &collection.left_out {
        let path = printable(&left_out.path.display().to_string());
        tell!("warning: {path} is left out: {}", left_out.why);
    }
    match collection.runs.is_empty() {
        true => Err(CliError::new(
            exit::INVALID_DATA,
            "none of the runs can be read",
        )),
        false => Ok(()),
    }
}
