//! How numbers look on the terminal.

use std::io::{self, Write as _};

pub use crate::sys::clock::duration;

/// Writes to stdout; a reader that has closed it (`runner schema | head`) is no error.
///
/// # Errors
/// Writing failed for another reason.
pub fn out(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes to stderr, as far as it can be written to: it may be a file on a disk that is full, and what ends a program is told by
/// its exit code too.
pub fn err(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

/// 1234567 as `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 step`, `1,094 steps`.
pub fn count(n: usize, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(n as u64))
}

/// A number of bytes in units of 1000: `537 kB`, `1.6 MB`.
pub fn bytes(n: u64) -> String {
    let (unit, name) = match n {
        0..1_000 => return format!("{n} B"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    let value = n as f64 / unit;
    if value < 9.95 {
        format!("{value:.1} {name}")
    } else {
        format!("{value:.0} {name}")
    }
}

/// Seconds in milliseconds: `1,234 ms`, `24.9 ms`, `3.52 ms`, `0.310 ms`.
pub fn milliseconds(seconds: f64) -> String {
    let ms = 1e3 * seconds;
    match ms {
        _ if ms < 0.9995 => format!("{ms:.3} ms"),
        _ if ms < 9.995 => format!("{ms:.2} ms"),
        _ if ms < 99.95 => format!("{ms:.1} ms"),
        _ => format!("{} ms", thousands(ms.round() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn groups_digits() {
        let texts = [0, 999, 1_000, 134_165, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "134,165", "1,234,567"]);
    }

    #[test]
    fn leaves_out_the_plural_of_one() {
        let texts = [0, 1, 1_094].map(|n| count(n, "step"));
        assert_eq!(texts, ["0 steps", "1 step", "1,094 steps"]);
    }

    #[test]
    fn shows_three_digits_of_milliseconds() {
        let texts = [0.0, 0.000_31, 0.000_999_6, 0.0249, 0.099_96, 1.234].map(milliseconds);
        assert_eq!(
            texts,
            [
                "0.000 ms", "0.310 ms", "1.00 ms", "24.9 ms", "100 ms", "1,234 ms"
            ]
        );
    }

    #[test]
    fn shows_bytes_and_durations_in_the_unit_that_fits() {
        let texts = [0, 999, 1_000, 536_660, 1_550_000, 47_040_000, 3_000_000_000].map(bytes);
        assert_eq!(
            texts,
            [
                "0 B", "999 B", "1.0 kB", "537 kB", "1.6 MB", "47 MB", "3.0 GB"
            ]
        );
        let texts =
            [0.25, 59.94, 59.97, 185.0, 7_620.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(
            texts,
            ["0.2 s", "59.9 s", "1 min 00 s", "3 min 05 s", "2 h 07 min"]
        );
    }
}
