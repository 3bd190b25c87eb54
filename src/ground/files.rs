//! The only module that writes files.
//!
//! What stands here keeps three promises for the rest of the program:
//!
//! - **Complete or absent.** A file is written under `NAME.tmp`, brought to the disk (fsync), renamed
//!   to `NAME`, and the rename is brought to the disk (fsync of the folder) before the call returns.
//!   Whatever the moment of a kill or a power cut, `NAME` is the old file or the new one. Only what a
//!   program appends to ([`append_line`]) or a lock's note ([`overwrite`]) is written in place.
//! - **Nothing left lying about.** On an error the `.tmp` is removed; one that a crash left behind is
//!   removed by the next writer of the same name.
//! - **An error says what, where and why**: the operation, the path, and the system's own words; for
//!   a full disk, how many bytes the file needs.
//!
//! Every primitive operation goes through [`perform`], so that one place sees all of them in order.
//! Readers are here too where they need the same care: a limit on size, and no waiting on a pipe.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a temporary name ends in. No other file of the program does.
pub const TEMPORARY: &str = ".tmp";

/// A primitive operation on the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Making a folder.
    CreateFolder,
    /// Listing a folder.
    List,
    /// Making a file that must not be there yet.
    Create,
    /// Opening a file that is there.
    Open,
    /// Reading from an open file.
    Read,
    /// Writing to an open file.
    Write,
    /// Bringing a file or a folder from the system's memory to the disk.
    Sync,
    /// Giving a file another name, in place of what had that name.
    Rename,
    /// Giving a file a second name.
    Link,
    /// Removing a file or a folder.
    Remove,
    /// Taking or asking for a lock.
    Lock,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateFolder => "create the folder",
            Self::List => "list the folder",
            Self::Create => "create",
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "bring to the disk",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system said no.
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

    /// Whether the disk or the user's share of it is full.
    pub fn is_no_space(&self) -> bool {
        matches!(
            self.kind(),
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        )
    }

    /// Adds how many bytes the file needs, where the error is a full disk.
    fn needing(self, bytes: u64) -> Self {
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

/// The one way to the file system: every primitive operation of this module is an `act` in here.
fn perform<T>(
    operation: Operation,
    path: &Path,
    act: impl FnOnce() -> io::Result<T>,
) -> Result<T, FileError> {
    act().map_err(|source| FileError::System {
        operation,
        path: path.to_owned(),
        source,
    })
}

/// Makes a folder that must not be there yet, and brings its name to the disk.
///
/// # Errors
/// Something has that name ([`FileError::is_already_there`]), or the system refuses.
pub fn create_dir(path: &Path) -> Result<(), FileError> {
    perform(Operation::CreateFolder, path, || fs::create_dir(path))?;
    sync_folder(folder_of(path))
}

/// Makes a folder and those above it, as far as they are not there yet.
///
/// # Errors
/// A part of the path is no folder, or the system refuses.
pub fn create_dir_all(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    perform(Operation::CreateFolder, path, || fs::create_dir_all(path))?;
    sync_folder(folder_of(path))
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

/// A file in the making, under its temporary name.
///
/// Dropped before [`publish`](Self::publish), it is removed, and what stood under the final name is
/// as it was.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    /// Size of the whole file to be, for the message of a full disk.
    bytes: u64,
    synced: bool,
    published: bool,
}

impl PendingFile {
    /// Starts the file that is to be `path`, of `bytes` bytes in the end.
    ///
    /// # Errors
    /// The system refuses, for instance because the folder is not there.
    pub fn create(path: &Path, bytes: u64) -> Result<Self, FileError> {
        let temporary = temporary_name(path);
        remove_if_there(&temporary)?;
        let file = perform(Operation::Create, &temporary, || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&temporary)
        })
        .map_err(|error| error.needing(bytes))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            file,
            bytes,
            synced: false,
            published: false,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The system refuses; a full disk is [`FileError::NoSpace`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.synced = false;
        write_bytes(&mut self.file, &self.path, bytes).map_err(|error| error.needing(self.bytes))
    }

    /// Brings what was written to the disk, still under the temporary name.
    ///
    /// # Errors
    /// The disk reports a failure; some file systems notice only now that it is full.
    pub fn sync(&mut self) -> Result<(), FileError> {
        if !self.synced {
            perform(Operation::Sync, &self.temporary, || self.file.sync_all())
                .map_err(|error| error.needing(self.bytes))?;
            self.synced = true;
        }
        Ok(())
    }

    /// Puts the file under its final name, in place of what was there. Once this returns, no crash
    /// and no power cut takes it away.
    ///
    /// # Errors
    /// The system refuses; unless it was the very last step (the fsync of the folder), the old file
    /// is still there.
    pub fn publish(mut self) -> Result<(), FileError> {
        self.sync()?;
        self.rename()?;
        sync_folder(folder_of(&self.path))
    }

    /// The same, and what was there before is kept under the name `old` in the same folder.
    ///
    /// At every moment, and after any loss of operations that were not synced yet, both names hold
    /// whole files or nothing, and one of them is the newest that was ever published:
    ///
    /// | moment | `path` | `old` | `old.tmp` |
    /// | --- | --- | --- | --- |
    /// | before | k | k-1 | |
    /// | second name for k | k | k-1 | k |
    /// | new file renamed | k+1 | k-1 | k |
    /// | second name renamed | k+1 | k | |
    ///
    /// On a file system without hard links k is renamed to `old` before the new file takes its name;
    /// for a moment there is no `path` then, but a whole `old`.
    ///
    /// # Errors
    /// The system refuses; one of the rows above is what is on the disk.
    pub fn publish_and_keep(mut self, old: &Path) -> Result<(), FileError> {
        self.sync()?;
        let second_name = temporary_name(old);
        remove_if_there(&second_name)?;
        match link(&self.path, &second_name) {
            Ok(()) => {
                if let Err(error) = self.rename().and_then(|()| rename(&second_name, old)) {
                    // The first error is the one to report.
                    let _ = remove_if_there(&second_name);
                    return Err(error);
                }
            }
            Err(error) if error.is_not_found() => self.rename()?,
            Err(FileError::System { source, .. }) if cannot_link(&source) => {
                rename(&self.path, old)?;
                self.rename()?;
            }
            Err(error) => return Err(error.needing(self.bytes)),
        }
        sync_folder(folder_of(&self.path))
    }

    fn rename(&mut self) -> Result<(), FileError> {
        rename(&self.temporary, &self.path).map_err(|error| error.needing(self.bytes))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.published {
            // Nobody is left to hear of it; the next writer of the name removes what stays.
            let _ = remove_if_there(&self.temporary);
        }
    }
}

