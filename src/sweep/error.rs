//! What can go wrong with a sweep, with exit codes.

use std::path::PathBuf;

use crate::fs::files::FileError;
use crate::fs::lock::LockError;
use crate::run::RunError;
use crate::sys::exit;

/// Name of the definition of a sweep in its folder.
pub const DEFINITION: &str = "sweep.json";

/// What can go wrong with the folder of a sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The definition cannot be written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A run folder of it cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no such folder, or no definition in it.
    #[error("`{}` is not the folder of a sweep: there is no `{DEFINITION}` in it", path.display())]
    NotASweep {
        /// The path given.
        path: PathBuf,
    },
    /// The definition is not what this program writes.
    #[error("`{}` is not a valid definition of a sweep: {message}", path.display())]
    Definition {
        /// `sweep.json`.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// A definition of a later version of this program.
    #[error("`{}` has the format version {format_version}, which this version does not know; it was written by a later one", path.display())]
    Newer {
        /// `sweep.json`.
        path: PathBuf,
        /// Its version.
        format_version: u32,
    },
    /// A trial cannot be started as a process.
    #[error("cannot start a trial: {0}")]
    Process(std::io::Error),
}

impl SweepError {
    /// The exit code for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::File(error) => error.exit_code(),
            Self::Lock(LockError::File(error)) => error.exit_code(),
            Self::Lock(LockError::Held { .. }) => exit::LOCKED,
            Self::Run(error) => error.exit_code(),
            Self::NotASweep { .. } | Self::Definition { .. } | Self::Newer { .. } => {
                exit::INVALID_DATA
            }
            Self::Process(_) => exit::IO,
        }
    }
}
