//! A pair of axes: frame, grid, ticks, and the map from numbers to places on the page.

use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, Ink, Point, Rect};
use super::error::DrawError;
use super::font;
use super::ticks::Tick;

/// Colour of titles.
const TITLE: RGBColor = RGBColor(0x1a, 0x1a, 0x1a);
/// Colour of labels and ticks.
pub(crate) const LABEL: RGBColor = RGBColor(0x40, 0x40, 0x40);
/// Colour of remarks.
pub(crate) const REMARK: RGBColor = RGBColor(0x75, 0x75, 0x75);
/// Colour of axes.
pub(crate) const AXIS: RGBColor = RGBColor(0x80, 0x80, 0x80);
/// Colour of grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xe8, 0xe8, 0xe8);

/// Font size of a title, in units.
const TITLE_EM: f64 = 15.0;
/// Font size of labels, in units.
pub(crate) const LABEL_EM: f64 = 12.0;
/// Font size of the numbers on an axis and of remarks, in units.
pub(crate) const TICK_EM: f64 = 11.0;

/// Width of axes and of grid lines, in units.
pub(crate) const HAIRLINE: f64 = 1.0;
/// Length of the mark of a tick, in units.
pub(crate) const MARK: f64 = 4.0;

/// Between the mark of a tick and its number, in units.
const NUMBER_GAP: f64 = 4.0;

/// The interval of numbers that an axis shows, low end first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub low: f64,
    pub high: f64,
}

/// Magnitudes beyond this are treated as not finite, so that no sum or difference of two can
/// overflow.
const USABLE: f64 = 1e100;

/// Whether a number can be drawn at all.
pub(crate) fn is_usable(value: f64) -> bool {
    value.is_finite() && value.abs() <= USABLE
}

impl Range {
    /// From the lowest to the highest, with `margin` times the span added at both ends.
    ///
    /// Where both are the same number the range is opened around it.
    pub(crate) fn around(low: f64, high: f64, margin: f64) -> Self {
        let span = high - low;
        let tiny = low.abs().max(high.abs()) * 1e-12;
        let pad = if span > tiny {
            span * margin
        } else if low == 0.0 {
            1.0
        } else {
            low.abs() * 0.05
        };
        Self {
            low: low - pad,
            high: high + pad,
        }
    }

    /// Share of the range below a value.
    pub(crate) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// A rectangle of the page with a horizontal and a vertical range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub rect: Rect,
    pub x: Range,
    pub y: Range,
}

impl Panel {
    /// The place of a pair of numbers; outside the rectangle where they are outside the ranges.
    pub(crate) fn place(&self, (x, y): Point) -> Point {
        (
            self.rect.left + self.rect.width * self.x.share(x),
            self.rect.bottom() - self.rect.height * self.y.share(y),
        )
    }

    /// Grid lines at the ticks.
    pub(crate) fn grid<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        x_ticks: &[Tick],
        y_ticks: &[Tick],
    ) -> Result<(), DrawError> {
        let Rect { left, top, .. } = self.rect;
        for tick in x_ticks {
            let (x, _) = self.place((tick.value, self.y.low));
            canvas.vertical(x, (top, self.rect.bottom()), HAIRLINE, GRID)?;
        }
        for tick in y_ticks {
            let (_, y) = self.place((self.x.low, tick.value));
            canvas.horizontal((left, self.rect.right()), y, HAIRLINE, GRID)?;
        }
        Ok(())
    }

    /// The lower axis with the marks of its ticks, and their numbers where `numbers` is set.
    pub(crate) fn lower_axis<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        ticks: &[Tick],
        numbers: bool,
    ) -> Result<(), DrawError> {
        let bottom = self.rect.bottom();
        let ends = (self.rect.left - HAIRLINE / 2.0, self.rect.right());
        canvas.horizontal(ends, bottom, HAIRLINE, AXIS)?;
        for tick in ticks {
            let (x, _) = self.place((tick.value, self.y.low));
            canvas.vertical(x, (bottom, bottom + MARK), HAIRLINE, AXIS)?;
            if numbers {
                let ink = Ink::new(TICK_EM, LABEL, Anchor::Middle);
                canvas.text(&tick.label, (x, bottom + MARK + 3.0 + TICK_EM * 0.8), ink)?;
            }
        }
        Ok(())
    }

    /// The left axis with its ticks and their numbers.
    pub(crate) fn left_axis<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        ticks: &[Tick],
    ) -> Result<(), DrawError> {
        let left = self.rect.left;
        let ends = (self.rect.top, self.rect.bottom() + HAIRLINE / 2.0);
        canvas.vertical(left, ends, HAIRLINE, AXIS)?;
        for tick in ticks {
            let (_, y) = self.place((self.x.low, tick.value));
            canvas.horizontal((left - MARK, left), y, HAIRLINE, AXIS)?;
            let ink = Ink::new(TICK_EM, LABEL, Anchor::End);
            canvas.text_centered(&tick.label, (left - MARK - NUMBER_GAP, y), ink)?;
        }
        Ok(())
    }
}

/// Room for the numbers of a left axis, with their marks, in units.
pub(crate) fn numbers_width(ticks: &[Tick]) -> Result<f64, DrawError> {
    let labels = ticks.iter().map(|tick| &tick.label);
    Ok(font::widest(labels, TICK_EM)? + MARK + NUMBER_GAP)
}

/// A title, cut where it is wider than `room`.
pub(crate) fn title<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    text: &str,
    at: Point,
    room: f64,
) -> Result<(), DrawError> {
    let ink = Ink::new(TITLE_EM, TITLE, Anchor::Start);
    canvas.text(&font::fit(text, TITLE_EM, room)?, at, ink)
}

/// A title from `left` on with a remark that ends `width` units further on the same line.
pub(crate) fn title_and_remark<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    text: &str,
    remark: &str,
    (left, y): Point,
    width: f64,
) -> Result<(), DrawError> {
    let room = width - font::width(remark, TICK_EM)? - 12.0;
    title(canvas, text, (left, y), room)?;
    let ink = Ink::new(TICK_EM, REMARK, Anchor::End);
    canvas.text(remark, (left + width, y), ink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_a_range_around_equal_values() {
        assert_eq!(
            Range::around(0.0, 0.0, 0.1),
            Range {
                low: -1.0,
                high: 1.0
            }
        );
        assert_eq!(
            Range::around(100.0, 100.0, 0.1),
            Range {
                low: 95.0,
                high: 105.0
            }
        );
        assert_eq!(
            Range::around(-100.0, -100.0, 0.1),
            Range {
                low: -105.0,
                high: -95.0
            }
        );
        assert_eq!(
            Range::around(0.0, 10.0, 0.1),
            Range {
                low: -1.0,
                high: 11.0
            }
        );
    }

    #[test]
    fn places_numbers_with_the_vertical_axis_upwards() {
        let panel = Panel {
            rect: Rect {
                left: 10.0,
                top: 20.0,
                width: 100.0,
                height: 50.0,
            },
            x: Range {
                low: -2.0,
                high: 2.0,
            },
            y: Range {
                low: 0.0,
                high: 1.0,
            },
        };
        assert_eq!(panel.place((-2.0, 0.0)), (10.0, 70.0));
        assert_eq!(panel.place((2.0, 1.0)), (110.0, 20.0));
        assert_eq!(panel.place((0.0, 2.0)), (60.0, -30.0));
    }
}
