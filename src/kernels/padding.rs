//! Zero padding of images, where a kernel reaches over the edge.

use super::buffer_pool::{Buffer, buffer};
use super::geometry::{Conv, Extent};

/// Rows and columns of zeros around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    image: Extent,
    above: usize,
    below: usize,
    left: usize,
    right: usize,
}

impl Padding {
    /// The padding of the big image with which the kernel stays inside everywhere.
    pub fn of_big(conv: &Conv) -> Self {
        let behind = |big: usize, small: usize, pad: usize| {
            (small.saturating_sub(1) * conv.stride + conv.kernel).saturating_sub(big + pad)
        };
        Self {
            image: conv.big,
            above: conv.pad_top,
            below: behind(conv.big.height, conv.small.height, conv.pad_top),
            left: conv.pad_left,
            right: behind(conv.big.width, conv.small.width, conv.pad_left),
        }
    }

    /// Size of a padded image.
    pub fn outside(&self) -> Extent {
        Extent {
            height: self.above + self.image.height + self.below,
            width: self.left + self.image.width + self.right,
            channels: self.image.channels,
        }
    }

    /// Some images with their padding, or nothing where there is none.
    pub fn around(&self, images: &[f32]) -> Option<Buffer> {
        let (inside, outside) = (self.image, self.outside());
        if inside == outside {
            return None;
        }
        let row_len = outside.width * outside.channels;
        let mut padded = buffer(images.len() / inside.len() * outside.len());
        let images = images.chunks_exact(inside.len());
        for (image, padded) in images.zip(padded.chunks_exact_mut(outside.len())) {
            let (above, padded) = padded.split_at_mut(self.above * row_len);
            let (rows, below) = padded.split_at_mut(inside.height * row_len);
            above.fill(0.0);
            below.fill(0.0);
            let values = image.chunks_exact(inside.width * inside.channels);
            for (row, values) in rows.chunks_exact_mut(row_len).zip(values) {
                let (left, row) = row.split_at_mut(self.left * inside.channels);
                let (row, right) = row.split_at_mut(values.len());
                left.fill(0.0);
                row.copy_from_slice(values);
                right.fill(0.0);
            }
        }
        Some(padded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_an_image_with_zeros() {
        let padding = Padding {
            image: Extent {
                height: 2,
                width: 2,
                channels: 2,
            },
            above: 1,
            below: 0,
            left: 0,
            right: 1,
        };
        let values: Vec<f32> = (1..=16_u8).map(f32::from).collect();
        // What was in the memory before must not show.
        buffer(36).fill(f32::NAN);
        let padded = padding.around(&values).unwrap();
        let first = [
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [1.0, 2.0, 3.0, 4.0, 0.0, 0.0],
            [5.0, 6.0, 7.0, 8.0, 0.0, 0.0],
        ];
        assert_eq!(padded[..18], *first.as_flattened());
        assert_eq!(padded[24..28], [9.0, 10.0, 11.0, 12.0]);
    }

    #[test]
    fn keeps_the_kernel_inside_the_padded_image() {
        for (size, kernel, stride) in [(28, 3, 2), (7, 3, 2), (5, 4, 3), (9, 2, 8), (1, 5, 1)] {
            let image = Extent {
                height: size,
                width: size + 1,
                channels: 1,
            };
            let conv = Conv::same(image, 1, kernel, stride);
            let outside = Padding::of_big(&conv).outside();
            assert!((conv.small.height - 1) * stride + kernel <= outside.height);
            assert!((conv.small.width - 1) * stride + kernel <= outside.width);
        }
    }
}
