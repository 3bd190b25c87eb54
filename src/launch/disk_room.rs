//! Room on the disk of a sweep.

use std::path::Path;

use crate::fs::disk;
use crate::sys::exit;
use crate::terminal::CliError;
use crate::terminal::print::bytes;

/// Less than the smallest run needs, in bytes.
const LITTLE: u64 = 1 << 20;

/// A warning where a disk is almost full.
pub fn little_room(folder: &Path) -> Option<String> {
    let free = disk::free_bytes(folder).filter(|&free| free < LITTLE)?;
    let folder = folder.display();
    Some(format!("the disk of `{folder}` has {} free", bytes(free)))
}

/// Refuses to write so many bytes where there is no room for them.
///
/// # Errors
/// The disk has too little room (exit code 74).
pub fn refuse_little_room(folder: &Path, needed: u64) -> Result<(), CliError> {
    match disk::free_bytes(folder) {
        Some(free) if free < needed => {
            let text = format!(
                "the disk of `{}` has {} free, the sweep needs about {}",
                folder.display(),
                bytes(free),
                bytes(needed)
            );
            Err(CliError::new(exit::IO, text)
                .with_hint("make room, take fewer trials, or another place with `--runs-dir`"))
        }
        _ => Ok(()),
    }
}
