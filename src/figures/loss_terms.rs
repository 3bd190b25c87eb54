//! The curves of each term of the loss, and the range of numbers that shows them best.

use plotters::style::RGBColor;

use super::published::Published;
use crate::draw::canvas::Point;
use crate::draw::error::DrawError;
use crate::draw::panel::{Range, is_usable};
use crate::draw::ticks::{Tick, ticks};
use crate::metric::{Row, VALIDATION};

/// From this many values on, a few that lie far off are left out of a panel's range.
const ROBUST: usize = 20;
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const ORANGE: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const GREY: RGBColor = RGBColor(0x6e, 0x6e, 0x6e);
/// Least distance of two ticks of a vertical axis, about.
const TICK_ROOM: f64 = 21.0;

/// One line of a panel.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) color: RGBColor,
    pub(super) dashed: bool,
    /// Epoch and value, in order; the value may be NaN.
    pub(super) points: Vec<Point>,
}

impl Curve {
    pub(super) fn usable(&self) -> impl Iterator<Item = Point> + '_ {
        self.points
            .iter()
            .copied()
            .filter(|&(_, value)| is_usable(value))
    }

    pub(super) fn last(&self) -> Option<Point> {
        self.usable().last()
    }
}

/// One panel: a term of the loss.
pub(super) struct Terms {
    pub(super) heading: &'static str,
    /// In drawing order, the run's own training curve last and so on top.
    pub(super) curves: Vec<Curve>,
    /// Range of the vertical axis, and its ticks.
    pub(super) range: Range,
    pub(super) ticks: Vec<Tick>,
    /// How many values lie above and below the range.
    pub(super) above: usize,
    pub(super) below: usize,
    /// Top and height on the page, in units.
    pub(super) row: (f64, f64),
}

impl Terms {
    pub(super) fn new(heading: &'static str, curves: Vec<Curve>, row: (f64, f64)) -> Self {
        let Some((range, above, below)) = vertical_range(&curves) else {
            let range = Range {
                low: 0.0,
                high: 1.0,
            };
            return Self {
                heading,
                curves,
                range,
                ticks: Vec::new(),
                above: 0,
                below: 0,
                row,
            };
        };
        let ticks = ticks(range.low, range.high, (row.1 / TICK_ROOM) as usize);
        Self {
            heading,
            curves,
            range,
            ticks,
            above,
            below,
            row,
        }
    }
}

/// The curves of a term of the loss, validation before training.
pub(super) fn terms(epochs: &[Row], term: &str) -> [Curve; 2] {
    let value = |row: &Row, name: &str| row.scalar(name).unwrap_or(f64::NAN);
    let curve = |name: &str, color, metric: &str| Curve {
        name: name.to_owned(),
        color,
        dashed: false,
        points: epochs
            .iter()
            .map(|row| (f64::from(row.epoch()), value(row, metric)))
            .collect(),
    };
    [
        curve("validation", ORANGE, &format!("{VALIDATION}{term}")),
        curve("training", BLUE, term),
    ]
}

/// The published curve up to the run's last epoch: all of it would squeeze the first epochs of a
/// run into a corner.
pub(super) fn reference(
    published: &Published,
    what: &'static str,
    list: &[f64],
    epochs: &[Row],
) -> Result<Curve, DrawError> {
    if list.len() != published.epochs.len() {
        return Err(DrawError::Length {
            what,
            expected: published.epochs.len(),
            found: list.len(),
        });
    }
    let last = epochs
        .iter()
        .map(|row| f64::from(row.epoch()))
        .reduce(f64::max)
        .unwrap_or(f64::MAX);
    let points = published.epochs.iter().copied().zip(list.iter().copied());
    Ok(Curve {
        name: published.name.clone(),
        color: GREY,
        dashed: true,
        points: points
            .filter(|&(epoch, _)| is_usable(epoch) && epoch <= last)
            .collect(),
    })
}

/// The range of a panel, and how many values lie above and below it.
fn vertical_range(curves: &[Curve]) -> Option<(Range, usize, usize)> {
    let mut values: Vec<f64> = curves
        .iter()
        .flat_map(Curve::usable)
        .map(|(_, y)| y)
        .collect();
    values.sort_by(f64::total_cmp);
    let (&lowest, &highest) = (values.first()?, values.last()?);
    let (mut low, mut high) = (lowest, highest);
    if values.len() >= ROBUST {
        let quantile = |share: f64| {
            let index = (share * (values.len() - 1) as f64).round() as usize;
            values.get(index).copied().unwrap_or(lowest)
        };
        let (bottom, top) = (quantile(0.02), quantile(0.98));
        // The usual steep first epochs stay; what would flatten everything else goes.
        let reach = 3.0 * (top - bottom);
        if reach > 0.0 && highest > top + reach {
            high = top + reach / 6.0;
        }
        if reach > 0.0 && lowest < bottom - reach {
            low = bottom - reach / 6.0;
        }
    }
    let mut range = Range::around(low, high, 0.06);
    if lowest >= 0.0 {
        range.low = range.low.max(0.0);
    }
    let above = values.iter().filter(|&&value| value > range.high).count();
    let below = values.iter().filter(|&&value| value < range.low).count();
    Some((range, above, below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: impl IntoIterator<Item = f64>) -> Curve {
        let points = values
            .into_iter()
            .enumerate()
            .map(|(i, value)| (i as f64, value));
        Curve {
            name: String::new(),
            color: BLUE,
            dashed: false,
            points: points.collect(),
        }
    }

    #[test]
    fn keeps_a_steep_first_epoch_and_cuts_a_spike() {
        // The shape of the published curve of a hundred epochs.
        let usual = [curve((1..=100).map(|e| 252.0 + 49.0 / f64::from(e)))];
        let (range, above, below) = vertical_range(&usual).unwrap();
        assert!(range.high > 301.0 && range.low < 253.0);
        assert_eq!((above, below), (0, 0));

        let spike = [curve((1..=100).map(|e| {
            if e == 50 {
                1e30
            } else {
                250.0 + f64::from(e % 7)
            }
        }))];
        let (range, above, below) = vertical_range(&spike).unwrap();
        assert!(range.high < 300.0 && range.high > 256.0);
        assert_eq!((above, below), (1, 0));

        let dip = [curve((1..=100).map(|e| {
            if e == 50 {
                -1e30
            } else {
                250.0 + f64::from(e % 7)
            }
        }))];
        let (range, above, below) = vertical_range(&dip).unwrap();
        assert!(range.low > 200.0 && range.low < 250.0);
        assert_eq!((above, below), (0, 1));
    }

    #[test]
    fn omits_negative_ticks_of_positive_losses() {
        let (range, ..) = vertical_range(&[curve([0.0, 1.0])]).unwrap();
        assert_eq!(range.low, 0.0);
        let (range, ..) = vertical_range(&[curve([-1.0, 1.0])]).unwrap();
        assert!(range.low < -1.0);
        assert!(vertical_range(&[curve([f64::NAN])]).is_none());
    }
}
