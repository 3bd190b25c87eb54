//! Why a spec could not be loaded.

use std::io;
use std::path::PathBuf;

use super::diagnostic::Diagnostics;

/// Why a spec could not be loaded. [`SpecError::is_io`] tells the two exit codes apart.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// There is no file of that name.
    #[error("no spec at `{}`{}", path.display(), did_you_mean(near.as_deref()))]
    NotFound {
        /// The path as given.
        path: PathBuf,
        /// A spec in the same folder with a name close to it.
        near: Option<String>,
    },
    /// The path is a folder.
    #[error("`{}` is a folder, not a spec", path.display())]
    Folder {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a pipe, a socket or a device.
    #[error("`{}` is a pipe or a device, not a file", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The file is there but cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is larger than a spec may be.
    #[error("`{}` is larger than {} KiB, which no spec is", path.display(), limit / 1024)]
    TooLarge {
        /// The path as given.
        path: PathBuf,
        /// Most bytes of a spec.
        limit: u64,
    },
    /// The file is not text.
    #[error(
        "`{}` is not UTF-8 text: byte 0x{byte:02x} in line {line}, at byte {offset} of the file",
        path.display()
    )]
    NotUtf8 {
        /// The path as given.
        path: PathBuf,
        /// The first byte that cannot be.
        byte: u8,
        /// Its line, from 1.
        line: usize,
        /// Its offset in the file, from 0.
        offset: usize,
    },
    /// The file was read, and what it says is wrong.
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl SpecError {
    /// Whether the system failed (exit code 74) rather than the user (exit code 2).
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Read { .. })
    }

    /// What is wrong with the spec's text, if that is what failed.
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        match self {
            Self::Invalid(diagnostics) => Some(diagnostics),
            _ => None,
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}
