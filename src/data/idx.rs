//! The IDX format of MNIST and its relatives, read with distrust.
//!
//! ```text
//! byte 0, 1   zero
//! byte 2      element type; 0x08 is unsigned byte, the only one read here
//! byte 3      number of axes: 1 for labels, 3 for images (N, H, W), 4 for images (N, H, W, C)
//! byte 4 ..   length of each axis, 32 bits, big end first
//! then        the elements, last axis fastest
//! ```
//!
//! The header is checked before anything is allocated: what it declares must be below
//! [`MAX_BYTES`], and must be what a plain file's length says to the byte, or what a gzip file of that
//! length can hold at the most. So a short file cannot make the program ask for much memory. While
//! pixels arrive their digest is computed; [`IdxFile::finish`] reads to the end, where the file has to
//! end as well (gzip's own check sums included), before anything that was read counts as good.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::fs::digest::Sha256Writer;

use super::error::DataError;
use super::input::Input;
use super::set::Source;

/// The most bytes of elements that a file may declare: 4 GiB.
pub(super) const MAX_BYTES: u64 = 4 << 30;

/// The longest side of an image, pixels.
pub(super) const MAX_SIDE: u32 = 16_384;

const UNSIGNED_BYTE: u8 = 0x08;

/// Read and hashed in pieces that stay in the processor's cache.
const PIECE: usize = 1 << 16;

/// What is wrong with an IDX file, and at which byte.
///
/// Offsets count the uncompressed bytes, except in [`Gzip`](Self::Gzip), where they count the file's
/// own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdxError {
    /// The gzip stream is cut off or damaged.
    #[error("the gzip stream is damaged at byte {offset} of {length} of the file: {reason}")]
    Gzip {
        /// Byte of the compressed file.
        offset: u64,
        /// Length of the compressed file.
        length: u64,
        /// What the decoder says.
        reason: String,
    },
    /// The first two bytes are not those of an IDX file.
    #[error("at byte 0: not an IDX file: it begins with {:02x} {:02x}, expected 00 00", found[0], found[1])]
    Magic {
        /// The first two bytes.
        found: [u8; 2],
    },
    /// Elements of another type than unsigned byte.
    #[error("at byte 2: element type 0x{found:02x}, expected 0x08 (unsigned byte)")]
    ElementType {
        /// The third byte.
        found: u8,
    },
    /// Another number of axes than images or labels have.
    #[error("at byte 3: {found} axes, expected {expected}")]
    Axes {
        /// The fourth byte.
        found: u8,
        /// What is possible here.
        expected: &'static str,
    },
    /// An axis has a length that it must not have.
    #[error("at byte {offset}: {axis} is {found}, expected {expected}")]
    Length {
        /// Where the axis' length stands.
        offset: u64,
        /// What the axis counts.
        axis: &'static str,
        /// The length in the header.
        found: u32,
        /// What was expected.
        expected: String,
    },
    /// More elements than the program is ready to read.
    #[error("at byte 4: the header declares {declared} bytes, more than the limit of {MAX_BYTES}")]
    TooLarge {
        /// The product of all axes.
        declared: u128,
    },
    /// A gzip file so short that it cannot hold what its header declares.
    #[error(
        "at byte 4: the header declares {declared} bytes, which a gzip file of {length} bytes cannot hold"
    )]
    Impossible {
        /// Header and elements.
        declared: u64,
        /// Length of the compressed file.
        length: u64,
    },
    /// The data ends before what the header declares.
    #[error("at byte {offset}: the data ends, expected {expected} bytes")]
    Short {
        /// Where the data ends.
        offset: u64,
        /// Where it should end.
        expected: u64,
    },
    /// There is more data than the header declares.
    #[error("at byte {offset}: more data follows where the header says that the file ends")]
    Long {
        /// Where the data should end.
        offset: u64,
    },
}

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Images,
    Labels,
}

/// What the header declares; for labels, height, width and channels are 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub count: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Header {
    /// Bytes of one element of the first axis.
    pub(super) fn item_bytes(&self) -> usize {
        self.height * self.width * self.channels
    }
}

/// An IDX file whose header has been read and believed.
pub(super) struct IdxFile<'a> {
    path: PathBuf,
    input: Input<'a>,
    digest: Sha256Writer,
    header: Header,
    /// Uncompressed bytes read, and how many there have to be.
    position: u64,
    end: u64,
}

impl IdxFile<'static> {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path, kind: Kind) -> Result<Self, DataError> {
        Self::new(path, Input::open(path)?, kind)
    }
}

impl<'a> IdxFile<'a> {
    /// Reads a file that lies in memory; `path` is what errors call it.
    pub(super) fn from_bytes(path: &Path, bytes: &'a [u8], kind: Kind) -> Result<Self, DataError> {
        let input = Input::from_bytes(bytes).map_err(|source| DataError::read(path, source))?;
        Self::new(path, input, kind)
    }

    fn new(path: &Path, input: Input<'a>, kind: Kind) -> Result<Self, DataError> {
        let mut file = Self {
            path: path.to_path_buf(),
            input,
            digest: Sha256Writer::new(),
            header: Header {
                count: 0,
                height: 1,
                width: 1,
                channels: 1,
            },
            position: 0,
            end: 4,
        };
        file.read_header(kind)?;
        Ok(file)
    }

