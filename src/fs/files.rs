//! The only module that writes files.
//!
//! It guarantees three properties:
//!
//! - **Complete or absent.** A file is written under `NAME.tmp`, brought to the disk (fsync), renamed
//!   to `NAME`, and the rename is brought to the disk (fsync of the folder) before the call returns.
//!   Whatever the moment of a kill or a power cut, `NAME` is the old file or the new one. Only the log
//!   ([`append_line`]) and a lock's note ([`overwrite`]) are written in place.
//! - **No temporary file left.** On an error the `.tmp` is removed; one that a crash left behind is
//!   removed by the next writer of the same name.
//! - **An error says what, where and why**: the operation, the path, and the system's own words; for
//!   a full disk, how many bytes the file needs.
//!
//! Every primitive operation goes through one private function, `perform`, and all bytes go through another,
//! `write_bytes`. There the tests make operations fail, stop half-way or be the last of the process
//! (`fs::fault_injection`, with the feature `faults`). Reading is here too where it needs the same care: a limit on
//! size, and no waiting on a pipe.

mod error;
mod locking;
mod pending;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub use error::FileError;
pub(crate) use locking::lock;
pub use locking::{create_lock, is_same, open_existing_lock, open_lock};
pub use pending::PendingFile;

use crate::fs::operation::Operation;

/// What a temporary name ends in. No other file of the program does.
pub const TEMPORARY: &str = ".tmp";

/// A primitive operation on the file system. All of them go through here, so that tests can make each one fail.
fn perform<T>(
    operation: Operation,
    path: &Path,
    act: impl FnOnce() -> io::Result<T>,
) -> Result<T, FileError> {
    perform_to(operation, path, None, act)
}

/// The same for an operation with a second path.
fn perform_to<T>(
    operation: Operation,
    path: &Path,
    to: Option<&Path>,
    act: impl FnOnce() -> io::Result<T>,
) -> Result<T, FileError> {
    #[cfg(not(feature = "faults"))]
    let (result, _) = (act(), to);
    #[cfg(feature = "faults")]
    let result = crate::fs::fault_injection::perform(operation, path, to, act);
    result.map_err(|source| FileError::System {
        operation,
        path: path.to_owned(),
        source,
    })
}

/// Makes a folder that must not be there yet, and brings its name to the disk.
///
/// # Errors
/// Something has that name ([`FileError::is_already_there`]), or the system refuses; no new folder is
/// left then.
pub fn create_dir(path: &Path) -> Result<(), FileError> {
    perform(Operation::CreateFolder, path, || fs::create_dir(path))?;
    sync_folder(folder_of(path)).inspect_err(|_| {
        // The first error is the one to report.
        let _ = perform(Operation::Remove, path, || fs::remove_dir(path));
    })
}

/// Makes a folder and those above it, as far as they are not there yet, and brings all these names to the disk.
///
/// # Errors
/// A part of the path is no folder, or the system refuses.
pub fn create_dir_all(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    match create_dir(path) {
        // Another process was quicker.
        Err(error) if error.is_already_there() && path.is_dir() => Ok(()),
        Err(error) if error.is_not_found() && !folder_of(path).is_dir() => {
            create_dir_all(folder_of(path))?;
            create_dir_all(path)
        }
        other => other,
    }
}

/// Writes a whole file: afterwards `path` holds exactly `bytes`, or what it held before.
///
/// # Errors
/// The system refuses an operation; nothing is left under the temporary name.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = PendingFile::create(path, bytes.len() as u64)?;
    file.write(bytes)?;
    file.publish()
}

/// Starts a file that the command line names. Where a link has that name the file that it leads to is replaced, and
/// what is no regular file is refused: a rename would replace `/dev/null` for all users.
///
/// # Errors
/// [`FileError::NotAFile`] for a folder, a device or a pipe, or the system refuses.
pub fn create_named(path: &Path, bytes: u64) -> Result<PendingFile, FileError> {
    match perform(Operation::Open, path, || fs::metadata(path)) {
        Ok(about) if about.is_file() => {
            let target = perform(Operation::Open, path, || fs::canonicalize(path))?;
            PendingFile::create(&target, bytes)
        }
        Ok(_) => Err(FileError::NotAFile {
            path: path.to_owned(),
        }),
        Err(error) if error.is_not_found() => PendingFile::create(path, bytes),
        Err(error) => Err(error),
    }
}

