//! NumPy's `.npy` format (NEP 1), in a file of its own or in an `.npz` archive.
//!
//! ```text
//! byte 0      93, "NUMPY"
//! byte 6      version of the format: 1.0, 2.0 or 3.0
//! byte 8      length of the header, little-endian: 16 bits in version 1, 32 bits after that
//! then        the header, a Python dictionary on one line, such as
//!             {'descr': '|u1', 'fortran_order': False, 'shape': (3, 28, 28), }
//! then        the elements, last axis fastest
//! ```

use std::path::Path;

use super::array_file::{ArrayFile, Content, Declared, Problem};
use super::element::{Element, Order};
use super::error::DataError;
use super::zip;

/// The longest header that is read; that of an array of numbers has about 100 bytes.
const MAX_HEADER: usize = 65_535;

/// What is wrong with the header of an `.npy` file, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum NpyError {
    #[error("at byte 0: not an .npy file: it does not begin with 93 4e 55 4d 50 59 (`\\x93NUMPY`)")]
    Magic,
    #[error("at byte 0: a zip archive, expected an .npy file")]
    Archive,
    #[error("at byte 6: version {major}.{minor} of the format, expected 1.0, 2.0 or 3.0")]
    Version { major: u8, minor: u8 },
    #[error("at byte 8: a header of {found} bytes, expected at most {MAX_HEADER}")]
    TooLong { found: u32 },
    #[error("at byte {offset}: the header lacks {expected}")]
    Syntax {
        offset: usize,
        expected: &'static str,
    },
    #[error("at byte {offset}: elements of type {found}, expected bool, an integer or a float")]
    ElementType { offset: usize, found: String },
    #[error("at byte {offset}: the elements are in Fortran order, expected C order")]
    FortranOrder { offset: usize },
    #[error("at byte {offset}: the shape is {}, expected {expected}", tuple(found))]
    Shape {
        offset: usize,
        found: Vec<u64>,
        expected: &'static str,
    },
    #[error(
        "at byte {offset}: the shape is {}, and {values} values an image are not {}",
        tuple(found),
        tuple(shape)
    )]
    ImageShape {
        offset: usize,
        found: Vec<u64>,
        values: u64,
        shape: Vec<u64>,
    },
}

/// A shape as NumPy shows it.
pub(super) fn tuple(shape: &[u64]) -> String {
    let lengths: Vec<String> = shape.iter().map(u64::to_string).collect();
    match lengths.as_slice() {
        [one] => format!("({one},)"),
        lengths => format!("({})", lengths.join(", ")),
    }
}

