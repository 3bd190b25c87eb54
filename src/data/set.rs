//! A data set in memory, and the survey of one without reading pixels.

use crate::fs::digest::Sha256Writer;

use super::division::Shares;
use super::images::Images;
use super::source::Source;

/// Images, which of them train, and where they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// The data set's name as in a spec.
    pub name: String,
    /// All images, those held out too.
    pub images: Images,
    /// Which images are trained on, ascending.
    pub train: Vec<u32>,
    /// Which images are held out, ascending; empty without a validation part.
    pub validation: Vec<u32>,
    /// The files that were read, each with its digest; empty for sprites and folders of pictures.
    pub sources: Vec<Source>,
    /// Where the images were found, for a person.
    pub place: String,
}

/// What loading would give, found out without reading pixels, downloading or writing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// How many images are trained on.
    pub train: usize,
    /// How many images are held out.
    pub validation: usize,
    /// Rows of an image, pixels.
    pub height: usize,
    /// Columns of an image, pixels.
    pub width: usize,
    /// Values a pixel.
    pub channels: usize,
    /// Whether the data set is on this machine. If not, loading downloads it.
    pub found: bool,
    /// Where it was found, or that it has to be downloaded, for a person.
    pub place: String,
}

impl Survey {
    /// The survey of images that are on this machine, of size height x width x channels.
    pub(super) fn of(
        shares: &Shares,
        [height, width, channels]: [usize; 3],
        place: String,
    ) -> Self {
        Self {
            train: shares.train,
            validation: shares.validation,
            height,
            width,
            channels,
            found: true,
            place,
        }
    }
}

impl DataSet {
    /// A fingerprint of the data, so that a run is not resumed on other images: SHA-256 over the
    /// digests of the sources, or, where there are none, over size, class names, labels and pixels.
    ///
    /// Where the files lie does not count. `splits`, `limit`, `validation` and the seed are not part
    /// of it; they stand in the spec.
    pub fn checksum(&self) -> String {
        let mut digest = Sha256Writer::new();
        if self.sources.is_empty() {
            let images = &self.images;
            let size = [images.height, images.width, images.channels];
            for length in size.into_iter().chain([images.len(), images.classes.len()]) {
                digest.update_u64(length as u64);
            }
            for class in &images.classes {
                digest.update_text(class);
            }
            for label in &images.labels {
                digest.update(&label.to_le_bytes());
            }
            digest.update(&images.pixels);
        }
        for source in &self.sources {
            digest.update(source.sha256.as_bytes());
            digest.update(b"\n");
        }
        digest.hex()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::data::binarize::Binarization;

    fn set(pixels: &[u8], sources: &[&str]) -> DataSet {
        DataSet {
            name: String::new(),
            images: Images {
                height: 1,
                width: 1,
                channels: 1,
                pixels: pixels.to_vec(),
                labels: vec![0; pixels.len()],
                classes: vec!["a".into()],
                factors: None,
                binarization: Binarization::NONE,
            },
            train: Vec::new(),
            validation: Vec::new(),
            sources: sources
                .iter()
                .map(|sha256| Source {
                    path: PathBuf::new(),
                    sha256: (*sha256).into(),
                    bytes: 0,
                })
                .collect(),
            place: String::new(),
        }
    }

    #[test]
    fn takes_the_checksum_of_the_digests_where_there_are_files_and_of_the_pixels_elsewhere() {
        // printf 'aa\nbb\n' | sha256sum
        let expected = "329d670e59ead1543a2d36865895972560bc434204c5f4a0c8219005dd312719";
        assert_eq!(set(&[1], &["aa", "bb"]).checksum(), expected);
        assert_eq!(set(&[1], &["aa"]).checksum(), set(&[2], &["aa"]).checksum());
        // python: hashlib.sha256(struct.pack('<5QQsHB', 1, 1, 1, 1, 1, 1, b'a', 0, 1)).hexdigest()
        let expected = "47ddfa86eecfc147a1b73cf393ecac061fc247848beba70795a92861508b86ca";
        assert_eq!(set(&[1], &[]).checksum(), expected);
        assert_ne!(set(&[2], &[]).checksum(), expected);
        let mut renamed = set(&[1], &[]);
        renamed.images.classes = vec!["b".into()];
        assert_ne!(renamed.checksum(), expected);
    }
}
