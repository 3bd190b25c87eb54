//! Unfolding an image into a matrix whose rows are the patches under the kernel, and the adjoint.
//!
//! With it a convolution is a matrix product. Along a kernel row the values of a patch lie next to each
//! other in an NHWC image, so that both directions move whole runs of memory.

use std::ops::Range;

use super::geometry::Conv;

/// Writes the patches of one big image: row-major, (small pixels) x (kh, kw, big channels), zeros where
/// the kernel hangs over the edge.
pub fn im2col(conv: &Conv, big: &[f32], cols: &mut [f32]) {
    for_each_run(conv, |col, run| match run {
        Run::Inside { image, patch } => {
            let row = &mut cols[col];
            row[..patch.start].fill(0.0);
            copy_run(&big[image], &mut row[patch.clone()]);
            row[patch.end..].fill(0.0);
        }
        Run::Outside => cols[col].fill(0.0),
    });
}

/// Copies a run of memory. A loop, since most runs are shorter than a call of `memcpy` is worth.
#[inline(always)]
fn copy_run(from: &[f32], to: &mut [f32]) {
    if from.len() >= 16 {
        return to.copy_from_slice(from);
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// The adjoint of [`im2col`]: adds every patch value to the pixel it came from.
pub fn col2im_add(conv: &Conv, cols: &[f32], big: &mut [f32]) {
    for_each_run(conv, |col, run| {
        if let Run::Inside { image, patch } = run {
            let row = &cols[col];
            for (pixel, value) in big[image].iter_mut().zip(&row[patch]) {
                *pixel += value;
            }
        }
    });
}

/// One kernel row at one small pixel.
enum Run {
    /// `patch`: which part of the kernel row lies inside; `image`: where that is in the big image.
    Inside {
        image: Range<usize>,
        patch: Range<usize>,
    },
    /// The whole row lies above or below the image.
    Outside,
}

#[inline(always)]
fn for_each_run(conv: &Conv, mut f: impl FnMut(Range<usize>, Run)) {
    let (height, width, channels) = (conv.big.height, conv.big.width, conv.big.channels);
    let run_len = conv.kernel * channels;
    let mut at = 0;
    for small_row in 0..conv.small.height {
        for small_col in 0..conv.small.width {
            let left = small_col * conv.stride;
            // Kernel columns inside: left + kx - pad_left in 0..width.
            let first = conv.pad_left.saturating_sub(left).min(conv.kernel);
            let last = (width + conv.pad_left)
                .saturating_sub(left)
                .min(conv.kernel)
                .max(first);
            for kernel_row in 0..conv.kernel {
                let col = at..at + run_len;
                at += run_len;
                let row = (small_row * conv.stride + kernel_row).wrapping_sub(conv.pad_top);
                if row >= height || first == last {
                    f(col, Run::Outside);
                    continue;
                }
                let start = (row * width + left + first - conv.pad_left) * channels;
                let image = start..start + (last - first) * channels;
                f(
                    col,
                    Run::Inside {
                        image,
                        patch: first * channels..last * channels,
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::Extent;
    use super::*;

    #[test]
    fn unfolds_a_small_image_by_hand() {
        // 3x3 image, kernel 3, stride 2: TensorFlow pads one row above and below.
        let conv = Conv::same(
            Extent {
                height: 3,
                width: 3,
                channels: 1,
            },
            1,
            3,
            2,
        );
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut cols = vec![f32::NAN; 4 * 9];
        im2col(&conv, &image, &mut cols);
        let expected = [
            [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 4.0, 5.0],
            [0.0, 0.0, 0.0, 2.0, 3.0, 0.0, 5.0, 6.0, 0.0],
            [0.0, 4.0, 5.0, 0.0, 7.0, 8.0, 0.0, 0.0, 0.0],
            [5.0, 6.0, 0.0, 8.0, 9.0, 0.0, 0.0, 0.0, 0.0],
        ];
        assert_eq!(cols, expected.concat());
    }

    /// <im2col(x), c> = <x, col2im(c)> for any x and c, which defines an adjoint.
    #[test]
    fn col2im_is_the_adjoint() {
        for (size, kernel, stride, channels) in [
            (7, 3, 2, 2),
            (1, 5, 1, 3),
            (4, 1, 3, 1),
            (5, 2, 4, 2),
            (6, 7, 2, 1),
            (9, 2, 8, 1),
        ] {
            let extent = Extent {
                height: size,
                width: size + 1,
                channels,
            };
            let conv = Conv::same(extent, 1, kernel, stride);
            let value = |i: usize| ((i * 37 + 11) % 17) as f32 - 8.0;
            let image: Vec<f32> = (0..extent.len()).map(value).collect();
            let n = conv.small.pixels() * conv.patch_len();
            let weights: Vec<f32> = (0..n).map(|i| value(i * 3 + 1)).collect();
            let mut cols = vec![0.0; n];
            im2col(&conv, &image, &mut cols);
            let mut back = vec![0.0; extent.len()];
            col2im_add(&conv, &weights, &mut back);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            assert_eq!(dot(&cols, &weights), dot(&image, &back));
            assert!(cols.iter().any(|&v| v != 0.0));
        }
    }
}
