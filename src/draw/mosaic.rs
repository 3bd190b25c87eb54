//! Images side by side: how large each is shown, and the one bitmap that holds them all.

use super::bitmap::Bitmap;
use super::canvas::Rect;
use super::error::DrawError;
use super::image_batch::ImageBatch;
use super::render::PNG_SCALE;

/// Longest side of one image in a picture, in pixels of the PNG: a single image does not fill a
/// page.
const MAX_CELL: f64 = 224.0;

/// Most images a side of a mosaic.
const MAX_CELLS: usize = 256;

/// Images in rows and columns, measured in pixels of the PNG so that enlarged pixels stay squares
/// of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mosaic {
    columns: u32,
    rows: u32,
    cell_width: u32,
    cell_height: u32,
    gap: u32,
}

impl Mosaic {
    /// A mosaic of images about `room` units wide, with `gap` pixels between them.
    ///
    /// Images are enlarged by a whole factor, or reduced where they are too large. So the width
    /// follows the images and only nears `room`.
    ///
    /// # Errors
    ///
    /// [`DrawError::TooMany`] for more than 256 rows or columns.
    pub(crate) fn new(
        images: &ImageBatch<'_>,
        columns: usize,
        rows: usize,
        room: f64,
        gap: u32,
    ) -> Result<Self, DrawError> {
        for (what, found) in [("columns of images", columns), ("rows of images", rows)] {
            if found > MAX_CELLS {
                return Err(DrawError::TooMany {
                    what,
                    found,
                    limit: MAX_CELLS,
                });
            }
        }
        let (height, width) = images.side();
        let longest = height.max(width) as f64;
        let target = (room * f64::from(PNG_SCALE) / columns.max(1) as f64).min(MAX_CELL);
        let ratio = target / longest;
        // Below this, reducing looks better than a mosaic half as wide again.
        let factor = if ratio < 0.7 {
            ratio
        } else {
            ratio.round().max(1.0)
        };
        let side = |pixels: usize| (pixels as f64 * factor).round().max(1.0) as u32;
        Ok(Self {
            columns: columns as u32,
            rows: rows as u32,
            cell_width: side(width),
            cell_height: side(height),
            gap,
        })
    }

    /// Width of all columns, in units.
    pub(crate) fn width(&self) -> f64 {
        units(extent(self.columns, self.cell_width, self.gap))
    }

    /// Height of all rows, in units.
    pub(crate) fn height(&self) -> f64 {
        units(extent(self.rows, self.cell_height, self.gap))
    }

    /// Height of one image, in units.
    pub(crate) fn cell_height(&self) -> f64 {
        units(self.cell_height)
    }

    /// The rectangle of this mosaic with its top left corner there, in units.
    pub(crate) fn rect(&self, left: f64, top: f64) -> Rect {
        Rect {
            left,
            top,
            width: self.width(),
            height: self.height(),
        }
    }

    /// The same with a single row.
    pub(crate) fn one_row(&self) -> Self {
        Self { rows: 1, ..*self }
    }

    /// The same with a single image.
    pub(crate) fn one_cell(&self) -> Self {
        Self {
            rows: 1,
            columns: 1,
            ..*self
        }
    }

    /// The place of the image in a column of the first row, where the mosaic itself has its place
    /// at `rect`.
    pub(crate) fn cell(&self, rect: Rect, column: usize) -> Rect {
        let step = units(self.cell_width + self.gap);
        Rect {
            left: rect.left + step * column as f64,
            top: rect.top,
            width: units(self.cell_width),
            height: units(self.cell_height),
        }
    }

