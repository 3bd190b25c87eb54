//! Loss, reconstruction and KL over epochs, one panel each above a common axis, each curve named at
//! its end.

use plotters::backend::DrawingBackend;

use super::context::{Context, FigureError};
use super::figure::{Figure, Switch};
use super::loss_terms::{Curve, Terms, reference, terms};
use super::published::Published;
use crate::draw::canvas::{Anchor, Canvas, Ink, Point, Rect};
use crate::draw::error::DrawError;
use crate::draw::font;
use crate::draw::legend::spread;
use crate::draw::panel::{
    LABEL, LABEL_EM, Panel, REMARK, Range, TICK_EM, is_usable, numbers_width, title,
};
use crate::draw::polyline::{dashes, visible_pieces};
use crate::draw::render::{Picture, Rendered, render};
use crate::draw::ticks::{significant, whole_ticks};
use crate::metric::Row;

const WIDTH: u32 = 860;
const HEIGHT: u32 = 640;
/// Top and height of the panels: the loss, and its two terms.
const ROWS: [(f64, f64); 3] = [(72.0, 244.0), (354.0, 92.0), (484.0, 92.0)];
/// Least room left of the panels, and what of it stays empty.
const LEFT: f64 = 68.0;
const EDGE: f64 = 16.0;
const RIGHT: f64 = 16.0;
/// Widest the names at the ends of the curves may be.
const LEGEND: f64 = 220.0;
/// Between a curve's end and its name.
const LEGEND_GAP: f64 = 10.0;
/// Distance of the baselines of two names.
const LEGEND_LINE: f64 = 15.0;
/// Width of a curve, and of one of more than [`DENSE`] epochs.
const CURVE: f64 = 2.0;
const THIN_CURVE: f64 = 1.25;
const DENSE: usize = 300;
/// Up to this many epochs each one is marked with a dot.
const MARKED: usize = 30;

/// The figure `loss`.
pub const FIGURE: Figure = Figure {
    name: "loss",
    switch: Switch {
        name: "loss",
        doc: "Loss curves",
        default: true,
    },
    suits: |_| true,
    draw,
};

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let title = context.title("training");
    Ok(loss_curves(&title, context.history, context.published)?)
}

/// Draws the training curves of a run: total loss, reconstruction and KL over epochs, those of the
/// validation part where there is one, and a published curve for comparison as far as the run has
/// come.
///
/// The number at the end of a curve is its last value. In runs of 20 epochs and more, single values
/// far away from all others leave the frame and are counted in a remark.
///
/// # Errors
///
/// [`DrawError::Length`] when the lists of `published` differ in length, and the errors of
/// drawing.
fn loss_curves(
    title: &str,
    epochs: &[Row],
    published: Option<&Published>,
) -> Result<Rendered, DrawError> {
    let panels = [
        ("Loss", terms(epochs, "loss")),
        ("Reconstruction", terms(epochs, "reconstruction")),
        ("KL divergence", terms(epochs, "kl")),
    ];
    let references = match published {
        None => [None, None, None],
        Some(published) => {
            let list = |what, list: Option<&Vec<f64>>| {
                list.map(|list| reference(published, what, list, epochs))
                    .transpose()
            };
            [
                list("published loss", Some(&published.loss))?,
                list(
                    "published reconstruction",
                    published.reconstruction.as_ref(),
                )?,
                list("published KL", published.kl.as_ref())?,
            ]
        }
    };
    let panels: Vec<Terms> = panels
        .into_iter()
        .zip(references)
        .zip(ROWS)
        .map(|(((heading, own), reference), row)| {
            let curves = reference.into_iter().chain(own);
            Terms::new(
                heading,
                curves.filter(|curve| curve.last().is_some()).collect(),
                row,
            )
        })
        .collect();
    let mut left = LEFT;
    for panel in &panels {
        left = left.max(numbers_width(&panel.ticks)? + EDGE);
    }
    render(&LossCurves {
        title,
        panels,
        left,
    })
}

struct LossCurves<'a> {
    title: &'a str,
    panels: Vec<Terms>,
    /// Left end of the panels, in units.
    left: f64,
}

impl LossCurves<'_> {
    /// The first epoch, and the range of the horizontal axis: half an epoch at each side when there
    /// is one only.
    fn epochs(&self) -> Option<(f64, Range)> {
        let epochs = || {
            self.panels
                .iter()
                .flat_map(|p| &p.curves)
                .flat_map(Curve::usable)
        };
        let low = epochs().map(|(epoch, _)| epoch).reduce(f64::min)?;
        let high = epochs().map(|(epoch, _)| epoch).reduce(f64::max)?;
        let pad = if high > low {
            0.015 * (high - low)
        } else {
            0.5
        };
        Some((
            low,
            Range {
                low: low - pad,
                high: high + pad,
            },
        ))
    }

    /// What stands at the end of a curve. Lower panels repeat the colours, not the names.
    fn legend(&self, panel: usize, curve: &Curve) -> Result<String, DrawError> {
        let value = curve
            .last()
            .map(|(_, value)| significant(value, 4))
            .unwrap_or_default();
        let alone = self.panels.iter().all(|panel| panel.curves.len() <= 1);
        if alone || panel > 0 {
            return Ok(value);
        }
        let room = LEGEND - font::width(&format!("  {value}"), LABEL_EM)?;
        Ok(format!(
            "{}  {value}",
            font::fit(&curve.name, LABEL_EM, room)?
        ))
    }

    fn legend_width(&self) -> Result<f64, DrawError> {
        let mut widest = 0.0_f64;
        for (index, panel) in self.panels.iter().enumerate() {
            for curve in &panel.curves {
                widest = widest.max(font::width(&self.legend(index, curve)?, LABEL_EM)?);
            }
        }
        Ok(widest)
    }
}

