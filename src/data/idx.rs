//! The IDX format of MNIST and its relatives.
//!
//! ```text
//! byte 0, 1   zero
//! byte 2      element type: 08 uint8, 09 int8, 0b int16, 0c int32, 0d float32, 0e float64
//! byte 3      number of axes: 1 for labels (QMNIST's have 2, with the class first), 3 for images (N, H, W), 4 for images (N, H, W, C)
//! byte 4 ..   length of each axis, 32 bits, big-endian
//! then        the elements, last axis fastest
//! ```

use std::path::Path;

use super::array_file::{ArrayFile, Content, Declared, Problem};
use super::element::{Element, Order};
use super::error::DataError;

/// The numbers that a label of QMNIST has: the class and seven more (who wrote it, and where it comes from).
const QMNIST: u32 = 8;

/// What is wrong with the header of an IDX file, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdxError {
    #[error("at byte 0: not an IDX file: it begins with {:02x} {:02x}, expected 00 00", found[0], found[1])]
    Magic { found: [u8; 2] },
    #[error("at byte 2: element type 0x{found:02x}, expected 0x08, 0x09 or 0x0b to 0x0e")]
    ElementType { found: u8 },
    #[error("at byte 3: {found} axes, expected {expected}")]
    Axes { found: u8, expected: &'static str },
    #[error(
        "at byte 8: {found} numbers a label, expected 1, or the {QMNIST} of type int32 of QMNIST"
    )]
    LabelLength { found: u32 },
}

impl Problem for IdxError {
    fn hint(&self, _: &Path) -> Option<String> {
        let hint = match self {
            Self::Magic {
                found: [0x93, 0x4e],
            } => "this is a NumPy file: write `dataset = \"numpy\"`",
            Self::Magic {
                found: [b'P', b'K'],
            } => {
                "this is a zip archive; NumPy's `.npz` is read with `dataset = \"numpy\"` and `file`"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

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
    let element = match element {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0b => Element::I16,
        0x0c => Element::I32,
        0x0d => Element::F32,
        0x0e => Element::F64,
        found => return Err(file.refuse(IdxError::ElementType { found })),
    };
    let (possible, expected) = match content {
        Content::Images => (3..=4, "3 (images, rows, columns) or 4 (with channels)"),
        Content::Labels => (1..=2, "1 (labels)"),
        Content::Factors => (2..=2, "2 (images, factors)"),
    };
    if !possible.contains(&axes) {
        let found = axes;
        return Err(file.refuse(IdxError::Axes { found, expected }));
    }
    let mut bytes = [[0; 4]; 4];
    file.read_header(bytes[..usize::from(axes)].as_flattened_mut())?;
    let mut lengths = [1; 4];
    let [count, second, ..] = bytes.map(u32::from_be_bytes);
    match content {
        Content::Images => {
            for (length, bytes) in lengths.iter_mut().zip(bytes).take(usize::from(axes)) {
                *length = u64::from(u32::from_be_bytes(bytes));
            }
        }
        Content::Labels | Content::Factors => {
            let is_labels = content == Content::Labels && axes == 2;
            if is_labels && second != 1 && (second, element) != (QMNIST, Element::I32) {
                return Err(file.refuse(IdxError::LabelLength { found: second }));
            }
            let width = if axes == 2 { second } else { 1 };
            lengths = [u64::from(count), 1, u64::from(width), 1];
        }
    }
    let declared = Declared {
        element,
        order: Order::Big,
        ..Declared::bytes(lengths, [4, 8, 12, 16])
    };
    file.declare(content, declared)?;
    Ok(file)
}

#[cfg(test)]
pub(in crate::data) mod tests;