/// Whether the file system has no hard links, or none for this user or this file.
fn cannot_link(error: &io::Error) -> bool {
    // EPERM, which shares its kind with EACCES: what Linux answers on FAT and on some network folders.
    const EPERM: i32 = 1;
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::TooManyLinks
    ) || error.raw_os_error() == Some(EPERM)
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

/// Asks the system for something about a lock; an `Err` of `act` gets the lock's path.
pub(super) fn lock<T>(path: &Path, act: impl FnOnce() -> io::Result<T>) -> Result<T, FileError> {
    perform(Operation::Lock, path, act)
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
    perform(Operation::Write, path, || file.write_all(bytes))
}

/// Gives a file another name, in place of what had that name. Not yet on the disk: [`sync_folder`].
///
/// # Errors
/// The system refuses.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    perform(Operation::Rename, from, || fs::rename(from, to))
}

fn link(from: &Path, to: &Path) -> Result<(), FileError> {
    perform(Operation::Link, from, || fs::hard_link(from, to))
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
/// The disk reports a failure. A file system that knows no such thing for folders is no error.
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
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        list(folder).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn write_atomic_replaces_the_whole_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomic(&path, b"a long first content").unwrap();
        write_atomic(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_temporary_file_left_by_a_crash_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(folder.path().join("a.json.tmp"), b"half of someth").unwrap();
        write_atomic(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_planted_under_the_temporary_name_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let victim = outside.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        let path = folder.path().join("a.json");
        std::os::unix::fs::symlink(&victim, folder.path().join("a.json.tmp")).unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_written_in_place_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let victim = outside.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        let path = folder.path().join("log.txt");
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(matches!(
            append_line(&path, "line"),
            Err(FileError::IsALink { .. })
        ));
        assert!(matches!(open_lock(&path), Err(FileError::IsALink { .. })));
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_file_given_up_half_way_leaves_the_old_one_and_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomic(&path, b"old").unwrap();
        let mut file = PendingFile::create(&path, 1_000).unwrap();
        file.write(b"half").unwrap();
        assert_eq!(names(folder.path()), ["a.bin", "a.bin.tmp"]);
        drop(file);
        assert_eq!(names(folder.path()), ["a.bin"]);
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn publish_and_keep_rotates() {
        let folder = tempfile::tempdir().unwrap();
        let (last, previous) = (folder.path().join("last"), folder.path().join("previous"));
        for content in ["one", "two", "three"] {
            // As after a crash between the two renames.
            fs::write(folder.path().join("previous.tmp"), b"stale").unwrap();
            let mut file = PendingFile::create(&last, 0).unwrap();
            file.write(content.as_bytes()).unwrap();
            file.publish_and_keep(&previous).unwrap();
            assert_eq!(fs::read_to_string(&last).unwrap(), content);
            assert!(!folder.path().join("previous.tmp").exists());
        }
        assert_eq!(fs::read_to_string(&previous).unwrap(), "two");
        assert_eq!(names(folder.path()), ["last", "previous"]);
        // Two files, not two names of one: damage to one must not reach the other.
        fs::write(&last, b"damaged").unwrap();
        assert_eq!(fs::read_to_string(&previous).unwrap(), "two");
    }

    #[test]
    fn a_failed_rotation_leaves_the_newest_file_and_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let last = folder.path().join("last");
        let previous = folder.path().join("previous");
        write_atomic(&last, b"one").unwrap();
        // A folder in the way of the kept file.
        fs::create_dir(&previous).unwrap();
        let mut file = PendingFile::create(&last, 3).unwrap();
        file.write(b"two").unwrap();
        let error = file.publish_and_keep(&previous).unwrap_err();
        assert!(error.to_string().starts_with("cannot rename `"), "{error}");
        assert_eq!(fs::read(&last).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["last", "previous"]);
    }

    #[test]
    fn create_dir_refuses_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        create_dir(&path).unwrap();
        let error = create_dir(&path).unwrap_err();
        assert!(error.is_already_there());
        assert!(
            error.to_string().starts_with("cannot create the folder `"),
            "{error}"
        );
    }

    #[test]
    fn errors_name_operation_path_and_the_systems_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/a.json");
        let error = write_atomic(&path, b"x").unwrap_err();
        assert!(error.is_not_found());
        let text = error.to_string();
        let expected = format!("cannot create `{}.tmp`: No such file", path.display());
        assert!(text.starts_with(&expected), "{text}");

        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = write_atomic(&file.join("a.json"), b"x").unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NotADirectory));
    }

    /// `/dev/full` answers every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_bytes_needed() {
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = write_bytes(&mut full, Path::new("/dev/full"), &[0; 77])
            .unwrap_err()
            .needing(77);
        assert!(error.is_no_space());
        let text = error.to_string();
        assert!(
            text.starts_with("cannot write `/dev/full`: No space left on device"),
            "{text}"
        );
        assert!(text.ends_with("; the file needs 77 bytes"), "{text}");

        let folder = tempfile::tempdir().unwrap();
        let mut file = PendingFile::create(&folder.path().join("a.bin"), 123_456).unwrap();
        file.file = full;
        let text = file.write(&[0; 77]).unwrap_err().to_string();
        assert!(text.ends_with("; the file needs 123456 bytes"), "{text}");
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn lines_are_appended_and_a_torn_one_is_ended_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        append_line(&path, "one").unwrap();
        append_line(&path, "two").unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"torn by a power c").unwrap();
        append_line(&path, "three").unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "one\ntwo\ntorn by a power c\nthree\n"
        );
    }

    #[test]
    fn reading_is_bounded_and_refuses_what_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(matches!(
            read(&path, 4).unwrap_err(),
            FileError::TooLarge { limit: 4, .. }
        ));
        assert!(matches!(
            read(folder.path(), 4).unwrap_err(),
            FileError::NotAFile { .. }
        ));
        fs::write(&path, b"ab\xff").unwrap();
        assert!(matches!(
            read_text(&path, 9).unwrap_err(),
            FileError::NotText { offset: 2, .. }
        ));
        assert!(
            read(&folder.path().join("b"), 4)
                .unwrap_err()
                .is_not_found()
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_end_is_not_read() {
        assert!(matches!(
            read(Path::new("/dev/zero"), 9).unwrap_err(),
            FileError::NotAFile { .. }
        ));
    }

    #[test]
    fn only_temporaries_are_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.tmp", "b.safetensors.tmp", "c.txt", "tmp"] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        fs::create_dir(folder.path().join("d.tmp")).unwrap();
        assert_eq!(remove_temporaries(folder.path()).unwrap(), 2);
        assert_eq!(names(folder.path()), ["c.txt", "d.tmp", "tmp"]);
        assert_eq!(
            remove_temporaries(&folder.path().join("not there")).unwrap(),
            0
        );
    }

    /// A folder in which nothing may be made, also not by root.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_is_not_writable_is_told() {
        let error = create_dir(Path::new("/proc/self/fdinfo/run")).unwrap_err();
        assert!(!error.is_already_there());
        assert!(
            error.to_string().contains("`/proc/self/fdinfo/run`"),
            "{error}"
        );
    }
}
