//! The primitive operations on the file system, for errors and for the injection of faults.

use std::fmt;

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
