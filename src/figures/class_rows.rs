//! Images in rows, one a class, with the names of the classes beside them.

use plotters::backend::DrawingBackend;

use super::manifold::frame;
use crate::draw::canvas::{Anchor, Canvas, Ink};
use crate::draw::error::DrawError;
use crate::draw::font;
use crate::draw::image_batch::ImageBatch;
use crate::draw::mosaic::Mosaic;
use crate::draw::panel::{LABEL, REMARK, TICK_EM, title_and_remark};
use crate::draw::render::{Picture, Rendered, render};

/// Most rows that are drawn; of more, the first ones.
pub const MOST_ROWS: usize = 64;

const ROOM: f64 = 560.0;
/// About the height of all rows that makes the images smaller.
const TALLEST: f64 = 1200.0;
const LEFT: f64 = 20.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 20.0;
const MIN_WIDTH: f64 = 420.0;
/// Widest the names may be.
const NAMES: f64 = 180.0;
const NAME_GAP: f64 = 10.0;
/// Between images, in pixels of the PNG.
const GAP: u32 = 4;

/// Draws a row of images for each class, at most [`MOST_ROWS`] of them. `images` come row by row, all rows of one length.
///
/// # Errors
///
/// [`DrawError::Length`] when the images cannot be divided among the names, [`DrawError::TooMany`], and the errors of
/// drawing.
pub fn class_rows(
    title: &str,
    names: &[String],
    images: &ImageBatch<'_>,
) -> Result<Rendered, DrawError> {
    let rows = names.len().min(MOST_ROWS);
    let columns = images.count().checked_div(rows).unwrap_or(0);
    let expected = columns * rows;
    if images.count() != expected {
        return Err(DrawError::Length {
            what: "images",
            expected,
            found: images.count(),
        });
    }
    let rows = if columns == 0 { 0 } else { rows };
    let room = ROOM.min(TALLEST * columns as f64 / rows.max(1) as f64);
    let mosaic = Mosaic::new(images, columns, rows, room, GAP)?;
    let shown = names.iter().take(rows);
    let shown: Vec<String> = shown
        .map(|name| font::fit(name, TICK_EM, NAMES))
        .collect::<Result<_, _>>()?;
    let width = font::widest(&shown, TICK_EM)?;
    render(&ClassRows {
        title,
        names: shown,
        left: LEFT + width + NAME_GAP,
        classes: names.len(),
        images,
        mosaic,
        columns,
    })
}

struct ClassRows<'a> {
    title: &'a str,
    names: Vec<String>,
    left: f64,
    /// Number of names that were given.
    classes: usize,
    images: &'a ImageBatch<'a>,
    mosaic: Mosaic,
    columns: usize,
}

impl Picture for ClassRows<'_> {
    fn size(&self) -> (u32, u32) {
        let width = (self.left + self.mosaic.width() + RIGHT).max(MIN_WIDTH);
        let height = TOP + self.mosaic.height().max(20.0) + BOTTOM;
        (width.ceil() as u32, height.ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let remark = match self.classes > self.names.len() && !self.names.is_empty() {
            true => format!("{} of {} classes", self.names.len(), self.classes),
            false => String::new(),
        };
        let room = f64::from(self.size().0) - LEFT - RIGHT;
        title_and_remark(canvas, self.title, &remark, (LEFT, 30.0), room)?;
        if self.names.is_empty() {
            let ink = Ink::new(TICK_EM, REMARK, Anchor::Start);
            return canvas.text("no images", (LEFT, TOP + 12.0), ink);
        }
        let rect = self.mosaic.rect(self.left, TOP);
        let bitmap = self
            .mosaic
            .bitmap(self.images, |row, column| Some(row * self.columns + column));
        canvas.image(&bitmap, rect)?;
        frame(canvas, rect)?;
        let cell = self.mosaic.cell_height();
        let gap = f64::from(GAP) / f64::from(crate::draw::render::PNG_SCALE);
        for (row, name) in self.names.iter().enumerate() {
            let middle = TOP + (cell + gap) * row as f64 + cell / 2.0;
            let ink = Ink::new(TICK_EM, LABEL, Anchor::End);
            canvas.text_centered(name, (self.left - NAME_GAP, middle), ink)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("class {i}")).collect()
    }

    #[test]
    fn draws_a_row_a_class() {
        // Two rows of three: 0, 1/8, .. 5/8.
        let pixels: Vec<f32> = (0..6_u8).map(|i| f32::from(i) / 8.0).collect();
        let images = ImageBatch::new(&pixels, 6, 1, 1, 1).unwrap();
        let rendered = class_rows("a run", &names(2), &images).unwrap();
        assert_eq!(texts(&rendered.svg), ["a run", "class 0", "class 1"]);
        let picture = decode(&rendered);
        let left = LEFT + NAME_GAP + font::width("class 0", TICK_EM).unwrap();
        let at = |row: u32, column: u32| {
            let x = (left as u32 + 114 * column + 56) * 2;
            picture.get_pixel(x, (TOP as u32 + 114 * row + 56) * 2).0[0]
        };
        assert_eq!([at(0, 0), at(0, 1), at(0, 2)], [0, 32, 64]);
        assert_eq!([at(1, 0), at(1, 1), at(1, 2)], [96, 128, 159]);
    }

    #[test]
    fn draws_the_first_of_many_classes() {
        let pixels = vec![0.5; 128];
        let images = ImageBatch::new(&pixels, 128, 1, 1, 1).unwrap();
        let found = texts(&class_rows("a run", &names(100), &images).unwrap().svg);
        assert!(found.contains(&"64 of 100 classes".to_owned()));
        assert!(found.contains(&"class 63".to_owned()) && !found.contains(&"class 64".to_owned()));
        let none = ImageBatch::new(&[], 0, 1, 1, 1).unwrap();
        decode(&class_rows("a run", &names(3), &none).unwrap());
        let uneven = class_rows("a run", &names(3), &images);
        assert!(matches!(uneven, Err(DrawError::Length { found: 128, .. })));
    }
}
