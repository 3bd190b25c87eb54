//! NumPy's `.npy` files (NEP 1) of images and labels.
//!
//! ```text
//! byte 0      93, "NUMPY"
//! byte 6      version of the format: 1.0, 2.0 or 3.0
//! byte 8      length of the header, little-endian: 16 bits in version 1, 32 bits after that
//! then        the header, a Python dictionary on one line, such as
//!             {'descr': '|u1', 'fortran_order': False, 'shape': (3, 28, 28), }
//! then        the elements, last axis fastest
//! ```

use std::path::{Path, PathBuf};

use crate::config::section::section;
use crate::config::{Kind, PathKind, Rules};
use crate::data::array_file::{ArrayFile, Content, Problem};
use crate::data::division::Split;
use crate::data::error::DataError;
use crate::data::labelled::{named_files_kind, report_missing};
use crate::data::loader::{Labelled, Loaded, Loader, Request};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;

const NAME: &str = "npy";

section! {
    /// your own NumPy files (`.npy`) of images, uint8, with or without labels
    pub struct Npy {
        /// The folder that the files are relative to
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"), changes_no_result();
        /// Training images, a `.npy` file of uint8, (images, rows, columns) or (images, rows, columns, channels)
        pub images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Training labels, a `.npy` file of uint8; without them all images are of one class
        pub labels: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Test images, a `.npy` file
        pub test_images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Test labels, a `.npy` file
        pub test_labels: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
    }
    rules { images_are_named }
}

fn images_are_named(it: &mut Rules<'_>) {
    let files = [
        (Split::Train, "images", "train_images.npy"),
        (Split::Test, "test_images", "test_images.npy"),
    ];
    report_missing(it, NAME, "the path of a `.npy` file", &files);
}

named_files_kind!(Npy = NAME, labels_are_needed: false, open: open);

/// The longest header that is read; that of an array of numbers has about 100 bytes.
const MAX_HEADER: usize = 65_535;

/// What is wrong with the header of an `.npy` file, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum NpyError {
    #[error("at byte 0: not an .npy file: it does not begin with 93 4e 55 4d 50 59 (`\\x93NUMPY`)")]
    Magic,
    #[error("at byte 6: version {major}.{minor} of the format, expected 1.0, 2.0 or 3.0")]
    Version { major: u8, minor: u8 },
    #[error("at byte 8: a header of {found} bytes, expected at most {MAX_HEADER}")]
    TooLong { found: u32 },
    #[error("at byte {offset}: the header lacks {expected}")]
    Syntax {
        offset: usize,
        expected: &'static str,
    },
    #[error("at byte {offset}: elements of type {found}, expected uint8")]
    ElementType { offset: usize, found: String },
    #[error("at byte {offset}: the elements are in Fortran order, expected C order")]
    FortranOrder { offset: usize },
    #[error("at byte {offset}: the shape is {found:?}, expected {expected}")]
    Shape {
        offset: usize,
        found: Vec<u64>,
        expected: &'static str,
    },
}

