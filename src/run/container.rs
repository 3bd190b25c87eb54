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

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::ground::digest::Sha256Writer;
use crate::ground::files::{self, FileError, PendingFile};
use crate::ground::tensor::NamedTensor;

use super::error::RunError;

/// Largest file accepted where nothing is known about the network, in bytes.
pub const LARGEST_FILE: u64 = 4 << 30;
/// Largest header, in bytes. The history of a run stands in it: 10,000 epochs take about 6 MB.
pub const LARGEST_HEADER: u64 = 64 << 20;
/// Most tensors in a file.
const MOST_TENSORS: usize = 65_536;
const MOST_AXES: usize = 8;
const LONGEST_NAME: usize = 255;
/// Bytes of the header's length, and what the header's end is aligned to.
const WORD: u64 = 8;
const METADATA: &str = "__metadata__";
const DTYPE: &str = "F32";
const VALUE: usize = 4;
/// Tensors go through a buffer of this many bytes on their way from and to the disk.
const BUFFER: usize = 256 << 10;

/// What is wrong with a file of tensors, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No room for the header's length.
    #[error("it has {size} bytes, fewer than the 8 of the header's length")]
    TooShort {
        /// Size of the file.
        size: u64,
    },
    /// More bytes than such a file may have.
    #[error("it has {size} bytes, more than the {limit} that it may have")]
    TooLong {
        /// Size of the file.
        size: u64,
        /// The most it may have.
        limit: u64,
    },
    /// The header would be longer than the file, or than any header.
    #[error(
        "bytes 0 to 7 say that the header has {length} bytes, but at most {limit} are possible"
    )]
    HeaderLength {
        /// What they say.
        length: u64,
        /// What the file has after them, or [`LARGEST_HEADER`].
        limit: u64,
    },
    /// The header is no valid JSON of the right form.
    #[error("header, byte {offset} of the file: {message}")]
    Header {
        /// Offset in the file.
        offset: u64,
        /// What the JSON reader says.
        message: String,
    },
    /// More tensors than any network has.
    #[error("it has {count} tensors, more than {MOST_TENSORS}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A name that occurs twice.
    #[error("the name `{name}` occurs twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A name that no tensor has.
    #[error(
        "{name:?} is no name of a tensor; expected 1 to {LONGEST_NAME} bytes without control characters"
    )]
    Name {
        /// The name, cut where it is long.
        name: String,
    },
    /// Values of another type.
    #[error("tensor `{name}` has values of type `{dtype}`, expected `{DTYPE}`")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// A shape with too many axes, or with more values than can be counted.
    #[error("tensor `{name}` has an impossible shape {shape}")]
    Shape {
        /// The tensor.
        name: String,
        /// The shape, cut where it is long.
        shape: String,
    },
    /// Not as many bytes as the shape needs.
    #[error("tensor `{name}` of shape {shape} needs {needed} bytes, but has {found}")]
    Size {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: String,
        /// Bytes of that shape.
        needed: u64,
        /// Bytes given.
        found: u64,
    },
    /// A tensor that does not begin where the one before it ends.
    #[error(
        "tensor `{name}` begins at byte {found} of the data, expected {expected}: tensors overlap or leave a gap"
    )]
    Offset {
        /// The tensor.
        name: String,
        /// Where it begins.
        found: u64,
        /// Where the one before ends.
        expected: u64,
    },
    /// The file ends before the tensors do, or goes on after them.
    #[error("the file has {found} bytes, but header and tensors have {expected}")]
    Length {
        /// Size by the header.
        expected: u64,
        /// Size of the file.
        found: u64,
    },
    /// The file became shorter while it was read.
    #[error("the file ended while it was read")]
    Shrunk,
    /// There is no memory for the tensors.
    #[error("no memory for tensor `{name}` of {bytes} bytes")]
    Memory {
        /// The tensor.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// A key of the metadata is missing.
    #[error("its metadata has no key `{key}`; it is no checkpoint of this program")]
    NoKey {
        /// The key.
        key: &'static str,
    },
    /// Not a checkpoint of this program.
    #[error("its format is `{found}`, expected `{expected}`")]
    Format {
        /// What the file says.
        found: String,
        /// What this program writes.
        expected: &'static str,
    },
    /// The content is not what was written.
    #[error(
        "the digest of its {part} is {found}, but {expected} was written: the content has changed"
    )]
    Digest {
        /// `metadata` or `tensors`.
        part: &'static str,
        /// As written in the file.
        expected: String,
        /// Of the content as it is.
        found: String,
    },
    /// The metadata do not say what a checkpoint's must.
    #[error("its `{key}` is not valid: {message}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong.
        message: String,
    },
}

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
        let header = parse(&header).map_err(damaged)?;
        let data_start = WORD + length;
        check(&header.entries, size - data_start).map_err(|fault| match fault {
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
        let mut entries = Vec::with_capacity(tensors.len());
        let mut end = 0_u64;
        for tensor in &tensors {
            let start = end;
            end += (tensor.data.len() * VALUE) as u64;
            entries.push((
                tensor.name.clone(),
                Entry {
                    dtype: DTYPE.to_owned(),
                    shape: tensor.shape.clone(),
                    data_offsets: (start, end),
                },
            ));
        }
        check(&entries, end).map_err(unwritable)?;
        let header = Header {
            metadata: metadata.clone(),
            entries,
        };
        let mut json = serde_json::to_vec(&header).map_err(|error| {
            unwritable(Fault::Header {
                offset: WORD,
                message: error.to_string(),
            })
        })?;
        json.resize(json.len().next_multiple_of(WORD as usize), b' ');
        let length = json.len() as u64;
        if length > LARGEST_HEADER {
            return Err(unwritable(Fault::HeaderLength {
                length,
                limit: LARGEST_HEADER,
            }));
        }
        let mut header = Vec::with_capacity(json.len() + WORD as usize);
        header.extend(length.to_le_bytes());
        header.extend(json);
        let bytes = end + header.len() as u64;
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

/// What a header says of a tensor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

#[derive(Debug, Default)]
struct Header {
    metadata: BTreeMap<String, String>,
    entries: Vec<(String, Entry)>,
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.entries.len() + 1))?;
        map.serialize_entry(METADATA, &self.metadata)?;
        for (name, entry) in &self.entries {
            map.serialize_entry(name, entry)?;
        }
        map.end()
    }
}

