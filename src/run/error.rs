//! What can go wrong with a run folder, and with which exit code the program then ends.

use std::path::PathBuf;

use crate::fs::files::FileError;
use crate::fs::lock::LockError;
use crate::sys::exit;

use super::tensor_file_error::Fault;

/// Why a run folder could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process writes to the run, or the lock cannot be asked for.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A name that cannot be a folder's.
    #[error(
        "`{name}` is no name for a run or a figure; expected 1 to 100 of the characters a-z, A-Z, 0-9, `_`, `-` \
         and `.`, the first one a letter or a digit"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// 65,535 runs of this name started in the same second.
    #[error("no folder name is left for `{name}` in `{}`", runs_dir.display())]
    NoNameLeft {
        /// Where the folder was to be made.
        runs_dir: PathBuf,
        /// Name of the run.
        name: String,
    },
    /// There is no such folder, or no manifest in it.
    #[error("`{}` is not a run folder: there is no `manifest.json` in it", path.display())]
    NotARun {
        /// The path given.
        path: PathBuf,
    },
    /// The manifest is not what this program writes.
    #[error("`{}` is not a valid manifest: {message}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// A file of a later version of this program.
    #[error("`{}` has {found}, which this version does not know; it was written by a later one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format, in words.
        found: String,
    },
    /// A checkpoint, or another file of tensors, is not whole or not valid.
    #[error("`{}` is damaged: {fault}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        fault: Fault,
    },
    /// Neither the last checkpoint nor the one before can be used.
    #[error("no usable checkpoint: {last}; {previous}")]
    NoCheckpoint {
        /// What is wrong with `last.safetensors`.
        last: Box<RunError>,
        /// What is wrong with `previous.safetensors`.
        previous: Box<RunError>,
    },
    /// Tensors that cannot be written because they contradict themselves.
    #[error("`{}` cannot be written: {fault}", path.display())]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// The table of metrics cannot be made or read.
    #[error("`{}`: {message}", path.display())]
    Metrics {
        /// `metrics.parquet`.
        path: PathBuf,
        /// The message of polars.
        message: String,
    },
}

impl RunError {
    /// The exit code for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::File(error) | Self::Lock(LockError::File(error)) => error.exit_code(),
            Self::Lock(LockError::Held { .. }) => exit::LOCKED,
            Self::Name { .. } => exit::USAGE,
            Self::NoNameLeft { .. } => exit::IO,
            Self::Unwritable { .. } => exit::FAILED,
            Self::NotARun { .. }
            | Self::Manifest { .. }
            | Self::Newer { .. }
            | Self::Damaged { .. }
            | Self::NoCheckpoint { .. }
            | Self::Metrics { .. } => exit::INVALID_DATA,
        }
    }

    /// Whether a file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::File(error) if error.is_not_found())
    }

    /// Whether a file is there but its content cannot be used: the cases in which an older checkpoint
    /// takes its place. A disk that does not answer is not among them, nor a later format.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn gives_the_documented_exit_codes() {
        let path = || PathBuf::from("x");
        let file = || crate::fs::files::read(Path::new("/not/there"), 1).unwrap_err();
        let damaged = || RunError::Damaged {
            path: path(),
            fault: Fault::TooShort { size: 3 },
        };
        let held = LockError::Held {
            folder: path(),
            holder: None,
        };
        for (error, code) in [
            (RunError::File(file()), 74),
            (RunError::Lock(LockError::File(file())), 74),
            (RunError::Lock(held), 75),
            (
                RunError::Name {
                    name: "..".to_owned(),
                },
                2,
            ),
            (RunError::NotARun { path: path() }, 65),
            (
                RunError::Newer {
                    path: path(),
                    found: "format 9".to_owned(),
                },
                65,
            ),
            (damaged(), 65),
            (
                RunError::NoCheckpoint {
                    last: damaged().into(),
                    previous: damaged().into(),
                },
                65,
            ),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }
}
