//! `runner query SQL [PATH...]`: polars' SQL over the tables of runs and epochs. Part of programs that were built with
//! the feature `sql`, which makes a first build several minutes longer.

use std::path::PathBuf;

use crate::terminal::Outcome;
use crate::terminal::args::RUNS_DIR;
use crate::terminal::tables::TableFormat;

/// Ask the tables of runs and epochs in SQL (built with `--features sql`)
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The query, over the tables `runs` and `epochs`
    #[arg(value_name = "SQL")]
    sql: String,
    /// Run folders, and folders to look for runs in
    #[arg(value_name = "PATH", default_value = RUNS_DIR)]
    paths: Vec<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    format: TableFormat,
    /// Write to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Reads the runs and answers.
#[cfg(feature = "sql")]
pub fn main(args: &Args) -> Outcome {
    use crate::terminal::tables::{warn_of_left_out, write_table};
    let collection = crate::report::collect(&args.paths, true)?;
    warn_of_left_out(&collection)?;
    let answer = crate::report::query(collection, &args.sql)?;
    write_table(&answer, args.format, args.out.as_deref())?;
    Ok(crate::sys::exit::DONE)
}

/// Says how to get it.
#[cfg(not(feature = "sql"))]
pub fn main(args: &Args) -> Outcome {
    let Args {
        sql,
        paths: _,
        format: _,
        out: _,
    } = args;
    let text = format!("this program was built without SQL, which `{sql}` needs");
    Err(crate::terminal::CliError::new(crate::sys::exit::USAGE, text).with_hint(
        "build it with: cargo install --path . --features sql; or ask Python's polars, as experiments/README.md shows",
    ))
}
