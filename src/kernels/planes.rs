//! Unfolding an image into planes, one for each value under the kernel, and the adjoint.
//!
//! Plane (ky, kx, c) holds for every small pixel the value of channel c under tap (ky, kx). With planes a convolution
//! is a matrix product; it is worth the memory where the image has so few channels that a register block over
//! them would be mostly empty.

use std::ops::Range;

use super::geometry::Conv;

/// Writes the planes of one big image, (kh, kw, big channels) x (small pixels), zeros where the kernel hangs over
/// the edge.
pub fn unfold(conv: &Conv, big: &[f32], planes: &mut [f32]) {
    let (channels, step) = (conv.big.channels, conv.stride * conv.big.channels);
    for_each_row(conv, |place, inside| {
        let row = &mut planes[place..place + conv.small.width];
        let Some((start, cols)) = inside else {
            return row.fill(0.0);
        };
        row[..cols.start].fill(0.0);
        row[cols.end..].fill(0.0);
        let row = &mut row[cols];
        if step == 1 && channels == 1 {
            row.copy_from_slice(&big[start..start + row.len()]);
        } else {
            for (to, from) in row.iter_mut().zip(big[start..].iter().step_by(step)) {
                *to = *from;
            }
        }
    });
}

/// The adjoint of [`unfold`]: adds every value of a plane to the pixel it came from.
pub fn fold_add(conv: &Conv, planes: &[f32], big: &mut [f32]) {
    let step = conv.stride * conv.big.channels;
    for_each_row(conv, |place, inside| {
        let Some((start, cols)) = inside else { return };
        let row = &planes[place..place + conv.small.width][cols];
        if step == 1 {
            for (to, from) in big[start..].iter_mut().zip(row) {
                *to += from;
            }
        } else {
            for (to, from) in big[start..].iter_mut().step_by(step).zip(row) {
                *to += from;
            }
        }
    });
}

/// Calls `f(place, inside)` for each row of each plane: where the row starts among the planes and, unless all of it
/// lies outside of the big image, where its first inner value is there and which of its columns lie inside.
#[inline(always)]
fn for_each_row(conv: &Conv, mut f: impl FnMut(usize, Option<(usize, Range<usize>)>)) {
    let (big, small, k, stride) = (conv.big, conv.small, conv.kernel, conv.stride);
    let mut place = 0;
    for (tap, channel) in (0..k * k).flat_map(|tap| (0..big.channels).map(move |c| (tap, c))) {
        let (ky, kx) = (tap / k, tap % k);
        // Column x of the small image meets column x * stride + kx - pad_left of the big one.
        let first = conv
            .pad_left
            .saturating_sub(kx)
            .div_ceil(stride)
            .min(small.width);
        let end = (big.width + conv.pad_left)
            .saturating_sub(kx)
            .div_ceil(stride);
        let cols = first..end.clamp(first, small.width);
        for y in 0..small.height {
            let row = (y * stride + ky).wrapping_sub(conv.pad_top);
            let inside = (row < big.height && !cols.is_empty()).then(|| {
                let col = first * stride + kx - conv.pad_left;
                (
                    (row * big.width + col) * big.channels + channel,
                    cols.clone(),
                )
            });
            f(place, inside);
            place += small.width;
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
        let mut planes = vec![f32::NAN; 9 * 4];
        unfold(&conv, &image, &mut planes);
        let expected = [
            [0.0, 0.0, 0.0, 5.0],
            [0.0, 0.0, 4.0, 6.0],
            [0.0, 0.0, 5.0, 0.0],
            [0.0, 2.0, 0.0, 8.0],
            [1.0, 3.0, 7.0, 9.0],
            [2.0, 0.0, 8.0, 0.0],
            [0.0, 5.0, 0.0, 0.0],
            [4.0, 6.0, 0.0, 0.0],
            [5.0, 0.0, 0.0, 0.0],
        ];
        assert_eq!(planes, expected.concat());
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
            let value = |i: usize| ((i * 37 + 11) % 17) as f32 - 8.0;
            let image: Vec<f32> = (0..extent.len()).map(value).collect();
            let n = conv.small.pixels() * conv.patch_len();
            let weights: Vec<f32> = (0..n).map(|i| value(i * 3 + 1)).collect();
            let mut planes = vec![0.0; n];
            unfold(&conv, &image, &mut planes);
            let mut back = vec![0.0; extent.len()];
            fold_add(&conv, &weights, &mut back);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            assert_eq!(dot(&planes, &weights), dot(&image, &back));
            assert!(planes.iter().any(|&v| v != 0.0));
        }
    }
}
