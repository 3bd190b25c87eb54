//! What is asked of the table of runs, and the table that answers it.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::{Column, DataFrame, IdxCa, NewChunkedArray};

use super::cell::Cell;
use super::comparable;
use super::condition::Condition;
use super::error::ReportError;
use super::group;
use super::run::Run;
use super::runs::{BEST, larger_is_better, metrics, runs_frame, setting_keys};
use super::selection::Selection;
use crate::config::nearest::nearest;
use crate::experiment::schema;
use crate::run::RunStatus;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// `--where`: runs for which this is not true are left out.
    pub condition: Option<String>,
    /// `--metric`: the metrics to show, the first of which decides the order; the ones that fit where empty.
    pub metrics: Vec<String>,
    /// `--sort`: another column to sort by.
    pub sort: Option<String>,
    /// `--reverse`: in reverse order.
    pub reverse: bool,
    /// `--by`: columns whose values make groups, of which means are taken.
    pub by: Vec<String>,
    /// `--baseline`: a run to take the difference from, by its folder or its name.
    pub baseline: Option<String>,
}

/// What a column of differences to the baseline ends in.
pub const DELTA: &str = "_delta";

/// Selects and sorts the runs that a question is about.
///
/// # Errors
/// A column that is not there, a condition that cannot be understood.
pub fn select(runs: &[Run], question: &Question) -> Result<Selection, ReportError> {
    let all = runs_frame(runs)?;
    let names: Vec<&str> = all
        .get_column_names()
        .into_iter()
        .map(|it| it.as_str())
        .collect();
    for (place, columns) in [
        ("--metric", &question.metrics),
        ("--by", &question.by),
        ("--sort", &question.sort.iter().cloned().collect()),
    ] {
        for name in columns {
            // The columns of means exist only in the answer.
            let base = group::metric_of(name)
                .filter(|_| place == "--sort")
                .unwrap_or(name);
            if !names.contains(&base) {
                return Err(ReportError::no_column(place, name, &names));
            }
        }
    }
    for name in &question.metrics {
        let is_number = all
            .column(name)
            .is_ok_and(|column| column.dtype().is_primitive_numeric());
        if !is_number {
            let hint = format!("one of {}", metrics().collect::<Vec<_>>().join(", "));
            let message = format!("`{name}` holds no numbers");
            return Err(ReportError::Which {
                place: "--metric",
                message,
                hint,
            });
        }
    }
    let mut rows: Vec<usize> = (0..runs.len()).collect();
    if let Some(condition) = &question.condition {
        let mask = Condition::parse(condition, &names)?.mask(&all);
        rows.retain(|&row| mask.get(row) == Some(true));
    }
    let kept: Vec<&Run> = rows.iter().map(|&row| &runs[row]).collect();
    let (mut metrics, mut notes) = comparable::metrics(&kept, &question.metrics);
    // Four columns each: the others are shown where they are asked for.
    if !question.by.is_empty() && question.metrics.is_empty() {
        metrics.truncate(1);
    }
    if !question.by.is_empty()
        && let Some(counts) = comparable::unfinished(&kept)
    {
        notes.push(format!(
            "runs that are not completed are in no mean: {counts}"
        ));
    }
    let differing = differing(&kept);
    let sort = match &question.sort {
        Some(name) => group::metric_of(name).unwrap_or(name),
        None => &metrics[0],
    };
    let keys = all.column(sort)?;
    let descending = larger_is_better(sort) != question.reverse;
    let created = |row: usize| (runs[row].manifest.created, &runs[row].name);
    rows.sort_by(|&one, &two| {
        let (one_key, two_key) = (Cell::of(keys, one), Cell::of(keys, two));
        one_key
            .ranked(&two_key, descending)
            .then_with(|| created(one).cmp(&created(two)))
    });
    let frame = take(&all, &rows)?;
    Ok(Selection {
        frame,
        rows,
        metrics,
        differing,
        notes,
    })
}

