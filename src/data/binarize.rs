//! Images of two values: gray values as they are, cut at a half, or as the probability of white.

use crate::config::choice::choices;
use crate::numeric::random::{Purpose, Stream};

choices! {
    /// Whether gray values are made black or white.
    pub enum Binarize {
        /// gray values stay as they are
        None = "none",
        /// white above 0.5, else black
        Threshold = "threshold",
        /// white with the gray value as probability, drawn anew in each epoch; images that are held out are drawn once
        Sample = "sample",
    }
}

/// How the pixels of images become the numbers that a network reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binarization {
    /// What is done.
    pub binarize: Binarize,
    /// The seed of what is drawn.
    pub seed: u64,
}

impl Binarization {
    /// Gray values as they are.
    pub const NONE: Self = Self {
        binarize: Binarize::None,
        seed: 0,
    };

    /// Whether an image is another one in each epoch.
    pub(super) fn is_drawn(self) -> bool {
        self.binarize == Binarize::Sample
    }

    /// Makes the values of an image, 0 to 1, black or white. `epoch`: the one that the image is trained on in; none for
    /// an image that is only looked at.
    ///
    /// What is drawn depends on the seed, the epoch and the image alone, and not on its batch.
    pub(super) fn apply(self, epoch: Option<u32>, image: u32, values: &mut [f32]) {
        match self.binarize {
            Binarize::None => {}
            Binarize::Threshold => {
                for value in values {
                    *value = f32::from(*value > 0.5);
                }
            }
            Binarize::Sample => {
                // No run has so many epochs.
                let epoch = epoch.unwrap_or(u32::MAX);
                let mut stream = Stream::new(self.seed, Purpose::Binarize, epoch, image);
                for value in values {
                    // Below 1, so that white stays white.
                    *value = f32::from(stream.uniform() < *value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(binarize: Binarize, epoch: Option<u32>, image: u32) -> Vec<f32> {
        let mut values: Vec<f32> = (0..4_000).map(|i| (i % 5) as f32 / 4.0).collect();
        let binarization = Binarization { binarize, seed: 7 };
        binarization.apply(epoch, image, &mut values);
        values
    }

    #[test]
    fn cuts_at_a_half() {
        let values = drawn(Binarize::Threshold, None, 0);
        assert_eq!(values[..5], [0.0, 0.0, 0.0, 1.0, 1.0]);
        let gray = drawn(Binarize::None, Some(0), 0);
        assert_eq!(gray[..5], [0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn draws_white_with_the_gray_value_as_probability() {
        let values = drawn(Binarize::Sample, Some(3), 1);
        assert!(values.iter().all(|it| [0.0, 1.0].contains(it)));
        for (shade, probability) in [0.0, 0.25, 0.5, 0.75, 1.0].into_iter().enumerate() {
            let white: f32 = values.iter().skip(shade).step_by(5).sum();
            // Five standard deviations of 800 draws.
            assert!(
                (white / 800.0 - probability).abs() < 0.09,
                "{probability}: {white}"
            );
        }
        assert_eq!(values.iter().step_by(5).sum::<f32>(), 0.0);
        assert_eq!(values.iter().skip(4).step_by(5).sum::<f32>(), 800.0);
        assert_eq!(values, drawn(Binarize::Sample, Some(3), 1));
        assert_ne!(values, drawn(Binarize::Sample, Some(4), 1));
        assert_ne!(values, drawn(Binarize::Sample, Some(3), 2));
        assert_ne!(values, drawn(Binarize::Sample, None, 1));
    }
}
