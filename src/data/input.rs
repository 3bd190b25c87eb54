//! The bytes of a file that may be gzip or plain, or of a member of a zip archive, and the place in the file where
//! reading stands.
//!
//! The first two bytes say which of the two it is, not the name, which packagers and downloads
//! get wrong. A gzip file may have several members one after the other (RFC 1952, 2.2).

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::fs::files;

use super::error::{DataError, ReadError};

/// How a gzip file begins.
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// No more bytes than this come out of one byte of a deflate stream: a match of 258 bytes takes two
/// bits at the least.
pub(super) const DEFLATE_RATIO: u64 = 1032;

/// An open file, decompressed where it is gzip.
pub(super) struct Input<'a> {
    stream: Stream<'a>,
    file_bytes: u64,
}

enum Stream<'a> {
    Plain(Counted<'a>),
    /// Of a zip archive, unpacked.
    Member(Counted<'a>),
    Gzip(Box<MultiGzDecoder<Counted<'a>>>),
}

impl Input<'static> {
    /// Opens a regular file. Anything else (a folder, a pipe, a device) is refused, since its length
    /// bounds nothing and opening it may wait forever.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let (file, length) = files::open(path)?;
        let path = path.to_path_buf();
        Ok(Self::new(file, length).map_err(|source| ReadError { path, source })?)
    }
}

impl<'a> Input<'a> {
    /// Reads from bytes in memory.
    pub(super) fn from_bytes(bytes: &'a [u8]) -> io::Result<Self> {
        Self::new(bytes, bytes.len() as u64)
    }

    fn new(mut file: impl Read + Send + 'a, file_bytes: u64) -> io::Result<Self> {
        let mut start = Vec::with_capacity(2);
        file.by_ref().take(2).read_to_end(&mut start)?;
        let is_gzip = start == GZIP_MAGIC;
        let whole: Box<dyn Read + Send + 'a> = Box::new(Cursor::new(start).chain(file));
        let counted = Counted {
            inner: BufReader::with_capacity(1 << 16, whole),
            position: 0,
        };
        let stream = if is_gzip {
            Stream::Gzip(Box::new(MultiGzDecoder::new(counted)))
        } else {
            Stream::Plain(counted)
        };
        Ok(Self { stream, file_bytes })
    }

    /// Reads a member of an archive that has this length unpacked.
    pub(super) fn member(unpacked: impl Read + Send + 'a, bytes: u64) -> Self {
        Self {
            stream: Stream::Member(Counted {
                inner: BufReader::with_capacity(1 << 16, Box::new(unpacked)),
                position: 0,
            }),
            file_bytes: bytes,
        }
    }

    /// Whether damage of the file may show while it is unpacked.
    pub(super) fn is_packed(&self) -> bool {
        !matches!(self.stream, Stream::Plain(_))
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self.stream, Stream::Gzip(_))
    }

    /// Length of the file as it lies on disk; of a member, its length unpacked.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// No more bytes than this can come out of the file.
    pub(super) fn capacity(&self) -> u64 {
        if self.is_gzip() {
            self.file_bytes.saturating_mul(DEFLATE_RATIO)
        } else {
            self.file_bytes
        }
    }

    /// How many bytes of the file itself (compressed, where it is) are used up.
    pub(super) fn file_position(&self) -> u64 {
        match &self.stream {
            Stream::Plain(counted) | Stream::Member(counted) => counted.position,
            Stream::Gzip(decoder) => decoder.get_ref().position,
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(counted) | Stream::Member(counted) => counted.read(out),
            Stream::Gzip(decoder) => decoder.read(out),
        }
    }
}

/// The first six bytes of what comes out of a file; zeros where it is shorter.
pub(super) fn prefix(input: &mut Input<'_>, path: &Path) -> Result<[u8; 6], DataError> {
    let mut start = [0; 6];
    let mut filled = 0;
    while let Some(rest) = start.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            // Damage shows again when the file is read as what it is.
            Err(error) if error.raw_os_error().is_none() => break,
            Err(source) => {
                let path = path.to_path_buf();
                return Err(ReadError { path, source }.into());
            }
        }
    }
    Ok(start)
}

struct Counted<'a> {
    inner: BufReader<Box<dyn Read + Send + 'a>>,
    position: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.position += count as u64;
        self.inner.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn reads_plain_gzip_and_two_members_alike() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|v| (v / 7) as u8).collect();
        let members = [gzip(&bytes[..1_000]), gzip(&bytes[1_000..])].concat();
        for file in [bytes.clone(), gzip(&bytes), members] {
            let mut input = Input::from_bytes(&file).unwrap();
            let mut read = Vec::new();
            input.read_to_end(&mut read).unwrap();
            assert!(read == bytes);
            assert_eq!(input.file_position(), file.len() as u64);
            assert!(input.capacity() >= bytes.len() as u64);
        }
    }

    #[test]
    fn bounds_what_comes_out_of_a_gzip_file() {
        let zeros = vec![0; 10_000_000];
        let file = gzip(&zeros);
        let input = Input::from_bytes(&file).unwrap();
        assert!(input.is_gzip() && input.capacity() >= zeros.len() as u64);
    }

    #[test]
    fn refuses_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Input::open(folder.path()).is_err());
    }
}
