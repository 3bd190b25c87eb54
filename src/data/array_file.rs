//! A file of images, labels or factors: an array of numbers behind a header, plain or packed, read once from front to
//! back.
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

use super::element::{Element, Order, Range};
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

impl BadFile {
    pub(super) fn new(path: &Path, problem: impl Problem) -> Self {
        Self {
            path: path.to_path_buf(),
            problem: Box::new(problem),
        }
    }
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
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum ArrayError {
    #[error("the gzip stream is damaged at byte {offset} of {length} of the file: {reason}")]
    Gzip {
        offset: u64,
        length: u64,
        reason: String,
    },
    #[error("the packed data is damaged behind byte {offset}: {reason}")]
    Packed { offset: u64, reason: String },
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
    #[error("at byte {offset}: a value that is not a number")]
    NotANumber { offset: u64 },
    #[error(
        "at byte {offset}: the value {found} lies outside {expected_min} to {expected_max}; values are from {min} to {max}",
        expected_min = expected.min, expected_max = expected.max, min = seen.min, max = seen.max
    )]
    Outside {
        offset: u64,
        found: f64,
        expected: Range,
        seen: Range,
    },
    #[error(
        "of the whole range of {element} the values use {min} to {max} only, which would be one shade of gray",
        min = seen.min, max = seen.max
    )]
    OneShade { element: &'static str, seen: Range },
}

/// The range to state for values that were seen.
pub(super) fn stated(seen: Range) -> Range {
    let usual = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)];
    let usual = usual.map(|(min, max)| Range { min, max });
    let holds = |it: &&Range| it.min <= seen.min && seen.max <= it.max;
    usual.iter().find(holds).copied().unwrap_or(seen)
}

impl Problem for ArrayError {
    fn hint(&self, file: &Path) -> Option<String> {
        if let Self::Outside { seen, .. } | Self::OneShade { seen, .. } = self {
            return Some(format!(
                "say which values are black and white, such as `{}` in `[data]`",
                stated(*seen).written()
            ));
        }
        let is_cut_off = matches!(
            self,
            Self::Gzip { .. } | Self::Packed { .. } | Self::Impossible { .. } | Self::Short { .. }
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
    /// What each image was made from, one number a factor.
    Factors,
}

/// What a header says of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// Count, height, width and channels.
    pub lengths: [u64; 4],
    /// Where in the header each of them stands.
    pub offsets: [u64; 4],
    pub element: Element,
    pub order: Order,
    /// Whether the file has an image's channels one after the other, each a plane.
    pub is_planar: bool,
}

impl Declared {
    /// Bytes, channels innermost.
    pub(super) fn bytes(lengths: [u64; 4], offsets: [u64; 4]) -> Self {
        Self {
            lengths,
            offsets,
            element: Element::U8,
            order: Order::Little,
            is_planar: false,
        }
    }
}

/// The lengths of the axes. For labels and factors, height and channels are 1, and the width is how many numbers an image
/// has.
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