/// Appends a line to a log, which is made where it is not there. The line is one write of one
/// piece; a log is for people, so it is not brought to the disk at once. A line that a power cut left
/// without its end is ended first.
///
/// # Errors
/// The system refuses.
pub fn append_line(path: &Path, line: &str) -> Result<(), FileError> {
    refuse_link(path)?;
    let mut file = perform(Operation::Open, path, || {
        OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
    })?;
    let torn = perform(Operation::Read, path, || ends_without_newline(&mut file))?;
    let mut text = String::with_capacity(line.len() + 2);
    if torn {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    write_bytes(&mut file, path, text.as_bytes()).map_err(|error| error.needing(text.len() as u64))
}

fn ends_without_newline(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Refuses a symbolic link. For what is written in place: a run folder that came from somebody else
/// must not make the program write outside of it.
///
/// # Errors
/// [`FileError::IsALink`], or the system refuses to answer. What is not there is no link.
pub fn refuse_link(path: &Path) -> Result<(), FileError> {
    match perform(Operation::Open, path, || fs::symlink_metadata(path)) {
        Ok(about) if about.file_type().is_symlink() => Err(FileError::IsALink {
            path: path.to_owned(),
        }),
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Brings what was written to an open file to the disk.
///
/// # Errors
/// The disk reports a failure.
pub fn sync(file: &File, path: &Path) -> Result<(), FileError> {
    perform(Operation::Sync, path, || file.sync_all())
}

/// Opens a log for another process to write to; what it writes goes behind what is there.
///
/// # Errors
/// The system refuses.
pub fn open_log(path: &Path) -> Result<File, FileError> {
    refuse_link(path)?;
    perform(Operation::Open, path, || {
        OpenOptions::new().append(true).create(true).open(path)
    })
}

/// Replaces the content of an open file in place. For the note inside a lock, which cannot be
/// renamed over (the lock belongs to the file, not to its name) and on which nothing depends.
///
/// # Errors
/// The system refuses.
pub fn overwrite(file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    perform(Operation::Write, path, || {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0)).map(|_| ())
    })?;
    write_bytes(file, path, bytes).map_err(|error| error.needing(bytes.len() as u64))
}

/// The one place where bytes go into a file.
fn write_bytes(file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    #[cfg(not(feature = "faults"))]
    let result = io::Write::write_all(file, bytes);
    #[cfg(feature = "faults")]
    let result = crate::fs::fault_injection::write(file, path, bytes);
    result.map_err(|source| FileError::System {
        operation: Operation::Write,
        path: path.to_owned(),
        source,
    })
}

/// Gives a file another name, in place of what had that name. Not yet on the disk: [`sync_folder`].
///
/// # Errors
/// The system refuses.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    perform_to(Operation::Rename, from, Some(to), || fs::rename(from, to))
}

/// Gives a file a second name, which nothing may have yet.
///
/// # Errors
/// Something has that name ([`FileError::is_already_there`]), the file system has no such thing
/// ([`cannot_link`]), or the system refuses.
pub fn link(from: &Path, to: &Path) -> Result<(), FileError> {
    perform_to(Operation::Link, from, Some(to), || fs::hard_link(from, to))
}

/// Whether [`link`] failed because the file system has no hard links, or none for this user or this file.
pub fn cannot_link(error: &FileError) -> bool {
    matches!(error, FileError::System { source, .. } if pending::cannot_link(source))
}

/// Removes a file; a file that is not there is no error. A symbolic link is removed, not followed.
///
/// # Errors
/// The system refuses.
pub fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match perform(Operation::Remove, path, || fs::remove_file(path)) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// Removes a folder with all that is in it. Symbolic links in it are removed, not followed.
///
/// # Errors
/// The system refuses; a part may be gone then.
pub fn remove_dir_all(path: &Path) -> Result<(), FileError> {
    perform(Operation::Remove, path, || fs::remove_dir_all(path))
}

/// Removes the temporary files that a crash left in a folder (not in folders below). Only for a
/// folder whose lock is held. Returns how many there were; a folder that is not there has none.
///
/// # Errors
/// The system refuses.
pub fn remove_temporaries(folder: &Path) -> Result<usize, FileError> {
    let mut removed = 0;
    for path in list(folder)? {
        let is_temporary = path.to_str().is_some_and(|name| name.ends_with(TEMPORARY));
        if is_temporary && !path.is_dir() {
            remove_if_there(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The paths in a folder, sorted by name; none where the folder is not there.
///
/// # Errors
/// It is no folder, or the system refuses.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = perform(Operation::List, folder, || {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    });
    match entries {
        Ok(paths) => {
            let mut paths: Vec<PathBuf> = paths;
            paths.sort_unstable();
            Ok(paths)
        }
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Brings the names in a folder to the disk.
///
/// # Errors
/// The disk reports a failure. A file system that cannot sync folders is no error.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    perform(Operation::Sync, folder, || {
        if !cfg!(unix) {
            return Ok(());
        }
        match File::open(folder)?.sync_all() {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::InvalidInput | ErrorKind::Unsupported
                ) =>
            {
                Ok(())
            }
            other => other,
        }
    })
}

/// Opens a regular file for reading, and says how many bytes it has. A pipe or a device is refused
/// before it is opened: opening a pipe would wait for a writer.
///
/// # Errors
/// The file is not there, is not a regular file, or the system refuses.
pub fn open(path: &Path) -> Result<(File, u64), FileError> {
    let about = perform(Operation::Open, path, || fs::metadata(path))?;
    if !about.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = perform(Operation::Open, path, || File::open(path))?;
    Ok((file, about.len()))
}

/// Goes to a byte of an open file.
///
/// # Errors
/// The system refuses.
pub fn seek(file: &mut File, path: &Path, offset: u64) -> Result<(), FileError> {
    perform(Operation::Read, path, || {
        file.seek(SeekFrom::Start(offset)).map(|_| ())
    })
}

/// Fills a buffer from an open file.
///
/// # Errors
/// The file ends before the buffer is full (kind `UnexpectedEof`), or the system refuses.
pub fn read_exact(file: &mut File, path: &Path, buffer: &mut [u8]) -> Result<(), FileError> {
    perform(Operation::Read, path, || file.read_exact(buffer))
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// The file is larger, not there, not a regular file, or the system refuses.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let (file, size) = open(path)?;
    let too_large = || FileError::TooLarge {
        path: path.to_owned(),
        limit,
    };
    if size > limit {
        return Err(too_large());
    }
    // The file may grow meanwhile, and those under /proc say 0: the limit counts, not the size.
    let mut bytes = Vec::new();
    perform(Operation::Read, path, || {
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)
    })?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Reads a text of at most `limit` bytes.
///
/// # Errors
/// Those of [`read`], and [`FileError::NotText`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    String::from_utf8(read(path, limit)?).map_err(|error| FileError::NotText {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}

/// `NAME.tmp` beside `NAME`.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(TEMPORARY);
    path.with_file_name(name)
}

/// The folder in which a path's last part stands.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