fn take(frame: &DataFrame, rows: &[usize]) -> Result<DataFrame, ReportError> {
    let rows: Vec<_> = rows
        .iter()
        .map(|&row| row as polars::prelude::IdxSize)
        .collect();
    Ok(frame.take(&IdxCa::from_slice("rows".into(), &rows))?)
}

/// The decisive settings that are not the same in all runs.
fn differing(runs: &[&Run]) -> Vec<String> {
    let differs = |key: &str| {
        let mut values = runs.iter().map(|run| run.settings.get(key));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    setting_keys(runs.iter().copied())
        .into_iter()
        .filter(|key| !schema().changes_no_result(key) && differs(key))
        .map(str::to_owned)
        .collect()
}

impl Selection {
    /// The answer to a question: a row a run, or a row a group.
    ///
    /// # Errors
    /// A column or a run that is not there.
    pub fn answer(&self, runs: &[Run], question: &Question) -> Result<DataFrame, ReportError> {
        let sort = question.sort.as_deref();
        let (mut table, ending) = match question.by.is_empty() {
            true => (self.summary()?, ""),
            false => (
                self.means(&question.by, sort, question.reverse)?,
                group::ENDINGS[0],
            ),
        };
        if let Some(name) = &question.baseline {
            let baseline = &runs[find(runs, "--baseline", name)?];
            let known = runs_frame(std::slice::from_ref(baseline))?;
            for metric in &self.metrics {
                let base = Cell::of(known.column(metric)?, 0).number();
                let name = format!("{metric}{ending}");
                let values = (0..table.height())
                    .map(|row| Some(Cell::of(table.column(&name).ok()?, row).number()? - base?));
                let delta = Column::new(
                    format!("{metric}{DELTA}").into(),
                    values.collect::<Vec<Option<f64>>>(),
                );
                let at = table.try_get_column_index(&name)?;
                table.insert_column(at + 1, delta)?;
            }
        }
        Ok(table)
    }

    /// A row a run: the settings that differ, the metrics of the last epoch, the first of them in the best epoch
    /// too, and the time. The status is shown where not all runs are completed.
    fn summary(&self) -> Result<DataFrame, ReportError> {
        let status = self.frame.column("status")?;
        let completed = Cell::Text(RunStatus::Completed.to_string());
        let all_completed = (0..status.len()).all(|row| Cell::of(status, row) == completed);
        let mut names = vec!["run".to_owned()];
        names.extend((!all_completed).then(|| "status".to_owned()));
        names.extend(self.differing.iter().cloned());
        names.push("epochs".to_owned());
        names.extend(self.metrics.iter().cloned());
        let first = &self.metrics[0];
        let best = format!("{BEST}{first}");
        if self.frame.column(&best).is_ok() {
            names.extend(["best_epoch".to_owned(), best]);
        }
        names.push("total_seconds".to_owned());
        // Whoever asks for `--metric total_seconds` gets one column of it.
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(self.frame.select(names)?)
    }
}

/// The run with a name: its path, or the name of its folder where one alone has that.
///
/// # Errors
/// None has it, or several.
pub fn find(runs: &[Run], place: &'static str, name: &str) -> Result<usize, ReportError> {
    let path = Path::new(name);
    if let Some(at) = runs.iter().position(|run| run.path == path) {
        return Ok(at);
    }
    let named: Vec<usize> = (0..runs.len())
        .filter(|&at| runs[at].name == name)
        .collect();
    match named[..] {
        [at] => Ok(at),
        [] => {
            let names = runs.iter().map(|run| run.name.as_str());
            Err(ReportError::Which {
                place,
                message: format!("no run is called `{name}`"),
                hint: match nearest(name, names) {
                    Some(other) => format!("did you mean `{other}`?"),
                    None => {
                        "give the path of its folder, or its folder's name; `runner list` has them"
                            .to_owned()
                    }
                },
            })
        }
        _ => {
            let paths: Vec<String> = named
                .iter()
                .map(|&at| runs[at].path.display().to_string())
                .collect();
            Err(ReportError::Which {
                place,
                message: format!("{} runs are called `{name}`", named.len()),
                hint: format!("give the path of one: {}", paths.join(", ")),
            })
        }
    }
}
