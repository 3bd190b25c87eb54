//! A file of images or labels: an array of bytes behind a header, plain or gzip, read once from front to back.
//!
//! The header is checked before anything is allocated: what it declares must be below [`MAX_BYTES`], and must be what
//! a plain file's length says to the byte, or what a gzip file of that length can hold at the most. So a short file
//! cannot make the program ask for much memory. While pixels arrive their digest is computed; [`ArrayFile::finish`]
//! reads to the end, where the file has to end as well (gzip's own check sums included), before anything that was
//! read counts as good.

use std::error::Error;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::fs::digest::Sha256Writer;
use crate::sys::exit;

use super::error::{DataError, ReadError, Refusal};
use super::images::{MAX_BYTES, MAX_SIDE};
use super::input::Input;
use super::source::Source;

/// Bytes that are read and hashed at once; so many stay in the processor's cache.
const PIECE: usize = 1 << 16;

/// What is wrong with a file, and where.
pub(super) trait Problem: Error + Send + Sync + 'static {
    /// The way out.
    fn hint(&self, _file: &Path) -> Option<String> {
        None
    }
}

/// A file that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {problem}", path.display())]
pub(super) struct BadFile {
    path: PathBuf,
    pub problem: Box<dyn Problem>,
}

impl Refusal for BadFile {
    fn exit_code(&self) -> u8 {
        exit::INVALID_DATA
    }

    fn hint(&self) -> Option<String> {
        self.problem.hint(&self.path)
    }
}

/// What is wrong with an array file of any format, and at which byte.
///
/// Offsets count the uncompressed bytes, except in [`Gzip`](Self::Gzip), where they count the file's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArrayError {
    #[error("the gzip stream is damaged at byte {offset} of {length} of the file: {reason}")]
    Gzip {
        offset: u64,
        length: u64,
        reason: String,
    },
    #[error("at byte {offset}: {axis} is {found}, expected {expected}")]
    Axis {
        offset: u64,
        axis: &'static str,
        found: u64,
        expected: String,
    },
    #[error(
        "at byte {offset}: the header declares {declared} bytes, more than the limit of {MAX_BYTES}"
    )]
    TooLarge { offset: u64, declared: u128 },
    #[error(
        "at byte {offset}: the header declares {declared} bytes, which a gzip file of {length} bytes cannot hold"
    )]
    Impossible {
        offset: u64,
        declared: u64,
        length: u64,
    },
    #[error("at byte {offset}: the data ends, expected {expected} bytes")]
    Short { offset: u64, expected: u64 },
    #[error("at byte {offset}: more data follows where the header says that the file ends")]
    Long { offset: u64 },
}

impl Problem for ArrayError {
    fn hint(&self, file: &Path) -> Option<String> {
        let is_cut_off = matches!(
            self,
            Self::Gzip { .. } | Self::Impossible { .. } | Self::Short { .. }
        );
        is_cut_off.then(|| {
            format!(
                "`{}` was probably not copied or downloaded to its end; fetch it again",
                file.display()
            )
        })
    }
}

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Images,
    Labels,
}

/// The lengths of the axes; for labels, height, width and channels are 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axes {
    pub count: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Axes {
    pub(super) fn of([count, height, width, channels]: [usize; 4]) -> Self {
        Self {
            count,
            height,
            width,
            channels,
        }
    }

    /// Bytes of one image or label.
    pub(super) fn item_bytes(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Height, width and channels.
    pub(super) fn size(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }
}

/// An open file; its axes are those of a single byte until [`declare`](Self::declare) was told them.
pub(super) struct ArrayFile<'a> {
    path: PathBuf,
    input: Input<'a>,
    digest: Sha256Writer,
    axes: Axes,
    /// Where in the header the length of each axis stands.
    offsets: [u64; 4],
    /// Uncompressed bytes read, and how many there have to be.
    position: u64,
    end: u64,
}

impl ArrayFile<'static> {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        Ok(Self::new(path, Input::open(path)?))
    }
}

