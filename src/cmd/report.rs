//! `runner report [PATH...]`: compares runs. Data alone goes to stdout; what a reader must know beside it, to stderr.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::ValueEnum;
use polars::prelude::DataFrame;

use crate::report::{self, Collection, Question, ReportError, Selection};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::args::RUNS_DIR;
use crate::terminal::output::write;
use crate::terminal::tables::{TableFormat, warn_of_left_out, write_table};
use crate::terminal::{CliError, Outcome, tell};

/// Compare runs: settings that differ, metrics, means over seeds
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Run folders, and folders to look for runs in
    #[arg(value_name = "PATH", default_value = RUNS_DIR)]
    paths: Vec<PathBuf>,
    /// Only runs for which this is true: `--where 'model.latent_dim > 4 and loss < 260'`
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// Metrics to show; runs are sorted by the first, the best one on top [default: what fits these runs]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    metric: Vec<String>,
    /// Sort by another column
    #[arg(long, value_name = "COLUMN")]
    sort: Option<String>,
    /// Sort the other way round
    #[arg(long)]
    reverse: bool,
    /// Group by settings; mean, standard deviation, standard error and number of completed runs: `--by model.latent_dim`
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    by: Vec<String>,
    /// Add the difference of each metric to that of this run, a folder or its name
    #[arg(long, value_name = "RUN")]
    baseline: Option<String>,
    /// How the table is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Which table
    #[arg(long, value_enum, default_value_t = TableChoice::Summary)]
    table: TableChoice,
    /// Write to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
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
    /// One page with tables, charts and figures, which needs no other file and no network
    Html,
}

impl Format {
    /// The format of a table; nothing for a page.
    fn of_table(self) -> Option<TableFormat> {
        Some(match self {
            Self::Table => TableFormat::Table,
            Self::Markdown => TableFormat::Markdown,
            Self::Csv => TableFormat::Csv,
            Self::Json => TableFormat::Json,
            Self::Parquet => TableFormat::Parquet,
            Self::Html => return None,
        })
    }
}

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TableChoice {
    /// A row a run or group: settings that differ, metrics, time
    Summary,
    /// A row a run: everything that is known of it
    Runs,
    /// A row an epoch: every metric
    Epochs,
}

/// Reads, selects, writes.
pub fn main(args: &Args) -> Outcome {
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
    match args.format.of_table() {
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

/// What is asked.
fn question(args: &Args) -> Question {
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

fn refuse_what_does_not_fit(args: &Args) -> Result<(), CliError> {
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