impl Picture for LossCurves<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH, HEIGHT)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let (page_width, page_height) = (f64::from(WIDTH), f64::from(HEIGHT));
        let room = page_width - self.left - RIGHT;
        title(canvas, self.title, (self.left, 32.0), room)?;

        let Some((first, epochs)) = self.epochs() else {
            let middle = (page_width / 2.0, page_height / 2.0);
            let ink = Ink::new(LABEL_EM, REMARK, Anchor::Middle);
            return canvas.text("no epochs yet", middle, ink);
        };
        let right = page_width - RIGHT - LEGEND_GAP - self.legend_width()?;
        let width = right - self.left;
        let x_ticks = whole_ticks(first, epochs.high, 10);
        let last = self.panels.len().saturating_sub(1);
        for (index, terms) in self.panels.iter().enumerate() {
            let (top, height) = terms.row;
            let rect = Rect {
                left: self.left,
                top,
                width,
                height,
            };
            let heading = Ink::new(LABEL_EM, LABEL, Anchor::Start);
            canvas.text(terms.heading, (self.left, top - 10.0), heading)?;
            let panel = Panel {
                rect,
                x: epochs,
                y: terms.range,
            };
            panel.grid(canvas, &x_ticks, &terms.ticks)?;
            for curve in &terms.curves {
                draw_curve(canvas, &panel, curve)?;
            }
            panel.left_axis(canvas, &terms.ticks)?;
            panel.lower_axis(canvas, &x_ticks, index == last)?;
            draw_remark(canvas, rect, terms.above, terms.below)?;
            self.draw_legend(canvas, &panel, index, &terms.curves)?;
        }
        let middle = (self.left + width / 2.0, page_height - 24.0);
        canvas.text("epoch", middle, Ink::new(LABEL_EM, LABEL, Anchor::Middle))
    }
}

impl LossCurves<'_> {
    /// Names at the heights where their curves end, moved apart where they would overlap.
    fn draw_legend<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        panel: &Panel,
        index: usize,
        curves: &[Curve],
    ) -> Result<(), DrawError> {
        let mut entries = Vec::new();
        for curve in curves {
            if let Some(end) = curve.last() {
                let (_, y) = panel.place(end);
                entries.push((y, self.legend(index, curve)?, curve.color));
            }
        }
        entries.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wanted: Vec<f64> = entries.iter().map(|entry| entry.0).collect();
        let heights = spread(&wanted, LEGEND_LINE, (panel.rect.top, panel.rect.bottom()));
        for ((_, text, color), y) in entries.iter().zip(heights) {
            let at = (panel.rect.right() + LEGEND_GAP, y);
            canvas.text_centered(text, at, Ink::new(LABEL_EM, *color, Anchor::Start))?;
        }
        Ok(())
    }
}

/// A count of values, in words.
fn values(count: usize) -> String {
    format!("{count} value{}", if count == 1 { "" } else { "s" })
}

fn draw_remark<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    rect: Rect,
    above: usize,
    below: usize,
) -> Result<(), DrawError> {
    let remark = match (above, below) {
        (0, 0) => return Ok(()),
        (above, 0) => format!("{} above the frame", values(above)),
        (0, below) => format!("{} below the frame", values(below)),
        (above, below) => format!("{} above, {below} below the frame", values(above)),
    };
    let at = (rect.right(), rect.top - 10.0);
    canvas.text(&remark, at, Ink::new(TICK_EM, REMARK, Anchor::End))
}

