//! Files: atomic writing, locks, claims, digests, and the room on a disk. Nothing of the field.
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
