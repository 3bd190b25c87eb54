//! Images in memory: one block of `u8` in NHWC order, and batches of them as `f32` from 0 to 1.

use std::borrow::Cow;

use crate::sys::exit;

use super::binarize::Binarization;
use super::error::Refusal;

/// Images with their classes, all of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// Rows of an image, pixels.
    pub height: usize,
    /// Columns of an image, pixels.
    pub width: usize,
    /// Values a pixel: 1 for gray, 3 for red, green, blue.
    pub channels: usize,
    /// All images one after the other, each row by row, channels innermost (NHWC); 0 is black.
    pub pixels: Vec<u8>,
    /// The class of each image, an index into `classes`.
    pub labels: Vec<u16>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// What each image was made from, where that is known.
    pub factors: Option<Factors>,
    /// Whether their values are made black or white as batches are filled.
    pub binarization: Binarization,
}

/// The generative factors of images, for measures of disentanglement.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// The factors.
    pub factors: Vec<Factor>,
    /// Which of its values each factor has: images x factors.
    pub indices: Vec<u16>,
}

/// One generative factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The values it takes, in its own unit.
    pub values: Vec<f32>,
}

impl Factors {
    /// The indices of image `i`, one a factor; none where there is no such image.
    pub fn of_image(&self, i: usize) -> Option<&[u16]> {
        self.indices.chunks_exact(self.factors.len().max(1)).nth(i)
    }
}

/// The most bytes of images: 4 GiB.
pub(crate) const MAX_BYTES: u64 = 4 << 30;

/// The longest side of an image, pixels.
pub(super) const MAX_SIDE: u32 = 16_384;

/// Images that do not fit into memory.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemoryError {
    #[error("the images take {bytes} bytes, more than the limit of {MAX_BYTES}")]
    TooLarge { bytes: u128 },
    #[error("there is not enough memory for {bytes} bytes of images")]
    OutOfMemory { bytes: usize },
}

impl Refusal for MemoryError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::TooLarge { .. } => exit::USAGE,
            Self::OutOfMemory { .. } => exit::IO,
        }
    }
}

/// Memory for the pixels of `count` images, zeroed.
///
/// The allocation is tried first, since a plain one that fails would abort the process. The system gives the pages only
/// as pixels are written.
pub(super) fn blank_pixels(count: usize, item_bytes: usize) -> Result<Vec<u8>, MemoryError> {
    let bytes = count as u128 * item_bytes as u128;
    if bytes > u128::from(MAX_BYTES) || count > u32::MAX as usize {
        return Err(MemoryError::TooLarge { bytes });
    }
    let bytes = count * item_bytes;
    Vec::<u8>::new()
        .try_reserve_exact(bytes)
        .map_err(|_| MemoryError::OutOfMemory { bytes })?;
    Ok(vec![0; bytes])
}

impl Images {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values an image: height times width times channels.
    pub fn values_per_image(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether a trained image is another one in each epoch.
    pub fn are_drawn(&self) -> bool {
        self.binarization.is_drawn()
    }

    /// The pixels of image `i`, height x width x channels.
    ///
    /// # Panics
    /// `i` is not below [`len`](Self::len).
    pub fn image(&self, i: usize) -> &[u8] {
        let size = self.values_per_image();
        &self.pixels[i * size..(i + 1) * size]
    }
}

/// Writes the named images one after the other as numbers from 0 to 1, `(v as f32) / 255.0` exactly, or black and white
/// where that is asked for; each image is the same each time.
///
/// `out` is `indices.len()` x height x width x channels.
///
/// # Panics
/// `out` has another length, or an index is not below [`Images::len`].
pub fn fill_batch(images: &Images, indices: &[u32], out: &mut [f32]) {
    fill_batch_of_epoch(images, indices, None, out);
}

/// The same for images that are trained on in an epoch, where those that are drawn are others than in the epochs before.
/// Without an epoch, it is [`fill_batch`].
///
/// # Panics
/// As [`fill_batch`].
pub fn fill_batch_of_epoch(images: &Images, indices: &[u32], epoch: Option<u32>, out: &mut [f32]) {
    let size = images.values_per_image();
    assert_eq!(out.len(), indices.len() * size, "length of the batch");
    for (&index, values) in indices.iter().zip(out.chunks_exact_mut(size)) {
        for (value, &pixel) in values.iter_mut().zip(images.image(index as usize)) {
            *value = UNIT[usize::from(pixel)];
        }
        images.binarization.apply(epoch, index, values);
    }
}

/// v / 255 for every byte v.
static UNIT: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut v = 0;
    while v < 256 {
        table[v] = v as f32 / 255.0;
        v += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images {
            height: 2,
            width: 1,
            channels: 3,
            pixels: (0..18).map(|v| v * 15).collect(),
            labels: vec![0, 1, 0],
            classes: vec!["a".into(), "b".into()],
            factors: None,
            binarization: Binarization::NONE,
        }
    }

    #[test]
    fn finds_the_pixels_of_an_image() {
        let images = three();
        assert_eq!((images.len(), images.values_per_image()), (3, 6));
        assert!(!images.is_empty());
        assert_eq!(images.image(1), [90, 105, 120, 135, 150, 165]);
    }

    #[test]
    fn fills_a_batch_with_each_byte_over_255() {
        let mut out = [f32::NAN; 12];
        fill_batch(&three(), &[2, 0], &mut out);
        let expected = [
            180.0, 195.0, 210.0, 225.0, 240.0, 255.0, 0.0, 15.0, 30.0, 45.0, 60.0, 75.0,
        ]
        .map(|v: f32| v / 255.0);
        assert_eq!(out, expected);
        assert_eq!((UNIT[0], UNIT[255]), (0.0, 1.0));
    }

    #[test]
    fn draws_an_image_by_seed_and_epoch_in_whatever_batch() {
        let sampled = |seed| Images {
            pixels: vec![128; 18],
            binarization: Binarization {
                binarize: crate::data::Binarize::Sample,
                seed,
            },
            ..three()
        };
        let fill = |seed, indices: &[u32], epoch| {
            let mut out = vec![f32::NAN; 6 * indices.len()];
            fill_batch_of_epoch(&sampled(seed), indices, epoch, &mut out);
            assert!(out.iter().all(|it| *it == 0.0 || *it == 1.0));
            out
        };
        let together = fill(1, &[2, 0, 1], Some(4));
        let apart = [2, 0, 1].map(|index| fill(1, &[index], Some(4))).concat();
        assert_eq!(together, apart);
        for other in [
            fill(1, &[2, 0, 1], Some(5)),
            fill(2, &[2, 0, 1], Some(4)),
            fill(1, &[2, 0, 1], None),
        ] {
            assert_ne!(together, other);
        }
        assert_eq!(fill(1, &[0, 1], None), fill(1, &[0, 1], None));
    }

    #[test]
    fn refuses_more_pixels_than_the_limit_before_they_are_asked_for() {
        for (count, item_bytes) in [(5, 1 << 30), (usize::MAX, usize::MAX)] {
            let refused = blank_pixels(count, item_bytes);
            assert!(matches!(refused, Err(MemoryError::TooLarge { .. })));
        }
        assert_eq!(blank_pixels(2, 3).unwrap(), [0; 6]);
    }

    #[test]
    #[should_panic(expected = "length of the batch")]
    fn panics_on_a_batch_of_another_length() {
        fill_batch(&three(), &[0], &mut [0.0; 5]);
    }
}
