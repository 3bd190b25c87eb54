//! Axes and marks of a chart, as SVG that takes its colours from the page.

use std::fmt::Write as _;

use super::escape::escape;
use crate::draw::{Tick, ticks, whole_ticks};
use crate::report::cell::number;

/// Size of a chart, in units of its own; a page shows it as wide as there is room.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 290.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;
/// Most characters beside a mark.
const LONGEST: usize = 10;
/// Share of the values' range that stays free at both ends of an axis.
const MARGIN: f64 = 0.04;

/// An axis: from values to shares of its length.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    label: String,
    low: f64,
    high: f64,
    is_log: bool,
    ticks: Vec<Tick>,
}

impl Axis {
    /// Around some values, marked at round numbers.
    pub(super) fn around(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values);
        let ticks = ticks(low, high, 6);
        Self {
            label: label.to_owned(),
            low,
            high,
            is_log: false,
            ticks,
        }
    }

    /// For epochs 1 to `last`.
    pub(super) fn epochs(last: u32) -> Self {
        let (low, high) = (1.0, f64::from(last.max(2)));
        Self {
            label: "epoch".to_owned(),
            low,
            high,
            is_log: false,
            ticks: whole_ticks(low, high, 8),
        }
    }

    /// For the values of a setting, each of them marked while there is room. Logarithmic where they are above 0 and
    /// span more than a factor of 5.
    pub(super) fn at_values(label: &str, values: &[f64]) -> Self {
        let (least, most) = (
            values.iter().copied().fold(f64::INFINITY, f64::min),
            values.iter().copied().fold(0.0, f64::max),
        );
        let is_log = least > 0.0 && most / least > 5.0;
        let scaled = values
            .iter()
            .map(|value| if is_log { value.log10() } else { *value });
        let (low, high) = range(scaled);
        let step = values.len().div_ceil(9).max(1);
        let ticks = values
            .iter()
            .step_by(step)
            .map(|&value| Tick {
                value,
                label: number(value),
            })
            .collect();
        Self {
            label: label.to_owned(),
            low,
            high,
            is_log,
            ticks,
        }
    }

    /// For texts: the first at 0, the second at 1.
    pub(super) fn at_names(label: &str, names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(at, name)| Tick {
            value: at as f64,
            label: name.clone(),
        });
        Self {
            label: label.to_owned(),
            low: -0.5,
            high: names.len() as f64 - 0.5,
            is_log: false,
            ticks: ticks.collect(),
        }
    }

    /// Without marks, from 0 to 1.
    pub(super) fn plain(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            low: -0.05,
            high: 1.05,
            is_log: false,
            ticks: vec![],
        }
    }

    /// 0 at its beginning, 1 at its end.
    fn share(&self, value: f64) -> f64 {
        let value = if self.is_log { value.log10() } else { value };
        (value - self.low) / (self.high - self.low)
    }
}

/// The least and the greatest of the finite values with a margin; from 0 to 1 without any.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|value| value.is_finite()) {
        (low, high) = (low.min(value), high.max(value));
    }
    if low > high {
        return (0.0, 1.0);
    }
    let margin = match high - low {
        span if span > 0.0 && span.is_finite() => MARGIN * span,
        _ => (low.abs() * MARGIN).max(0.5),
    };
    (low - margin, high + margin)
}

/// A chart in the making.
pub(super) struct Plot {
    svg: String,
    x: Axis,
    y: Axis,
}

