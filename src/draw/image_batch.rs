//! A batch of decoded images, and the bitmaps they become.

use super::bitmap::Bitmap;
use super::error::DrawError;

/// Longest side of an image, in pixels.
const MAX_SIDE: usize = 8_192;

/// A batch of images in memory, borrowed: `pixels` in 0..1, shape (count, height, width, channels),
/// row-major.
#[derive(Clone, Copy, Debug)]
pub struct ImageBatch<'a> {
    pixels: &'a [f32],
    count: usize,
    height: usize,
    width: usize,
    channels: usize,
}

impl<'a> ImageBatch<'a> {
    /// Images of shape (count, height, width, channels), with 1 channel (gray) or 3 (RGB).
    ///
    /// Values below 0 are drawn as 0, above 1 as 1, and NaN as 0.
    ///
    /// # Errors
    ///
    /// [`DrawError::Channels`], [`DrawError::Side`], [`DrawError::Length`].
    pub fn new(
        pixels: &'a [f32],
        count: usize,
        height: usize,
        width: usize,
        channels: usize,
    ) -> Result<Self, DrawError> {
        if channels != 1 && channels != 3 {
            return Err(DrawError::Channels { found: channels });
        }
        let allowed = 1..=MAX_SIDE;
        if !allowed.contains(&height) || !allowed.contains(&width) {
            return Err(DrawError::Side {
                height,
                width,
                limit: MAX_SIDE,
            });
        }
        let expected = count.saturating_mul(height * width * channels);
        if pixels.len() != expected {
            return Err(DrawError::Length {
                what: "pixels",
                expected,
                found: pixels.len(),
            });
        }
        Ok(Self {
            pixels,
            count,
            height,
            width,
            channels,
        })
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Height and width, in pixels.
    pub(crate) fn side(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Height, width and channels.
    pub(crate) fn shape(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }

    /// The image at `index` averaged or repeated to `width` x `height`; white where there is no
    /// such image.
    pub(crate) fn bitmap(&self, index: usize, width: u32, height: u32) -> Bitmap {
        let size = self.height * self.width * self.channels;
        let Some(pixels) = self.pixels.chunks_exact(size).nth(index) else {
            return Bitmap::white(width, height);
        };
        let rgb = pixels
            .chunks_exact(self.channels)
            .flat_map(|pixel| match *pixel {
                [r, g, b] => [byte(r), byte(g), byte(b)],
                _ => [byte(pixel.first().copied().unwrap_or(0.0)); 3],
            })
            .collect();
        Bitmap {
            width: self.width as u32,
            height: self.height as u32,
            rgb,
        }
        .resized(width, height)
    }
}

/// 0..1 to 0..=255; `as` saturates and turns NaN into 0.
fn byte(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_lengths_channels_and_sides() {
        let pixels = [0.0; 12];
        assert!(ImageBatch::new(&pixels, 3, 2, 2, 1).is_ok());
        assert!(ImageBatch::new(&pixels, 1, 2, 2, 3).is_ok());
        assert!(ImageBatch::new(&[], 0, 2, 2, 3).is_ok());
        assert!(matches!(
            ImageBatch::new(&pixels, 2, 2, 2, 1),
            Err(DrawError::Length {
                expected: 8,
                found: 12,
                ..
            })
        ));
        assert!(matches!(
            ImageBatch::new(&pixels, usize::MAX, 2, 2, 1),
            Err(DrawError::Length { .. })
        ));
        assert!(matches!(
            ImageBatch::new(&pixels, 3, 2, 1, 2),
            Err(DrawError::Channels { found: 2 })
        ));
        assert!(matches!(
            ImageBatch::new(&[], 3, 0, 2, 1),
            Err(DrawError::Side { .. })
        ));
        assert!(matches!(
            ImageBatch::new(&[], 0, usize::MAX, usize::MAX, 1),
            Err(DrawError::Side { .. })
        ));
    }

    #[test]
    fn clamps_values_to_bytes() {
        let pixels = [0.0, 0.5, 1.0, 2.0, -1.0, f32::NAN];
        let images = ImageBatch::new(&pixels, 1, 1, 6, 1).unwrap();
        let bitmap = images.bitmap(0, 6, 1);
        let gray: Vec<u8> = bitmap.rgb.chunks(3).map(|p| p[0]).collect();
        assert_eq!(gray, [0, 128, 255, 255, 0, 0]);
        let rgb = ImageBatch::new(&[1.0, 0.0, 0.5], 1, 1, 1, 3).unwrap();
        assert_eq!(rgb.bitmap(0, 1, 1).rgb, [255, 0, 128]);
        assert_eq!(rgb.bitmap(7, 1, 1).rgb, [255, 255, 255]);
    }
}
