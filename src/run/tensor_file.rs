//! Files of named float32 tensors, in the safetensors format: the container of a checkpoint.
//!
//! Layout: the header's length (eight bytes, little-endian), the header (JSON, padded with spaces to
//! a multiple of eight), the tensors one behind the other (little-endian). The header has an entry
//! `NAME: {dtype, shape, data_offsets: [start, end]}` a tensor, offsets counted from the header's
//! end, and under `__metadata__` a map of strings.
//!
//! The reader is our own and not the `safetensors` crate's (the tests compare the two), because a
//! checkpoint may be anything: a file cut by a full disk, or one that somebody made to do harm. It
//! reads straight into the tensors, without the whole file in memory; names the byte or the tensor
//! that is wrong; refuses names that occur twice, of which the crate silently takes one; and checks
//! lengths, shapes, offsets and the file's size against each other before it reserves memory for any
//! tensor, so that memory is bounded by what is really in the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::fs::digest::Sha256Writer;
use crate::fs::files::{self, FileError, PendingFile};
use crate::numeric::named_tensor::NamedTensor;

use super::error::RunError;
use super::header::{Entry, Header, LARGEST_HEADER, VALUE, WORD};
use super::tensor_file_error::Fault;

/// Largest file accepted where nothing is known about the network, in bytes.
pub const LARGEST_FILE: u64 = 4 << 30;
/// Tensors go through a buffer of this many bytes on their way from and to the disk.
const BUFFER: usize = 256 << 10;

/// Reads a file of tensors made by any program: its metadata, and the tensors in the order in which
/// they lie in the file.
///
/// # Errors
/// [`RunError::Damaged`] with the place, or [`RunError::File`].
pub fn read_tensors(path: &Path) -> Result<(BTreeMap<String, String>, Vec<NamedTensor>), RunError> {
    let container = Container::open(path, LARGEST_FILE)?;
    let metadata = container.metadata.clone();
    Ok((metadata, container.read_all()?))
}

/// Writes a file of tensors, which lie in it in the order given.
///
/// # Errors
/// [`RunError::Unwritable`] where names, shapes and values contradict themselves;
/// [`RunError::File`].
pub fn write_tensors<'a>(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: impl IntoIterator<Item = &'a NamedTensor>,
) -> Result<(), RunError> {
    let encoded = Encoded::new(path, metadata, tensors.into_iter().collect())?;
    Ok(encoded.write(path)?.publish()?)
}

/// SHA-256 over tensors in the order of their names: for each its name (length as `u64`, UTF-8
/// bytes), number of axes and sizes (`u64` each), number of bytes (`u64`), and values. All numbers
/// little-endian.
pub(super) fn digest_tensors<'a>(tensors: impl IntoIterator<Item = &'a NamedTensor>) -> String {
    let mut sorted: Vec<_> = tensors.into_iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut digest = Sha256Writer::new();
    let mut buffer = Vec::new();
    for tensor in sorted {
        digest.update_text(&tensor.name);
        digest.update_u64(tensor.shape.len() as u64);
        for &size in &tensor.shape {
            digest.update_u64(size as u64);
        }
        digest.update_u64((tensor.data.len() * VALUE) as u64);
        for part in tensor.data.chunks(BUFFER / VALUE) {
            to_bytes(part, &mut buffer);
            digest.update(&buffer);
        }
    }
    digest.hex()
}

fn to_bytes(values: &[f32], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// A file of tensors whose header was read and found sound; the tensors are still on the disk.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) path: PathBuf,
    pub(super) metadata: BTreeMap<String, String>,
    file: File,
    /// In the order of the file, without gaps, from `data_start` to its end.
    entries: Vec<(String, Entry)>,
    data_start: u64,
}

impl Container {
    /// Opens a file of at most `limit` bytes and checks its header.
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self, RunError> {
        let (mut file, size) = files::open(path)?;
        let damaged = |fault| RunError::Damaged {
            path: path.to_owned(),
            fault,
        };
        if size < WORD {
            return Err(damaged(Fault::TooShort { size }));
        }
        if size > limit {
            return Err(damaged(Fault::TooLong { size, limit }));
        }
        let mut word = [0; WORD as usize];
        fill(&mut file, path, &mut word)?;
        let length = u64::from_le_bytes(word);
        let possible = (size - WORD).min(LARGEST_HEADER);
        if length > possible {
            return Err(damaged(Fault::HeaderLength {
                length,
                limit: possible,
            }));
        }
        let mut header = vec![0; length as usize];
        fill(&mut file, path, &mut header)?;
        let header = Header::parse(&header).map_err(damaged)?;
        let data_start = WORD + length;
        header
            .check(size - data_start)
            .map_err(|fault| match fault {
                Fault::Length { expected, .. } => damaged(Fault::Length {
                    expected: expected.saturating_add(data_start),
                    found: size,
                }),
                fault => damaged(fault),
            })?;
        let path = path.to_owned();
        Ok(Self {
            path,
            metadata: header.metadata,
            file,
            entries: header.entries,
            data_start,
        })
    }

