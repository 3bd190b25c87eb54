//! The charts of a page.

use std::fmt::Write as _;

use super::escape::escape;
use super::plot::{Axis, Plot};
use crate::report::cell::{Cell, number};
use crate::report::epochs::Epochs;
use crate::report::error::ReportError;
use crate::report::runs::{BEST, larger_is_better};
use crate::report::selection::Selection;

/// Most runs whose curves are drawn; of more, the best.
pub(super) const MOST_CURVES: usize = 200;
/// Most points of a curve.
const MOST_POINTS: usize = 200;
/// Most values of a setting that has a chart of its own.
const MOST_VALUES: usize = 30;
/// Most values a side of a heat map.
const MOST_FIELDS: usize = 12;

/// A setting that is varied: its values in order, and which one each row has.
pub(super) struct Varied<'a> {
    pub(super) name: &'a str,
    values: Vec<Cell>,
    of_row: Vec<usize>,
}

impl<'a> Varied<'a> {
    pub(super) fn new(selection: &Selection, name: &'a str) -> Result<Self, ReportError> {
        let column = selection.frame.column(name)?;
        let cells: Vec<Cell> = (0..column.len()).map(|row| Cell::of(column, row)).collect();
        let mut values = cells.clone();
        values.sort_by(Cell::order);
        values.dedup();
        let of_row = cells
            .iter()
            .map(|cell| values.iter().position(|it| it == cell).unwrap_or(0))
            .collect();
        Ok(Self {
            name,
            values,
            of_row,
        })
    }

    /// 0 for the first value, 1 for the last.
    fn share(&self, at: usize) -> f64 {
        at as f64 / (self.values.len() - 1).max(1) as f64
    }

    /// An axis for it, and where on it each value lies.
    fn axis(&self) -> (Axis, Vec<f64>) {
        let numbers: Vec<f64> = self.values.iter().filter_map(Cell::number).collect();
        if numbers.len() == self.values.len() {
            return (Axis::at_values(self.name, &numbers), numbers);
        }
        let names: Vec<String> = self.values.iter().map(Cell::shown).collect();
        (
            Axis::at_names(self.name, &names),
            (0..names.len()).map(|at| at as f64).collect(),
        )
    }
}

/// What charts are made of.
pub(super) struct Charts<'a> {
    pub(super) selection: &'a Selection,
    pub(super) epochs: &'a Epochs,
    pub(super) varied: Vec<Varied<'a>>,
    /// Names of the rows.
    pub(super) names: Vec<String>,
    /// Whether a row's run is completed.
    pub(super) completed: Vec<bool>,
}

