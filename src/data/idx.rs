//! The IDX format of MNIST and its relatives.
//!
//! ```text
//! byte 0, 1   zero
//! byte 2      element type; 0x08 is unsigned byte, the only one read here
//! byte 3      number of axes: 1 for labels, 3 for images (N, H, W), 4 for images (N, H, W, C)
//! byte 4 ..   length of each axis, 32 bits, big-endian
//! then        the elements, last axis fastest
//! ```

use std::path::Path;

use super::array_file::{ArrayFile, Content, Problem};
use super::error::DataError;

const UNSIGNED_BYTE: u8 = 0x08;

/// What is wrong with the header of an IDX file, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdxError {
    #[error("at byte 0: not an IDX file: it begins with {:02x} {:02x}, expected 00 00", found[0], found[1])]
    Magic { found: [u8; 2] },
    #[error("at byte 2: element type 0x{found:02x}, expected 0x08 (unsigned byte)")]
    ElementType { found: u8 },
    #[error("at byte 3: {found} axes, expected {expected}")]
    Axes { found: u8, expected: &'static str },
}

impl Problem for IdxError {}

/// Opens a file and reads its header.
pub(super) fn open(path: &Path, content: Content) -> Result<ArrayFile<'static>, DataError> {
    with_header(ArrayFile::open(path)?, content)
}

/// Reads the header of a file.
pub(super) fn with_header(
    mut file: ArrayFile<'_>,
    content: Content,
) -> Result<ArrayFile<'_>, DataError> {
    let mut start = [0; 4];
    file.read_header(&mut start)?;
    let [zero, also_zero, element, axes] = start;
    if [zero, also_zero] != [0, 0] {
        let found = [zero, also_zero];
        return Err(file.refuse(IdxError::Magic { found }));
    }
    if element != UNSIGNED_BYTE {
        return Err(file.refuse(IdxError::ElementType { found: element }));
    }
    let (possible, expected) = match content {
        Content::Images => (3..=4, "3 (images, rows, columns) or 4 (with channels)"),
        Content::Labels => (1..=1, "1 (labels)"),
    };
    if !possible.contains(&axes) {
        let found = axes;
        return Err(file.refuse(IdxError::Axes { found, expected }));
    }
    let mut bytes = [[0; 4]; 4];
    file.read_header(bytes[..usize::from(axes)].as_flattened_mut())?;
    let mut lengths = [1; 4];
    for (length, bytes) in lengths.iter_mut().zip(bytes).take(usize::from(axes)) {
        *length = u64::from(u32::from_be_bytes(bytes));
    }
    file.declare(content, lengths, [4, 8, 12, 16])?;
    Ok(file)
}

#[cfg(test)]
pub(in crate::data) mod tests;
