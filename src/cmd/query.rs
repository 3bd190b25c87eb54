//! `runner query SQL [PATH...]`: polars' SQL over the tables of runs and epochs. Part of programs that were built with
//! the feature `sql`, which makes a first build several minutes longer.

use crate::cli::QueryArgs;
use crate::terminal::Outcome;

/// Reads the runs and answers.
#[cfg(feature = "sql")]
pub fn main(args: &QueryArgs) -> Outcome {
    let collection = crate::report::collect(&args.paths, true)?;
    super::report::warn_of_left_out(&collection)?;
    let answer = crate::report::query(collection, &args.sql)?;
    super::report::write_table(&answer, args.format, args.out.as_deref())?;
    Ok(crate::sys::exit::DONE)
}

/// Says how to get it.
#[cfg(not(feature = "sql"))]
pub fn main(args: &QueryArgs) -> Outcome {
    let text = format!(
        "this program was built without SQL, which `{}` needs",
        args.sql
    );
    Err(crate::terminal::CliError::new(crate::sys::exit::USAGE, text).with_hint(
        "build it with: cargo install --path . --features sql; or ask Python's polars, as experiments/README.md shows",
    ))
}
