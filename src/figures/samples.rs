//! Images decoded from random draws of the prior.

use plotters::backend::DrawingBackend;

use super::class_rows::{MOST_ROWS, class_rows};
use super::context::{Context, FigureError};
use super::figure::{Figure, Switch};
use crate::data::Classes;
use crate::draw::canvas::{Anchor, Canvas, Ink};
use crate::draw::error::DrawError;
use crate::draw::image_batch::ImageBatch;
use crate::draw::mosaic::Mosaic;
use crate::draw::panel::{REMARK, TICK_EM, title};
use crate::draw::render::{Picture, Rendered, render};

const ROOM: f64 = 560.0;
const MARGIN: f64 = 20.0;
const TOP: f64 = 48.0;
const MIN_WIDTH: f64 = 420.0;
/// Between images, in pixels of the PNG.
const GAP: u32 = 4;

/// The figure `samples`.
pub const FIGURE: Figure = Figure {
    name: "samples",
    switch: Switch {
        name: "samples",
        doc: "Samples from the prior; a conditional network's are a row a class, all of the same draws",
        default: true,
    },
    suits: |shape| shape.has_prior && shape.has_pictures(),
    draw,
};

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let title = context.title("samples from the prior");
    let draw = |points: usize| context.network.sample(context.seed, points);
    if context.is_conditional() {
        let (z, labels) = for_each_class(&draw(context.n)?, context.latent, context.classes);
        let pixels = context.network.decode(&z, &labels)?;
        return Ok(class_rows(
            &title,
            &context.classes.names,
            &context.batch(&pixels)?,
        )?);
    }
    let pixels = context.network.decode(&draw(context.n * context.n)?, &[])?;
    Ok(samples(&title, &context.batch(&pixels)?)?)
}

/// The same points for each of the classes that [`class_rows`] draws, and the label of each.
pub fn for_each_class(z: &[f32], latent: usize, classes: &Classes) -> (Vec<f32>, Vec<u16>) {
    let points = z.len() / latent.max(1);
    let rows = classes.names.len().min(MOST_ROWS);
    let labels = (0..=u16::MAX).take(rows);
    let labels = labels.flat_map(|label| std::iter::repeat_n(label, points));
    (z.repeat(rows), labels.collect())
}

/// Draws images in a square, row by row: n x n for n * n images, and for another number the
/// smallest square that holds them, its last places empty.
///
/// # Errors
///
/// [`DrawError::TooMany`] for more than 256 x 256 images, and the errors of drawing.
pub fn samples(title: &str, images: &ImageBatch<'_>) -> Result<Rendered, DrawError> {
    let count = images.count();
    let root = count.isqrt();
    let columns = if root * root == count { root } else { root + 1 };
    let rows = count.div_ceil(columns.max(1));
    let mosaic = Mosaic::new(images, columns, rows, ROOM, GAP)?;
    render(&Samples {
        title,
        images,
        mosaic,
        columns,
    })
}

struct Samples<'a> {
    title: &'a str,
    images: &'a ImageBatch<'a>,
    mosaic: Mosaic,
    columns: usize,
}

impl Picture for Samples<'_> {
    fn size(&self) -> (u32, u32) {
        let width = (self.mosaic.width() + 2.0 * MARGIN).max(MIN_WIDTH);
        let height = TOP + self.mosaic.height().max(20.0) + MARGIN;
        (width.ceil() as u32, height.ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let room = f64::from(self.size().0) - 2.0 * MARGIN;
        title(canvas, self.title, (MARGIN, 30.0), room)?;
        if self.columns == 0 {
            let ink = Ink::new(TICK_EM, REMARK, Anchor::Start);
            return canvas.text("no images", (MARGIN, TOP + 12.0), ink);
        }
        let bitmap = self
            .mosaic
            .bitmap(self.images, |row, column| Some(row * self.columns + column));
        canvas.image(&bitmap, self.mosaic.rect(MARGIN, TOP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    #[test]
    fn fills_a_square_row_by_row() {
        let pixels = [0.0, 0.25, 0.5, 0.75];
        let rendered = samples("a run", &ImageBatch::new(&pixels, 4, 1, 1, 1).unwrap()).unwrap();
        assert_eq!(texts(&rendered.svg), ["a run"]);
        let picture = decode(&rendered);
        let at = |column: u32, row: u32| {
            let place = |start: f64, i: u32| (start as u32 + 114 * i + 56) * 2;
            picture.get_pixel(place(MARGIN, column), place(TOP, row)).0[0]
        };
        assert_eq!([at(0, 0), at(1, 0), at(0, 1), at(1, 1)], [0, 64, 128, 191]);
    }

    #[test]
    fn draws_any_number_of_samples() {
        for count in [0, 1, 2, 3, 5, 101, 257] {
            let pixels = vec![0.5; count];
            decode(&samples("a run", &ImageBatch::new(&pixels, count, 1, 1, 1).unwrap()).unwrap());
        }
        let many = vec![0.5; 257 * 257];
        let images = ImageBatch::new(&many, 257 * 257, 1, 1, 1).unwrap();
        assert!(matches!(
            samples("a run", &images),
            Err(DrawError::TooMany { .. })
        ));
    }
}