/// The hints say how to save the array in a way that can be read.
impl Problem for NpyError {
    fn hint(&self, file: &Path) -> Option<String> {
        let hint = match self {
            Self::Archive => {
                return Some(format!(
                    "name an `.npz` archive by `file = \"{}\"`, and arrays in it by `images` and the others",
                    file.display()
                ));
            }
            Self::ElementType { found, .. } if found == "object" => {
                "arrays of objects are pickled Python, which is not read; save an array of numbers"
            }
            Self::FortranOrder { .. } => "save `np.ascontiguousarray(array)`",
            Self::Shape {
                found, expected, ..
            } if *expected == LABELS && found.len() == 2 => {
                "of one column a class, save `array.argmax(axis=1)`"
            }
            Self::Shape {
                found, expected, ..
            } if *expected != LABELS && found.len() == 2 => {
                "say what the rows of values are: `image_shape = [ROWS, COLUMNS]` in `[data]`"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

const LABELS: &str = "(labels,)";

/// Opens a file and reads its header. `image_shape`: what each row of images of shape (images, values) is.
pub(super) fn open(
    path: &Path,
    content: Content,
    image_shape: Option<&[usize]>,
) -> Result<ArrayFile<'static>, DataError> {
    with_header(ArrayFile::open(path)?, content, image_shape)
}

/// Reads the header of a file and what it has to say of such a content.
pub(super) fn with_header<'a>(
    mut file: ArrayFile<'a>,
    content: Content,
    image_shape: Option<&[usize]>,
) -> Result<ArrayFile<'a>, DataError> {
    let header = read_header(&mut file)?;
    let declared = header.declared(content, image_shape);
    let declared = declared.map_err(|problem| file.refuse(problem))?;
    file.declare(content, declared)?;
    Ok(file)
}

/// Reads the header of a file, whatever the array is.
pub(super) fn read_header(file: &mut ArrayFile<'_>) -> Result<NpyHeader, DataError> {
    let mut start = [0; 10];
    file.read_header(&mut start)?;
    let [magic @ .., major, minor, low, high] = start;
    if magic != *b"\x93NUMPY" {
        return Err(file.refuse(match magic.starts_with(&zip::MAGIC) {
            true => NpyError::Archive,
            false => NpyError::Magic,
        }));
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
    header.dictionary().map_err(|problem| file.refuse(problem))
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NpyHeader {
    /// The type of the elements and their byte order; else the name of a type that is not read.
    pub element: Result<(Element, Order), String>,
    is_in_c_order: bool,
    pub shape: Vec<u64>,
    /// Where the three stand.
    offsets: [usize; 3],
}

impl NpyHeader {
    /// What the array is as images, labels or factors.
    fn declared(
        &self,
        content: Content,
        image_shape: Option<&[usize]>,
    ) -> Result<Declared, NpyError> {
        let [element_at, order_at, shape_at] = self.offsets;
        let (element, order) = self
            .element
            .clone()
            .map_err(|found| NpyError::ElementType {
                offset: element_at,
                found,
            })?;
        let (lengths, is_planar) = self.lengths(content, image_shape)?;
        // The order is the same for an array of one axis.
        if !self.is_in_c_order && self.shape.iter().filter(|it| **it != 1).count() > 1 {
            return Err(NpyError::FortranOrder { offset: order_at });
        }
        Ok(Declared {
            element,
            order,
            is_planar,
            ..Declared::bytes(lengths, [shape_at as u64; 4])
        })
    }

    /// Count, height, width and channels, and whether the channels stand first.
    fn lengths(
        &self,
        content: Content,
        image_shape: Option<&[usize]>,
    ) -> Result<([u64; 4], bool), NpyError> {
        let (offset, found) = (self.offsets[2], self.shape.clone());
        let shape = image_shape.map(|shape| shape.iter().map(|it| *it as u64).collect::<Vec<_>>());
        match (content, found.as_slice()) {
            (Content::Labels, &[count] | &[count, 1]) => return Ok(([count, 1, 1, 1], false)),
            (Content::Factors, &[count, factors]) => return Ok(([count, 1, factors, 1], false)),
            (Content::Images, &[count, values]) => {
                let square = values.isqrt();
                let is_square = square.checked_mul(square) == Some(values);
                match shape.as_deref() {
                    None if is_square => return Ok(([count, square, square, 1], false)),
                    None => {}
                    Some(shape) => {
                        let [height, width, channels] = three(shape);
                        if u128::from(height) * u128::from(width) * u128::from(channels)
                            == u128::from(values)
                        {
                            return Ok(([count, height, width, channels], false));
                        }
                        return Err(NpyError::ImageShape {
                            offset,
                            shape: shape.to_vec(),
                            values,
                            found,
                        });
                    }
                }
            }
            (Content::Images, &[count, height, width]) => {
                return Ok(([count, height, width, 1], false));
            }
            (Content::Images, &[count, channels, height, width]) if is_planar(&found) => {
                return Ok(([count, height, width, channels], true));
            }
            (Content::Images, &[count, height, width, channels]) => {
                return Ok(([count, height, width, channels], false));
            }
            _ => {}
        }
        Err(NpyError::Shape {
            offset,
            found,
            expected: match content {
                Content::Images => {
                    "(images, rows, columns), (images, rows, columns, channels) or (images, values)"
                }
                Content::Labels => LABELS,
                Content::Factors => "(images, factors)",
            },
        })
    }
}

/// Height, width and channels of a shape of two or three axes.
pub(super) fn three(shape: &[u64]) -> [u64; 3] {
    let axis = |at: usize| shape.get(at).copied().unwrap_or(1);
    [axis(0), axis(1), axis(2)]
}

/// Whether the channels of images stand first.
fn is_planar(shape: &[u64]) -> bool {
    matches!(shape, [_, 1 | 3, _, last] if ![1, 3].contains(last))
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
    fn dictionary(&mut self) -> Result<NpyHeader, NpyError> {
        let (mut element, mut in_c_order, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.eat("}") {
            match self.string()?.as_str() {
                "descr" if element.is_none() => element = Some(self.element_type()?),
                "fortran_order" if in_c_order.is_none() => in_c_order = Some(self.order()?),
                "shape" if shape.is_none() => shape = Some(self.shape()?),
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
        match (element, in_c_order, shape) {
            (Some((element, at)), Some((is_in_c_order, order_at)), Some((shape, shape_at))) => {
                Ok(NpyHeader {
                    element,
                    is_in_c_order,
                    shape,
                    offsets: [at, order_at, shape_at],
                })
            }
            _ => Err(self.lacks("'descr', 'fortran_order' and 'shape', each once")),
        }
    }

    fn element_type(&mut self) -> Result<(Result<(Element, Order), String>, usize), NpyError> {
        self.expect(":")?;
        let offset = self.place();
        if self.text.get(self.at) == Some(&b'[') {
            let found = "a structure".to_owned();
            return Err(NpyError::ElementType { offset, found });
        }
        let word = self.string()?;
        let order = match word.starts_with('>') {
            true => Order::Big,
            false => Order::Little,
        };
        let plain = word.trim_start_matches(['|', '<', '>', '=']);
        let element = match plain {
            "b1" => Element::Bool,
            "u1" => Element::U8,
            "i1" => Element::I8,
            "u2" => Element::U16,
            "i2" => Element::I16,
            "u4" => Element::U32,
            "i4" => Element::I32,
            "u8" => Element::U64,
            "i8" => Element::I64,
            "f2" => Element::F16,
            "f4" => Element::F32,
            "f8" => Element::F64,
            other => return Ok((Err(type_name(other)), offset)),
        };
        Ok((Ok((element, order)), offset))
    }

    fn order(&mut self) -> Result<(bool, usize), NpyError> {
        self.expect(":")?;
        let offset = self.place();
        match (self.eat("False"), self.eat("True")) {
            (true, false) => Ok((true, offset)),
            (false, true) => Ok((false, offset)),
            _ => Err(self.lacks("`True` or `False`")),
        }
    }

    fn shape(&mut self) -> Result<(Vec<u64>, usize), NpyError> {
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
        Ok((found, offset))
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
