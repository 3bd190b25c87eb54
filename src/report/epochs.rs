//! The epochs of many runs.

use polars::prelude::{
    BooleanChunked, Column, DataFrame, IdxCa, IdxSize, NewChunkedArray, PolarsResult,
};

use super::run::Run;
use crate::metric::Row;
use crate::run::epoch_table::EpochTable;

/// The epochs of runs, one run behind the other.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    /// Where the epochs of a run end.
    ends: Vec<usize>,
    table: EpochTable,
}

/// The columns of the table of epochs that stand before the metrics.
pub const RUN_OF_EPOCH: [&str; 2] = ["run", "path"];

impl Epochs {
    /// Takes the epochs of the next run.
    pub(super) fn push(&mut self, history: &[Row]) {
        history.iter().for_each(|row| self.table.push(row));
        self.ends.push(self.table.height());
    }

    /// Epoch and value of a metric, for each epoch of run `run`; epochs without it are left out.
    pub fn curve(&self, run: usize, metric: &str) -> Vec<(u32, f64)> {
        let end = self.ends.get(run).copied().unwrap_or(0);
        let start = run
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let value = |row, name| self.table.scalar(row, name);
        (start..end)
            .filter_map(|row| Some((value(row, "epoch")? as u32, value(row, metric)?)))
            .collect()
    }

    /// All epochs as a table: [`RUN_OF_EPOCH`] and the metrics. `runs` are those that were pushed, in that order, and of
    /// those not in `kept` no epoch is in it.
    ///
    /// # Errors
    /// Those of polars, of which none is expected.
    pub(super) fn into_frame(self, runs: &[Run], kept: &[bool]) -> PolarsResult<DataFrame> {
        let height = self.table.height();
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
        let texts: [fn(&Run) -> String; 2] =
            [|run| run.name.clone(), |run| run.path.display().to_string()];
        let mut columns = vec![];
        for (name, text) in RUN_OF_EPOCH.into_iter().zip(texts) {
            let of_run = Column::new(name.into(), runs.iter().map(text).collect::<Vec<_>>());
            columns.push(of_run.take(&run_of)?);
        }
        // A folder from elsewhere may have metrics with any name.
        let metrics = self.table.into_columns();
        let is_free = |it: &Column| !RUN_OF_EPOCH.contains(&it.name().as_str());
        columns.extend(metrics.into_iter().filter(is_free));
        let frame = DataFrame::new(height, columns)?;
        match kept.iter().all(|&kept| kept) {
            true => Ok(frame),
            false => frame.filter(&BooleanChunked::from_slice("kept".into(), &is_kept)),
        }
    }
}
