//! `runner report [PATH...]`: compares runs. Data alone goes to stdout; what a reader must know beside it, to stderr.

use crate::terminal::tell;
use std::io::IsTerminal as _;
use std::path::Path;

use polars::prelude::DataFrame;

use crate::cli::{DataFormat, Format, ReportArgs, TableChoice};
use crate::report::{self, Collection, Question, ReportError, Selection};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::output::{write, write_with};
use crate::terminal::{CliError, Outcome};

/// Reads, selects, writes.
pub fn main(args: &ReportArgs) -> Outcome {
    refuse_what_does_not_fit(args)?;
    let with_epochs = args.format == Format::Html || args.table == TableChoice::Epochs;
    let collection = report::collect(&args.paths, with_epochs)?;
    warn_of_left_out(&collection)?;
    let question = question(args);
    let selection = report::select(&collection.runs, &question)?;
    if args.table == TableChoice::Summary {
        for note in &selection.notes {
            tell!("note: {}", printable(note));
        }
    }
    let out = args.out.as_deref();
    match args.format.of_data() {
        Some(format) => {
            let table = table(collection, &selection, &question, args.table)?;
            write_table(&table, format, out)?;
        }
        None => {
            let page = report::html(&collection, &selection, &question)?;
            write(std::iter::once(page), out)?;
        }
    }
    Ok(exit::DONE)
}

/// Writes a table.
///
/// # Errors
/// Writing failed.
pub fn write_table(
    table: &DataFrame,
    format: DataFormat,
    out: Option<&Path>,
) -> Result<(), CliError> {
    let once = |text: String| std::iter::once(text);
    match format {
        DataFormat::Table => write(once(report::table(table)), out),
        DataFormat::Markdown => write(once(report::markdown(table)), out),
        DataFormat::Csv => write(report::csv(table), out),
        DataFormat::Json => write(report::json(table), out),
        DataFormat::Parquet => write_parquet(table, out),
    }
}

/// Writes a table as Parquet.
///
/// # Errors
/// Writing failed.
pub fn write_parquet(table: &DataFrame, out: Option<&Path>) -> Result<(), CliError> {
    write_with(out, |to| Ok(report::parquet(table, to)?))
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

/// What is asked.
fn question(args: &ReportArgs) -> Question {
    Question {
        condition: args.condition.clone(),
        metrics: args.metric.clone(),
        sort: args.sort.clone(),
        reverse: args.reverse,
        by: args.by.clone(),
        baseline: args.baseline.clone(),
    }
}

/// The table that was asked for.
fn table(
    collection: Collection,
    selection: &Selection,
    question: &Question,
    which: TableChoice,
) -> Result<DataFrame, ReportError> {
    match which {
        TableChoice::Summary => selection.answer(&collection.runs, question),
        TableChoice::Runs => Ok(selection.frame.clone()),
        TableChoice::Epochs => collection.into_epochs(&selection.rows),
    }
}

fn refuse_what_does_not_fit(args: &ReportArgs) -> Result<(), CliError> {
    let summary = args.table == TableChoice::Summary;
    if !summary && (!args.by.is_empty() || args.baseline.is_some()) {
        let text = "`--by` and `--baseline` make a summary";
        return Err(CliError::new(exit::USAGE, text).with_hint("leave `--table` out"));
    }
    if !summary && args.format == Format::Html {
        let text = "a page has tables of its own";
        return Err(CliError::new(exit::USAGE, text)
            .with_hint("leave `--table` out, or take another `--format`"));
    }
    let file = match args.format {
        Format::Parquet => "runs.parquet",
        Format::Html => "report.html",
        Format::Table | Format::Markdown | Format::Csv | Format::Json => return Ok(()),
    };
    if args.out.is_none() && std::io::stdout().is_terminal() {
        let text = "this format is not for a terminal";
        return Err(
            CliError::new(exit::USAGE, text).with_hint(format!("name a file: --out {file}"))
        );
    }
    Ok(())
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        let failure = Self::new(error.exit_code(), &error);
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