    pub(super) fn header(&self) -> Header {
        self.header
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses the file.
    pub(super) fn refuse(&self, source: IdxError) -> DataError {
        DataError::Idx {
            path: self.path.clone(),
            source,
        }
    }

    fn read_header(&mut self, kind: Kind) -> Result<(), DataError> {
        let mut start = [0; 4];
        self.fill(&mut start)?;
        let [zero, also_zero, element, axes] = start;
        if [zero, also_zero] != [0, 0] {
            return Err(self.refuse(IdxError::Magic {
                found: [zero, also_zero],
            }));
        }
        if element != UNSIGNED_BYTE {
            return Err(self.refuse(IdxError::ElementType { found: element }));
        }
        let (possible, expected) = match kind {
            Kind::Images => (3..=4, "3 (images, rows, columns) or 4 (with channels)"),
            Kind::Labels => (1..=1, "1 (labels)"),
        };
        if !possible.contains(&axes) {
            return Err(self.refuse(IdxError::Axes {
                found: axes,
                expected,
            }));
        }
        self.end += 4 * u64::from(axes);
        let mut lengths = [1_u32; 4];
        for length in lengths.iter_mut().take(usize::from(axes)) {
            let mut bytes = [0; 4];
            self.fill(&mut bytes)?;
            *length = u32::from_be_bytes(bytes);
        }
        self.check_lengths(kind, lengths)?;
        let [count, height, width, channels] = lengths.map(|length| length as usize);
        self.header = Header {
            count,
            height,
            width,
            channels,
        };
        self.check_end(lengths)
    }

    fn check_lengths(&self, kind: Kind, lengths: [u32; 4]) -> Result<(), DataError> {
        let [count, height, width, channels] = lengths;
        let axis = |index: u64, axis, found, expected: String| {
            Err(self.refuse(IdxError::Length {
                offset: 4 + 4 * index,
                axis,
                found,
                expected,
            }))
        };
        if count == 0 {
            let name = match kind {
                Kind::Images => "the number of images",
                Kind::Labels => "the number of labels",
            };
            return axis(0, name, count, "at least 1".into());
        }
        for (index, name, side) in [(1, "the height", height), (2, "the width", width)] {
            if !(1..=MAX_SIDE).contains(&side) {
                return axis(index, name, side, format!("1 to {MAX_SIDE}"));
            }
        }
        if channels != 1 && channels != 3 {
            return axis(3, "the number of channels", channels, "1 or 3".into());
        }
        Ok(())
    }

    /// Compares what the header declares with what the file can hold.
    fn check_end(&mut self, lengths: [u32; 4]) -> Result<(), DataError> {
        let declared: u128 = lengths.iter().map(|&length| u128::from(length)).product();
        let declared = match u64::try_from(declared) {
            Ok(bytes) if bytes <= MAX_BYTES && usize::try_from(bytes).is_ok() => bytes,
            _ => return Err(self.refuse(IdxError::TooLarge { declared })),
        };
        self.end += declared;
        let (end, length) = (self.end, self.input.file_bytes());
        if self.input.capacity() < end {
            return Err(self.refuse(if self.input.is_gzip() {
                IdxError::Impossible {
                    declared: end,
                    length,
                }
            } else {
                IdxError::Short {
                    offset: length,
                    expected: end,
                }
            }));
        }
        if !self.input.is_gzip() && length > end {
            return Err(self.refuse(IdxError::Long { offset: end }));
        }
        Ok(())
    }

    /// Fills `out` with the next bytes of the file.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<(), DataError> {
        for piece in out.chunks_mut(PIECE) {
            let mut filled = 0;
            while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match self.read(rest)? {
                    0 => {
                        return Err(self.refuse(IdxError::Short {
                            offset: self.position,
                            expected: self.end,
                        }));
                    }
                    count => filled += count,
                }
            }
            self.digest.update(piece);
        }
        Ok(())
    }

    /// Reads what is left without keeping it, checks that the file ends where its header says, and
    /// gives its digest.
    pub(super) fn finish(mut self) -> Result<Source, DataError> {
        let mut scratch = vec![0; PIECE];
        while self.position < self.end {
            let left = usize::try_from(self.end - self.position).unwrap_or(PIECE);
            let piece = &mut scratch[..left.min(PIECE)];
            self.fill(piece)?;
        }
        // Also makes the decoder compare gzip's check sum and length.
        if self.read(&mut [0])? != 0 {
            return Err(self.refuse(IdxError::Long { offset: self.end }));
        }
        Ok(Source {
            path: self.path,
            sha256: self.digest.hex(),
            bytes: self.end,
        })
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, DataError> {
        loop {
            match self.input.read(out) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Errors of the operating system carry its number, those of the decoder do not.
                Err(error) if error.raw_os_error().is_none() && self.input.is_gzip() => {
                    let reason = match error.kind() {
                        io::ErrorKind::UnexpectedEof => "it is cut off".to_string(),
                        _ => error.to_string(),
                    };
                    return Err(self.refuse(IdxError::Gzip {
                        offset: self.input.file_position(),
                        length: self.input.file_bytes(),
                        reason,
                    }));
                }
                Err(error) => return Err(DataError::read(&self.path, error)),
            }
        }
    }
}

#[cfg(test)]
pub(in crate::data) mod tests;
