//! A data set as training sees it, and the two ways to it: [`load`] and, without reading pixels,
//! [`survey`].

use std::path::PathBuf;

use crate::experiment::{Data, Dataset, Validation};
use crate::fs::digest::{Sha256Writer, sha256_hex};

use super::error::DataError;
use super::idx::MAX_BYTES;
use super::images::Images;
use super::known::KnownSet;
use super::places::Surroundings;
use super::split::{self, Part};
use super::{idx_set, known, picture_set, sprites};

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

/// A file that images or labels came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its uncompressed bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// How many uncompressed bytes it has.
    pub bytes: u64,
}

/// What [`load`] would give, found out without reading pixels, downloading or writing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The data set's name, as [`DataSet::name`].
    pub name: String,
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
    /// How many classes there are; none where only reading all labels would tell (`idx`).
    pub classes: Option<usize>,
    /// Whether the data set is on this machine. If not, `load` downloads it.
    pub found: bool,
    /// Where it was found, or that it has to be downloaded, for a person.
    pub place: String,
}

impl Survey {
    /// Bytes that the images take in memory.
    pub fn bytes(&self) -> u64 {
        let images = (self.train + self.validation) as u64;
        images * (self.height * self.width * self.channels) as u64
    }
}

/// What a long load is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A file is arriving.
    Download {
        /// Name of the file.
        file: &'a str,
        /// Where it comes from.
        url: &'a str,
        /// Bytes that have arrived.
        done: u64,
        /// Bytes there will be, if the other side says so.
        total: Option<u64>,
    },
    /// An address did not give the file; the next one is tried.
    MirrorFailed {
        /// The address.
        url: &'a str,
        /// Why not.
        reason: &'a str,
    },
    /// Another process is downloading the same data set; this one waits for it.
    Waiting,
    /// Pictures are being decoded.
    Pictures {
        /// How many are ready.
        done: usize,
        /// How many there are.
        total: usize,
    },
}

