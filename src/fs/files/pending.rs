//! A file that is being written under a temporary name: complete or absent under its own.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{
    FileError, Operation, folder_of, link, perform, remove_if_there, rename, sync_folder,
    temporary_name, write_bytes,
};

/// A file that is being written, under its temporary name.
///
/// Dropped before [`publish`](Self::publish), it is removed, and the file of the final name is unchanged.
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

    /// Lets further bytes go somewhere else.
    #[cfg(test)]
    pub(crate) fn divert(&mut self, file: File) {
        self.file = file;
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
            // An error cannot be returned here; the next writer of the name removes what stays.
            let _ = remove_if_there(&self.temporary);
        }
    }
}

/// Whether the file system has no hard links, or none for this user or this file.
pub(crate) fn cannot_link(error: &io::Error) -> bool {
    // EPERM, which shares its kind with EACCES: what Linux answers on FAT and on some network folders.
    const EPERM: i32 = 1;
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::TooManyLinks
    ) || error.raw_os_error() == Some(EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn falls_back_to_renaming_only_without_hard_links() {
        // Linux: EPERM, EMLINK, EOPNOTSUPP, ENOSYS; then EIO, EACCES, EMFILE, ENOSPC, EDQUOT.
        for (number, expected) in [
            (1, true),
            (31, true),
            (95, true),
            (38, true),
            (5, false),
            (13, false),
            (24, false),
            (28, false),
            (122, false),
        ] {
            if cfg!(target_os = "linux") {
                let error = io::Error::from_raw_os_error(number);
                assert_eq!(cannot_link(&error), expected, "{error}");
            }
        }
    }

    #[test]
    fn keeps_both_names_readable_during_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let (last, previous) = (folder.path().join("last"), folder.path().join("previous"));
        let publish = |content: u32| {
            let mut file = PendingFile::create(&last, 4).unwrap();
            file.write(&content.to_le_bytes()).unwrap();
            file.publish_and_keep(&previous).unwrap();
        };
        publish(0);
        publish(1);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (2..500).for_each(publish));
            let mut seen = 0;
            while !writer.is_finished() {
                let number = |path| u32::from_le_bytes(fs::read(path).unwrap().try_into().unwrap());
                let (before, now) = (number(&previous), number(&last));
                assert!(now >= seen && now > before, "{before}, {now} after {seen}");
                seen = now;
            }
        });
    }

    /// Linux gives folders no second name (EPERM), as file systems without hard links do for files.
    #[cfg(target_os = "linux")]
    #[test]
    fn renames_the_old_file_without_hard_links() {
        let folder = tempfile::tempdir().unwrap();
        let (last, previous) = (folder.path().join("last"), folder.path().join("previous"));
        fs::create_dir(&last).unwrap();
        fs::write(last.join("inside"), b"old").unwrap();
        let mut file = PendingFile::create(&last, 3).unwrap();
        file.write(b"new").unwrap();
        file.publish_and_keep(&previous).unwrap();
        assert_eq!(fs::read(&last).unwrap(), b"new");
        assert_eq!(fs::read(previous.join("inside")).unwrap(), b"old");
    }
}
