//! Errors of loading data.
//!
//! Each format and each kind of data has error types of its own, beside the code that finds the error. What they
//! have in common is [`Refusal`]: an exit code, and a way out.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::files::FileError;
use crate::sys::exit;
use crate::sys::printable::printable;

/// A reason not to load data.
pub trait Refusal: Error + Send + Sync + 'static {
    /// The process' exit code: 2 where the spec or the command line asks for what cannot be, 65 where data is invalid,
    /// 74 where reading, writing or downloading failed, 75 where another process holds the cache.
    fn exit_code(&self) -> u8;

    /// What a person can do about it, where the message does not say.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Why a data set was not loaded. The text says what is wrong, [`hint`](Self::hint) the way out.
#[derive(Debug)]
pub struct DataError(Box<dyn Refusal>);

impl DataError {
    /// See [`Refusal::exit_code`].
    pub fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }

    /// See [`Refusal::hint`].
    pub fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    /// The reason, where it is one of that type.
    pub(super) fn downcast_ref<R: Refusal>(&self) -> Option<&R> {
        let reason: &(dyn Error + 'static) = &*self.0;
        reason.downcast_ref()
    }
}

impl<R: Refusal> From<R> for DataError {
    fn from(reason: R) -> Self {
        Self(Box::new(reason))
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for DataError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A path that was found in a folder and not typed by anybody, fit for a terminal.
pub(super) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

impl Refusal for FileError {
    fn exit_code(&self) -> u8 {
        exit::IO
    }
}

/// Reading failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {source}", shown(path))]
pub(super) struct ReadError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

impl Refusal for ReadError {
    fn exit_code(&self) -> u8 {
        exit::IO
    }
}

/// A setting of `[data]` that is missing, or names what is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingError {
    #[error("`{key}` is not set, and `dataset = \"{dataset}\"` needs it")]
    Missing {
        key: &'static str,
        dataset: &'static str,
    },
    #[error("`{key}` names `{}`, which is not {expected}", path.display())]
    NoSuchPath {
        key: &'static str,
        path: PathBuf,
        expected: &'static str,
    },
}

impl Refusal for SettingError {
    fn exit_code(&self) -> u8 {
        exit::USAGE
    }
}

/// The file that the setting `key` of the kind `dataset` names.
pub(super) fn file_of<'a>(
    key: &'static str,
    dataset: &'static str,
    path: Option<&'a Path>,
) -> Result<&'a Path, SettingError> {
    there(key, dataset, path, Path::is_file, "a file")
}

/// The folder that the setting `key` of the kind `dataset` names.
pub(super) fn folder_of<'a>(
    key: &'static str,
    dataset: &'static str,
    path: Option<&'a Path>,
) -> Result<&'a Path, SettingError> {
    there(key, dataset, path, Path::is_dir, "a folder")
}

fn there<'a>(
    key: &'static str,
    dataset: &'static str,
    path: Option<&'a Path>,
    is_there: fn(&Path) -> bool,
    expected: &'static str,
) -> Result<&'a Path, SettingError> {
    let path = path.ok_or(SettingError::Missing { key, dataset })?;
    match is_there(path) {
        true => Ok(path),
        false => Err(SettingError::NoSuchPath {
            key,
            path: path.to_path_buf(),
            expected,
        }),
    }
}