/// Text of the header to entries in the order of their offsets.
fn parse(header: &[u8]) -> Result<Header, Fault> {
    let fault = |offset: usize, message: String| Fault::Header {
        offset: WORD + offset as u64,
        message,
    };
    if header.first() != Some(&b'{') {
        return Err(fault(0, "expected `{`".to_owned()));
    }
    let end = header
        .iter()
        .rposition(|&byte| byte != b' ')
        .map_or(0, |last| last + 1);
    let json = &header[..end];
    if json.last() != Some(&b'}') {
        return Err(fault(
            end.saturating_sub(1),
            "expected `}` and spaces to the header's end".to_owned(),
        ));
    }
    let mut header: Header = serde_json::from_slice(json).map_err(|error| {
        let lines = json.split_inclusive(|&byte| byte == b'\n');
        let before: usize = lines
            .take(error.line().saturating_sub(1))
            .map(<[u8]>::len)
            .sum();
        fault(before + error.column().saturating_sub(1), plain(&error))
    })?;
    header.entries.sort_by_key(|(_, entry)| entry.data_offsets);
    Ok(header)
}

/// The message without its line and column, which mean nothing in a binary file.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    short(text.strip_suffix(&place).unwrap_or(&text))
}

/// A text from a file, cut to what fits into a message.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a map from names to tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                let mut metadata = None;
                while let Some(name) = map.next_key::<String>()? {
                    if name != METADATA {
                        if header.entries.len() == MOST_TENSORS {
                            return Err(A::Error::custom(format!(
                                "more than {MOST_TENSORS} tensors"
                            )));
                        }
                        header.entries.push((name, map.next_value()?));
                    } else if metadata.replace(map.next_value::<Strings>()?.0).is_some() {
                        return Err(A::Error::custom(format!("`{METADATA}` occurs twice")));
                    }
                }
                header.metadata = metadata.unwrap_or_default();
                Ok(header)
            }
        }
        from.deserialize_map(HeaderVisitor)
    }
}

/// A map of strings that refuses keys that occur twice.
struct Strings(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct StringsVisitor;
        impl<'de> Visitor<'de> for StringsVisitor {
            type Value = Strings;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a map from strings to strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strings, A::Error> {
                let mut strings = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    if strings.contains_key(&key) {
                        let key = short(&key);
                        return Err(A::Error::custom(format!(
                            "metadata key `{key}` occurs twice"
                        )));
                    }
                    strings.insert(key, value);
                }
                Ok(Strings(strings))
            }
        }
        from.deserialize_map(StringsVisitor)
    }
}

/// Whether the entries, in the order of their offsets, are sound and fill `data` bytes without gaps.
fn check(entries: &[(String, Entry)], data: u64) -> Result<(), Fault> {
    if entries.len() > MOST_TENSORS {
        return Err(Fault::TooMany {
            count: entries.len(),
        });
    }
    let mut names = BTreeSet::new();
    let mut end = 0;
    for (name, entry) in entries {
        let Entry {
            dtype,
            shape,
            data_offsets,
        } = entry;
        if name.is_empty()
            || name.len() > LONGEST_NAME
            || name.chars().any(char::is_control)
            || name == METADATA
        {
            return Err(Fault::Name { name: short(name) });
        }
        if !names.insert(name) {
            return Err(Fault::Twice { name: name.clone() });
        }
        if dtype != DTYPE {
            return Err(Fault::Dtype {
                name: name.clone(),
                dtype: short(dtype),
            });
        }
        let shape_text = || short(&format!("{:?}", &shape[..shape.len().min(2 * MOST_AXES)]));
        let needed = shape
            .iter()
            .try_fold(VALUE as u64, |bytes, &size| {
                bytes.checked_mul(u64::try_from(size).ok()?)
            })
            .filter(|_| shape.len() <= MOST_AXES)
            .ok_or_else(|| Fault::Shape {
                name: name.clone(),
                shape: shape_text(),
            })?;
        let found = data_offsets.1.checked_sub(data_offsets.0);
        if found != Some(needed) {
            let (shape, found) = (shape_text(), found.unwrap_or(0));
            return Err(Fault::Size {
                name: name.clone(),
                shape,
                needed,
                found,
            });
        }
        if data_offsets.0 != end {
            return Err(Fault::Offset {
                name: name.clone(),
                found: data_offsets.0,
                expected: end,
            });
        }
        end = data_offsets.1;
    }
    if end != data {
        return Err(Fault::Length {
            expected: end,
            found: data,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