/// Loads what the `[data]` table asks for, downloading it where it has to.
///
/// `seed` decides which sprites are drawn and which images a fraction holds out.
///
/// # Errors
/// See [`DataError`]; [`DataError::exit_code`] sorts them.
pub fn load(
    data: &Data,
    seed: u64,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<DataSet, DataError> {
    load_in(data, seed, &Surroundings::of_process(), progress)
}

/// SHA-256 that says which data a `[data]` table stands for, so that two runs can be told to have the same: over the
/// digests of the files, or the pictures themselves. `limit`, a fraction for validation and a seed make no difference;
/// they stand in the spec, as does everything that sprites are drawn from.
///
/// # Errors
/// Those of [`load`].
pub fn fingerprint(
    data: &Data,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<String, DataError> {
    if data.dataset == Dataset::Sprites {
        return Ok(sha256_hex(b"sprites"));
    }
    Ok(load(&without_division(data), 0, progress)?.checksum())
}

/// The table without what does not decide which files are read.
pub fn without_division(data: &Data) -> Data {
    Data {
        limit: None,
        validation: match data.validation {
            Validation::Fraction(_) => Validation::None,
            other => other,
        },
        ..data.clone()
    }
}

/// [`load`] with the places to look at given.
pub(super) fn load_in(
    data: &Data,
    seed: u64,
    surroundings: &Surroundings,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<DataSet, DataError> {
    match known_set(data.dataset) {
        Some(set) => idx_set::load_known(set, data, seed, surroundings, progress),
        None => match data.dataset {
            Dataset::Sprites => sprites::load(data, seed),
            Dataset::Images => picture_set::load(data, seed, progress),
            _ => idx_set::load_named(data, seed),
        },
    }
}

/// Says what [`load`] would give, from file headers and folder listings alone.
///
/// # Errors
/// As [`load`], where that can be known without reading pixels. A known data set that is not on this
/// machine is not an error.
pub fn survey(data: &Data) -> Result<Survey, DataError> {
    survey_in(data, &Surroundings::of_process())
}

/// [`survey`] with the places to look at given.
pub(super) fn survey_in(data: &Data, surroundings: &Surroundings) -> Result<Survey, DataError> {
    match known_set(data.dataset) {
        Some(set) => idx_set::survey_known(set, data, surroundings),
        None => match data.dataset {
            Dataset::Sprites => sprites::survey(data),
            Dataset::Images => picture_set::survey(data),
            _ => idx_set::survey_named(data),
        },
    }
}

fn known_set(dataset: Dataset) -> Option<&'static KnownSet> {
    match dataset {
        Dataset::FashionMnist => Some(&known::FASHION_MNIST),
        Dataset::Mnist => Some(&known::MNIST),
        Dataset::Kmnist => Some(&known::KMNIST),
        Dataset::Sprites | Dataset::Idx | Dataset::Images => None,
    }
}

impl DataSet {
    /// Puts a data set together; `parts` say what lies in `images`, in this order.
    pub(super) fn assemble(
        name: String,
        place: String,
        images: Images,
        sources: Vec<Source>,
        parts: &[Part],
        validation: Validation,
        seed: u64,
    ) -> Result<Self, DataError> {
        let (train, validation) = split::indices(validation, parts, seed)?;
        Ok(Self {
            name,
            images,
            train,
            validation,
            sources,
            place,
        })
    }

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

/// Memory for the pixels of `count` images, zeroed.
///
/// Asked for in a way that may fail, where plain allocation would abort the process. The pages become
/// real only as pixels arrive.
pub(super) fn blank_pixels(count: usize, item_bytes: usize) -> Result<Vec<u8>, DataError> {
    let bytes = count as u128 * item_bytes as u128;
    if bytes > u128::from(MAX_BYTES) || count > u32::MAX as usize {
        return Err(DataError::TooLarge {
            bytes,
            limit: MAX_BYTES,
        });
    }
    let bytes = count * item_bytes;
    Vec::<u8>::new()
        .try_reserve_exact(bytes)
        .map_err(|_| DataError::OutOfMemory { bytes })?;
    Ok(vec![0; bytes])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::experiment::{Color, Split};

    /// A `[data]` table with everything at its default.
    pub(in crate::data) fn data(dataset: Dataset) -> Data {
        Data {
            dataset,
            path: None,
            splits: vec![Split::Train],
            validation: Validation::None,
            limit: None,
            image_size: 28,
            color: Color::Gray,
            count: 100,
            images: None,
            labels: None,
            test_images: None,
            test_labels: None,
        }
    }

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
    fn the_checksum_is_of_the_digests_where_there_are_files_and_of_the_pixels_elsewhere() {
        // printf 'aa\nbb\n' | sha256sum
        assert_eq!(set(&[1], &["aa", "bb"]).checksum(), CHECKSUM_OF_AA_AND_BB);
        assert_eq!(set(&[1], &["aa"]).checksum(), set(&[2], &["aa"]).checksum());
        assert_ne!(set(&[1], &[]).checksum(), set(&[2], &[]).checksum());
        let mut renamed = set(&[1], &[]);
        renamed.images.classes = vec!["b".into()];
        assert_ne!(set(&[1], &[]).checksum(), renamed.checksum());
    }

    const CHECKSUM_OF_AA_AND_BB: &str =
        "329d670e59ead1543a2d36865895972560bc434204c5f4a0c8219005dd312719";

    #[test]
    fn more_pixels_than_the_limit_are_refused_before_they_are_asked_for() {
        assert!(matches!(
            blank_pixels(5, 1 << 30),
            Err(DataError::TooLarge { .. })
        ));
        assert!(matches!(
            blank_pixels(usize::MAX, usize::MAX),
            Err(DataError::TooLarge { .. })
        ));
        assert_eq!(blank_pixels(2, 3).unwrap(), [0; 6]);
    }
}
