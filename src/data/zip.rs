//! The members of a zip archive (PKWARE's APPNOTE 6.3), stored or deflated, by its central directory.
//!
//! Sizes and places come from the central directory at the end of the archive alone: NumPy writes local headers with
//! sizes of 0xffffffff, which stand for a zip64 field. A member is unpacked as it is read, and its CRC-32 compared at its
//! end.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::array_file::{BadFile, Problem};
use super::error::{DataError, ReadError};
use super::input::{DEFLATE_RATIO, Input};

/// How an archive begins: with the local header of its first member.
pub(super) const MAGIC: [u8; 4] = *b"PK\x03\x04";

/// The largest central directory that is read, bytes; a member has about 100.
const MAX_DIRECTORY: u64 = 16 << 20;

/// The record at the end of the archive without its comment, and the longest comment.
const END: usize = 22;
const MAX_COMMENT: usize = 65_535;

/// What is wrong with an archive, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ZipError {
    #[error("not a zip archive, or one that is cut off: it has no end of central directory")]
    NoEnd,
    #[error("at byte {offset}: no {expected}")]
    Record { offset: u64, expected: &'static str },
    #[error(
        "at byte {offset}: a central directory of {found} bytes, expected at most {MAX_DIRECTORY}"
    )]
    TooLong { offset: u64, found: u64 },
    #[error(
        "at byte {offset}: the member `{name}` is packed by method {found}, expected 0 (stored) or 8 (deflated)"
    )]
    Method {
        offset: u64,
        name: String,
        found: u16,
    },
    #[error("at byte {offset}: the member `{name}` is encrypted")]
    Encrypted { offset: u64, name: String },
    #[error(
        "at byte {offset}: the member `{name}` declares {bytes} bytes, which {packed} packed bytes cannot hold"
    )]
    Impossible {
        offset: u64,
        name: String,
        bytes: u64,
        packed: u64,
    },
}

impl Problem for ZipError {
    fn hint(&self, file: &Path) -> Option<String> {
        Some(match self {
            Self::Method { .. } | Self::Encrypted { .. } => {
                "save the arrays with `np.savez` or `np.savez_compressed`".to_owned()
            }
            _ => format!(
                "`{}` was probably not copied or downloaded to its end; fetch it again",
                file.display()
            ),
        })
    }
}

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: String,
    /// Its length unpacked.
    pub bytes: u64,
    packed: u64,
    crc: u32,
    is_deflated: bool,
    /// Where its local header stands.
    header_at: u64,
}

/// An archive that is being read, and what errors call it.
pub(super) struct Archive<R> {
    pub path: PathBuf,
    pub file: R,
    /// Its length.
    pub bytes: u64,
}

impl<R: Read + Seek> Archive<R> {
    fn refuse(&self, problem: ZipError) -> DataError {
        BadFile::new(&self.path, problem).into()
    }

    fn cannot_read(&self, source: io::Error) -> DataError {
        let path = self.path.clone();
        ReadError { path, source }.into()
    }

    /// So many bytes from a place; those that are not there are what is expected.
    fn read(
        &mut self,
        offset: u64,
        bytes: u64,
        expected: &'static str,
    ) -> Result<Vec<u8>, DataError> {
        if offset.checked_add(bytes).is_none_or(|end| end > self.bytes) {
            return Err(self.refuse(ZipError::Record { offset, expected }));
        }
        // Not more than the file has.
        let mut read = vec![0; bytes as usize];
        let seek = self.file.seek(SeekFrom::Start(offset));
        let read_all = seek.and_then(|_| self.file.read_exact(&mut read));
        read_all.map_err(|error| self.cannot_read(error))?;
        Ok(read)
    }

    /// The members, in the order of the directory.
    pub(super) fn entries(&mut self) -> Result<Vec<Entry>, DataError> {
        let tail_bytes = self.bytes.min((END + MAX_COMMENT) as u64);
        let tail_at = self.bytes - tail_bytes;
        let tail = self.read(tail_at, tail_bytes, "end of the archive")?;
        let is_end = |at: &usize| {
            let record = &tail[*at..];
            record.starts_with(b"PK\x05\x06")
                && usize::from(u16_at(record, 20)) == record.len() - END
        };
        let starts = 0..(tail.len() + 1).saturating_sub(END);
        let Some(end) = starts.rev().find(is_end) else {
            return Err(self.refuse(ZipError::NoEnd));
        };
        let end_at = tail_at + end as u64;
        let record = &tail[end..];
        let mut size = u64::from(u32_at(record, 12));
        let mut offset = u64::from(u32_at(record, 16));
        if let Some(locator_at) = end_at.checked_sub(20) {
            let locator = self.read(locator_at, 20, "end of the archive")?;
            if locator.starts_with(b"PK\x06\x07") {
                let at = u64_at(&locator, 8);
                let record = self.read(at, 56, ZIP64_END)?;
                if !record.starts_with(b"PK\x06\x06") {
                    let expected = ZIP64_END;
                    return Err(self.refuse(ZipError::Record {
                        offset: at,
                        expected,
                    }));
                }
                (size, offset) = (u64_at(&record, 40), u64_at(&record, 48));
            }
        }
        if size > MAX_DIRECTORY {
            let found = size;
            return Err(self.refuse(ZipError::TooLong { offset, found }));
        }
        let directory = self.read(offset, size, "central directory")?;
        let mut entries = vec![];
        let mut at = 0;
        while at < directory.len() {
            let place = offset + at as u64;
            let (entry, length) =
                entry_of(&directory[at..], place).map_err(|problem| self.refuse(problem))?;
            entries.push(entry);
            at += length;
        }
        Ok(entries)
    }

