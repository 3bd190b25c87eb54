//! Reports: what many runs have in common, where they differ, and which is best.
//!
//! ```text
//! paths --collect--> runs, epochs --question--> selection --answer--> a table --text--> table, Markdown, CSV, JSON
//!                                          \--html--> one page
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `cell` | a value, and how people read it |
//! | `settings` | the settings of a run by dotted key |
//! | `run` | one run as a report sees it |
//! | `epochs` | the epochs of many runs; the table of epochs |
//! | `collect` | reads all runs below some paths |
//! | `runs` | the table of runs: its columns, names and meanings |
//! | `condition` | `--where` |
//! | `comparable` | which metrics compare runs, and what must be said |
//! | `selection` | runs that a question is about, sorted |
//! | `question` | what is asked, the settings that differ, differences to a baseline |
//! | `group` | means over groups |
//! | `diff` | two runs side by side |
//! | `query` | SQL, with the feature `sql` |
//! | `text` | tables as text |
//! | `parquet` | tables as Parquet |
//! | `html` | one page with charts |
//! | `error` | what can go wrong, with exit codes |
//!
//! Nothing is cached: every report reads the folders as they are. A folder that cannot be read is
//! listed as such, and the others are reported. What comes from a folder is text from elsewhere:
//! it never reaches a terminal, a page or a table unescaped.

mod cell;
mod collect;
mod comparable;
mod condition;
mod diff;
mod epochs;
mod error;
mod group;
mod html;
mod parquet;
#[cfg(feature = "sql")]
mod query;
mod question;
mod run;
mod runs;
mod selection;
mod settings;
mod text;

pub use cell::{Cell, number, rows};
pub use collect::{Collection, collect, find};
pub use diff::{Diff, Difference, diff, diff_text};
pub use epochs::{Epochs, RUN_OF_EPOCH};
pub use error::ReportError;
pub use group::{ENDINGS, Group, Statistics};
pub use html::html;
pub use parquet::parquet;
#[cfg(feature = "sql")]
pub use query::query;
pub use question::{DELTA, Question, select};
pub use run::{LeftOut, Run};
pub use runs::{
    BEST, RUN_COLUMNS, RunColumn, larger_is_better, metrics, run_columns_markdown, runs_frame,
};
pub use selection::Selection;
pub use text::{csv, json, markdown, table};
