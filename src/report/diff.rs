//! Two runs side by side: where they differ, and from which epoch on.

use std::path::Path;

use super::cell::{Cell, number};
use super::error::ReportError;
use super::run::{Run, open};
use super::runs::{RUN_COLUMNS, metrics_of, setting_keys};
use crate::metric::{self, Row};

/// Columns of the table of runs that say where, when and with what a run ran, not how it ended.
const ENVIRONMENT: [&str; 11] = [
    "status",
    "epochs",
    "parameters",
    "device",
    "threads",
    "kernels",
    "host",
    "cpu",
    "program_version",
    "git_commit",
    "data_digest",
];

/// Something that two runs do not have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// The first run's value.
    pub one: Cell,
    /// The second one's.
    pub two: Cell,
}

impl Difference {
    /// The second value minus the first, where both are numbers.
    pub fn delta(&self) -> Option<f64> {
        Some(self.two.number()? - self.one.number()?)
    }
}

/// What two runs do not have in common.
#[derive(Clone, Debug)]
pub struct Diff {
    /// Settings, of all tables.
    pub settings: Vec<Difference>,
    /// Machine, program, data, status.
    pub environment: Vec<Difference>,
    /// The last epoch that both have, and the metrics that differ in it.
    pub metrics: Vec<Difference>,
    /// Epochs that both runs have.
    pub common_epochs: u32,
    /// The first of them in which a metric differs in any bit, and which metrics do; wall-clock columns do not count.
    pub parts: Option<(u32, Vec<Difference>)>,
}

/// Compares two run folders.
///
/// # Errors
/// [`ReportError::Unreadable`] for one that cannot be read.
pub fn diff(one: &Path, two: &Path) -> Result<Diff, ReportError> {
    let read = |path: &Path| {
        open(path).map_err(|it| ReportError::Unreadable {
            path: it.path,
            why: it.why,
        })
    };
    let ((one, first), (two, second)) = (read(one)?, read(two)?);
    let common = first.len().min(second.len());
    let mut pairs = first.iter().zip(&second);
    let parts = pairs.find_map(|(one, two)| {
        let differences = of_epoch(one, two, true);
        (!differences.is_empty()).then_some((one.epoch(), differences))
    });
    let metrics = match common.checked_sub(1) {
        Some(last) => of_epoch(&first[last], &second[last], false),
        None => vec![],
    };
    Ok(Diff {
        settings: of_settings(&one, &two),
        environment: of_environment(&one, &two),
        metrics,
        common_epochs: common as u32,
        parts,
    })
}

fn of_settings(one: &Run, two: &Run) -> Vec<Difference> {
    let value = |run: &Run, key: &str| run.settings.get(key).cloned().unwrap_or(Cell::Null);
    setting_keys([one, two])
        .into_iter()
        .filter_map(|key| difference(key, value(one, key), value(two, key)))
        .collect()
}

fn of_environment(one: &Run, two: &Run) -> Vec<Difference> {
    let columns = RUN_COLUMNS
        .iter()
        .filter(|column| ENVIRONMENT.contains(&column.name));
    columns
        .filter_map(|column| difference(column.name, column.of(one), column.of(two)))
        .collect()
}

fn of_epoch(one: &Row, two: &Row, without_clock: bool) -> Vec<Difference> {
    let names = metrics_of([one, two].into_iter());
    let of_clock = |name: &str| metric::find(name).is_some_and(|it| it.is_wall_clock);
    let value = |row: &Row, name| row.scalar(name).map_or(Cell::Null, Cell::Real);
    names
        .into_iter()
        .filter(|name| !(without_clock && of_clock(name)))
        .filter_map(|name| difference(name, value(one, name), value(two, name)))
        .collect()
}

/// A number that is none is the same as another one.
fn difference(name: &str, one: Cell, two: Cell) -> Option<Difference> {
    let same = match (&one, &two) {
        (Cell::Real(one), Cell::Real(two)) => {
            one.to_bits() == two.to_bits() || one.is_nan() && two.is_nan()
        }
        (one, two) => one == two,
    };
    (!same).then(|| Difference {
        name: name.to_owned(),
        one,
        two,
    })
}

/// As text for a terminal.
pub fn diff_text(diff: &Diff) -> String {
    let mut text = section("settings", &diff.settings, false);
    text += &section("environment", &diff.environment, false);
    let head = format!(
        "metrics in epoch {}, the last that both have",
        diff.common_epochs
    );
    text += &section(&head, &diff.metrics, true);
    let epochs = |n: u32| {
        if n == 1 {
            "epoch".to_owned()
        } else {
            format!("{n} epochs")
        }
    };
    text += &match (&diff.parts, diff.common_epochs) {
        (_, 0) => "no epoch that both have\n".to_owned(),
        (None, n) => format!("the same to the bit in the {} that both have\n", epochs(n)),
        (Some((1, _)), _) => "they part in epoch 1\n".to_owned(),
        (Some((epoch, differences)), _) => {
            let names: Vec<&str> = differences.iter().map(|it| it.name.as_str()).collect();
            format!(
                "the same to the bit in the first {}; they part in epoch {epoch}: {}\n",
                epochs(epoch - 1),
                names.join(", ")
            )
        }
    };
    text
}

fn section(head: &str, differences: &[Difference], with_delta: bool) -> String {
    if differences.is_empty() {
        return String::new();
    }
    let shown = |cell: &Cell| match cell {
        Cell::Null => "not set".to_owned(),
        cell => cell.shown(),
    };
    let rows: Vec<[String; 4]> = differences
        .iter()
        .map(|it| {
            let delta = it
                .delta()
                .filter(|_| with_delta)
                .map(|delta| match delta > 0.0 {
                    true => format!("+{}", number(delta)),
                    false => number(delta),
                });
            [
                crate::sys::printable::printable(&it.name),
                shown(&it.one),
                shown(&it.two),
                delta.unwrap_or_default(),
            ]
        })
        .collect();
    let width = |at: usize| {
        rows.iter()
            .map(|row| row[at].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let mut text = format!("{head}\n");
    for [name, one, two, delta] in &rows {
        let line = format!(
            "  {name:<0$}  {one:<1$}  {two:<2$}  {delta}",
            widths[0], widths[1], widths[2]
        );
        text += &format!("{}\n", line.trim_end());
    }
    text + "\n"
}
