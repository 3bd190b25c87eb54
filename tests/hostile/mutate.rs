//! Random damage to bytes that were sound: the same for the same seed.

use crate::common::Dice;

/// Numbers at which readers go wrong.
const NUMBERS: [u64; 22] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    1_000,
    32_767,
    65_535,
    65_536,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 53,
    1 << 63,
    u64::MAX,
];

/// What a text's numbers are replaced by.
const TEXTS: [&str; 18] = [
    "0",
    "-1",
    "1",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "1e9",
    "1e400",
    "0.1",
    "-0.0",
    "5e-324",
    "nan",
    "\"NaN\"",
    "\"-inf\"",
    "null",
    "[]",
];

/// Damages bytes in one to five ways. `words` are pieces that mean something to the reader; `other` is a second sound
/// input to take pieces from.
pub fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice, words: &[&[u8]], other: &[u8]) {
    for _ in 0..=dice.below(5) {
        once(bytes, dice, words, other);
    }
}

fn once(bytes: &mut Vec<u8>, dice: &mut Dice, words: &[&[u8]], other: &[u8]) {
    let length = bytes.len();
    let mut below = |n: usize| dice.below(n.max(1) as u64) as usize;
    if length == 0 {
        bytes.extend(&other[..below(other.len() + 1)]);
        return;
    }
    let at = below(length);
    let size = 1 << below(9);
    let end = (at + 1 + below(size)).min(length);
    match below(14) {
        0 | 1 => bytes[at] ^= 1 << below(8),
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'"', b'['][below(8)],
        3 => bytes[at] = bytes[at].wrapping_add(if below(2) == 0 { 1 } else { 255 }),
        4 | 5 => {
            let number = NUMBERS[below(NUMBERS.len())].wrapping_sub(below(2) as u64);
            let size = 1 << below(4);
            let encoded = match below(2) {
                0 => number.to_le_bytes()[..size].to_vec(),
                _ => number.to_be_bytes()[8 - size..].to_vec(),
            };
            let end = (at + size).min(length);
            bytes[at..end].copy_from_slice(&encoded[..end - at]);
        }
        6 => drop(bytes.drain(at..end)),
        7 => {
            let piece = bytes[at..end].to_vec();
            let to = below(length + 1);
            bytes.splice(to..to, piece);
        }
        8 => bytes.truncate(at),
        9 => {
            let piece = bytes[at..end].to_vec();
            let most = 1 << below(8);
            let times = 1 + below(most);
            bytes.splice(at..at, piece.repeat(times).into_iter().take(1 << 16));
        }
        10 => {
            let from = below(other.len());
            let to = (from + 1 + below(64)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        11 | 12 if !words.is_empty() => {
            let word = words[below(words.len())];
            let end = if below(2) == 0 { at } else { end };
            bytes.splice(at..end, word.iter().copied());
        }
        _ => {
            // A number of a text, the next one from here.
            let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit) else {
                return;
            };
            let start = at + start;
            let rest = &bytes[start..];
            let digits = rest.iter().position(|byte| !byte.is_ascii_digit());
            let end = start + digits.unwrap_or(rest.len());
            bytes.splice(start..end, TEXTS[below(TEXTS.len())].bytes());
        }
    }
}

/// Makes the check sums of a PNG's chunks right again, as far as its chunks can be followed.
pub fn mend_png(png: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(content) = png.get(at + 4..(at + 8).saturating_add(length)) else {
            return;
        };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let sum = crc.sum().to_be_bytes();
        let end = at + 8 + length;
        let Some(place) = png.get_mut(end..end + 4) else {
            return;
        };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
}
