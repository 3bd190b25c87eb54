//! Images decoded from random draws of the prior.

use plotters::backend::DrawingBackend;

use super::context::{Context, FigureError};
use super::figure::{Figure, Switch};
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
        doc: "Samples from the prior",
        default: true,
    },
    suits: |shape| shape.has_prior && shape.has_pictures(),
    draw,
};

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let z = context
        .network
        .sample(context.seed, context.n * context.n)?;
    let pixels = context.network.decode(&z)?;
    let title = context.title("samples from the prior");
    Ok(samples(&title, &context.batch(&pixels)?)?)
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