impl<'a> ArrayFile<'a> {
    /// Reads a file that lies in memory; `path` is what errors call it.
    pub(super) fn from_bytes(path: &Path, bytes: &'a [u8]) -> Result<Self, DataError> {
        let input = Input::from_bytes(bytes).map_err(|source| ReadError {
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self::new(path, input))
    }

    fn new(path: &Path, input: Input<'a>) -> Self {
        Self {
            path: path.to_path_buf(),
            input,
            digest: Sha256Writer::new(),
            axes: Axes::of([1; 4]),
            offsets: [0; 4],
            position: 0,
            end: 0,
        }
    }

    pub(super) fn axes(&self) -> Axes {
        self.axes
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many uncompressed bytes have been read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Refuses the file.
    pub(super) fn refuse(&self, problem: impl Problem) -> DataError {
        let path = self.path.clone();
        let problem = Box::new(problem);
        BadFile { path, problem }.into()
    }

    /// Fills `out` with the next bytes of the header.
    pub(super) fn read_header(&mut self, out: &mut [u8]) -> Result<(), DataError> {
        self.end += out.len() as u64;
        self.fill(out)
    }

    /// Sets the lengths of the axes (count, height, width, channels), which the header has at `offsets`. Refuses lengths
    /// out of range, and those that need more bytes than the file can hold.
    pub(super) fn declare(
        &mut self,
        content: Content,
        lengths: [u64; 4],
        offsets: [u64; 4],
    ) -> Result<(), DataError> {
        self.offsets = offsets;
        self.check_lengths(content, lengths)?;
        self.check_end(lengths)?;
        // Below MAX_BYTES, which fits.
        self.axes = Axes::of(lengths.map(|length| length as usize));
        Ok(())
    }

    fn check_lengths(&self, content: Content, lengths: [u64; 4]) -> Result<(), DataError> {
        let [count, height, width, channels] = lengths;
        if count == 0 {
            let name = match content {
                Content::Images => "the number of images",
                Content::Labels => "the number of labels",
            };
            return Err(self.refuse_axis(0, name, count, "at least 1"));
        }
        for (index, name, side) in [(1, "the height", height), (2, "the width", width)] {
            if !(1..=u64::from(MAX_SIDE)).contains(&side) {
                return Err(self.refuse_axis(index, name, side, format!("1 to {MAX_SIDE}")));
            }
        }
        if channels != 1 && channels != 3 {
            return Err(self.refuse_axis(3, "the number of channels", channels, "1 or 3"));
        }
        Ok(())
    }

    fn refuse_axis(
        &self,
        index: usize,
        axis: &'static str,
        found: u64,
        expected: impl Into<String>,
    ) -> DataError {
        self.refuse(ArrayError::Axis {
            offset: self.offsets[index],
            axis,
            found,
            expected: expected.into(),
        })
    }

    /// Compares what the header declares with what the file can hold.
    fn check_end(&mut self, lengths: [u64; 4]) -> Result<(), DataError> {
        let offset = self.offsets[0];
        let declared = lengths.iter().try_fold(1_u128, |product, &length| {
            product.checked_mul(u128::from(length))
        });
        let declared = declared.unwrap_or(u128::MAX);
        let bytes = match u64::try_from(declared) {
            Ok(bytes) if bytes <= MAX_BYTES && usize::try_from(bytes).is_ok() => bytes,
            _ => return Err(self.refuse(ArrayError::TooLarge { offset, declared })),
        };
        self.end += bytes;
        let (end, length) = (self.end, self.input.file_bytes());
        if self.input.capacity() < end {
            return Err(self.refuse(if self.input.is_gzip() {
                ArrayError::Impossible {
                    offset,
                    declared: end,
                    length,
                }
            } else {
                ArrayError::Short {
                    offset: length,
                    expected: end,
                }
            }));
        }
        if !self.input.is_gzip() && length > end {
            return Err(self.refuse(ArrayError::Long { offset: end }));
        }
        Ok(())
    }

    /// Refuses a file whose axes have other lengths than these.
    pub(super) fn expect_axes(&self, expected: Axes) -> Result<(), DataError> {
        let lengths = [
            ("the count", self.axes.count, expected.count),
            ("the height", self.axes.height, expected.height),
            ("the width", self.axes.width, expected.width),
            (
                "the number of channels",
                self.axes.channels,
                expected.channels,
            ),
        ];
        for (index, (axis, found, expected)) in lengths.into_iter().enumerate() {
            if found != expected {
                return Err(self.refuse_axis(index, axis, found as u64, expected.to_string()));
            }
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
                        return Err(self.refuse(ArrayError::Short {
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
            return Err(self.refuse(ArrayError::Long { offset: self.end }));
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
                    return Err(self.refuse(ArrayError::Gzip {
                        offset: self.input.file_position(),
                        length: self.input.file_bytes(),
                        reason,
                    }));
                }
                Err(source) => {
                    return Err(DataError::from(ReadError {
                        path: self.path.clone(),
                        source,
                    }));
                }
            }
        }
    }

    /// How many bytes of the file itself are used up.
    #[cfg(test)]
    pub(super) fn file_position(&self) -> u64 {
        self.input.file_position()
    }
}