    /// A member, unpacked.
    pub(super) fn member<'a>(mut self, entry: &Entry) -> Result<Input<'a>, DataError>
    where
        R: Send + 'a,
    {
        const LOCAL: &str = "local header of a member";
        let offset = entry.header_at;
        let header = self.read(offset, 30, LOCAL)?;
        if !header.starts_with(&MAGIC) {
            let expected = LOCAL;
            return Err(self.refuse(ZipError::Record { offset, expected }));
        }
        let start = offset + 30 + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        if start
            .checked_add(entry.packed)
            .is_none_or(|end| end > self.bytes)
        {
            let expected = "room for a member";
            return Err(self.refuse(ZipError::Record {
                offset: start,
                expected,
            }));
        }
        let seek = self.file.seek(SeekFrom::Start(start));
        seek.map_err(|error| self.cannot_read(error))?;
        let packed = self.file.take(entry.packed);
        let unpacked: Box<dyn Read + Send + 'a> = match entry.is_deflated {
            true => Box::new(DeflateDecoder::new(BufReader::with_capacity(
                1 << 16,
                packed,
            ))),
            false => Box::new(packed),
        };
        let checked = Checked {
            inner: unpacked,
            sum: Crc::new(),
            expected: entry.crc,
        };
        Ok(Input::member(checked, entry.bytes))
    }
}

const ZIP64_END: &str = "zip64 end of central directory";

/// A member by its record, which stands at `offset` in the archive, and the record's length.
fn entry_of(record: &[u8], offset: u64) -> Result<(Entry, usize), ZipError> {
    const RECORD: usize = 46;
    let missing = ZipError::Record {
        offset,
        expected: "record of a member in the central directory",
    };
    if record.len() < RECORD || !record.starts_with(b"PK\x01\x02") {
        return Err(missing);
    }
    let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(record, at)));
    let length = RECORD + name + extra + comment;
    let Some(rest) = record.get(RECORD..length) else {
        return Err(missing);
    };
    let (name, rest) = rest.split_at(name);
    let name = String::from_utf8_lossy(name).into_owned();
    let mut sizes = [24, 20, 42].map(|at| u64::from(u32_at(record, at)));
    zip64(&rest[..extra], &mut sizes);
    let [bytes, packed, header_at] = sizes;
    let is_deflated = match u16_at(record, 10) {
        0 => false,
        8 => true,
        found => {
            return Err(ZipError::Method {
                offset,
                name,
                found,
            });
        }
    };
    if u16_at(record, 8) & 1 == 1 {
        return Err(ZipError::Encrypted { offset, name });
    }
    let is_possible = match is_deflated {
        true => bytes <= packed.saturating_mul(DEFLATE_RATIO),
        false => bytes == packed,
    };
    if !is_possible {
        return Err(ZipError::Impossible {
            offset,
            name,
            bytes,
            packed,
        });
    }
    let entry = Entry {
        name,
        bytes,
        packed,
        crc: u32_at(record, 16),
        is_deflated,
        header_at,
    };
    Ok((entry, length))
}

/// Takes those of the three numbers that have no room in 32 bits from the zip64 field.
fn zip64(mut extra: &[u8], numbers: &mut [u64; 3]) {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let length = usize::from(u16_at(head, 2)).min(rest.len());
        let (mut field, next) = rest.split_at(length);
        if u16_at(head, 0) == 1 {
            for number in numbers.iter_mut().filter(|it| **it == u64::from(u32::MAX)) {
                if let Some((value, rest)) = field.split_at_checked(8) {
                    *number = u64_at(value, 0);
                    field = rest;
                }
            }
        }
        extra = next;
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let found = bytes.get(at..).and_then(|it| it.first_chunk());
    found.copied().unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

/// Compares the check sum where the data ends.
struct Checked<R> {
    inner: R,
    sum: Crc,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.sum.update(&out[..count]);
        if count == 0 && !out.is_empty() && self.sum.sum() != self.expected {
            let text = "the CRC-32 is not the one of the central directory";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(count)
    }
}
