//! The figure `active_axes`: how much information each latent axis carries, and how far its mean moves over the images.

use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use super::context::{Context, FigureError};
use super::figure::{Figure, Switch};
use crate::draw::canvas::{Anchor, Canvas, Ink, Rect};
use crate::draw::error::DrawError;
use crate::draw::font;
use crate::draw::panel::{LABEL, LABEL_EM, Panel, Range, TICK_EM, is_usable, title_and_remark};
use crate::draw::render::{Picture, Rendered, render};
use crate::draw::ticks::{significant, ticks};
use crate::metric::ACTIVE_VARIANCE;

/// For any number of latent axes of a distribution.
pub const FIGURE: Figure = Figure {
    name: "active_axes",
    switch: Switch {
        name: "active_axes",
        doc: "KL divergence and variance of the mean of each latent axis, sorted",
        default: false,
    },
    suits: |shape| shape.has_axes && shape.has_prior,
    draw,
};

/// Most axes that are drawn; of more, the first ones.
const MAX_AXES: usize = 64;

const MARGIN: f64 = 20.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 44.0;
/// Width of a panel, and the room between two of them.
const WIDTH: f64 = 320.0;
const GAP: f64 = 40.0;
/// Distance of two bars, and their height.
const STEP: f64 = 18.0;
const BAR: f64 = 12.0;
/// Of the range of a panel, the longest bar leaves room for its number.
const LONGEST: f64 = 0.84;

const ACTIVE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const INACTIVE: RGBColor = RGBColor(0xa8, 0xa8, 0xa8);

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let means = context.network.encode(&context.all_images())?;
    let last = context.history.last();
    let mut kl = last.map_or(vec![], |row| row.axes("kl_per_axis").to_vec());
    kl.resize(context.latent, f64::NAN);
    let title = context.title_with_epochs("latent axes");
    Ok(active_axes(
        &title,
        &kl,
        &variances(&means, context.latent),
    )?)
}

/// Var[x_i] = E[(x_i - E[x_i])^2] of each column of a matrix, (rows, columns).
fn variances(values: &[f32], columns: usize) -> Vec<f64> {
    let rows = (values.len() / columns.max(1)) as f64;
    let column = |i: usize| {
        let values = values.iter().skip(i).step_by(columns);
        values.map(|&value| f64::from(value))
    };
    let variance = |i: usize| {
        let mean = column(i).sum::<f64>() / rows;
        column(i).map(|x| (x - mean).powi(2)).sum::<f64>() / rows
    };
    (0..columns).map(variance).collect()
}

/// Draws two bars for each latent axis, in `z[0]`'s order of `kl` and `variances`: its KL divergence in nats and the
/// variance of its mean over the images. The axis with the largest KL divergence stands on top; bars of axes that are
/// not active are gray.
///
/// # Errors
///
/// [`DrawError::Length`] unless both are of one length, and the errors of drawing.
fn active_axes(title: &str, kl: &[f64], variances: &[f64]) -> Result<Rendered, DrawError> {
    if kl.len() != variances.len() {
        return Err(DrawError::Length {
            what: "variances",
            expected: kl.len(),
            found: variances.len(),
        });
    }
    let mut axes: Vec<Axis> = kl
        .iter()
        .zip(variances)
        .enumerate()
        .map(|(index, (&kl, &variance))| Axis {
            index,
            values: [kl, variance],
        })
        .collect();
    let active = axes.iter().filter(|axis| axis.is_active()).count();
    let rank = |axis: &Axis| match axis.values[0] {
        kl if is_usable(kl) => kl,
        _ => f64::NEG_INFINITY,
    };
    axes.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let mut remark = format!("{active} of {} active", axes.len());
    if axes.len() > MAX_AXES {
        remark += &format!(", the first {MAX_AXES} shown");
        axes.truncate(MAX_AXES);
    }
    let labels = font::widest(axes.iter().map(Axis::label), TICK_EM)?;
    render(&ActiveAxes {
        title,
        remark,
        axes,
        left: MARGIN + labels + 8.0,
    })
}

struct Axis {
    index: usize,
    /// KL divergence, variance of the mean.
    values: [f64; 2],
}

impl Axis {
    fn is_active(&self) -> bool {
        self.values[1] > ACTIVE_VARIANCE
    }

    fn label(&self) -> String {
        format!("z[{}]", self.index)
    }
}

struct ActiveAxes<'a> {
    title: &'a str,
    remark: String,
    /// In drawing order.
    axes: Vec<Axis>,
    /// Left end of the first panel, in units.
    left: f64,
}

