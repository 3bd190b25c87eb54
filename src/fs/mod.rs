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
