//! What can be wrong with a file of tensors, and where.
//!
//! Names and words that come from the file are cut and escaped: a message is one line, whatever
//! somebody wrote there.

use crate::sys::printable::printable;

/// Most tensors in a file.
pub(super) const MOST_TENSORS: usize = 65_536;
/// Longest name of a tensor, in bytes.
pub(super) const LONGEST_NAME: usize = 255;
/// The only type of values.
pub(super) const DTYPE: &str = "F32";

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
        /// What the file has after them, or the largest header accepted.
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
        "\"{name}\" is no name of a tensor; expected 1 to {LONGEST_NAME} bytes without control characters"
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

/// A text from a file, escaped and cut to what fits into a message.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    let cut: String = text.chars().take(LONGEST).collect();
    let mut short = printable(&cut);
    if cut.len() < text.len() {
        short.push_str("...");
    }
    short
}