impl Picture for ActiveAxes<'_> {
    fn size(&self) -> (u32, u32) {
        let width = self.left + 2.0 * WIDTH + GAP + MARGIN;
        let height = TOP + STEP * self.axes.len() as f64 + BOTTOM;
        (width.ceil() as u32, height.ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let room = f64::from(self.size().0) - 2.0 * MARGIN;
        title_and_remark(canvas, self.title, &self.remark, (MARGIN, 30.0), room)?;
        for (row, axis) in self.axes.iter().enumerate() {
            let at = (self.left - 8.0, TOP + STEP * (row as f64 + 0.5));
            canvas.text_centered(&axis.label(), at, Ink::new(TICK_EM, LABEL, Anchor::End))?;
        }
        for (column, heading) in ["KL divergence, nats", "Variance of the mean over images"]
            .into_iter()
            .enumerate()
        {
            self.draw_panel(canvas, column, heading)?;
        }
        Ok(())
    }
}

impl ActiveAxes<'_> {
    fn draw_panel<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        column: usize,
        heading: &str,
    ) -> Result<(), DrawError> {
        let rows = self.axes.len() as f64;
        let rect = Rect {
            left: self.left + (WIDTH + GAP) * column as f64,
            top: TOP,
            width: WIDTH,
            height: STEP * rows,
        };
        let values = || self.axes.iter().map(|axis| axis.values[column]);
        let largest = values().filter(|&v| is_usable(v)).fold(0.0, f64::max);
        let high = if largest > 0.0 {
            largest / LONGEST
        } else {
            1.0
        };
        let panel = Panel {
            rect,
            x: Range { low: 0.0, high },
            // The first axis stands on top.
            y: Range {
                low: rows,
                high: 0.0,
            },
        };
        let ink = Ink::new(LABEL_EM, LABEL, Anchor::Start);
        canvas.text(heading, (rect.left, TOP - 12.0), ink)?;
        let x_ticks = ticks(0.0, high, 5);
        panel.grid(canvas, &x_ticks, &[])?;
        for (row, axis) in self.axes.iter().enumerate() {
            let value = axis.values[column];
            let (end, middle) = panel.place((value.max(0.0), row as f64 + 0.5));
            let ink = Ink::new(TICK_EM, LABEL, Anchor::Start);
            if !is_usable(value) {
                canvas.text_centered("not drawn", (rect.left + 6.0, middle), ink)?;
                continue;
            }
            let bar = Rect {
                left: rect.left,
                top: middle - BAR / 2.0,
                width: end - rect.left,
                height: BAR,
            };
            let color = match axis.is_active() {
                true => ACTIVE,
                false => INACTIVE,
            };
            canvas.fill(bar, color)?;
            canvas.text_centered(&significant(value, 3), (end + 6.0, middle), ink)?;
        }
        panel.left_axis(canvas, &[])?;
        panel.lower_axis(canvas, &x_ticks, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    #[test]
    fn takes_the_variance_of_each_column() {
        // Columns 1, 3, 5 and 2, 2, 2: (4 + 0 + 4) / 3 and 0.
        let found = variances(&[1.0, 2.0, 3.0, 2.0, 5.0, 2.0], 2);
        assert_eq!(found, [8.0 / 3.0, 0.0]);
    }

    #[test]
    fn sorts_axes_by_kl_and_counts_active_ones() {
        let rendered = active_axes("a run", &[0.5, 2.0, 0.001], &[0.25, 1.0, 0.01]).unwrap();
        let found = texts(&rendered.svg);
        let labels: Vec<_> = found.iter().filter(|it| it.starts_with('z')).collect();
        assert_eq!(labels, ["z[1]", "z[0]", "z[2]"]);
        assert!(found.iter().any(|it| it == "2 of 3 active"), "{found:?}");
    }

    #[test]
    fn draws_bars_as_long_as_their_values() {
        let picture = decode(&active_axes("a run", &[0.5, 2.0], &[0.0, 1.0]).unwrap());
        let left = f64::from(picture.width() / 2) - MARGIN - 2.0 * WIDTH - GAP;
        let color = |column: f64, share: f64, row: f64| {
            let x = left + column * (WIDTH + GAP) + WIDTH * LONGEST * share;
            picture
                .get_pixel((2.0 * x) as u32, (2.0 * (TOP + STEP * (row + 0.5))) as u32)
                .0
        };
        let (active, inactive) = ([0x00, 0x72, 0xb2], [0xa8, 0xa8, 0xa8]);
        assert_eq!(color(0.0, 0.98, 0.0), active);
        assert_ne!(color(0.0, 1.01, 0.0), active);
        // A quarter of the longest one.
        assert_eq!(color(0.0, 0.24, 1.0), inactive);
        assert_ne!(color(0.0, 0.26, 1.0), inactive);
        assert_eq!(color(1.0, 0.98, 0.0), active);
        assert_ne!(color(1.0, 0.02, 1.0), inactive);
    }

    #[test]
    fn draws_any_number_of_axes_and_odd_values() {
        for count in [0, 1, 64, 65, 4096] {
            let kl: Vec<f64> = (0..count).map(f64::from).collect();
            decode(&active_axes("a run", &kl, &kl).unwrap());
        }
        let odd = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300];
        decode(&active_axes("a run", &odd, &odd).unwrap());
        assert!(matches!(
            active_axes("a run", &[1.0], &[]),
            Err(DrawError::Length { .. })
        ));
    }
}
