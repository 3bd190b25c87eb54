//! SQL over the tables of runs and epochs, by polars' own engine. With the feature `sql` alone.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use polars::prelude::{DataFrame, IntoLazy, PolarsResult};
use polars::sql::SQLContext;

use super::collect::Collection;
use super::error::ReportError;
use super::runs::runs_frame;

/// What a question begins with. The engine also has statements that change its tables, which would look as if runs
/// had been changed.
const BEGINNINGS: [&str; 6] = ["select", "with", "from", "explain", "show", "("];

/// The answer to a query over the tables `runs` and `epochs`.
///
/// # Errors
/// [`ReportError::Query`]: in polars' words, or since it is not a question.
pub fn query(collection: Collection, sql: &str) -> Result<DataFrame, ReportError> {
    let question = sql.trim_start().to_lowercase();
    if !BEGINNINGS.iter().any(|word| question.starts_with(word)) {
        let message = "it does not begin with SELECT, WITH, FROM, EXPLAIN or SHOW".to_owned();
        return Err(ReportError::Query { message });
    }
    let runs = runs_frame(&collection.runs)?;
    let every: Vec<usize> = (0..collection.runs.len()).collect();
    let epochs = collection.into_epochs(&every)?;
    answer(runs, epochs, sql).map_err(|message| ReportError::Query { message })
}

/// Runs a query. polars panics on some (`select interval '1 foo'`); it holds nothing of ours that could be left half
/// changed.
fn answer(runs: DataFrame, epochs: DataFrame, sql: &str) -> Result<DataFrame, String> {
    let ask = || -> PolarsResult<DataFrame> {
        let mut tables = SQLContext::new();
        tables.register("runs", runs.lazy());
        tables.register("epochs", epochs.lazy());
        tables.execute(sql)?.collect()
    };
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let answer = panic::catch_unwind(AssertUnwindSafe(ask));
    panic::set_hook(hook);
    match answer {
        Ok(answer) => answer.map_err(|error| first_part(&error.to_string())),
        Err(panic) => Err(first_part(panic_text(&*panic))),
    }
}

/// Without the plan of the query, which polars puts behind an empty line.
fn first_part(message: &str) -> String {
    let end = message.find("\n\n").unwrap_or(message.len());
    message[..end].to_owned()
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("polars failed")
}