impl Charts<'_> {
    /// All charts that these runs give, each a `<figure>`.
    pub(super) fn all(&self) -> Result<String, ReportError> {
        let mut html = self.curves();
        for varied in self
            .varied
            .iter()
            .filter(|it| it.values.len() <= MOST_VALUES)
        {
            html += &self.over(varied)?;
        }
        html += &self.rate_distortion()?;
        if let [one, two, ..] = &self.varied[..]
            && one.values.len().max(two.values.len()) <= MOST_FIELDS
        {
            html += &self.heat_map(one, two)?;
        }
        if self.varied.len() > 2 {
            html += &self.parallel()?;
        }
        Ok(html)
    }

    fn metric(&self) -> &str {
        &self.selection.metrics[0]
    }

    fn numbers(&self, column: &str) -> Result<Vec<f64>, ReportError> {
        let column = self.selection.frame.column(column)?;
        let value = |row| Cell::of(column, row).number().unwrap_or(f64::NAN);
        Ok((0..column.len()).map(value).collect())
    }

    /// Attributes of a row's marks: which run, and its colour, that of its value of the first varied setting.
    fn mark(&self, row: usize) -> String {
        let share = match self.varied.first() {
            Some(varied) => varied.share(varied.of_row[row]),
            None => row as f64 / (self.names.len() - 1).max(1) as f64,
        };
        format!("data-run=\"{row}\" style=\"--t:{share:.3}\"")
    }

    /// Which colour is which value.
    fn legend(&self) -> String {
        let Some(varied) = self.varied.first() else {
            return String::new();
        };
        let step = varied.values.len().div_ceil(12).max(1);
        let mut html = format!("<div class=\"legend\"><span>{}</span>", escape(varied.name));
        for (at, value) in varied.values.iter().enumerate().step_by(step) {
            let _ = write!(
                html,
                "<span style=\"--t:{:.3}\"><i></i>{}</span>",
                varied.share(at),
                escape(&value.shown())
            );
        }
        html + "</div>"
    }

    fn figure(&self, title: &str, plot: Plot, caption: &str, legend: bool) -> String {
        let legend = if legend { self.legend() } else { String::new() };
        format!(
            "<figure><h3>{}</h3>{}{legend}<figcaption>{}</figcaption></figure>\n",
            escape(title),
            plot.finish(),
            escape(caption)
        )
    }

    fn curves(&self) -> String {
        let metric = self.metric().strip_prefix(BEST).unwrap_or(self.metric());
        let drawn = self.names.len().min(MOST_CURVES);
        let mut curves: Vec<Vec<(f64, f64)>> = Vec::new();
        for row in 0..drawn {
            let curve = self.epochs.curve(self.selection.rows[row], metric);
            let step = curve.len().div_ceil(MOST_POINTS).max(1);
            let last = curve.len().saturating_sub(1);
            let kept = curve
                .iter()
                .enumerate()
                .filter(|(at, _)| at % step == 0 || *at == last);
            curves.push(
                kept.map(|(_, &(epoch, value))| (f64::from(epoch), value))
                    .collect(),
            );
        }
        if curves.iter().all(Vec::is_empty) {
            return String::new();
        }
        let last = curves
            .iter()
            .flatten()
            .map(|&(epoch, _)| epoch)
            .fold(1.0, f64::max);
        // The first epochs are far from all others: what is worse than 19 of 20 values may lie outside.
        let mut values: Vec<f64> = curves
            .iter()
            .flatten()
            .map(|&(_, value)| value)
            .filter(|it| it.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        let cut = values.len() / 20;
        let inside = match larger_is_better(metric) {
            true => &values[cut..],
            false => &values[..values.len() - cut],
        };
        let y = Axis::around(metric, inside.iter().copied());
        let mut plot = Plot::new(
            &format!("{metric} over epochs"),
            Axis::epochs(last as u32),
            y,
        );
        for (row, curve) in curves.iter().enumerate() {
            plot.line(curve, &self.mark(row), &self.names[row]);
        }
        let caption = match drawn < self.names.len() {
            true => format!("the best {drawn} of {} runs", self.names.len()),
            false => "one line a run".to_owned(),
        };
        self.figure(&format!("{metric} over epochs"), plot, &caption, true)
    }

    /// The metric against a setting.
    fn over(&self, varied: &Varied) -> Result<String, ReportError> {
        let metric = self.metric();
        let values = self.numbers(metric)?;
        let (x, places) = varied.axis();
        let groups = self.selection.groups(&[varied.name.to_owned()])?;
        let mut means = Vec::new();
        for group in &groups {
            let statistics = self.selection.statistics(group, metric)?;
            if let (Some(mean), Some(&row)) = (statistics.mean, group.rows.first()) {
                means.push((places[varied.of_row[row]], mean, statistics));
            }
        }
        let inside = (0..values.len())
            .filter(|&row| self.completed[row])
            .map(|row| values[row]);
        let bars = means.iter().flat_map(|(_, mean, it)| {
            let std = it.std.unwrap_or(0.0);
            [mean - std, mean + std]
        });
        let title = format!("{metric} against {}", varied.name);
        let mut plot = Plot::new(&title, x, Axis::around(metric, inside.chain(bars)));
        let line: Vec<(f64, f64)> = means
            .iter()
            .map(|&(place, mean, _)| (place, mean))
            .collect();
        if varied.values.iter().all(|value| value.number().is_some()) {
            plot.line(&line, "", "");
        }
        for (row, &value) in values
            .iter()
            .enumerate()
            .filter(|(row, _)| self.completed[*row])
        {
            let place = places[varied.of_row[row]];
            let title = format!("{}: {}", self.names[row], number(value));
            plot.dot((place, value), 2.5, &format!("data-run=\"{row}\""), &title);
        }
        for &(place, mean, statistics) in &means {
            if let Some(std) = statistics.std {
                plot.error_bar(place, (mean - std, mean + std), "");
            }
            let title = format!("mean {} of {} runs", number(mean), statistics.count);
            plot.dot((place, mean), 4.5, "", &title);
        }
        let caption = "small: runs; large: mean with one standard deviation to each side, over completed runs whatever their other settings";
        Ok(self.figure(&title, plot, caption, false))
    }

    fn rate_distortion(&self) -> Result<String, ReportError> {
        let (rate, distortion) = (self.numbers("kl_nats")?, self.numbers("reconstruction")?);
        let is_shown = |row: &usize| self.completed[*row];
        let rows: Vec<usize> = (0..rate.len()).filter(is_shown).collect();
        if rows.is_empty() {
            return Ok(String::new());
        }
        let x = Axis::around("rate: kl_nats", rows.iter().map(|&row| rate[row]));
        let y = Axis::around(
            "distortion: reconstruction",
            rows.iter().map(|&row| distortion[row]),
        );
        let mut plot = Plot::new("rate against distortion", x, y);
        for &row in &rows {
            let title = format!(
                "{}: rate {}, distortion {}",
                self.names[row],
                number(rate[row]),
                number(distortion[row])
            );
            plot.dot((rate[row], distortion[row]), 4.0, &self.mark(row), &title);
        }
        let caption = "nats an image that the latent code carries, against the reconstruction error of an image; \
                       both are sums, so any latent sizes compare";
        Ok(self.figure("Rate against distortion", plot, caption, true))
    }

    fn heat_map(&self, one: &Varied, two: &Varied) -> Result<String, ReportError> {
        let metric = self.metric();
        let groups = self
            .selection
            .groups(&[one.name.to_owned(), two.name.to_owned()])?;
        let mut fields = Vec::new();
        for group in &groups {
            let statistics = self.selection.statistics(group, metric)?;
            if let (Some(mean), Some(&row)) = (statistics.mean, group.rows.first()) {
                fields.push((one.of_row[row], two.of_row[row], mean, statistics.count));
            }
        }
        let finite = || fields.iter().map(|it| it.2).filter(|mean| mean.is_finite());
        let (low, high) = (
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        );
        let names =
            |varied: &Varied| -> Vec<String> { varied.values.iter().map(Cell::shown).collect() };
        let title = format!("{metric} by {} and {}", one.name, two.name);
        let axes = (
            Axis::at_names(one.name, &names(one)),
            Axis::at_names(two.name, &names(two)),
        );
        let mut plot = Plot::new(&title, axes.0, axes.1);
        for (x, y, mean, count) in fields {
            let share = if high > low {
                (mean - low) / (high - low)
            } else {
                0.5
            };
            let better = if larger_is_better(metric) {
                share
            } else {
                1.0 - share
            };
            let better = if better.is_finite() { better } else { 0.0 };
            let title = format!(
                "{} {}, {} {}: mean {} of {count} runs",
                one.name,
                one.values[x].shown(),
                two.name,
                two.values[y].shown(),
                number(mean)
            );
            plot.field(
                (x as f64, y as f64),
                &format!("style=\"--t:{better:.3}\""),
                &number(mean),
                &title,
            );
        }
        Ok(self.figure(
            &title,
            plot,
            "means over completed runs; the lighter, the better",
            false,
        ))
    }

    /// A line a run through all varied settings to the metric.
    fn parallel(&self) -> Result<String, ReportError> {
        let metric = self.metric();
        let values = self.numbers(metric)?;
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        );
        let names: Vec<String> = self
            .varied
            .iter()
            .map(|it| it.name.rsplit('.').next().unwrap_or(it.name).to_owned())
            .collect();
        let title = format!("Settings and {metric}");
        let mut labels = names.clone();
        labels.push(metric.to_owned());
        let mut plot = Plot::new(&title, Axis::at_names("", &labels), Axis::plain(""));
        let height = |value: f64| {
            if high > low {
                (value - low) / (high - low)
            } else {
                0.5
            }
        };
        for (row, &value) in values.iter().enumerate().take(MOST_CURVES) {
            let mut points: Vec<(f64, f64)> = self
                .varied
                .iter()
                .enumerate()
                .map(|(at, it)| (at as f64, it.share(it.of_row[row])))
                .collect();
            points.push((names.len() as f64, height(value)));
            plot.line(&points, &self.mark(row), &self.names[row]);
        }
        for (at, varied) in self.varied.iter().enumerate() {
            let step = varied.values.len().div_ceil(6).max(1);
            for (value, cell) in varied.values.iter().enumerate().step_by(step) {
                plot.text((at as f64, varied.share(value)), &cell.shown());
            }
        }
        if low <= high {
            plot.text((names.len() as f64, 0.0), &number(low));
            plot.text((names.len() as f64, 1.0), &number(high));
        }
        Ok(self.figure(
            &title,
            plot,
            "one line a run; the values of a setting are spread evenly over its axis",
            true,
        ))
    }
}
