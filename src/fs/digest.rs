//! SHA-256 (FIPS 180-4) of bytes and texts.

use sha2::{Digest, Sha256};

/// SHA-256 of bytes in memory, as 64 lowercase hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut writer = Sha256Writer::new();
    writer.update(bytes);
    writer.hex()
}

/// SHA-256 of bytes that come in parts.
#[derive(Clone, Debug, Default)]
pub struct Sha256Writer(Sha256);

impl Sha256Writer {
    /// A digest of no bytes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes. Where one part ends and the next begins makes no difference.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Appends a number as eight little-endian bytes.
    pub fn update_u64(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// Appends a text behind its length, so that `ab`, `c` and `a`, `bc` differ.
    pub fn update_text(&mut self, text: &str) {
        self.update_u64(text.len() as u64);
        self.update(text.as_bytes());
    }

    /// The digest as 64 lowercase hexadecimal digits.
    pub fn hex(self) -> String {
        use std::fmt::Write;
        let mut hex = String::with_capacity(64);
        for byte in self.0.finalize() {
            // Writing to a `String` cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of FIPS 180-4 ("abc", the empty message) and of NIST's CAVS long messages (a
    /// million times "a").
    #[test]
    fn matches_the_digests_of_the_standard() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            sha256_hex(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let mut writer = Sha256Writer::new();
        for _ in 0..1_000 {
            writer.update(&[b'a'; 1_000]);
        }
        assert_eq!(
            writer.hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
    }

    #[test]
    fn distinguishes_texts_by_their_lengths() {
        let digest = |texts: [&str; 2]| {
            let mut writer = Sha256Writer::new();
            texts.iter().for_each(|text| writer.update_text(text));
            writer.hex()
        };
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        // python: hashlib.sha256(struct.pack('<Q',2)+b'ab'+struct.pack('<Q',1)+b'c').hexdigest()
        assert_eq!(
            digest(["ab", "c"]),
            "43ee655579de01ca739b3f95c1c2d3f46d353b2c0df818064ea594506cdb2617"
        );
    }
}
