//! Files: atomic writing, locks, claims, digests and the free bytes of a disk.
//!
//! All writing of files goes through [`files`].

pub mod claim;
pub mod digest;
pub mod disk;
#[cfg(feature = "faults")]
pub mod fault_injection;
pub mod files;
pub mod lock;
pub mod operation;

/// A path of this name in a temporary folder.
#[cfg(test)]
fn in_folder(name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}
