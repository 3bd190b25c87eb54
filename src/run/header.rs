//! The header of a file of tensors: from bytes to entries that are known to be sound, and back.
//!
//! Everything that the rest of the reader relies on is checked here, before memory is taken for any
//! tensor: names that occur once, values of one type, shapes whose sizes can be multiplied, and
//! offsets that fill the file without overlap or gap.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::numeric::named_tensor::NamedTensor;

use super::tensor_file_error::{DTYPE, Fault, LONGEST_NAME, MOST_TENSORS, short};

/// Largest header, in bytes. The history of a run stands in it: 10,000 epochs take about 6 MB.
pub const LARGEST_HEADER: u64 = 64 << 20;
const MOST_AXES: usize = 8;
/// Most keys of the metadata; a checkpoint has five.
const MOST_KEYS: usize = 256;
/// Bytes of the header's length, and what the header's end is aligned to.
pub(super) const WORD: u64 = 8;
const METADATA: &str = "__metadata__";
/// Bytes of a value.
pub(super) const VALUE: usize = 4;

/// What a header says of a tensor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) dtype: String,
    #[serde(deserialize_with = "shape")]
    pub(super) shape: Vec<usize>,
    /// First byte and the byte behind the last, counted from the header's end.
    pub(super) data_offsets: (u64, u64),
}

/// A header as it was read, its entries in the order of their offsets.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) entries: Vec<(String, Entry)>,
}

impl Header {
    /// The header of a file in which these tensors lie one behind the other.
    pub(super) fn new(metadata: BTreeMap<String, String>, tensors: &[&NamedTensor]) -> Self {
        let mut end = 0;
        let entry = |tensor: &&NamedTensor| {
            let start = end;
            end += (tensor.data.len() * VALUE) as u64;
            let (dtype, shape) = (DTYPE.to_owned(), tensor.shape.clone());
            (
                tensor.name.clone(),
                Entry {
                    dtype,
                    shape,
                    data_offsets: (start, end),
                },
            )
        };
        let entries = tensors.iter().map(entry).collect();
        Self { metadata, entries }
    }

    /// Bytes of all tensors together.
    pub(super) fn data(&self) -> u64 {
        self.entries
            .last()
            .map_or(0, |(_, entry)| entry.data_offsets.1)
    }

    /// The beginning of the file: the header's length and its text, padded.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; WORD as usize];
        serde_json::to_writer(&mut bytes, self).map_err(|error| Fault::Header {
            offset: WORD,
            message: error.to_string(),
        })?;
        bytes.resize(bytes.len().next_multiple_of(WORD as usize), b' ');
        let length = bytes.len() as u64 - WORD;
        if length > LARGEST_HEADER {
            return Err(Fault::HeaderLength {
                length,
                limit: LARGEST_HEADER,
            });
        }
        for (byte, value) in bytes.iter_mut().zip(length.to_le_bytes()) {
            *byte = value;
        }
        Ok(bytes)
    }

    /// Takes a header's text apart. Not yet [checked](Self::check).
    pub(super) fn parse(header: &[u8]) -> Result<Self, Fault> {
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
        let mut header: Self = serde_json::from_slice(json).map_err(|error| {
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

    /// Whether the entries, in the order of their offsets, are sound and fill `data` bytes without gaps.
    pub(super) fn check(&self, data: u64) -> Result<(), Fault> {
        if self.entries.len() > MOST_TENSORS {
            return Err(Fault::TooMany {
                count: self.entries.len(),
            });
        }
        let mut names = BTreeSet::new();
        let mut end = 0;
        for (name, entry) in &self.entries {
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

/// The message without its line and column, which mean nothing in a binary file.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    short(text.strip_suffix(&place).unwrap_or(&text))
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

/// The sizes of a shape. One with too many axes is refused at once: millions of them would take time,
/// and many times the header's length of memory.
fn shape<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<usize>, D::Error> {
    struct ShapeVisitor;
    impl<'de> Visitor<'de> for ShapeVisitor {
        type Value = Vec<usize>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a list of sizes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<usize>, A::Error> {
            let mut sizes = Vec::new();
            while let Some(size) = list.next_element()? {
                if sizes.len() == MOST_AXES {
                    return Err(A::Error::custom(format!(
                        "a shape of more than {MOST_AXES} axes"
                    )));
                }
                sizes.push(size);
            }
            Ok(sizes)
        }
    }
    from.deserialize_seq(ShapeVisitor)
}

/// A map of strings that refuses keys that occur twice, and more than a few.
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
                    if strings.len() == MOST_KEYS {
                        return Err(A::Error::custom(format!(
                            "more than {MOST_KEYS} metadata keys"
                        )));
                    }
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
