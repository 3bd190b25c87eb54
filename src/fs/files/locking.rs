//! Files that are locked: opened, made, asked about. What a lock means stands in `fs::lock` and `fs::claim`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::{FileError, Operation, perform, refuse_link};

/// Opens the file of a lock for reading and writing, made where it is not there.
///
/// # Errors
/// The system refuses.
pub fn open_lock(path: &Path) -> Result<File, FileError> {
    refuse_link(path)?;
    perform(Operation::Open, path, || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
    })
}

/// Opens the file of a lock that is there, for reading and writing.
///
/// # Errors
/// It is not there, or the system refuses.
pub fn open_existing_lock(path: &Path) -> Result<File, FileError> {
    refuse_link(path)?;
    perform(Operation::Open, path, || {
        OpenOptions::new().read(true).write(true).open(path)
    })
}

/// Makes the file of a lock, which must not be there yet.
///
/// # Errors
/// Something has that name ([`FileError::is_already_there`]), or the system refuses.
pub fn create_lock(path: &Path) -> Result<File, FileError> {
    perform(Operation::Create, path, || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
    })
}

/// Whether an open file is the one that has the name now.
///
/// # Errors
/// The system refuses.
pub fn is_same(file: &File, path: &Path) -> Result<bool, FileError> {
    let id = |about: &fs::Metadata| {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            (about.dev(), about.ino())
        }
        #[cfg(not(unix))]
        {
            (about.len(), about.created().ok())
        }
    };
    let open = perform(Operation::Open, path, || file.metadata())?;
    match perform(Operation::Open, path, || fs::symlink_metadata(path)) {
        Ok(named) => Ok(id(&named) == id(&open)),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asks the system for something about a lock; an `Err` of `act` gets the lock's path.
pub(crate) fn lock<T>(path: &Path, act: impl FnOnce() -> io::Result<T>) -> Result<T, FileError> {
    perform(Operation::Lock, path, act)
}
