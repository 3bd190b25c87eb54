//! One latent axis a row: decoded images while that axis moves and all others stay at 0.

use plotters::backend::DrawingBackend;

use super::context::{Context, FigureError};
use super::figure::Figure;
use super::manifold::{SWITCH, axis, axis_ticks, frame};
use crate::draw::canvas::{Anchor, Canvas, Ink, Rect};
use crate::draw::error::DrawError;
use crate::draw::font;
use crate::draw::image_batch::ImageBatch;
use crate::draw::mosaic::{Mosaic, steps};
use crate::draw::panel::{LABEL, LABEL_EM, Panel, REMARK, Range, TICK_EM, title_and_remark};
use crate::draw::render::{Picture, Rendered, render};

/// Most rows that are drawn; of more, the first ones.
const MAX_TRAVERSAL_ROWS: usize = 16;

const ROOM: f64 = 560.0;
/// About the height of all rows that makes the images smaller.
const TALLEST: f64 = 900.0;
const LEFT: f64 = 20.0;
const RIGHT: f64 = 22.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 58.0;
const MIN_WIDTH: f64 = 420.0;
/// Widest the labels of the rows may be.
const LABELS: f64 = 180.0;
/// Between the rows, in pixels of the PNG.
const GAP: u32 = 4;

/// Columns of the figure.
const COLUMNS: usize = 11;

/// The figure of a network that has no plane: its axes with the most information, the first one on top.
pub const FIGURE: Figure = Figure {
    name: "traversal",
    switch: SWITCH,
    suits: |shape| shape.has_axes && shape.latent != 2 && shape.has_pictures(),
    draw,
};

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let (latent, scale) = (context.latent, context.scale);
    let last = context.history.last();
    let kl = last.map_or(&[][..], |row| row.axes("kl_per_axis"));
    // Without a KL of each axis they keep their order.
    let nats = |axis: usize| kl.get(axis).copied();
    let mut axes: Vec<usize> = (0..latent).collect();
    axes.sort_by(|&a, &b| nats(b).unwrap_or(0.0).total_cmp(&nats(a).unwrap_or(0.0)));
    axes.truncate(MAX_TRAVERSAL_ROWS);
    let values = traversal_values(COLUMNS, scale)?;
    let mut points = vec![0.0; axes.len() * values.len() * latent];
    for (i, point) in points.chunks_exact_mut(latent).enumerate() {
        point[axes[i / values.len()]] = values[i % values.len()];
    }
    let label = |&axis: &usize| match nats(axis) {
        Some(nats) => format!("z[{axis}]  {nats:.2} nats"),
        None => format!("z[{axis}]"),
    };
    let labels: Vec<String> = axes.iter().map(label).collect();
    let classes = vec![context.label; points.len() / latent];
    let pixels = context.network.decode(&points, &classes)?;
    let title = context.title_with_class("latent axes");
    Ok(traversal(&title, &labels, &context.batch(&pixels)?, scale)?)
}

/// The values of the moving axis for each column, left to right: from -`scale` to `scale` in equal
/// steps; 0 for a single column.
///
/// # Errors
///
/// [`DrawError::Scale`] unless `scale` is positive and finite, [`DrawError::TooMany`] for more
/// than 256 columns.
fn traversal_values(columns: usize, scale: f64) -> Result<Vec<f32>, DrawError> {
    Ok(steps(columns, scale)?
        .into_iter()
        .map(|value| value as f32)
        .collect())
}

/// Draws a row of decoded images for each label: in row `r` and column `c` the image of the latent
/// point whose row's axis has the value [`traversal_values`]`(columns, scale)[c]` while all others
/// are 0.
///
/// `images` come row by row. The number of columns is that of the images divided by that of the
/// labels. A label names its axis, such as `z[3]  KL 1.92 nats`; the caller chooses the axes and
/// their order, and of more than [`MAX_TRAVERSAL_ROWS`] only the first are drawn.
///
/// # Errors
///
/// [`DrawError::Length`] when the images cannot be divided among the labels,
/// [`DrawError::Scale`], [`DrawError::TooMany`], and the errors of drawing.
fn traversal(
    title: &str,
    labels: &[String],
    images: &ImageBatch<'_>,
    scale: f64,
) -> Result<Rendered, DrawError> {
    let columns = images.count().checked_div(labels.len()).unwrap_or(0);
    let expected = columns * labels.len();
    if images.count() != expected {
        return Err(DrawError::Length {
            what: "images",
            expected,
            found: images.count(),
        });
    }
    let steps = steps(columns, scale)?;
    let rows = if columns == 0 {
        0
    } else {
        labels.len().min(MAX_TRAVERSAL_ROWS)
    };
    let room = ROOM.min(TALLEST * columns as f64 / rows.max(1) as f64);
    let mosaic = Mosaic::new(images, columns, rows, room, 0)?;
    let shown = labels.iter().take(rows);
    let shown: Vec<String> = shown
        .map(|label| font::fit(label, TICK_EM, LABELS))
        .collect::<Result<_, _>>()?;
    let label_width = font::widest(&shown, TICK_EM)?;
    render(&Traversal {
        title,
        labels: shown,
        left: LEFT + label_width + 10.0,
        axes: labels.len(),
        images,
        mosaic,
        columns,
        range: axis(&steps, scale),
        scale,
    })
}

