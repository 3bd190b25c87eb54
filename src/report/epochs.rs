//! The epochs of many runs, column by column: a million of them take 150 MB.

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Float64Type, IdxCa, IdxSize, ListBuilderTrait,
    ListPrimitiveChunkedBuilder, NewChunkedArray, PolarsResult,
};
use polars::series::IntoSeries;

use super::run::Run;
use crate::metrics::EpochMetrics;

/// The epochs of runs, one run behind the other.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    /// Where the epochs of a run end.
    ends: Vec<usize>,
    epoch: Vec<u32>,
    reals: [Vec<f64>; 10],
    perhaps: [Vec<Option<f64>>; 3],
    active_axes: Vec<u32>,
    /// Divergences of all axes of all epochs, and how many an epoch has.
    axes: Vec<f64>,
    axes_of: Vec<u32>,
}

/// Columns that every run has.
const REALS: [&str; 10] = [
    "loss",
    "reconstruction",
    "kl",
    "kl_nats",
    "elbo",
    "grad_norm",
    "learning_rate",
    "kl_weight",
    "images_per_second",
    "seconds",
];
/// Columns of runs with a validation part.
const PERHAPS: [&str; 3] = ["val_loss", "val_reconstruction", "val_kl"];

/// The columns of the table of epochs, in order.
pub const EPOCH_COLUMNS: [&str; 18] = [
    "run",
    "path",
    "epoch",
    "loss",
    "reconstruction",
    "kl",
    "kl_nats",
    "elbo",
    "val_loss",
    "val_reconstruction",
    "val_kl",
    "kl_per_axis",
    "active_axes",
    "grad_norm",
    "learning_rate",
    "kl_weight",
    "images_per_second",
    "seconds",
];

impl Epochs {
    /// Takes the epochs of the next run.
    pub(super) fn push(&mut self, history: &[EpochMetrics]) {
        for row in history {
            self.epoch.push(row.epoch);
            for (name, column) in REALS.iter().zip(&mut self.reals) {
                column.push(row.scalar(name).unwrap_or(f64::NAN));
            }
            for (name, column) in PERHAPS.iter().zip(&mut self.perhaps) {
                column.push(row.scalar(name));
            }
            self.active_axes.push(row.active_axes);
            self.axes.extend(&row.kl_per_axis);
            self.axes_of.push(row.kl_per_axis.len() as u32);
        }
        self.ends.push(self.epoch.len());
    }

    /// Epoch and value of a metric, for each epoch of run `run`; epochs without it are left out.
    pub fn curve(&self, run: usize, metric: &str) -> Vec<(u32, f64)> {
        let end = self.ends.get(run).copied().unwrap_or(0);
        let start = run
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let value = |row: usize| {
            if let Some(at) = REALS.iter().position(|name| *name == metric) {
                return Some(self.reals[at][row]);
            }
            if let Some(at) = PERHAPS.iter().position(|name| *name == metric) {
                return self.perhaps[at][row];
            }
            (metric == "active_axes").then(|| self.active_axes[row].into())
        };
        (start..end)
            .filter_map(|row| Some((self.epoch[row], value(row)?)))
            .collect()
    }

    /// All epochs as a table with [`EPOCH_COLUMNS`]; `runs` are those that were pushed, in that order, and of
    /// those not in `kept` no epoch is in it.
    ///
    /// # Errors
    /// Those of polars, of which none is expected.
    pub(super) fn into_frame(self, runs: &[Run], kept: &[bool]) -> PolarsResult<DataFrame> {
        let height = self.epoch.len();
        let mut is_kept = Vec::with_capacity(height);
        for (&end, &kept) in self.ends.iter().zip(kept) {
            is_kept.resize(end, kept);
        }
        // Names are held once a run, and referred to once an epoch.
        let mut run_of = Vec::with_capacity(height);
        for (run, &end) in self.ends.iter().enumerate() {
            run_of.resize(end, run as IdxSize);
        }
        let run_of = IdxCa::from_vec("run".into(), run_of);
        let of_run = |name: &str, text: fn(&Run) -> String| {
            Column::new(name.into(), runs.iter().map(text).collect::<Vec<_>>()).take(&run_of)
        };
        let names = of_run("run", |run| run.name.clone())?;
        let paths = of_run("path", |run| run.path.display().to_string())?;
        let mut axes = ListPrimitiveChunkedBuilder::<Float64Type>::new(
            "kl_per_axis".into(),
            height,
            self.axes.len(),
            DataType::Float64,
        );
        let mut rest = self.axes.as_slice();
        for &count in &self.axes_of {
            let (row, others) = rest.split_at((count as usize).min(rest.len()));
            axes.append_slice(row);
            rest = others;
        }
        let mut columns = vec![
            names,
            paths,
            Column::new("epoch".into(), self.epoch),
            axes.finish().into_series().into(),
            Column::new("active_axes".into(), self.active_axes),
        ];
        columns.extend(
            REALS
                .into_iter()
                .zip(self.reals)
                .map(|(name, it)| Column::new(name.into(), it)),
        );
        columns.extend(
            PERHAPS
                .into_iter()
                .zip(self.perhaps)
                .map(|(name, it)| Column::new(name.into(), it)),
        );
        columns.sort_by_key(|column| EPOCH_COLUMNS.iter().position(|name| name == column.name()));
        let frame = DataFrame::new(height, columns)?;
        match kept.iter().all(|&kept| kept) {
            true => Ok(frame),
            false => frame.filter(&BooleanChunked::from_slice("kept".into(), &is_kept)),
        }
    }
}
