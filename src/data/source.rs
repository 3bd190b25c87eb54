//! The files that images came from, for manifests and fingerprints.

use std::path::PathBuf;

/// A file that images or labels came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its uncompressed bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// How many uncompressed bytes it has.
    pub bytes: u64,
}
