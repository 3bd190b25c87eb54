//! Decoded images between the originals of two images, along a path through the latent space.

use plotters::backend::DrawingBackend;

use super::manifold::frame;
use crate::draw::canvas::{Anchor, Canvas, Ink};
use crate::draw::error::DrawError;
use crate::draw::image_batch::ImageBatch;
use crate::draw::mosaic::Mosaic;
use crate::draw::panel::{LABEL, LABEL_EM, title};
use crate::draw::render::{Picture, Rendered, render};

const ROOM: f64 = 700.0;
const MARGIN: f64 = 20.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 44.0;
const MIN_WIDTH: f64 = 420.0;
/// Between images, in pixels of the PNG.
const GAP: u32 = 4;
/// Between an original and what is decoded, in units.
const END_GAP: f64 = 12.0;
/// From a row of images down to its labels, in units.
const LABEL_DROP: f64 = 14.0;

/// Draws decoded images in a row between two originals, whose names stand below them. `originals` are exactly two.
///
/// # Errors
///
/// [`DrawError::Mismatch`] unless all images have the same shape, [`DrawError::Length`] for another number of
/// originals, [`DrawError::TooMany`] for more than 254 decoded images, and the errors of drawing.
pub fn interpolation(
    title: &str,
    names: [&str; 2],
    originals: &ImageBatch<'_>,
    decoded: &ImageBatch<'_>,
) -> Result<Rendered, DrawError> {
    if originals.shape() != decoded.shape() {
        return Err(DrawError::Mismatch);
    }
    if originals.count() != 2 {
        return Err(DrawError::Length {
            what: "originals",
            expected: 2,
            found: originals.count(),
        });
    }
    let row = Mosaic::new(decoded, decoded.count() + 2, 1, ROOM, GAP)?;
    render(&Interpolation {
        title,
        names,
        originals,
        decoded,
        row,
    })
}

struct Interpolation<'a> {
    title: &'a str,
    names: [&'a str; 2],
    originals: &'a ImageBatch<'a>,
    decoded: &'a ImageBatch<'a>,
    /// Measures of a row with a place for each image; the first and the last are moved outwards.
    row: Mosaic,
}

impl Picture for Interpolation<'_> {
    fn size(&self) -> (u32, u32) {
        let width = (self.row.width() + 2.0 * (MARGIN + END_GAP)).max(MIN_WIDTH);
        let height = TOP + self.row.height() + BOTTOM;
        (width.ceil() as u32, height.ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let room = f64::from(self.size().0) - 2.0 * MARGIN;
        title(canvas, self.title, (MARGIN, 30.0), room)?;
        let count = self.decoded.count();
        let rect = self.row.rect(MARGIN + END_GAP, TOP);
        let bitmap = self.row.bitmap(self.decoded, |_, column| {
            column.checked_sub(1).filter(|at| *at < count)
        });
        canvas.image(&bitmap, rect)?;
        for (end, (column, shift)) in [(0, -END_GAP), (count + 1, END_GAP)]
            .into_iter()
            .enumerate()
        {
            let mut cell = self.row.cell(rect, column);
            cell.left += shift;
            canvas.image(
                &self.row.one_cell().bitmap(self.originals, |_, _| Some(end)),
                cell,
            )?;
            frame(canvas, cell)?;
            let below = cell.top + cell.height + LABEL_DROP;
            let (x, anchor) = match end {
                0 => (cell.left, Anchor::Start),
                _ => (cell.left + cell.width, Anchor::End),
            };
            canvas.text_centered(
                self.names[end],
                (x, below),
                Ink::new(LABEL_EM, LABEL, anchor),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    #[test]
    fn names_the_originals_at_the_ends() {
        let (ends, way) = ([0.0, 1.0], [0.25, 0.5, 0.75]);
        let (originals, decoded) = (
            ImageBatch::new(&ends, 2, 1, 1, 1).unwrap(),
            ImageBatch::new(&way, 3, 1, 1, 1).unwrap(),
        );
        let rendered =
            interpolation("a way", ["image 3", "image 17"], &originals, &decoded).unwrap();
        assert_eq!(texts(&rendered.svg), ["a way", "image 3", "image 17"]);
        let picture = decode(&rendered);
        let row = Mosaic::new(&decoded, 5, 1, ROOM, GAP).unwrap();
        let rect = row.rect(MARGIN + END_GAP, TOP);
        let gray = |column: usize, shift: f64| {
            let cell = row.cell(rect, column);
            let (x, y) = (
                cell.left + shift + cell.width / 2.0,
                cell.top + cell.height / 2.0,
            );
            picture.get_pixel((2.0 * x) as u32, (2.0 * y) as u32).0[0]
        };
        let grays = [
            gray(0, -END_GAP),
            gray(1, 0.0),
            gray(2, 0.0),
            gray(3, 0.0),
            gray(4, END_GAP),
        ];
        assert_eq!(grays, [0, 64, 128, 191, 255]);
    }

    #[test]
    fn refuses_images_that_do_not_belong_together() {
        let pixels = [0.0; 4];
        let images =
            |count, width| ImageBatch::new(&pixels[..count * width], count, 1, width, 1).unwrap();
        let refused =
            |originals, decoded| interpolation("", ["", ""], &originals, &decoded).unwrap_err();
        assert!(matches!(
            refused(images(2, 1), images(2, 2)),
            DrawError::Mismatch
        ));
        assert!(matches!(
            refused(images(3, 1), images(2, 1)),
            DrawError::Length { found: 3, .. }
        ));
    }
}
