//! What may be typed to look at runs that are there.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::RUNS_DIR;

/// Arguments of `list`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Where to look
    #[arg(value_name = "PATH", default_value = RUNS_DIR)]
    pub path: PathBuf,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
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

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableChoice {
    /// A row a run or group: settings that differ, metrics, time
    Summary,
    /// A row a run: everything that is known of it
    Runs,
    /// A row an epoch: every metric
    Epochs,
}

/// Arguments of `report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// Run folders, and folders to look for runs in
    #[arg(value_name = "PATH", default_value = RUNS_DIR)]
    pub paths: Vec<PathBuf>,
    /// Only runs for which this is true: `--where 'model.latent_dim > 4 and loss < 260'`
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// Metrics to show; runs are sorted by the first, the best one on top [default: what fits these runs]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub metric: Vec<String>,
    /// Sort by another column
    #[arg(long, value_name = "COLUMN")]
    pub sort: Option<String>,
    /// Sort the other way round
    #[arg(long)]
    pub reverse: bool,
    /// Group by settings; mean, standard deviation, standard error and number of completed runs: `--by model.latent_dim`
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub by: Vec<String>,
    /// Add the difference of each metric to that of this run, a folder or its name
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<String>,
    /// How the table is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Which table
    #[arg(long, value_enum, default_value_t = TableChoice::Summary)]
    pub table: TableChoice,
    /// Write to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
