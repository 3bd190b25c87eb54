//! Why there is no report.

use std::path::PathBuf;

use polars::error::PolarsError;

use crate::config::nearest::nearest;
use crate::fs::files::FileError;
use crate::sys::exit;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A path leads to no folder.
    #[error("`{}` is no folder", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// There is nothing to report.
    #[error("there is no run folder in {}", list(paths))]
    NoRuns {
        /// Where was looked.
        paths: Vec<PathBuf>,
    },
    /// A name that no column has.
    #[error("{place}: there is no column `{name}`")]
    NoColumn {
        /// The option that has it.
        place: &'static str,
        /// The name.
        name: String,
        /// How to fix it.
        hint: String,
    },
    /// A condition that cannot be understood.
    #[error("--where: {message}\n  {text}\n  {}^", " ".repeat(*at))]
    Condition {
        /// What is wrong.
        message: String,
        /// The condition.
        text: String,
        /// Where in it, in characters.
        at: usize,
        /// How to fix it.
        hint: Option<String>,
    },
    /// No or several runs have the name that was given.
    #[error("{place}: {message}")]
    Which {
        /// The option that has it.
        place: &'static str,
        /// What is wrong.
        message: String,
        /// How to fix it.
        hint: String,
    },
    /// A folder that was named cannot be read as a run.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A query that polars refuses.
    #[error("the query cannot be answered: {message}")]
    Query {
        /// polars' words.
        message: String,
    },
    /// polars cannot make the table.
    #[error("the table cannot be made: {0}")]
    Table(#[from] PolarsError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ReportError {
    /// A name that none of the columns has.
    pub(super) fn no_column(place: &'static str, name: &str, columns: &[&str]) -> Self {
        let hint = match nearest(name, columns.iter().copied()) {
            Some(other) => format!("did you mean `{other}`?"),
            None => "all columns: runner report --table runs --format csv | head -1".to_owned(),
        };
        Self::NoColumn {
            place,
            name: name.to_owned(),
            hint,
        }
    }

    /// The exit code that a command ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoFolder { .. }
            | Self::NoRuns { .. }
            | Self::NoColumn { .. }
            | Self::Condition { .. }
            | Self::Which { .. }
            | Self::Query { .. } => exit::USAGE,
            Self::Unreadable { .. } => exit::INVALID_DATA,
            Self::Table(_) => exit::FAILED,
            Self::File(_) => exit::IO,
        }
    }

    /// How to fix it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoRuns { .. } => Some(
                "a run folder has a `manifest.json`; name the folder that holds yours".to_owned(),
            ),
            Self::NoColumn { hint, .. } | Self::Which { hint, .. } => Some(hint.clone()),
            Self::Condition { hint, .. } => hint.clone(),
            Self::Unreadable { path, .. } => Some(format!("runner doctor {}", path.display())),
            Self::Query { .. } => Some("the tables are `runs` and `epochs`; a name with a dot stands in double quotes: \"model.latent_dim\"".to_owned()),
            Self::NoFolder { .. } | Self::Table(_) | Self::File(_) => None,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    names.join(", ")
}