    /// Reads the tensors, in the order of the file.
    pub(super) fn read_all(mut self) -> Result<Vec<NamedTensor>, RunError> {
        let mut tensors = Vec::with_capacity(self.entries.len());
        let mut buffer = vec![0; BUFFER];
        files::seek(&mut self.file, &self.path, self.data_start)?;
        for (name, entry) in self.entries {
            let mut rest = (entry.data_offsets.1 - entry.data_offsets.0) as usize;
            let mut data = Vec::new();
            if data.try_reserve_exact(rest / VALUE).is_err() {
                let fault = Fault::Memory {
                    name,
                    bytes: rest as u64,
                };
                return Err(RunError::Damaged {
                    path: self.path,
                    fault,
                });
            }
            while rest > 0 {
                let part = &mut buffer[..rest.min(BUFFER)];
                fill(&mut self.file, &self.path, part)?;
                let (values, _) = part.as_chunks::<VALUE>();
                data.extend(values.iter().map(|&bytes| f32::from_le_bytes(bytes)));
                rest -= part.len();
            }
            tensors.push(NamedTensor {
                name,
                shape: entry.shape,
                data,
            });
        }
        Ok(tensors)
    }

    /// The digest of [`digest_tensors`], taken from the disk through a small buffer.
    pub(super) fn digest(&mut self) -> Result<String, RunError> {
        let mut sorted: Vec<_> = self.entries.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let mut digest = Sha256Writer::new();
        let mut buffer = vec![0; BUFFER];
        for (name, entry) in sorted {
            digest.update_text(name);
            digest.update_u64(entry.shape.len() as u64);
            for &size in &entry.shape {
                digest.update_u64(size as u64);
            }
            let (start, end) = entry.data_offsets;
            digest.update_u64(end - start);
            files::seek(&mut self.file, &self.path, self.data_start + start)?;
            let mut rest = end - start;
            while rest > 0 {
                let part = &mut buffer[..rest.min(BUFFER as u64) as usize];
                fill(&mut self.file, &self.path, part)?;
                digest.update(part);
                rest -= part.len() as u64;
            }
        }
        Ok(digest.hex())
    }
}

fn fill(file: &mut File, path: &Path, buffer: &mut [u8]) -> Result<(), RunError> {
    files::read_exact(file, path, buffer).map_err(|error| {
        if error.kind() == Some(ErrorKind::UnexpectedEof) {
            RunError::Damaged {
                path: path.to_owned(),
                fault: Fault::Shrunk,
            }
        } else {
            error.into()
        }
    })
}

/// A header and the tensors behind it, ready to be written to as many places as needed.
#[derive(Debug)]
pub(super) struct Encoded<'a> {
    header: Vec<u8>,
    tensors: Vec<&'a NamedTensor>,
    bytes: u64,
}

impl<'a> Encoded<'a> {
    /// Checks everything that the reader will check; `path` is for the message alone.
    pub(super) fn new(
        path: &Path,
        metadata: &BTreeMap<String, String>,
        tensors: Vec<&'a NamedTensor>,
    ) -> Result<Self, RunError> {
        let unwritable = |fault| RunError::Unwritable {
            path: path.to_owned(),
            fault,
        };
        let header = Header::new(metadata.clone(), &tensors);
        let data = header.data();
        header.check(data).map_err(unwritable)?;
        let header = header.to_bytes().map_err(unwritable)?;
        let bytes = data + header.len() as u64;
        Ok(Self {
            header,
            tensors,
            bytes,
        })
    }

    /// Writes the file under its temporary name.
    pub(super) fn write(&self, path: &Path) -> Result<PendingFile, FileError> {
        let mut file = PendingFile::create(path, self.bytes)?;
        let mut buffer = Vec::with_capacity(BUFFER);
        file.write(&self.header)?;
        for tensor in &self.tensors {
            // Many small tensors go out together.
            for part in tensor.data.chunks(BUFFER / VALUE) {
                if buffer.len() + part.len() * VALUE > BUFFER {
                    file.write(&buffer)?;
                    buffer.clear();
                }
                buffer.extend(part.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        if !buffer.is_empty() {
            file.write(&buffer)?;
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
