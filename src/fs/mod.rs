//! Files: atomic writing, locks, claims, digests, and the room on a disk. Nothing of the field.
//!
//! All writing of files goes through [`files`].

pub mod claim;
pub mod digest;
pub mod disk;
pub mod files;
pub mod lock;