struct Traversal<'a> {
    title: &'a str,
    labels: Vec<String>,
    left: f64,
    /// Number of labels that were given.
    axes: usize,
    images: &'a ImageBatch<'a>,
    mosaic: Mosaic,
    columns: usize,
    range: Range,
    scale: f64,
}

impl Traversal<'_> {
    /// Distance of the tops of two rows.
    fn row_step(&self) -> f64 {
        self.mosaic.cell_height() + f64::from(GAP) / 2.0
    }

    fn height(&self) -> f64 {
        self.row_step() * self.labels.len() as f64 - f64::from(GAP) / 2.0
    }
}

impl Picture for Traversal<'_> {
    fn size(&self) -> (u32, u32) {
        let width = (self.left + self.mosaic.width() + RIGHT).max(MIN_WIDTH);
        (
            width.ceil() as u32,
            (TOP + self.height().max(20.0) + BOTTOM).ceil() as u32,
        )
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let width = f64::from(self.size().0);
        let remark = if self.axes > self.labels.len() && !self.labels.is_empty() {
            format!("{} of {} axes", self.labels.len(), self.axes)
        } else {
            String::new()
        };
        let room = width - LEFT - RIGHT;
        title_and_remark(canvas, self.title, &remark, (LEFT, 30.0), room)?;
        if self.labels.is_empty() {
            let ink = Ink::new(TICK_EM, REMARK, Anchor::Start);
            return canvas.text("no images", (LEFT, TOP + 12.0), ink);
        }

        let whole = self.mosaic.rect(self.left, TOP);
        for (row, label) in self.labels.iter().enumerate() {
            let top = TOP + self.row_step() * row as f64;
            let rect = Rect {
                top,
                height: self.mosaic.cell_height(),
                ..whole
            };
            let one = self.mosaic.one_row();
            let bitmap = one.bitmap(self.images, |_, column| Some(row * self.columns + column));
            canvas.image(&bitmap, rect)?;
            frame(canvas, rect)?;
            let at = (self.left - 10.0, top + rect.height / 2.0);
            canvas.text_centered(label, at, Ink::new(TICK_EM, LABEL, Anchor::End))?;
        }
        let rect = Rect {
            height: self.height(),
            ..whole
        };
        let panel = Panel {
            rect,
            x: self.range,
            y: self.range,
        };
        panel.lower_axis(canvas, &axis_ticks(self.columns, self.scale), true)?;
        let at = (rect.left + rect.width / 2.0, rect.bottom() + 40.0);
        let ink = Ink::new(LABEL_EM, LABEL, Anchor::Middle);
        canvas.text("value of the axis, all others 0", at, ink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    fn labels(count: usize) -> Vec<String> {
        (0..count)
            .map(|i| format!("z[{i}]  KL {i}.50 nats"))
            .collect()
    }

    #[test]
    fn spaces_columns_from_end_to_end() {
        assert_eq!(
            traversal_values(5, 2.0).unwrap(),
            [-2.0, -1.0, 0.0, 1.0, 2.0]
        );
        assert!(matches!(traversal_values(5, 0.0), Err(DrawError::Scale(_))));
    }

    #[test]
    fn draws_images_row_by_row_beside_their_labels() {
        // Two rows of three: 0, 1/8, .. 5/8.
        let pixels: Vec<f32> = (0..6_u8).map(|i| f32::from(i) / 8.0).collect();
        let images = ImageBatch::new(&pixels, 6, 1, 1, 1).unwrap();
        let rendered = traversal("a run", &labels(2), &images, 2.0).unwrap();
        let picture = decode(&rendered);
        let found = texts(&rendered.svg);
        assert!(
            found[1].starts_with("z[0]") && found[2].starts_with("z[1]"),
            "{found:?}"
        );
        let left = LEFT + 10.0 + font::width("z[0]  KL 0.50 nats", TICK_EM).unwrap();
        let at = |row: u32, column: u32| {
            let x = (left as u32 + 112 * column + 56) * 2;
            picture.get_pixel(x, (TOP as u32 + 114 * row + 56) * 2).0[0]
        };
        assert_eq!([at(0, 0), at(0, 1), at(0, 2)], [0, 32, 64]);
        assert_eq!([at(1, 0), at(1, 1), at(1, 2)], [96, 128, 159]);
    }

    #[test]
    fn draws_the_first_of_many_axes() {
        let pixels = vec![0.5; 40 * 3];
        let images = ImageBatch::new(&pixels, 120, 1, 1, 1).unwrap();
        let rendered = traversal("a run", &labels(40), &images, 2.0).unwrap();
        let found = texts(&rendered.svg);
        assert!(found.contains(&"16 of 40 axes".to_owned()));
        assert!(found.iter().any(|text| text.starts_with("z[15]")));
        assert!(!found.iter().any(|text| text.starts_with("z[16]")));
        decode(&rendered);
    }

    #[test]
    fn refuses_images_that_cannot_be_divided_among_the_labels() {
        let pixels = [0.5; 5];
        let images = ImageBatch::new(&pixels, 5, 1, 1, 1).unwrap();
        assert!(matches!(
            traversal("a run", &labels(2), &images, 2.0),
            Err(DrawError::Length {
                expected: 4,
                found: 5,
                ..
            })
        ));
        assert!(traversal("a run", &[], &images, 2.0).is_err());
        let none = ImageBatch::new(&[], 0, 1, 1, 1).unwrap();
        decode(&traversal("a run", &[], &none, 2.0).unwrap());
        decode(&traversal("a run", &labels(2), &none, 2.0).unwrap());
    }
}