    /// Values of one image or label.
    pub(super) fn item_values(&self) -> usize {
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
    declared: Declared,
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

    /// Reads what is called `path` in errors.
    pub(super) fn new(path: &Path, input: Input<'a>) -> Self {
        Self {
            path: path.to_path_buf(),
            input,
            digest: Sha256Writer::new(),
            axes: Axes::of([1; 4]),
            declared: Declared::bytes([1; 4], [0; 4]),
            position: 0,
            end: 0,
        }
    }

    pub(super) fn axes(&self) -> Axes {
        self.axes
    }

    /// The type of the elements.
    pub(super) fn element(&self) -> Element {
        self.declared.element
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
        BadFile::new(&self.path, problem).into()
    }

    /// Fills `out` with the next bytes of the header.
    pub(super) fn read_header(&mut self, out: &mut [u8]) -> Result<(), DataError> {
        self.end += out.len() as u64;
        self.fill(out)
    }

    /// Sets the lengths of the axes and the type of the elements. Refuses lengths out of range, and those that need more
    /// bytes than the file can hold.
    pub(super) fn declare(
        &mut self,
        content: Content,
        declared: Declared,
    ) -> Result<(), DataError> {
        self.declared = declared;
        self.check_lengths(content, declared.lengths)?;
        self.check_end(declared.lengths)?;
        // Below MAX_BYTES, which fits.
        self.axes = Axes::of(declared.lengths.map(|length| length as usize));
        Ok(())
    }

    /// The same for so many numbers, whatever they are.
    pub(super) fn declare_numbers(
        &mut self,
        count: u64,
        element: Element,
        order: Order,
    ) -> Result<(), DataError> {
        let declared = Declared {
            element,
            order,
            ..Declared::bytes([count, 1, 1, 1], [0; 4])
        };
        self.declare(Content::Factors, declared)
    }

    fn check_lengths(&self, content: Content, lengths: [u64; 4]) -> Result<(), DataError> {
        let [count, height, width, channels] = lengths;
        if count == 0 {
            let name = match content {
                Content::Images => "the number of images",
                Content::Labels => "the number of labels",
                Content::Factors => "the number of images",
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
            offset: self.declared.offsets[index],
            axis,
            found,
            expected: expected.into(),
        })
    }

    /// Compares what the header declares with what the file can hold.
    fn check_end(&mut self, lengths: [u64; 4]) -> Result<(), DataError> {
        let offset = self.declared.offsets[0];
        let declared = lengths.iter().try_fold(1_u128, |product, &length| {
            product.checked_mul(u128::from(length))
        });
        let declared = declared.unwrap_or(u128::MAX);
        let bytes = match u64::try_from(declared) {
            Ok(values) if values <= MAX_BYTES && usize::try_from(values).is_ok() => {
                values * self.declared.element.size() as u64
            }
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

    /// Reads the next numbers.
    pub(super) fn numbers(
        &mut self,
        count: usize,
        mut take: impl FnMut(f64),
    ) -> Result<(), DataError> {
        let Declared { element, order, .. } = self.declared;
        let mut bytes = vec![0; PIECE.min(count.saturating_mul(element.size()))];
        let mut values = Vec::with_capacity(bytes.len() / element.size());
        let mut left = count;
        while left > 0 {
            let piece = left.min(PIECE / element.size());
            let bytes = &mut bytes[..piece * element.size()];
            self.fill(bytes)?;
            values.clear();
            element.decode(order, bytes, &mut values);
            values.iter().copied().for_each(&mut take);
            left -= piece;
        }
        Ok(())
    }

    /// Reads the pixels of the next images, as many as `out` has room for, of height x width x channels each. Without a
    /// range, it is that of the elements' type.
    pub(super) fn pixels(&mut self, out: &mut [u8], range: Option<Range>) -> Result<(), DataError> {
        let Declared {
            element, is_planar, ..
        } = self.declared;
        let start = self.position;
        let (stated, range) = (range, range.unwrap_or_else(|| element.range()));
        let mut seen = Range {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        };
        if element == Element::U8 && range == element.range() {
            self.fill(out)?;
            seen.max = f64::from(out.iter().copied().max().unwrap_or(0));
            seen.min = f64::from(out.iter().copied().min().unwrap_or(0));
        } else {
            let (mut at, mut odd) = (0_usize, None);
            self.numbers(out.len(), |value| {
                out[at] = range.shade(value);
                seen.min = seen.min.min(value);
                seen.max = seen.max.max(value);
                if !(range.min..=range.max).contains(&value) && odd.is_none() {
                    odd = Some((at, value));
                }
                at += 1;
            })?;
            if let Some((at, found)) = odd {
                let offset = start + (at * element.size()) as u64;
                return Err(self.refuse(match found.is_nan() {
                    true => ArrayError::NotANumber { offset },
                    false => ArrayError::Outside {
                        offset,
                        found,
                        expected: range,
                        seen,
                    },
                }));
            }
        }
        if stated.is_none() && is_one_shade(element, seen) {
            let element = element.name();
            return Err(self.refuse(ArrayError::OneShade { element, seen }));
        }
        if is_planar && self.axes.channels > 1 {
            let plane = self.axes.height * self.axes.width;
            interleave(out, plane, self.axes.channels);
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
                Err(error) if error.raw_os_error().is_none() && self.input.is_packed() => {
                    let reason = match error.kind() {
                        io::ErrorKind::UnexpectedEof => "it is cut off".to_string(),
                        _ => error.to_string(),
                    };
                    if !self.input.is_gzip() {
                        let offset = self.position;
                        return Err(self.refuse(ArrayError::Packed { offset, reason }));
                    }
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

/// Whether integers of so many bits were meant as numbers of fewer: the whole range of the type would leave two shades at
/// the most.
fn is_one_shade(element: Element, seen: Range) -> bool {
    let Range { min, max } = element.range();
    let is_written_as_bits = element == Element::U8 && seen.max == 1.0;
    let is_narrow = element.size() > 1 && (seen.max - seen.min) / (max - min) * 255.0 < 2.0;
    element.is_integer() && (is_written_as_bits || is_narrow)
}

/// Puts the channels of a pixel beside each other where each image has them as planes.
pub(super) fn interleave(images: &mut [u8], plane: usize, channels: usize) {
    let mut planes = vec![0; plane * channels];
    for image in images.chunks_exact_mut((plane * channels).max(1)) {
        planes.copy_from_slice(image);
        for (pixel, values) in image.chunks_exact_mut(channels).enumerate() {
            for (channel, value) in values.iter_mut().enumerate() {
                *value = planes[channel * plane + pixel];
            }
        }
    }
}
