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

/// How a report is written.
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

impl Format {
    /// The format of a table; nothing for a page.
    pub fn of_data(self) -> Option<DataFormat> {
        Some(match self {
            Self::Table => DataFormat::Table,
            Self::Markdown => DataFormat::Markdown,
            Self::Csv => DataFormat::Csv,
            Self::Json => DataFormat::Json,
            Self::Parquet => DataFormat::Parquet,
            Self::Html => return None,
        })
    }
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

/// Arguments of `query`.
#[derive(Clone, Debug, Args)]
pub struct QueryArgs {
    /// The query, over the tables `runs` and `epochs`
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Run folders, and folders to look for runs in
    #[arg(value_name = "PATH", default_value = RUNS_DIR)]
    pub paths: Vec<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = DataFormat::Table)]
    pub format: DataFormat,
    /// Write to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// How a table without a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
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

/// Which trained model.
#[derive(Clone, Debug, Args)]
pub struct TrainedArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Take the weights of the best epoch instead of the last
    #[arg(long)]
    pub best: bool,
    /// Override the number of threads (results do not depend on it)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `sample`.
#[derive(Clone, Debug, Args)]
pub struct SampleArgs {
    #[command(flatten)]
    pub trained: TrainedArgs,
    /// How many images
    #[arg(short = 'n', long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub count: u32,
    /// Seed of the draws [default: that of the run]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The picture, PNG or SVG
    #[arg(long, value_name = "FILE", default_value = "samples.png")]
    pub out: PathBuf,
}

/// Arguments of `reconstruct`.
#[derive(Clone, Debug, Args)]
pub struct ReconstructArgs {
    #[command(flatten)]
    pub trained: TrainedArgs,
    /// How many images, of the validation part where there is one
    #[arg(short = 'n', long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=48))]
    pub count: u32,
    /// The picture, PNG or SVG
    #[arg(long, value_name = "FILE", default_value = "reconstructions.png")]
    pub out: PathBuf,
}

/// Arguments of `encode`.
#[derive(Clone, Debug, Args)]
pub struct EncodeArgs {
    #[command(flatten)]
    pub trained: TrainedArgs,
    /// The table, Parquet or CSV: image, part, label, class and a column a latent axis
    #[arg(long, value_name = "FILE", default_value = "latents.parquet")]
    pub out: PathBuf,
}

/// Arguments of `interpolate`.
#[derive(Clone, Debug, Args)]
pub struct InterpolateArgs {
    #[command(flatten)]
    pub trained: TrainedArgs,
    /// The image to begin with, counted from 0 in the order of the data
    #[arg(long, value_name = "IMAGE")]
    pub from: u32,
    /// The image to end with
    #[arg(long, value_name = "IMAGE")]
    pub to: u32,
    /// Points on the way, both ends included
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub steps: u32,
    /// The picture, PNG or SVG
    #[arg(long, value_name = "FILE", default_value = "interpolation.png")]
    pub out: PathBuf,
}

/// Arguments of `diff`.
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// A run's folder
    #[arg(value_name = "RUN")]
    pub one: PathBuf,
    /// Another run's folder
    #[arg(value_name = "RUN")]
    pub two: PathBuf,
}
