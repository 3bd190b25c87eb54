//! Decoded images on a grid over a two-dimensional latent space.

use plotters::backend::DrawingBackend;

use super::context::{Context, FigureError};
use super::figure::{Figure, Switch};
use super::grid::Grid;
use crate::draw::canvas::{Anchor, Canvas, Ink, Rect};
use crate::draw::error::DrawError;
use crate::draw::image_batch::ImageBatch;
use crate::draw::mosaic::{Mosaic, steps};
use crate::draw::panel::{HAIRLINE, LABEL, LABEL_EM, Panel, REMARK, Range, TICK_EM, title};
use crate::draw::render::{Picture, Rendered, render};
use crate::draw::ticks::{Tick, ticks};
use crate::numeric::normal;

const ROOM: f64 = 560.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 22.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 58.0;
const MIN_WIDTH: f64 = 420.0;

/// The figure of a network with two latent axes.
pub const FIGURE: Figure = Figure {
    name: "manifold",
    switch: SWITCH,
    suits: |shape| shape.has_axes && shape.latent == 2 && shape.has_pictures(),
    draw,
};

/// The setting that asks for this figure or, unless there are two latent axes, for [`super::traversal`].
pub const SWITCH: Switch = Switch {
    name: "manifold",
    doc: "The latent manifold, or a traversal of each axis where there are not two of them",
    default: true,
};

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let grid = Spacing::new(context.grid, context.n, context.scale)?;
    let points = grid.points();
    let pixels = context.network.decode_plane(&points, context.label)?;
    let title = context.title_with_class("latent manifold");
    Ok(manifold(&title, &context.batch(&pixels)?, &grid)?)
}

/// Images on an axis: their latent values, and how the axis is drawn.
struct Spacing {
    /// Latent values, ascending.
    values: Vec<f64>,
    /// From end to end of the images, in the unit of the ticks.
    range: Range,
    ticks: Vec<Tick>,
}

impl Spacing {
    /// # Errors
    ///
    /// [`DrawError::Scale`] unless `scale` is positive and finite, [`DrawError::TooMany`] for n above 256.
    fn new(grid: Grid, n: usize, scale: f64) -> Result<Self, DrawError> {
        /// Half the probability between the outermost images; TensorFlow's tutorial on convolutional VAEs has the same.
        const HALF: f64 = 0.45;
        if grid == Grid::Linear {
            let values = steps(n, scale)?;
            return Ok(Self {
                range: axis(&values, scale),
                ticks: axis_ticks(n, scale),
                values,
            });
        }
        let shares = steps(n, HALF)?;
        // A tick stands where an image of its value would.
        let place = |mut tick: Tick| {
            tick.value = normal::cdf(tick.value) - 0.5;
            tick
        };
        let ticks = axis_ticks(n, normal::quantile(0.5 + HALF));
        Ok(Self {
            values: shares.iter().map(|p| normal::quantile(0.5 + p)).collect(),
            range: axis(&shares, HALF),
            ticks: ticks.into_iter().map(place).collect(),
        })
    }

    /// The n * n latent points whose decoded images [`manifold`] takes, in the order in which it takes them.
    ///
    /// Rows of the picture from top to bottom, each from left to right: `z[1]` falls from row to row, and `z[0]` grows
    /// within each. For n = 1 the origin.
    fn points(&self) -> Vec<[f32; 2]> {
        let rows = self.values.iter().rev();
        let row = |&up| {
            self.values
                .iter()
                .map(move |&right| [right as f32, up as f32])
        };
        rows.flat_map(row).collect()
    }
}

/// Draws n x n decoded images over the plane of a two-dimensional latent space, `z[0]` to the right
/// and `z[1]` upwards, as the Keras tutorial on variational autoencoders does.
///
/// `images` are the decoded [`Spacing::points`], in that order. Each is centred on its latent point, so the ticks of the
/// outermost values stand at the middle of the outermost images.
///
/// # Errors
///
/// [`DrawError::Length`] unless there are n * n images, and the errors of drawing.
fn manifold(title: &str, images: &ImageBatch<'_>, grid: &Spacing) -> Result<Rendered, DrawError> {
    let n = grid.values.len();
    let expected = n * n;
    if images.count() != expected {
        return Err(DrawError::Length {
            what: "images",
            expected,
            found: images.count(),
        });
    }
    let mosaic = Mosaic::new(images, n, n, ROOM, 0)?;
    render(&Manifold {
        title,
        images,
        mosaic,
        n,
        grid,
    })
}

