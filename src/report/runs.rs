//! The table of runs: a row a run, all that is known of each.

use std::collections::BTreeSet;

use polars::prelude::{Column, DataFrame, PolarsResult};

use super::cell::Cell;
use super::run::Run;
use super::settings::place;
use crate::metric::{Better, METRICS, Row};
use crate::objective::find_metric;
use crate::sys::clock;

/// A column that every table of runs has.
#[derive(Clone, Copy, Debug)]
pub struct RunColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds, with its unit.
    pub doc: &'static str,
    value: fn(&Run) -> Cell,
}

impl RunColumn {
    /// The value of a run.
    pub fn of(&self, run: &Run) -> Cell {
        (self.value)(run)
    }
}

const fn column(name: &'static str, doc: &'static str, value: fn(&Run) -> Cell) -> RunColumn {
    RunColumn { name, doc, value }
}

/// The columns before the metrics.
pub const RUN_COLUMNS: [RunColumn; 23] = [
    column("run", "name of its folder", |run| text(&run.name)),
    column("path", "its folder, as it was found", |run| {
        text(&run.path.display().to_string())
    }),
    column("sweep", "the sweep it belongs to", |run| {
        perhaps(run.sweep.as_deref())
    }),
    column("experiment", "`name` of its spec", |run| {
        text(&run.manifest.name)
    }),
    column(
        "status",
        "completed, running, interrupted, diverged or failed",
        |run| text(&run.status.to_string()),
    ),
    column(
        "why",
        "why it ended so, where there is something to say",
        |run| perhaps(run.why.as_deref()),
    ),
    column("created", "when it was started, RFC 3339 in UTC", |run| {
        text(&clock::text(run.manifest.created))
    }),
    column("finished", "when it ended for good", |run| {
        perhaps(run.manifest.finished.map(clock::text).as_deref())
    }),
    column("epochs", "epochs that are done", |run| {
        Cell::Count(run.epochs.into())
    }),
    column("epochs_planned", "epochs that it is to have", |run| {
        run.manifest
            .sessions
            .last()
            .map_or(Cell::Null, |it| Cell::Count(it.epochs.into()))
    }),
    column(
        "best_epoch",
        "the epoch with the lowest `val_loss` (without a validation part `loss`) at the full KL weight",
        |run| {
            run.best
                .as_ref()
                .map_or(Cell::Null, |it| Cell::Count(it.epoch().into()))
        },
    ),
    column(
        "total_seconds",
        "seconds of training, all epochs together",
        |run| run.total_seconds.map_or(Cell::Null, Cell::Real),
    ),
    column("parameters", "trained values of the network", |run| {
        i64::try_from(run.manifest.parameters.total).map_or(Cell::Null, Cell::Count)
    }),
    column("sessions", "how often a process took it up", |run| {
        Cell::Count(run.manifest.sessions.len() as i64)
    }),
    column("device", "`cpu`, `cuda:0`", |run| {
        text(&run.manifest.compute.device)
    }),
    column("threads", "threads of the computation", |run| {
        i64::try_from(run.manifest.compute.threads).map_or(Cell::Null, Cell::Count)
    }),
    column("kernels", "`avx512`, `avx2`, `neon`, `portable`", |run| {
        text(&run.manifest.compute.kernel_path)
    }),
    column("host", "name of the machine", |run| {
        text(&run.manifest.machine.host)
    }),
    column("cpu", "its processor", |run| {
        text(&run.manifest.machine.cpu)
    }),
    column("program_version", "version of `runner`", |run| {
        text(&run.manifest.program_version)
    }),
    column("git_commit", "commit of its sources, where known", |run| {
        perhaps(run.manifest.git_commit.as_deref())
    }),
    column("data_digest", "SHA-256 of the data set", |run| {
        text(&run.manifest.data.checksum)
    }),
    column(
        "spec_digest",
        "SHA-256 of the settings that decide the numbers",
        |run| text(&run.manifest.spec_digest),
    ),
];

/// How the columns of the best epoch's metrics begin: `best_loss`.
pub const BEST: &str = "best_";

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn perhaps(text: Option<&str>) -> Cell {
    text.map_or(Cell::Null, |text| Cell::Text(text.to_owned()))
}

/// Names of the metrics that a run has two of, in the last epoch and in the best one; some may have more
/// (`metrics_of`).
pub fn metrics() -> impl Iterator<Item = &'static str> {
    let scalars = METRICS.iter().filter(|metric| metric.kind.is_scalar());
    scalars
        .map(|metric| metric.name)
        .filter(|name| *name != "epoch")
}

