//! Floating-point numbers as texts that read back as the same bits.
//!
//! `"252.49"`, `"NaN"`, `"-inf"`: the shortest decimal number with that property. JSON itself knows no NaN, which the
//! history of a non-finite run may hold, and JSON readers differ in the last bit of long numbers. In Python, `float(text)`
//! reads each of them. All NaNs are one.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Most characters of a wrong text that an error repeats.
const SHOWN: usize = 40;

/// A number that is written as a text.
#[derive(Clone, Copy, Debug)]
pub struct RealText(pub f64);

impl RealText {
    /// The number of a text.
    ///
    /// # Errors
    /// It is none.
    pub fn parse<E: Error>(text: &str) -> Result<f64, E> {
        text.parse().map_err(|_| {
            let start: String = text.chars().take(SHOWN).collect();
            E::custom(format!("{start:?} is no number"))
        })
    }
}

impl Serialize for RealText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // `{:?}` is the shortest text that reads back the same, with an exponent where that is shorter.
        to.collect_str(&format_args!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for RealText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map(Self)
    }
}

/// For `#[serde(with = "real_text")]`.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    RealText(*value).serialize(to)
}

/// For `#[serde(with = "real_text")]`.
///
/// # Errors
/// The text is no number.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    RealText::deserialize(from).map(|text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: f64) -> f64 {
        let text = serde_json::to_string(&RealText(value)).unwrap();
        serde_json::from_str::<RealText>(&text).unwrap().0
    }

    #[test]
    fn keeps_bits_of_all_numbers() {
        let special = [
            0.0,
            -0.0,
            0.1,
            1.0 / 3.0,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::MIN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            9_007_199_254_740_993.0,
            252.489_990_234_375,
            1e22,
            1e23,
        ];
        // Weyl's sequence: bit patterns spread over all exponents, NaNs left out.
        let spread = (1..20_000_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        for value in special
            .into_iter()
            .chain(spread.filter(|value| !value.is_nan()))
        {
            assert_eq!(round_trip(value).to_bits(), value.to_bits(), "{value:?}");
        }
        assert!(round_trip(f64::NAN).is_nan());
        assert!(round_trip(-f64::NAN).is_nan());
    }

    #[test]
    fn writes_numbers_as_python_reads_them() {
        let text = |value| serde_json::to_string(&RealText(value)).unwrap();
        assert_eq!(text(252.49), r#""252.49""#);
        assert_eq!(text(1e-7), r#""1e-7""#);
        assert_eq!(text(f64::NAN), r#""NaN""#);
        assert_eq!(text(f64::NEG_INFINITY), r#""-inf""#);
    }
}