/// The range of an axis whose first and last image are centred on -`scale` and `scale`.
pub(super) fn axis(steps: &[f64], scale: f64) -> Range {
    let half = match steps {
        [first, second, ..] => (second - first) / 2.0,
        _ => {
            return Range {
                low: -scale,
                high: scale,
            };
        }
    };
    Range {
        low: -scale - half,
        high: scale + half,
    }
}

/// Round latent values under the images; for a single image its own.
pub(super) fn axis_ticks(count: usize, scale: f64) -> Vec<Tick> {
    if count == 1 {
        return vec![Tick {
            value: 0.0,
            label: "0".to_owned(),
        }];
    }
    ticks(-scale, scale, 5)
}

struct Manifold<'a> {
    title: &'a str,
    images: &'a ImageBatch<'a>,
    mosaic: Mosaic,
    n: usize,
    grid: &'a Spacing,
}

impl Picture for Manifold<'_> {
    fn size(&self) -> (u32, u32) {
        let width = (LEFT + self.mosaic.width() + RIGHT).max(MIN_WIDTH);
        (
            width.ceil() as u32,
            (TOP + self.mosaic.height() + BOTTOM).ceil() as u32,
        )
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let width = f64::from(self.size().0);
        title(canvas, self.title, (LEFT, 30.0), width - LEFT - RIGHT)?;
        if self.n == 0 {
            let ink = Ink::new(TICK_EM, REMARK, Anchor::Start);
            return canvas.text("no images", (LEFT, TOP + 12.0), ink);
        }
        let rect = self.mosaic.rect(LEFT, TOP);
        let bitmap = self
            .mosaic
            .bitmap(self.images, |row, column| Some(row * self.n + column));
        canvas.image(&bitmap, rect)?;
        frame(canvas, rect)?;

        let panel = Panel {
            rect,
            x: self.grid.range,
            y: self.grid.range,
        };
        panel.lower_axis(canvas, &self.grid.ticks, true)?;
        panel.left_axis(canvas, &self.grid.ticks)?;
        let ink = Ink::new(LABEL_EM, LABEL, Anchor::Middle);
        let middle = (rect.left + rect.width / 2.0, rect.top + rect.height / 2.0);
        canvas.text("z[0]", (middle.0, rect.bottom() + 40.0), ink)?;
        canvas.text_upwards("z[1]", (rect.left - 36.0, middle.1), ink)
    }
}