impl Plot {
    /// Grid, axes and their labels; `title` is for screen readers.
    pub(super) fn new(title: &str, x: Axis, y: Axis) -> Self {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title>\n<g class=\"grid\">",
            escape(title)
        );
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut labels = String::new();
        for tick in &y.ticks {
            let at = bottom - y.share(tick.value) * (bottom - TOP);
            let _ = write!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\"/>");
            let _ = write!(
                labels,
                "<text x=\"{:.1}\" y=\"{:.1}\" class=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                escape(&short(&tick.label, LONGEST))
            );
        }
        let room = fitting(x.ticks.len());
        for tick in &x.ticks {
            let at = LEFT + x.share(tick.value) * (right - LEFT);
            let _ = write!(svg, "<path d=\"M{at:.1} {TOP}V{bottom}\"/>");
            let _ = write!(
                labels,
                "<text x=\"{at:.1}\" y=\"{:.1}\" class=\"mid\">{}</text>",
                bottom + 16.0,
                escape(&short(&tick.label, room))
            );
        }
        let _ = write!(
            svg,
            "</g><path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\n<g class=\"labels\">{labels}"
        );
        let (middle, center) = ((LEFT + right) / 2.0, (TOP + bottom) / 2.0);
        let _ = write!(
            svg,
            "<text x=\"{middle}\" y=\"{:.1}\" class=\"mid name\">{}</text>",
            HEIGHT - 8.0,
            escape(&x.label)
        );
        let _ = writeln!(
            svg,
            "<text transform=\"translate(12 {center}) rotate(-90)\" class=\"mid name\">{}</text></g>",
            escape(&y.label)
        );
        let _ = writeln!(
            svg,
            "<svg x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\" overflow=\"hidden\">",
            right - LEFT,
            bottom - TOP
        );
        Self { svg, x, y }
    }

    /// Where a point lies inside the axes; nothing where it is not finite.
    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let (x, y) = (self.x.share(x) * width, height - self.y.share(y) * height);
        // What lies far out is cut by the frame; SVG has no infinite numbers.
        (x.is_finite() && y.is_finite()).then(|| (x.clamp(-1e4, 1e4), y.clamp(-1e4, 1e4)))
    }

    /// A line through points; `mark` are attributes of it.
    pub(super) fn line(&mut self, points: &[(f64, f64)], mark: &str, title: &str) {
        let mut path = String::new();
        let mut pen = 'M';
        for &(x, y) in points {
            match self.at(x, y) {
                Some((x, y)) => {
                    let _ = write!(path, "{pen}{x:.1} {y:.1}");
                    pen = 'L';
                }
                None => pen = 'M',
            }
        }
        if !path.is_empty() {
            let _ = writeln!(
                self.svg,
                "<path class=\"curve\" {mark} d=\"{path}\"><title>{}</title></path>",
                escape(title)
            );
        }
    }

    /// A dot.
    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, mark: &str, title: &str) {
        if let Some((x, y)) = self.at(x, y) {
            let _ = writeln!(
                self.svg,
                "<circle class=\"dot\" {mark} cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{}</title></circle>",
                escape(title)
            );
        }
    }

    /// An upright bar from `low` to `high` with feet.
    pub(super) fn error_bar(&mut self, x: f64, (low, high): (f64, f64), mark: &str) {
        if let (Some((x, bottom)), Some((_, top))) = (self.at(x, low), self.at(x, high)) {
            let (left, right) = (x - 4.0, x + 4.0);
            let _ = writeln!(
                self.svg,
                "<path class=\"bar\" {mark} d=\"M{left:.1} {bottom:.1}H{right:.1}M{x:.1} {bottom:.1}V{top:.1}M{left:.1} {top:.1}H{right:.1}\"/>"
            );
        }
    }

    /// A field of a heat map around a point of two axes of names, with a text in it.
    pub(super) fn field(&mut self, (x, y): (f64, f64), mark: &str, text: &str, title: &str) {
        if let (Some((left, bottom)), Some((right, top))) =
            (self.at(x - 0.5, y - 0.5), self.at(x + 0.5, y + 0.5))
        {
            let (width, height) = (right - left - 2.0, bottom - top - 2.0);
            let _ = writeln!(
                self.svg,
                "<g {mark}><title>{}</title><rect class=\"field\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/><text class=\"mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
                escape(title),
                left + 1.0,
                top + 1.0,
                (left + right) / 2.0,
                (top + bottom) / 2.0 + 4.0,
                escape(text)
            );
        }
    }

    /// A text beside a point.
    pub(super) fn text(&mut self, (x, y): (f64, f64), text: &str) {
        if let Some((x, y)) = self.at(x, y) {
            let _ = writeln!(
                self.svg,
                "<text class=\"beside\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 4.0,
                y + 4.0,
                escape(&short(text, LONGEST))
            );
        }
    }

    /// The whole element.
    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg></svg>\n");
        self.svg
    }
}

/// A label that leaves room for its neighbours: at most so many characters.
fn short(label: &str, most: usize) -> String {
    match label.chars().count() > most {
        true => label.chars().take(most - 1).chain(['…']).collect(),
        false => label.to_owned(),
    }
}

/// Characters that fit between two marks of a lower axis, of which there are so many.
fn fitting(marks: usize) -> usize {
    /// Mean width of a character.
    const CHARACTER: f64 = 6.8;
    let room = (WIDTH - LEFT - RIGHT) / marks.max(1) as f64 / CHARACTER;
    (room as usize).clamp(3, 24)
}
