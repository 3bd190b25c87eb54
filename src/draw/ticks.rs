//! Round places on an axis, and numbers as labels show them.

/// A marked place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where it is.
    pub value: f64,
    /// What stands beside it.
    pub label: String,
}

/// Larger magnitudes are written with a power of ten.
const LARGE: f64 = 1e6;

/// More decimals than these are written with a power of ten.
const MANY_DECIMALS: i32 = 4;

/// Round values from `low` to `high`, at most `most` of them and at least one where one lies
/// between: multiples of 1, 2 or 5 times a power of ten, all with the same number of decimals.
pub fn ticks(low: f64, high: f64, most: usize) -> Vec<Tick> {
    multiples(low, high, most, 0.0)
}

/// The same at whole numbers only, as epochs are.
pub fn whole_ticks(low: f64, high: f64, most: usize) -> Vec<Tick> {
    multiples(low, high, most, 1.0)
}

fn multiples(low: f64, high: f64, most: usize, least_step: f64) -> Vec<Tick> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || most == 0 {
        return Vec::new();
    }
    let step = round_step(span / most as f64).max(least_step);
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    // Beyond 2^53 neighbouring multiples are the same number: there is no axis to mark.
    if first.abs().max(last.abs()) > 9e15 || last < first {
        return Vec::new();
    }
    // The step is rounded up, so this many and one more for both ends.
    let count = ((last - first) as usize).min(most) + 1;
    let values: Vec<f64> = (0..count).map(|i| (first + i as f64) * step).collect();
    let largest = values
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let place = step.log10().floor() as i32;
    values
        .into_iter()
        .map(|value| {
            let label = if largest >= LARGE || place < -MANY_DECIMALS {
                let exponent = largest.log10().floor() as i32;
                scientific(value, exponent, (exponent - place).clamp(0, 15))
            } else {
                fixed(value, (-place).max(0))
            };
            Tick { value, label }
        })
        .collect()
}

/// The next of 1, 2, 5, 10 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = least / power;
    let rounded = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|&step| factor <= step * (1.0 + 1e-9));
    rounded.unwrap_or(10.0) * power
}

/// A single number with about `digits` significant digits, such as the last value of a curve.
pub(crate) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            "–".to_owned()
        };
    }
    let exponent = value.abs().log10().floor() as i32;
    if value.abs() >= LARGE || exponent < -MANY_DECIMALS {
        return scientific(value, exponent, digits - 1);
    }
    fixed(value, (digits - 1 - exponent).max(0))
}

/// A count with a comma every three digits.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// With a real minus sign, and without one before a zero.
fn fixed(value: f64, decimals: i32) -> String {
    let text = format!("{:.*}", decimals.max(0) as usize, value.abs());
    let is_zero = text.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !is_zero {
        format!("−{text}")
    } else {
        text
    }
}

fn scientific(value: f64, exponent: i32, decimals: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let power: String = exponent
        .to_string()
        .chars()
        .map(|c| match c {
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            '9' => '⁹',
            _ => '⁻',
        })
        .collect();
    format!(
        "{}×10{power}",
        fixed(value / 10_f64.powi(exponent), decimals)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn chooses_round_ticks_with_equal_decimals() {
        assert_eq!(labels(ticks(-2.0, 2.0, 5)), ["−2", "−1", "0", "1", "2"]);
        assert_eq!(
            labels(ticks(251.2, 303.0, 6)),
            ["260", "270", "280", "290", "300"]
        );
        assert_eq!(
            labels(ticks(3.18, 3.66, 5)),
            ["3.2", "3.3", "3.4", "3.5", "3.6"]
        );
        assert_eq!(
            labels(ticks(-0.1, 0.1, 4)),
            ["−0.10", "−0.05", "0.00", "0.05", "0.10"]
        );
        assert_eq!(labels(ticks(0.0, 5e6, 3)), ["0", "2×10⁶", "4×10⁶"]);
        assert_eq!(
            labels(ticks(1e-6, 2.2e-6, 3)),
            ["1.0×10⁻⁶", "1.5×10⁻⁶", "2.0×10⁻⁶"]
        );
    }

    #[test]
    fn places_no_whole_tick_between_epochs() {
        assert_eq!(labels(whole_ticks(0.5, 1.5, 8)), ["1"]);
        assert_eq!(labels(whole_ticks(1.0, 3.0, 8)), ["1", "2", "3"]);
        assert_eq!(
            labels(whole_ticks(1.0, 1000.0, 5)),
            ["200", "400", "600", "800", "1000"]
        );
    }

    #[test]
    fn gives_no_ticks_to_an_empty_range() {
        for (low, high) in [
            (0.0, 0.0),
            (1.0, -1.0),
            (f64::NAN, 1.0),
            (0.0, f64::INFINITY),
        ] {
            assert!(ticks(low, high, 5).is_empty());
        }
        assert!(ticks(0.0, 1.0, 0).is_empty());
        let tight = f64::from_bits(1e100_f64.to_bits() + 1);
        assert!(ticks(1e100, tight, 5).len() <= 6);
        assert!(ticks(-1e100, 1e100, 5).len() <= 6);
    }

    #[test]
    fn keeps_four_digits_of_single_numbers() {
        assert_eq!(significant(253.134, 4), "253.1");
        assert_eq!(significant(3.401_49, 4), "3.401");
        assert_eq!(significant(0.012_345, 4), "0.01235");
        assert_eq!(significant(-41_234.6, 4), "−41235");
        assert_eq!(significant(1.234_5e9, 4), "1.234×10⁹");
        assert_eq!(significant(0.0, 4), "0");
        assert_eq!(significant(f64::NAN, 4), "–");
    }

    #[test]
    fn groups_digits_of_counts() {
        assert_eq!(thousands(70_000), "70,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
    }
}
