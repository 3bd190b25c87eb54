//! Originals above their reconstructions.

use plotters::backend::DrawingBackend;

use super::context::{Context, FigureError};
use super::figure::{Figure, Switch};
use super::manifold::frame;
use crate::data::fill_batch;
use crate::draw::canvas::{Anchor, Canvas, Ink};
use crate::draw::error::DrawError;
use crate::draw::font;
use crate::draw::image_batch::ImageBatch;
use crate::draw::mosaic::Mosaic;
use crate::draw::panel::{LABEL, LABEL_EM, REMARK, TICK_EM, title};
use crate::draw::render::{Picture, Rendered, render};

const ROOM: f64 = 600.0;
const LEFT: f64 = 20.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 20.0;
const MIN_WIDTH: f64 = 420.0;
const LABEL_GAP: f64 = 10.0;
/// Between images, in pixels of the PNG.
const GAP: u32 = 4;
/// Between an original and its reconstruction, and between pairs of rows, in units.
const PAIR_GAP: f64 = 4.0;
const BAND_GAP: f64 = 16.0;
/// Images in a row.
const COLUMNS: usize = 12;
/// Most pairs that are drawn; of more, the first ones.
const MAX_PAIRS: usize = 4 * COLUMNS;

const LABELS: [&str; 2] = ["original", "reconstruction"];

/// Pairs of the figure.
const PAIRS: usize = 24;

/// The figure `reconstructions`, of images that are held out where there are such.
pub const FIGURE: Figure = Figure {
    name: "reconstructions",
    switch: Switch {
        name: "reconstructions",
        doc: "Originals above their reconstructions",
        default: true,
    },
    suits: |shape| shape.has_pictures(),
    draw,
};

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let (part, source) = match context.validation.is_empty() {
        true => ("training", context.train),
        false => ("validation", context.validation),
    };
    let indices = &source[..source.len().min(PAIRS)];
    let mut originals = vec![0.0; indices.len() * context.images.values_per_image()];
    fill_batch(context.images, indices, &mut originals);
    let network = context.network;
    let pixels = network.decode(&network.encode(indices)?, &context.labels_of(indices))?;
    let title = context.title(&format!("reconstructions of {part} images"));
    let (originals, pixels) = (context.batch(&originals)?, context.batch(&pixels)?);
    Ok(reconstructions(&title, &originals, &pixels)?)
}

/// Draws originals above their reconstructions, twelve pairs a row and at most 48 in all (of more,
/// the first ones).
///
/// # Errors
///
/// [`DrawError::Mismatch`] unless both batches have the same shape, and the errors of drawing.
pub fn reconstructions(
    title: &str,
    originals: &ImageBatch<'_>,
    reconstructions: &ImageBatch<'_>,
) -> Result<Rendered, DrawError> {
    let same = originals.shape() == reconstructions.shape();
    if !same || originals.count() != reconstructions.count() {
        return Err(DrawError::Mismatch);
    }
    let pairs = originals.count().min(MAX_PAIRS);
    // Rows of one length: 20 pairs make two rows of 10.
    let bands = pairs.div_ceil(COLUMNS);
    let columns = pairs.div_ceil(bands.max(1));
    let row = Mosaic::new(originals, columns, 1, ROOM, GAP)?;
    let labels = font::width(LABELS[1], LABEL_EM)?;
    render(&Reconstructions {
        title,
        batches: [originals, reconstructions],
        pairs,
        columns,
        bands,
        row,
        left: LEFT + labels + LABEL_GAP,
    })
}

struct Reconstructions<'a> {
    title: &'a str,
    batches: [&'a ImageBatch<'a>; 2],
    pairs: usize,
    columns: usize,
    bands: usize,
    row: Mosaic,
    left: f64,
}

impl Reconstructions<'_> {
    fn band_height(&self) -> f64 {
        2.0 * self.row.height() + PAIR_GAP
    }
}

impl Picture for Reconstructions<'_> {
    fn size(&self) -> (u32, u32) {
        let width = (self.left + self.row.width() + RIGHT).max(MIN_WIDTH);
        let bands = self.bands as f64;
        let height = (bands * (self.band_height() + BAND_GAP) - BAND_GAP).max(20.0);
        (width.ceil() as u32, (TOP + height + BOTTOM).ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let room = f64::from(self.size().0) - LEFT - RIGHT;
        title(canvas, self.title, (LEFT, 30.0), room)?;
        if self.pairs == 0 {
            let ink = Ink::new(TICK_EM, REMARK, Anchor::Start);
            return canvas.text("no images", (LEFT, TOP + 12.0), ink);
        }
        for band in 0..self.bands {
            let start = band * self.columns;
            let last_column = (self.pairs - start).min(self.columns);
            for (line, (images, label)) in self.batches.into_iter().zip(LABELS).enumerate() {
                let offset = line as f64 * (self.row.height() + PAIR_GAP);
                let top = TOP + band as f64 * (self.band_height() + BAND_GAP) + offset;
                let rect = self.row.rect(self.left, top);
                let bitmap = self.row.bitmap(images, |_, column| {
                    (column < last_column).then_some(start + column)
                });
                canvas.image(&bitmap, rect)?;
                for column in 0..last_column {
                    frame(canvas, self.row.cell(rect, column))?;
                }
                let at = (self.left - LABEL_GAP, rect.top + rect.height / 2.0);
                canvas.text_centered(label, at, Ink::new(LABEL_EM, LABEL, Anchor::End))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    #[test]
    fn draws_originals_above_their_reconstructions() {
        let (before, after) = ([0.0, 0.25], [0.5, 0.75]);
        let originals = ImageBatch::new(&before, 2, 1, 1, 1).unwrap();
        let made = ImageBatch::new(&after, 2, 1, 1, 1).unwrap();
        let rendered = reconstructions("a run", &originals, &made).unwrap();
        assert_eq!(
            texts(&rendered.svg),
            ["a run", "original", "reconstruction"]
        );
        let picture = decode(&rendered);
        let left = LEFT + LABEL_GAP + font::width(LABELS[1], LABEL_EM).unwrap();
        let at = |column: u32, row: u32| {
            let x = (left as u32 + 114 * column + 56) * 2;
            picture.get_pixel(x, (TOP as u32 + 116 * row + 56) * 2).0[0]
        };
        assert_eq!([at(0, 0), at(1, 0)], [0, 64]);
        assert_eq!([at(0, 1), at(1, 1)], [128, 191]);
    }

    #[test]
    fn draws_any_number_of_pairs() {
        for count in [0, 1, 12, 13, 60] {
            let pixels = vec![0.5; count * 2 * 2 * 3];
            let images = ImageBatch::new(&pixels, count, 2, 2, 3).unwrap();
            let rendered = reconstructions("a run", &images, &images).unwrap();
            decode(&rendered);
            let rows = texts(&rendered.svg)
                .iter()
                .filter(|text| *text == "original")
                .count();
            assert_eq!(rows, count.min(48).div_ceil(12));
        }
    }

    #[test]
    fn refuses_batches_of_different_shapes() {
        let pixels = [0.0; 4];
        let images = ImageBatch::new(&pixels, 4, 1, 1, 1).unwrap();
        for other in [
            ImageBatch::new(&pixels[..3], 3, 1, 1, 1),
            ImageBatch::new(&pixels, 2, 1, 2, 1),
        ] {
            let drawn = reconstructions("a run", &images, &other.unwrap());
            assert!(matches!(drawn, Err(DrawError::Mismatch)));
        }
    }
}
