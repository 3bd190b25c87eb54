//! Why a file could not be read or written: the operation, the path, and the system's own words.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::fs::operation::Operation;
use crate::sys::exit;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refuses an operation.
    #[error("cannot {operation} `{}`: {source}", path.display())]
    System {
        /// What was tried.
        operation: Operation,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk, or the user's share of it, is full.
    #[error("cannot {operation} `{}`: {source}; the file needs {bytes} bytes", path.display())]
    NoSpace {
        /// What was tried.
        operation: Operation,
        /// On which file.
        path: PathBuf,
        /// Size of the whole file.
        bytes: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is larger than anything that the program writes under such a name.
    #[error("`{}` is larger than the {limit} bytes that such a file may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size accepted, in bytes.
        limit: u64,
    },
    /// A folder, pipe, socket or device where a file is expected.
    #[error("`{}` is not a regular file", path.display())]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// A symbolic link where a file is written in place: following it would write somewhere else.
    #[error("`{}` is a symbolic link, which is not followed for writing", path.display())]
    IsALink {
        /// The link.
        path: PathBuf,
    },
    /// The file should hold text.
    #[error("`{}` is not UTF-8 text: byte {offset} is wrong", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Offset of the first byte that does not belong.
        offset: usize,
    },
}

impl FileError {
    /// The system's kind of error, where the system was asked.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::System { source, .. } | Self::NoSpace { source, .. } => Some(source.kind()),
            Self::TooLarge { .. }
            | Self::NotAFile { .. }
            | Self::IsALink { .. }
            | Self::NotText { .. } => None,
        }
    }

    /// Whether the file or folder is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind() == Some(ErrorKind::NotFound)
    }

    /// Whether something is there already.
    pub fn is_already_there(&self) -> bool {
        self.kind() == Some(ErrorKind::AlreadyExists)
    }

    /// The exit code for this error: what is in the way of the program is invalid data, what the system
    /// refuses an error of reading or writing.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::System { .. } | Self::NoSpace { .. } => exit::IO,
            Self::TooLarge { .. }
            | Self::NotAFile { .. }
            | Self::IsALink { .. }
            | Self::NotText { .. } => exit::INVALID_DATA,
        }
    }

    /// Adds how many bytes the file needs, where the error is a full disk.
    pub(crate) fn needing(self, bytes: u64) -> Self {
        match self {
            Self::System {
                operation,
                path,
                source,
            } if is_full(&source) => Self::NoSpace {
                operation,
                path,
                bytes,
                source,
            },
            other => other,
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