    /// All images as one bitmap; `index` says which image stands at a row and column, and where
    /// `None`, or where there is no such image, the place stays white.
    pub(crate) fn bitmap(
        &self,
        images: &ImageBatch<'_>,
        index: impl Fn(usize, usize) -> Option<usize>,
    ) -> Bitmap {
        let mut page = Bitmap::white(
            extent(self.columns, self.cell_width, self.gap),
            extent(self.rows, self.cell_height, self.gap),
        );
        for row in 0..self.rows {
            for column in 0..self.columns {
                let Some(index) = index(row as usize, column as usize) else {
                    continue;
                };
                let image = images.bitmap(index, self.cell_width, self.cell_height);
                let left = column * (self.cell_width + self.gap);
                page.paste(&image, left, row * (self.cell_height + self.gap));
            }
        }
        page
    }
}

fn extent(count: u32, cell: u32, gap: u32) -> u32 {
    count * cell + count.saturating_sub(1) * gap
}

fn units(pixels: u32) -> f64 {
    f64::from(pixels) / f64::from(PNG_SCALE)
}

/// `count` values from -`scale` to `scale` in equal steps; the middle, 0, for a single one.
///
/// # Errors
///
/// [`DrawError::Scale`] unless `scale` is positive and finite.
pub(crate) fn steps(count: usize, scale: f64) -> Result<Vec<f64>, DrawError> {
    if !scale.is_finite() || scale <= 0.0 || scale > f64::from(f32::MAX) {
        return Err(DrawError::Scale(scale));
    }
    if count > MAX_CELLS {
        return Err(DrawError::TooMany {
            what: "images a side",
            found: count,
            limit: MAX_CELLS,
        });
    }
    if count == 1 {
        return Ok(vec![0.0]);
    }
    let last = count.saturating_sub(1) as f64;
    Ok((0..count)
        .map(|i| scale * (2.0 * i as f64 / last - 1.0))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mosaic(count: usize, side: usize, columns: usize, room: f64, gap: u32) -> Mosaic {
        let pixels = vec![0.0; count * side * side];
        let images = ImageBatch::new(&pixels, count, side, side, 1).unwrap();
        Mosaic::new(&images, columns, columns, room, gap).unwrap()
    }

    #[test]
    fn enlarges_images_by_whole_factors() {
        // 560 units are 1120 pixels: 112 an image, 4 a pixel of 28.
        assert_eq!(mosaic(1, 28, 10, 560.0, 0).width(), 560.0);
        // 112 / 64 = 1.75, so 2.
        assert_eq!(mosaic(1, 64, 10, 560.0, 0).width(), 640.0);
        // Too large by far: reduced to 112 each.
        assert_eq!(mosaic(1, 512, 10, 560.0, 0).width(), 560.0);
        assert_eq!(mosaic(1, 1, 1, 560.0, 0).width(), 112.0);
        assert_eq!(mosaic(1, 28, 10, 560.0, 4).width(), 560.0 + 18.0);
    }

    #[test]
    fn leaves_places_without_an_image_white() {
        let pixels = [0.0, 1.0, 0.5];
        let images = ImageBatch::new(&pixels, 3, 1, 1, 1).unwrap();
        let mosaic = Mosaic::new(&images, 2, 2, 1.0, 0).unwrap();
        let page = mosaic.bitmap(&images, |row, column| Some(row * 2 + column));
        assert_eq!((page.width, page.height), (2, 2));
        assert_eq!(page.at(0, 0), [0; 3]);
        assert_eq!(page.at(1, 0), [255; 3]);
        assert_eq!(page.at(0, 1), [128; 3]);
        assert_eq!(page.at(1, 1), [255; 3]);
    }

    #[test]
    fn spaces_steps_from_end_to_end() {
        assert_eq!(steps(5, 2.0).unwrap(), [-2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!(steps(2, 1.5).unwrap(), [-1.5, 1.5]);
        assert_eq!(steps(1, 2.0).unwrap(), [0.0]);
        assert!(steps(0, 2.0).unwrap().is_empty());
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(matches!(steps(3, scale), Err(DrawError::Scale(_))));
        }
        assert!(matches!(
            steps(usize::MAX, 2.0),
            Err(DrawError::TooMany { .. })
        ));
    }
}