fn draw_curve<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    panel: &Panel,
    curve: &Curve,
) -> Result<(), DrawError> {
    let places: Vec<Option<Point>> = curve
        .points
        .iter()
        .map(|&point| {
            is_usable(point.1).then(|| {
                // Far outside a pixel more or less does not show, and clipping stays exact.
                let (x, y) = panel.place(point);
                (x, y.clamp(-1e4, 1e4))
            })
        })
        .collect();
    let width = if places.len() > DENSE {
        THIN_CURVE
    } else {
        CURVE
    };
    for piece in visible_pieces(&places, panel.rect) {
        if curve.dashed {
            for dash in dashes(&piece, 6.0, 4.0) {
                canvas.line(&dash, width, curve.color)?;
            }
        } else {
            canvas.line(&piece, width, curve.color)?;
        }
    }
    let dots = |place: &Point| panel.rect.contains(*place);
    if places.len() <= MARKED && !curve.dashed {
        for place in places.iter().flatten().filter(|place| dots(place)) {
            canvas.dot(*place, 3.0, curve.color, 1.0)?;
        }
    } else {
        // A value between two that are missing has no line to show it.
        for (index, place) in places.iter().enumerate() {
            let missing =
                |i: Option<usize>| i.and_then(|i| places.get(i)).is_none_or(Option::is_none);
            let alone = missing(index.checked_sub(1)) && missing(index.checked_add(1));
            if let Some(place) = place.filter(|place| alone && dots(place)) {
                canvas.dot(place, 3.0, curve.color, 1.0)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, epochs, texts};

    fn published() -> Published {
        Published {
            name: "Keras".to_owned(),
            epochs: (1..=100).map(f64::from).collect(),
            loss: (1..=100).map(|e| 260.0 + 40.0 / f64::from(e)).collect(),
            reconstruction: Some((1..=100).map(|e| 256.0 + 40.0 / f64::from(e)).collect()),
            kl: None,
            notes: vec![],
        }
    }

    /// Whether a pixel of that colour is somewhere in the picture.
    fn shows(rendered: &Rendered, color: [u8; 3]) -> bool {
        decode(rendered).pixels().any(|pixel| pixel.0 == color)
    }

    const BLUE: [u8; 3] = [0x00, 0x72, 0xb2];
    const ORANGE: [u8; 3] = [0xd5, 0x5e, 0x00];

    #[test]
    fn names_curves_at_their_ends_with_their_last_values() {
        let mut own = epochs(10);
        for row in &mut own {
            row.set("val_loss", row.scalar("loss").unwrap() + 20.0);
        }
        let rendered = loss_curves("a run", &own, Some(&published())).unwrap();
        let texts = texts(&rendered.svg);
        // 247 + 50/10 + 4, the same + 20, and 260 + 40/10: what was published for the run's last
        // epoch.
        let ends = [
            "training\u{a0}\u{a0}256.0",
            "validation\u{a0}\u{a0}276.0",
            "Keras\u{a0}\u{a0}264.0",
        ];
        for text in ends
            .into_iter()
            .chain(["a run", "Loss", "Reconstruction", "epoch", "10"])
        {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        assert!(shows(&rendered, BLUE) && shows(&rendered, ORANGE));
    }

    #[test]
    fn leaves_a_single_curve_unnamed() {
        let rendered = loss_curves("a run", &epochs(10), None).unwrap();
        let texts = texts(&rendered.svg);
        assert!(texts.iter().any(|text| text == "256.0"), "{texts:?}");
        assert!(!rendered.svg.contains("training"));
        assert!(!shows(&rendered, ORANGE));
    }

    #[test]
    fn draws_any_number_of_epochs() {
        for count in [0, 1, 2, 3, 1_000] {
            let rendered = loss_curves("a run", &epochs(count), Some(&published())).unwrap();
            assert_eq!(decode(&rendered).dimensions(), (1_720, 1_280));
            assert_eq!(shows(&rendered, BLUE), count > 0);
        }
        let empty = loss_curves("a run", &[], None).unwrap();
        assert!(texts(&empty.svg).contains(&"no epochs yet".to_owned()));
    }

    #[test]
    fn leaves_gaps_for_non_finite_values() {
        let mut own = epochs(40);
        own[3].set("loss", f64::NAN);
        own[5].set("loss", f64::INFINITY);
        own[6].set("kl", -1e300);
        own[20].set("reconstruction", 1e99);
        own[21].retain(|name| name == "epoch");
        for row in &mut own {
            row.set("val_kl", f64::NAN);
        }
        let rendered = loss_curves("a run", &own, None).unwrap();
        assert!(texts(&rendered.svg).contains(&"1 value above the frame".to_owned()));
        for row in &mut own {
            row.set("loss", f64::NAN);
        }
        decode(&loss_curves("a run", &own, None).unwrap());
    }

    #[test]
    fn shortens_and_escapes_names() {
        let mut other = published();
        other.name = "<name> & \"others\"\n\u{1b}[31m".repeat(100);
        let rendered = loss_curves(&other.name, &epochs(3), Some(&other)).unwrap();
        let texts = texts(&rendered.svg);
        assert!(
            texts[0].ends_with('…') && texts[0].starts_with("&lt;name&gt; &amp;"),
            "{}",
            texts[0]
        );
    }

    #[test]
    fn rejects_published_lists_of_different_lengths() {
        let mut other = published();
        other.loss.pop();
        assert!(matches!(
            loss_curves("a run", &epochs(3), Some(&other)),
            Err(DrawError::Length {
                what: "published loss",
                expected: 100,
                found: 99
            })
        ));
    }

    #[test]
    fn draws_the_same_epochs_to_the_same_bytes() {
        let draw = || loss_curves("a run", &epochs(30), Some(&published())).unwrap();
        assert_eq!(draw(), draw());
    }
}
