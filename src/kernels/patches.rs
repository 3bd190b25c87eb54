//! Unfolding an image into patches, one for each small pixel, and the adjoint.
//!
//! The patch of a small pixel holds the big image's values under the kernel, (kh, kw, channel). With patches a
//! convolution is a product of matrices; it is worth the memory where the image has so few channels that a
//! register block over them would be mostly empty.

use super::gather::Store;
use super::geometry::Conv;

/// Which values of the big image meet which of the patches.
#[derive(Clone, Debug)]
pub struct Patches {
    conv: Conv,
    /// Values from one patch to the next.
    stride: usize,
    /// For each pixel of the big image, where in the patches its first channel stands.
    places: Vec<u32>,
    /// Where the places of each pixel start, and the end of the last.
    starts: Vec<u32>,
}

impl Patches {
    /// Patches of `stride` values each, zeros behind the last that counts.
    pub fn new(conv: &Conv, stride: usize) -> Self {
        assert!(stride >= conv.patch_len());
        let mut places = vec![vec![]; conv.big.pixels()];
        for (pixel, tap, source) in taps(conv) {
            if let Some(source) = source {
                places[source].push((pixel * stride + tap * conv.big.channels) as u32);
            }
        }
        let mut starts = vec![0];
        starts.extend(places.iter().scan(0, |end, places| {
            *end += places.len() as u32;
            Some(*end)
        }));
        Self {
            conv: *conv,
            stride,
            places: places.concat(),
            starts,
        }
    }

    /// Values from one patch to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Values of the patches of an image.
    pub fn len(&self) -> usize {
        self.conv.small.pixels() * self.stride
    }

    /// Writes the patches of one big image, zeros where the kernel hangs over the edge.
    pub fn unfold(&self, big: &[f32], patches: &mut [f32]) {
        assert!(big.len() == self.conv.big.len() && patches.len() == self.len());
        let (big_width, channels) = (self.conv.big.width, self.conv.big.channels);
        let (small_width, stride) = (self.conv.small.width, self.conv.stride);
        let run = self.conv.kernel * channels;
        patches.fill(0.0);
        // Each row of the kernel is a run in both.
        for (y, patches) in patches
            .chunks_exact_mut(small_width * self.stride)
            .enumerate()
        {
            for ky in 0..self.conv.kernel {
                let row = (y * stride + ky).wrapping_sub(self.conv.pad_top);
                if row >= self.conv.big.height {
                    continue;
                }
                let row = &big[row * big_width * channels..][..big_width * channels];
                for (x, patch) in patches.chunks_exact_mut(self.stride).enumerate() {
                    let to = &mut patch[ky * run..][..run];
                    let start = x * stride * channels;
                    let padding = self.conv.pad_left * channels;
                    match start.checked_sub(padding) {
                        Some(start) if start + run <= row.len() => {
                            copy_run(&row[start..][..run], to)
                        }
                        _ => {
                            let hidden = padding.saturating_sub(start).min(run);
                            let start = start.saturating_sub(padding).min(row.len());
                            for (to, from) in to[hidden..].iter_mut().zip(&row[start..]) {
                                *to = *from;
                            }
                        }
                    }
                }
            }
        }
    }

    /// The adjoint of [`Patches::unfold`]: every value of the image is the sum of the patches' values that it went
    /// to.
    pub fn fold(&self, patches: &[f32], big: &mut [f32], store: Store) {
        assert!(big.len() == self.conv.big.len() && patches.len() == self.len());
        let channels = self.conv.big.channels;
        for (to, ends) in big.chunks_exact_mut(channels).zip(self.starts.windows(2)) {
            let places = &self.places[ends[0] as usize..ends[1] as usize];
            for (c, to) in to.iter_mut().enumerate() {
                let values = places.iter().map(|&place| patches[place as usize + c]);
                *to = match store {
                    Store::Set => values.sum(),
                    Store::Add => values.fold(*to, |sum, v| sum + v),
                    Store::Layer { bias, clip } => {
                        let sum = values.fold(bias[c], |sum, v| sum + v);
                        if clip && sum < 0.0 { 0.0 } else { sum }
                    }
                };
            }
        }
    }
}

/// Copies a run, usually of three values, without a call of `memcpy`.
#[inline(always)]
fn copy_run(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Each small pixel with each tap of the kernel, and the pixel of the big image where they meet, if inside.
fn taps(conv: &Conv) -> impl Iterator<Item = (usize, usize, Option<usize>)> {
    let (big, small, k, stride) = (conv.big, conv.small, conv.kernel, conv.stride);
    let (top, left) = (conv.pad_top, conv.pad_left);
    (0..small.pixels()).flat_map(move |pixel| {
        (0..k * k).map(move |tap| {
            let row = (pixel / small.width * stride + tap / k).wrapping_sub(top);
            let col = (pixel % small.width * stride + tap % k).wrapping_sub(left);
            let inside = row < big.height && col < big.width;
            (pixel, tap, inside.then(|| row * big.width + col))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::geometry::Extent;
    use super::*;

    #[test]
    fn unfolds_a_small_image_by_hand() {
        // 3x3 image, kernel 3, stride 2: TensorFlow pads one row above and below.
        let extent = Extent {
            height: 3,
            width: 3,
            channels: 1,
        };
        let patches = Patches::new(&Conv::same(extent, 1, 3, 2), 10);
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut values = vec![f32::NAN; patches.len()];
        patches.unfold(&image, &mut values);
        let expected = [
            [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 4.0, 5.0, 0.0],
            [0.0, 0.0, 0.0, 2.0, 3.0, 0.0, 5.0, 6.0, 0.0, 0.0],
            [0.0, 4.0, 5.0, 0.0, 7.0, 8.0, 0.0, 0.0, 0.0, 0.0],
            [5.0, 6.0, 0.0, 8.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ];
        assert_eq!(values, expected.concat());
    }

    /// <unfold(x), p> = <x, fold(p)> for any x and p, which defines an adjoint.
    #[test]
    fn folding_is_the_adjoint() {
        for (size, kernel, stride, channels) in [
            (7, 3, 2, 2),
            (1, 5, 1, 3),
            (4, 1, 3, 1),
            (5, 2, 4, 2),
            (6, 7, 2, 1),
            (9, 2, 8, 1),
            (8, 3, 1, 1),
        ] {
            let extent = Extent {
                height: size,
                width: size + 1,
                channels,
            };
            let conv = Conv::same(extent, 1, kernel, stride);
            let patches = Patches::new(&conv, conv.patch_len() + 3);
            let value = |i: usize| ((i * 37 + 11) % 17) as f32 - 8.0;
            let image: Vec<f32> = (0..extent.len()).map(value).collect();
            let weights: Vec<f32> = (0..patches.len()).map(|i| value(i * 3 + 1)).collect();
            let mut values = vec![0.0; patches.len()];
            patches.unfold(&image, &mut values);
            let mut back = vec![0.0; extent.len()];
            patches.fold(&weights, &mut back, Store::Add);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            assert_eq!(dot(&values, &weights), dot(&image, &back));
            assert!(values.iter().any(|&v| v != 0.0));
        }
    }
}
