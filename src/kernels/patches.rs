//! From patches to an image.
//!
//! The patch of a small pixel holds, for each tap of the kernel, what the pixel contributes to the big image there,
//! (kh, kw, channel). A product from small to big through patches is worth the memory where the image has so few
//! channels that a register block over them would be mostly empty.

use super::gather::Store;
use super::geometry::Conv;

/// Which values of the patches stand for which of the big image.
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
    pub fn image_len(&self) -> usize {
        self.conv.small.pixels() * self.stride
    }

    /// Makes an image of patches: every value is the sum of the patches' values that stand for it.
    pub fn fold(&self, patches: &[f32], big: &mut [f32], store: Store) {
        assert!(big.len() == self.conv.big.len() && patches.len() == self.image_len());
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
    fn folds_a_small_image_by_hand() {
        // 3x3 image, kernel 3, stride 2: TensorFlow pads one row above and below, so that the four patches meet in
        // the middle row and column.
        let extent = Extent {
            height: 3,
            width: 3,
            channels: 1,
        };
        let patches = Patches::new(&Conv::same(extent, 1, 3, 2), 10);
        let mut values = vec![f32::NAN; patches.image_len()];
        for (i, patch) in values.chunks_exact_mut(10).enumerate() {
            for (tap, value) in patch[..9].iter_mut().enumerate() {
                *value = (100 * i + tap) as f32;
            }
        }
        let mut image = [1.0; 9];
        patches.fold(&values, &mut image, Store::Add);
        let corner = |patch: usize, tap: usize| (100 * patch + tap) as f32;
        let expected = [
            corner(0, 4),
            corner(0, 5) + corner(1, 3),
            corner(1, 4),
            corner(0, 7) + corner(2, 1),
            corner(0, 8) + corner(1, 6) + corner(2, 2) + corner(3, 0),
            corner(1, 7) + corner(3, 1),
            corner(2, 4),
            corner(2, 5) + corner(3, 3),
            corner(3, 4),
        ];
        assert_eq!(image, expected.map(|v| v + 1.0));
        let layer = Store::Layer {
            bias: &[-300.0],
            clip: true,
        };
        patches.fold(&values, &mut image, layer);
        assert_eq!(image, expected.map(|v| (v - 300.0).max(0.0)));
    }
}
