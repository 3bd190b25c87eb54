//! Rasters of pixels: enlarged, reduced, pasted.

use std::ops::Range;

/// A raster of 8-bit RGB pixels, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bitmap {
    pub width: u32,
    pub height: u32,
    pub rgb: Vec<u8>,
}

impl Bitmap {
    pub(crate) fn white(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            rgb: vec![255; width as usize * height as usize * 3],
        }
    }

    /// Colour of a pixel; white outside.
    pub(crate) fn at(&self, x: u32, y: u32) -> [u8; 3] {
        if x >= self.width || y >= self.height {
            return [255; 3];
        }
        let start = (y as usize * self.width as usize + x as usize) * 3;
        match self.rgb.get(start..start + 3) {
            Some(&[r, g, b]) => [r, g, b],
            _ => [255; 3],
        }
    }

    /// Copies `other` into this bitmap, its top left corner at (`left`, `top`); what does not fit
    /// is cut.
    pub(crate) fn paste(&mut self, other: &Bitmap, left: u32, top: u32) {
        let (width, from) = (self.width as usize * 3, left as usize * 3);
        if other.width == 0 || left >= self.width {
            return;
        }
        let rows = self.rgb.chunks_exact_mut(width.max(1)).skip(top as usize);
        for (row, source) in rows.zip(other.rgb.chunks_exact(other.width as usize * 3)) {
            let room = &mut row[from..];
            let length = room.len().min(source.len());
            room[..length].copy_from_slice(&source[..length]);
        }
    }

    /// The nearest pixel for every pixel of the new size: sharp squares when enlarged.
    pub(crate) fn stretched(&self, width: u32, height: u32) -> Bitmap {
        match (width, height) == (self.width, self.height) {
            true => self.clone(),
            false => self.stretched_rows((width, height), 0..height),
        }
    }

    /// Some rows of [`Bitmap::stretched`].
    pub(crate) fn stretched_rows(&self, (width, height): (u32, u32), rows: Range<u32>) -> Bitmap {
        let nearest = |i: u32, from: u32, to: u32| {
            ((u64::from(i) * 2 + 1) * u64::from(from) / (u64::from(to) * 2)) as u32
        };
        let mut rgb = Vec::with_capacity(width as usize * rows.len() * 3);
        for y in rows.clone() {
            for x in 0..width {
                let from = (
                    nearest(x, self.width, width),
                    nearest(y, self.height, height),
                );
                rgb.extend(self.at(from.0, from.1));
            }
        }
        Bitmap {
            width,
            height: rows.len() as u32,
            rgb,
        }
    }

    /// The smallest bitmap of which this one is a whole enlargement by the nearest pixel.
    pub(crate) fn compacted(&self) -> Bitmap {
        let sides = (2..=self.width.min(self.height)).rev();
        let factor = sides
            .filter(|&side| self.width.is_multiple_of(side) && self.height.is_multiple_of(side))
            .find(|&side| self.is_tiled(side))
            .unwrap_or(1);
        let (width, height) = (self.width / factor, self.height / factor);
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for y in 0..height {
            for x in 0..width {
                rgb.extend(self.at(x * factor, y * factor));
            }
        }
        Bitmap { width, height, rgb }
    }

    /// Whether every square of `side` x `side` pixels has one colour.
    fn is_tiled(&self, side: u32) -> bool {
        (0..self.height)
            .all(|y| (0..self.width).all(|x| self.at(x, y) == self.at(x - x % side, y - y % side)))
    }

    /// Enlarged by the nearest pixel, reduced by the mean over the area.
    pub(crate) fn resized(&self, width: u32, height: u32) -> Bitmap {
        let averaged = if width < self.width {
            self.averaged_rows(width)
        } else {
            self.clone()
        };
        let averaged = if height < averaged.height {
            averaged.transposed().averaged_rows(height).transposed()
        } else {
            averaged
        };
        averaged.stretched(width, height)
    }

    /// Fewer columns, each the mean of those it covers, in part or whole.
    fn averaged_rows(&self, width: u32) -> Bitmap {
        let ratio = f64::from(self.width) / f64::from(width.max(1));
        let mut rgb = Vec::with_capacity(width as usize * self.height as usize * 3);
        for y in 0..self.height {
            for x in 0..width {
                let (from, to) = (f64::from(x) * ratio, f64::from(x + 1) * ratio);
                let mut sum = [0.0; 3];
                let last = (to.ceil() as u32).min(self.width);
                for column in from.floor() as u32..last {
                    let weight = to.min(f64::from(column + 1)) - from.max(f64::from(column));
                    for (sum, value) in sum.iter_mut().zip(self.at(column, y)) {
                        *sum += weight * f64::from(value);
                    }
                }
                rgb.extend(sum.map(|sum| (sum / ratio).round() as u8));
            }
        }
        Bitmap {
            width,
            height: self.height,
            rgb,
        }
    }

    fn transposed(&self) -> Bitmap {
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for x in 0..self.width {
            for y in 0..self.height {
                rgb.extend(self.at(x, y));
            }
        }
        Bitmap {
            width: self.height,
            height: self.width,
            rgb,
        }
    }

    /// Every `times` x `times` pixels averaged to one, in the same memory; what is left over at the right and bottom
    /// is dropped.
    pub(crate) fn shrunk(mut self, times: u32) -> Bitmap {
        let times = times.max(1);
        let (width, height) = (self.width / times, self.height / times);
        let (row, side, area) = (self.width as usize * 3, times as usize, times * times);
        let mut sums = vec![0_u32; width as usize * 3];
        for y in 0..height as usize {
            sums.fill(0);
            for line in self.rgb[y * side * row..][..side * row].chunks_exact(row) {
                let groups = line.chunks_exact(3 * side);
                for (sum, group) in sums.chunks_exact_mut(3).zip(groups) {
                    for pixel in group.chunks_exact(3) {
                        for (sum, &value) in sum.iter_mut().zip(pixel) {
                            *sum += u32::from(value);
                        }
                    }
                }
            }
            // These rows have been read already.
            let to = &mut self.rgb[y * sums.len()..][..sums.len()];
            for (to, sum) in to.iter_mut().zip(&sums) {
                *to = ((sum + area / 2) / area) as u8;
            }
        }
        self.rgb.truncate(height as usize * sums.len());
        self.rgb.shrink_to_fit();
        Bitmap {
            width,
            height,
            rgb: self.rgb,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_when_enlarging_and_averages_when_reducing() {
        let two = Bitmap {
            width: 2,
            height: 1,
            rgb: vec![0, 0, 0, 90, 90, 90],
        };
        assert_eq!(
            two.resized(4, 2)
                .rgb
                .chunks(3)
                .map(|p| p[0])
                .collect::<Vec<_>>(),
            [0, 0, 90, 90, 0, 0, 90, 90]
        );
        assert_eq!(two.resized(1, 1).rgb, [45, 45, 45]);
        // Three columns to two: each takes one and a half.
        let three = Bitmap {
            width: 3,
            height: 1,
            rgb: vec![0, 0, 0, 30, 30, 30, 90, 90, 90],
        };
        assert_eq!(three.resized(2, 1).rgb, [10, 10, 10, 70, 70, 70]);
        let column = Bitmap {
            width: 1,
            height: 2,
            rgb: vec![10, 20, 30, 30, 40, 50],
        };
        assert_eq!(column.resized(1, 1).rgb, [20, 30, 40]);
    }

    #[test]
    fn compacts_an_enlargement_and_nothing_else() {
        let small = Bitmap {
            width: 2,
            height: 1,
            rgb: vec![0, 1, 2, 90, 91, 92],
        };
        assert_eq!(small.stretched(12, 6).compacted(), small);
        let mut large = small.stretched(12, 6);
        large.paste(
            &Bitmap {
                width: 1,
                height: 1,
                rgb: vec![7; 3],
            },
            5,
            5,
        );
        assert_eq!(large.compacted(), large);
    }

    #[test]
    fn averages_squares_when_shrinking() {
        let rgb = [0, 4, 8, 0, 255, 255, 255, 255]
            .iter()
            .flat_map(|&v| [v; 3])
            .collect();
        let page = Bitmap {
            width: 4,
            height: 2,
            rgb,
        };
        // (0 + 4 + 255 + 255) / 4 = 128.5, (8 + 0 + 255 + 255) / 4 = 129.5, both rounded up.
        assert_eq!(page.shrunk(2).rgb, [129, 129, 129, 130, 130, 130]);
    }

    #[test]
    fn cuts_what_is_pasted_outside() {
        let mut page = Bitmap::white(2, 2);
        page.paste(
            &Bitmap {
                width: 2,
                height: 2,
                rgb: vec![7; 12],
            },
            1,
            1,
        );
        assert_eq!(page.at(1, 1), [7; 3]);
        assert_eq!(page.at(0, 1), [255; 3]);
        page.paste(
            &Bitmap {
                width: 1,
                height: 1,
                rgb: vec![1; 3],
            },
            9,
            9,
        );
        assert_eq!(page.at(1, 0), [255; 3]);
    }
}