/// [`metrics`], and what else some of the rows have: terms of an objective, metrics that this version does not know.
pub(super) fn metrics_of<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<&'a str> {
    let mut names: Vec<&str> = metrics().collect();
    for (name, _) in rows.flat_map(Row::iter) {
        // A folder from elsewhere may have metrics with any name.
        let is_taken = RUN_COLUMNS.iter().any(|it| it.name == *name) || name.starts_with(BEST);
        if !is_taken && *name != "epoch" && !names.contains(&&**name) {
            names.push(name);
        }
    }
    names
}

/// Whether a larger value of a column is the better one.
pub fn larger_is_better(column: &str) -> bool {
    let metric = find_metric(column.strip_prefix(BEST).unwrap_or(column));
    metric.is_some_and(|metric| metric.better == Better::Higher)
}

/// The runs as a table: [`RUN_COLUMNS`], the metrics of the last epoch under their names, those of the best
/// epoch under `best_NAME`, and every setting that some run has under its dotted key.
///
/// A setting has the type that fits all its values: a number, `true` or `false`, else text.
///
/// # Errors
/// Those of polars, of which none is expected.
pub fn runs_frame(runs: &[Run]) -> PolarsResult<DataFrame> {
    let mut columns: Vec<Column> = RUN_COLUMNS
        .iter()
        .map(|it| typed(it.name, runs.iter().map(|run| it.of(run)).collect()))
        .collect();
    let names = metrics_of(runs.iter().flat_map(|run| run.last.iter().chain(&run.best)));
    let of_epoch = |prefix: &str, epoch: fn(&Run) -> Option<&Row>| {
        names
            .iter()
            .map(|name| {
                let value = |run: &Run| epoch(run).and_then(|row| row.scalar(name));
                let values: Vec<Option<f64>> = runs.iter().map(value).collect();
                Column::new(format!("{prefix}{name}").into(), values)
            })
            .collect::<Vec<_>>()
    };
    columns.extend(of_epoch("", |run| run.last.as_ref()));
    columns.extend(of_epoch(BEST, |run| run.best.as_ref()));
    // A folder from elsewhere may have settings with any name.
    let taken: BTreeSet<String> = columns.iter().map(|it| it.name().to_string()).collect();
    for key in setting_keys(runs) {
        if !taken.contains(key) {
            let values = runs
                .iter()
                .map(|run| run.settings.get(key).cloned().unwrap_or(Cell::Null));
            columns.push(typed(key, values.collect()));
        }
    }
    DataFrame::new(runs.len(), columns)
}

/// The columns of the table of runs as a Markdown table, for experiments/README.md.
pub fn run_columns_markdown() -> String {
    let mut text = String::from("| column of `runs` | meaning |\n| --- | --- |\n");
    for column in RUN_COLUMNS {
        text += &format!("| `{}` | {} |\n", column.name, column.doc);
    }
    let names: Vec<String> = metrics().map(|name| format!("`{name}`")).collect();
    text += &format!("| {} | in the last epoch |\n", names.join(", "));
    text += &format!("| `{BEST}loss`, ... | each of these in the best epoch |\n");
    text + "| `seed`, `model.latent_dim`, ... | every setting that some run has, under its dotted key; lists as text; `optimizer` and `schedule` are which of them |\n"
}

/// All settings of some runs, in the order of the table of settings.
pub fn setting_keys<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<&'a str> {
    let runs = runs.into_iter();
    let keys: BTreeSet<&str> = runs
        .flat_map(|run| run.settings.keys().map(String::as_str))
        .collect();
    let mut keys: Vec<&str> = keys.into_iter().collect();
    keys.sort_by_key(|key| place(key));
    keys
}

/// A column of the narrowest type that holds all values. One without any value is one of texts, as `why` is
/// where all is well.
pub(super) fn typed(name: &str, cells: Vec<Cell>) -> Column {
    let all = |fits: fn(&Cell) -> bool| cells.iter().all(|cell| cell.is_null() || fits(cell));
    let none = cells.iter().all(Cell::is_null);
    let name = name.into();
    if !none && all(|cell| matches!(cell, Cell::Switch(_))) {
        let value = |cell: &Cell| match cell {
            Cell::Switch(value) => Some(*value),
            _ => None,
        };
        Column::new(name, cells.iter().map(value).collect::<Vec<Option<bool>>>())
    } else if !none && all(|cell| matches!(cell, Cell::Count(_))) {
        let value = |cell: &Cell| match cell {
            Cell::Count(value) => Some(*value),
            _ => None,
        };
        Column::new(name, cells.iter().map(value).collect::<Vec<Option<i64>>>())
    } else if !none && all(|cell| cell.number().is_some()) {
        Column::new(
            name,
            cells.iter().map(Cell::number).collect::<Vec<Option<f64>>>(),
        )
    } else {
        let value = |cell: &Cell| (!cell.is_null()).then(|| cell.plain());
        Column::new(
            name,
            cells.iter().map(value).collect::<Vec<Option<String>>>(),
        )
    }
}