/// A hairline around images, which may be as white as the page.
pub(super) fn frame<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    rect: Rect,
) -> Result<(), DrawError> {
    let around = Rect {
        left: rect.left - HAIRLINE / 2.0,
        top: rect.top - HAIRLINE / 2.0,
        width: rect.width + HAIRLINE,
        height: rect.height + HAIRLINE,
    };
    canvas.outline(around, HAIRLINE / 2.0, crate::draw::panel::AXIS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    fn linear(n: usize, scale: f64) -> Spacing {
        Spacing::new(Grid::Linear, n, scale).unwrap()
    }

    /// `scipy.stats.norm.ppf(np.linspace(0.05, 0.95, 5))`
    #[test]
    fn spaces_points_by_quantiles_of_the_prior() {
        let grid = Spacing::new(Grid::Quantile, 5, 2.0).unwrap();
        let expected = [-1.644_853_6, -0.597_760_1, 0.0, 0.597_760_1, 1.644_853_6];
        let close = |(value, expected): (&f64, f64)| (value - expected).abs() < 1e-6;
        assert!(
            grid.values.iter().zip(expected).all(close),
            "{:?}",
            grid.values
        );
        let pixels = vec![0.5; 25];
        let images = ImageBatch::new(&pixels, 25, 1, 1, 1).unwrap();
        let found = texts(&manifold("a run", &images, &grid).unwrap().svg);
        assert_eq!(found[1..4], ["−1", "0", "1"]);
        let places: Vec<f64> = grid.ticks.iter().map(|tick| tick.value).collect();
        let at = |z: f64| normal::cdf(z) - 0.5;
        assert_eq!(places, [at(-1.0), at(0.0), at(1.0)]);
    }

    #[test]
    fn lists_points_row_by_row_from_the_top_left() {
        let points = linear(3, 2.0).points();
        assert_eq!(
            points,
            [
                [-2.0, 2.0],
                [0.0, 2.0],
                [2.0, 2.0],
                [-2.0, 0.0],
                [0.0, 0.0],
                [2.0, 0.0],
                [-2.0, -2.0],
                [0.0, -2.0],
                [2.0, -2.0],
            ]
        );
        assert_eq!(linear(1, 2.0).points(), [[0.0, 0.0]]);
        assert!(matches!(
            Spacing::new(Grid::Linear, 3, f64::NAN),
            Err(DrawError::Scale(_))
        ));
    }

    /// One RGB pixel for each point: red grows with `z[0]`, green with `z[1]`.
    fn colored(n: usize) -> Vec<f32> {
        let points = linear(n, 2.0).points();
        points
            .iter()
            .flat_map(|z| [(z[0] + 2.0) / 4.0, (z[1] + 2.0) / 4.0, 0.0])
            .collect()
    }

    #[test]
    fn draws_the_first_axis_to_the_right_and_the_second_upwards() {
        let pixels = colored(5);
        let images = ImageBatch::new(&pixels, 25, 1, 1, 3).unwrap();
        let rendered = manifold("a run", &images, &linear(5, 2.0)).unwrap();
        let picture = decode(&rendered);
        // 112 units an image (its largest size), two pixels a unit.
        let at = |column: u32, row: u32| {
            let place = |start: f64, i: u32| (start as u32 + 112 * i + 56) * 2;
            picture.get_pixel(place(LEFT, column), place(TOP, row)).0
        };
        assert_eq!(at(0, 0), [0, 255, 0]);
        assert_eq!(at(4, 0), [255, 255, 0]);
        assert_eq!(at(0, 4), [0, 0, 0]);
        assert_eq!(at(4, 4), [255, 0, 0]);
        assert_eq!(at(2, 1), [128, 191, 0]);
    }

    #[test]
    fn places_ticks_under_the_middle_of_the_outermost_images() {
        let pixels = colored(5);
        let images = ImageBatch::new(&pixels, 25, 1, 1, 3).unwrap();
        let rendered = manifold("a run", &images, &linear(5, 2.0)).unwrap();
        let found = texts(&rendered.svg);
        assert_eq!(
            found,
            [
                "a run", "−2", "−1", "0", "1", "2", "−2", "−1", "0", "1", "2", "z[0]", "z[1]"
            ]
        );
        // The first number on the horizontal axis: 62 + 112 / 2 units, four steps of the canvas
        // each.
        let label = rendered.svg.split("<text ").nth(2).unwrap();
        assert!(label.starts_with("x=\"472\""), "{label}");
    }

    #[test]
    fn keeps_the_resolution_of_bitmaps_in_the_svg() {
        let pixels = vec![0.5; 4 * 28 * 28];
        let images = ImageBatch::new(&pixels, 4, 28, 28, 1).unwrap();
        let svg = manifold("a run", &images, &linear(2, 2.0)).unwrap().svg;
        assert!(
            svg.contains("<image x=\"248\" y=\"192\" width=\"896\" height=\"896\""),
            "{svg}"
        );
        assert!(svg.contains("href=\"data:image/png;base64,iVBOR"));
        assert!(svg.len() < 10_000, "{}", svg.len());
    }

    #[test]
    fn draws_any_number_and_size_of_images() {
        for (n, height, width) in [
            (0, 28, 28),
            (1, 1, 1),
            (2, 512, 512),
            (3, 1, 512),
            (2, 512, 1),
        ] {
            let pixels = vec![0.25; n * n * height * width];
            let images = ImageBatch::new(&pixels, n * n, height, width, 1).unwrap();
            decode(&manifold(&"long ".repeat(99), &images, &linear(n, 1.5)).unwrap());
        }
        let pixels = [0.0; 3];
        let images = ImageBatch::new(&pixels, 3, 1, 1, 1).unwrap();
        assert!(matches!(
            manifold("a run", &images, &linear(2, 2.0)),
            Err(DrawError::Length {
                expected: 4,
                found: 3,
                ..
            })
        ));
        assert!(matches!(
            Spacing::new(Grid::Linear, usize::MAX, 2.0),
            Err(DrawError::TooMany { .. })
        ));
    }
}
