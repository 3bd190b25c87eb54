//! SQL over the tables of runs and epochs, by polars' own engine. With the feature `sql` alone.

use polars::prelude::{DataFrame, IntoLazy};
use polars::sql::SQLContext;

use super::collect::Collection;
use super::error::ReportError;
use super::runs::runs_frame;

/// The answer to a query over the tables `runs` and `epochs`.
///
/// # Errors
/// [`ReportError::Query`] in polars' words.
pub fn query(collection: Collection, sql: &str) -> Result<DataFrame, ReportError> {
    let wrong = |error: polars::error::PolarsError| ReportError::Query {
        message: error.to_string(),
    };
    let runs = runs_frame(&collection.runs)?;
    let every: Vec<usize> = (0..collection.runs.len()).collect();
    let epochs = collection.into_epochs(&every)?;
    let mut tables = SQLContext::new();
    tables.register("runs", runs.lazy());
    tables.register("epochs", epochs.lazy());
    tables
        .execute(sql)
        .and_then(|answer| answer.collect())
        .map_err(wrong)
}
