//! Types of an array's elements, and how their values become pixels.

use crate::config::{FieldValue, Value};

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

/// Which byte of an element comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The least.
    Little,
    /// The greatest.
    Big,
}

impl Element {
    /// Bytes of one.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// NumPy's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// The values that are black and white where nothing else is said: the whole range of integers, 0 and 1 for the
    /// others.
    pub(super) fn range(self) -> Range {
        let (min, max) = match self {
            Self::Bool | Self::F16 | Self::F32 | Self::F64 => (0.0, 1.0),
            Self::U8 => (0.0, f64::from(u8::MAX)),
            Self::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
            Self::U16 => (0.0, f64::from(u16::MAX)),
            Self::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
            Self::U32 => (0.0, f64::from(u32::MAX)),
            Self::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Self::U64 => (0.0, u64::MAX as f64),
            Self::I64 => (i64::MIN as f64, i64::MAX as f64),
        };
        Range { min, max }
    }

    /// Whether its values are whole numbers of more than one bit.
    pub(super) fn is_integer(self) -> bool {
        !matches!(self, Self::Bool | Self::F16 | Self::F32 | Self::F64)
    }

    /// Appends the values of elements; bytes behind the last whole one are passed over.
    pub(super) fn decode(self, order: Order, bytes: &[u8], out: &mut Vec<f64>) {
        macro_rules! each {
            ($size:literal, $number:ty, $value:expr) => {{
                let value: fn($number) -> f64 = $value;
                let (chunks, _) = bytes.as_chunks::<$size>();
                match order {
                    Order::Little => {
                        out.extend(chunks.iter().map(|it| value(<$number>::from_le_bytes(*it))));
                    }
                    Order::Big => {
                        out.extend(chunks.iter().map(|it| value(<$number>::from_be_bytes(*it))));
                    }
                }
            }};
        }
        match self {
            Self::Bool | Self::U8 => each!(1, u8, f64::from),
            Self::I8 => each!(1, i8, f64::from),
            Self::U16 => each!(2, u16, f64::from),
            Self::I16 => each!(2, i16, f64::from),
            Self::U32 => each!(4, u32, f64::from),
            Self::I32 => each!(4, i32, f64::from),
            Self::U64 => each!(8, u64, |it| it as f64),
            Self::I64 => each!(8, i64, |it| it as f64),
            Self::F16 => each!(2, u16, half),
            Self::F32 => each!(4, f32, f64::from),
            Self::F64 => each!(8, f64, |it| it),
        }
    }
}

/// A number of IEEE 754's binary16: 1 bit sign, 5 bits exponent, 10 bits fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    match bits >> 10 & 0x1f {
        0 => sign * fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        exponent => sign * (1.0 + fraction) * 2_f64.powi(i32::from(exponent) - 15),
    }
}

/// The values that are black and white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Black.
    pub min: f64,
    /// White.
    pub max: f64,
}

impl Range {
    /// The shade of a value, 0 to 255, rounded; a half is rounded up. What lies outside is that of the nearer end.
    pub(super) fn shade(self, value: f64) -> u8 {
        // Saturates, and is 0 for what is not a number.
        ((value - self.min) / (self.max - self.min) * 255.0 + 0.5).floor() as u8
    }

    /// The range as a spec writes it.
    pub(super) fn written(self) -> String {
        format!("range = {{ min = {}, max = {} }}", self.min, self.max)
    }
}

/// Black is 0 where a spec does not say, and white 1.
impl FieldValue for Range {
    type Literal = Self;

    fn default_value(literal: Self) -> Value {
        Value::Limits {
            min: Some(literal.min),
            max: Some(literal.max),
        }
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Limits { min, max } => Some(Self {
                min: min.unwrap_or(0.0),
                max: max.unwrap_or(1.0),
            }),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Self::default_value(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(element: Element, order: Order, bytes: &[u8]) -> Vec<f64> {
        let mut out = vec![];
        element.decode(order, bytes, &mut out);
        out
    }

    /// Each element's bytes as `np.array(value, type).tobytes()` gives them, and the same turned round.
    #[test]
    fn decodes_elements_of_both_byte_orders() {
        let cases: [(Element, &[u8], f64); 14] = [
            (Element::Bool, &[1], 1.0),
            (Element::U8, &[200], 200.0),
            (Element::I8, &[0xfe], -2.0),
            (Element::U16, &[0x34, 0x12], 4_660.0),
            (Element::I16, &[0xfe, 0xff], -2.0),
            (Element::U32, &[0, 0, 0, 0x80], 2_147_483_648.0),
            (Element::I32, &[0xfd, 0xff, 0xff, 0xff], -3.0),
            (Element::U64, &[1, 0, 0, 0, 1, 0, 0, 0], 4_294_967_297.0),
            (Element::I64, &[0xff; 8], -1.0),
            (Element::F16, &[0, 0x38], 0.5),
            (Element::F16, &[1, 0x80], -5.960_464_477_539_063e-8),
            (Element::F16, &[0, 0x7c], f64::INFINITY),
            (Element::F32, &[0, 0, 0x80, 0xbe], -0.25),
            (Element::F64, &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f], 1.5),
        ];
        for (element, bytes, expected) in cases {
            assert_eq!(element.size(), bytes.len());
            assert_eq!(decoded(element, Order::Little, bytes), [expected]);
            let turned: Vec<u8> = bytes.iter().rev().copied().collect();
            assert_eq!(decoded(element, Order::Big, &turned), [expected]);
        }
        assert!(decoded(Element::F16, Order::Big, &[0x7e, 0])[0].is_nan());
    }

    #[test]
    fn rounds_values_to_shades() {
        let unit = Element::F32.range();
        assert_eq!([0.0, 0.5, 1.0].map(|it| unit.shade(it)), [0, 128, 255]);
        for shade in 0..=u8::MAX {
            assert_eq!(unit.shade(f64::from(f32::from(shade) / 255.0)), shade);
            assert_eq!(Element::U8.range().shade(f64::from(shade)), shade);
        }
        let wide = Element::I16.range();
        let shades = [-32_768.0, 0.0, 32_767.0].map(|it| wide.shade(it));
        assert_eq!(shades, [0, 128, 255]);
        assert_eq!([-1.0, 2.0, f64::NAN].map(|it| unit.shade(it)), [0, 255, 0]);
    }
}