/// The hints say how to save the array in a way that can be read.
impl Problem for NpyError {
    fn hint(&self, _: &Path) -> Option<String> {
        let hint = match self {
            Self::ElementType { .. } => {
                "save `array.astype(np.uint8)`; images with values from 0 to 1 are \
                 `(255 * array).round().astype(np.uint8)`"
            }
            Self::FortranOrder { .. } => "save `np.ascontiguousarray(array)`",
            Self::Shape { found, .. } if is_channels_first(found) => {
                "the channels stand first: save `np.ascontiguousarray(array.transpose(0, 2, 3, 1))`"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn is_channels_first(shape: &[u64]) -> bool {
    matches!(shape, [_, 1 | 3, _, last] if ![1, 3].contains(last))
}

/// Opens a file and reads its header.
fn open(path: &Path, content: Content) -> Result<ArrayFile<'static>, DataError> {
    with_header(ArrayFile::open(path)?, content)
}

fn with_header(mut file: ArrayFile<'_>, content: Content) -> Result<ArrayFile<'_>, DataError> {
    let mut start = [0; 10];
    file.read_header(&mut start)?;
    let [magic @ .., major, minor, low, high] = start;
    if magic != *b"\x93NUMPY" {
        return Err(file.refuse(NpyError::Magic));
    }
    let length = match (major, minor) {
        (1, 0) => u32::from(u16::from_le_bytes([low, high])),
        (2 | 3, 0) => {
            let mut rest = [0; 2];
            file.read_header(&mut rest)?;
            u32::from_le_bytes([low, high, rest[0], rest[1]])
        }
        _ => return Err(file.refuse(NpyError::Version { major, minor })),
    };
    let Some(length) = usize::try_from(length).ok().filter(|it| *it <= MAX_HEADER) else {
        return Err(file.refuse(NpyError::TooLong { found: length }));
    };
    let mut header = Header {
        offset: if major == 1 { 10 } else { 12 },
        text: vec![0; length],
        at: 0,
    };
    file.read_header(&mut header.text)?;
    match header.axes(content) {
        Ok((lengths, offset)) => file.declare(content, lengths, [offset as u64; 4])?,
        Err(problem) => return Err(file.refuse(problem)),
    }
    Ok(file)
}

/// The dictionary of a header, read from left to right.
struct Header {
    /// Where in the file it begins.
    offset: usize,
    text: Vec<u8>,
    /// What has been read of it.
    at: usize,
}

impl Header {
    /// The lengths of the axes (count, height, width, channels), and where they stand.
    fn axes(&mut self, content: Content) -> Result<([u64; 4], usize), NpyError> {
        let (mut in_c_order, mut shape) = (None, None);
        let mut is_uint8 = None;
        self.expect("{")?;
        while !self.eat("}") {
            match self.string()?.as_str() {
                "descr" if is_uint8.is_none() => is_uint8 = Some(self.element_type()?),
                "fortran_order" if in_c_order.is_none() => in_c_order = Some(self.order()?),
                "shape" if shape.is_none() => shape = Some(self.shape(content)?),
                _ => return Err(self.lacks("'descr', 'fortran_order' and 'shape', each once")),
            }
            if !self.eat(",") {
                self.expect("}")?;
                break;
            }
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !matches!(rest, [spaces @ .., b'\n'] if spaces.iter().all(|it| *it == b' ')) {
            return Err(self.lacks("its end: spaces and a line break"));
        }
        match (is_uint8, in_c_order, shape) {
            (Some(()), Some(()), Some(shape)) => Ok(shape),
            _ => Err(self.lacks("'descr', 'fortran_order' and 'shape', each once")),
        }
    }

    fn element_type(&mut self) -> Result<(), NpyError> {
        self.expect(":")?;
        let offset = self.place();
        let found = match self.text.get(self.at) {
            Some(b'[') => "a structure".to_owned(),
            _ => {
                let word = self.string()?;
                match word.trim_start_matches(['|', '<', '>', '=']) {
                    "u1" => return Ok(()),
                    plain => type_name(plain),
                }
            }
        };
        Err(NpyError::ElementType { offset, found })
    }

    fn order(&mut self) -> Result<(), NpyError> {
        self.expect(":")?;
        let offset = self.place();
        match (self.eat("False"), self.eat("True")) {
            (true, false) => Ok(()),
            (false, true) => Err(NpyError::FortranOrder { offset }),
            _ => Err(self.lacks("`True` or `False`")),
        }
    }

    fn shape(&mut self, content: Content) -> Result<([u64; 4], usize), NpyError> {
        self.expect(":")?;
        let offset = self.place();
        let mut found = Vec::new();
        self.expect("(")?;
        while !self.eat(")") {
            found.push(self.number()?);
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        match (content, found.as_slice()) {
            (Content::Labels, &[count]) => return Ok(([count, 1, 1, 1], offset)),
            (Content::Images, &[count, height, width]) => {
                return Ok(([count, height, width, 1], offset));
            }
            (Content::Images, &[count, height, width, channels]) if !is_channels_first(&found) => {
                return Ok(([count, height, width, channels], offset));
            }
            _ => {}
        }
        Err(NpyError::Shape {
            offset,
            found,
            expected: match content {
                Content::Images => "[images, rows, columns] or [images, rows, columns, channels]",
                Content::Labels => "[labels]",
            },
        })
    }

    /// A text in quotes of either kind.
    fn string(&mut self) -> Result<String, NpyError> {
        let quote = match (self.eat("'"), self.eat("\"")) {
            (true, false) => b'\'',
            (false, true) => b'"',
            _ => return Err(self.lacks("a text in quotes")),
        };
        let rest = self.text.get(self.at..).unwrap_or_default();
        let inner = rest.split(|it| *it == quote).next().unwrap_or_default();
        let is_plain = |it: &u8| it.is_ascii_graphic() && *it != b'\\';
        if inner.len() == rest.len() || !inner.iter().all(is_plain) {
            return Err(self.lacks("the end of a text in quotes"));
        }
        let inner = inner.iter().copied().map(char::from).collect();
        self.at += String::len(&inner) + 1;
        Ok(inner)
    }

    /// A number without sign and leading zeros; one that is too large for any file is that.
    fn number(&mut self) -> Result<u64, NpyError> {
        self.place();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|it| it.is_ascii_digit()).count();
        let digits = &rest[..digits];
        if digits.is_empty() || digits.len() > 1 && digits[0] == b'0' {
            return Err(self.lacks("a length"));
        }
        let add = |number: u64, digit: &u8| {
            let digit = u64::from(digit - b'0');
            number.saturating_mul(10).saturating_add(digit)
        };
        let number = digits.iter().fold(0, add);
        self.at += digits.len();
        Ok(number)
    }

    fn expect(&mut self, token: &'static str) -> Result<(), NpyError> {
        match self.eat(token) {
            true => Ok(()),
            false => Err(self.lacks(token)),
        }
    }

    /// Whether the token comes next behind any spaces; goes on behind it.
    fn eat(&mut self, token: &str) -> bool {
        self.place();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_next = rest.starts_with(token.as_bytes());
        self.at += if is_next { token.len() } else { 0 };
        is_next
    }

    /// Goes on behind any spaces; says where in the file that is.
    fn place(&mut self) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|it| **it == b' ').count();
        self.offset + self.at
    }

    fn lacks(&self, expected: &'static str) -> NpyError {
        NpyError::Syntax {
            offset: self.offset + self.at,
            expected,
        }
    }
}

/// NumPy's name of a type without its byte order: `f4` is float32.
fn type_name(plain: &str) -> String {
    let (kind, size) = plain.split_at_checked(1).unwrap_or((plain, ""));
    let bits = size.parse::<u32>().map(|bytes| bytes.saturating_mul(8));
    match (kind, bits) {
        ("b", _) => "bool".to_owned(),
        ("i", Ok(bits)) => format!("int{bits}"),
        ("u", Ok(bits)) => format!("uint{bits}"),
        ("f", Ok(bits)) => format!("float{bits}"),
        ("c", Ok(bits)) => format!("complex{bits}"),
        ("O", _) => "object".to_owned(),
        _ => format!("'{plain}'"),
    }
}

#[cfg(test)]
mod tests;
