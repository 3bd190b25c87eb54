//! Epochs column by column, as tables hold them: a million of them take 150 MB.

use std::borrow::Cow;

use polars::prelude::{
    Column, DataType, Float64Type, ListBuilderTrait, ListPrimitiveChunkedBuilder,
};
use polars::series::IntoSeries;

use crate::metric::{self, FIRST_FORMAT, METRICS, MetricKind, Reading, Row};

/// The metrics of many epochs.
#[derive(Clone, Debug)]
pub struct EpochTable {
    height: usize,
    columns: Vec<EpochColumn>,
}

#[derive(Clone, Debug)]
struct EpochColumn {
    name: Cow<'static, str>,
    kind: MetricKind,
    /// Of lists all values one behind the other, else one an epoch, [`ABSENT`] where there is none.
    values: Vec<f64>,
    /// Of lists how many values an epoch has.
    lengths: Vec<u32>,
}

/// The bits that stand for a number that is not there: those of a NaN that no operation gives and no text is read as.
const ABSENT: u64 = u64::MAX;

impl Default for EpochTable {
    /// Without epochs, and with the columns that every table has.
    fn default() -> Self {
        let first = METRICS[..FIRST_FORMAT].iter();
        let columns = first.map(|it| EpochColumn::new(it.name.into(), it.kind, 0));
        Self {
            height: 0,
            columns: columns.collect(),
        }
    }
}

impl EpochTable {
    /// Adds an epoch.
    pub fn push(&mut self, row: &Row) {
        // Rows have their names in the order of the columns, as far as they have them.
        let mut at = 0;
        for (name, reading) in row.iter() {
            let (before, rest) = self.columns.split_at(at.min(self.columns.len()));
            let found = rest.iter().position(|it| it.name == *name);
            let found = found.map(|it| it + before.len());
            let found = found.or_else(|| before.iter().position(|it| it.name == *name));
            let column = found.unwrap_or_else(|| {
                let kind = match (metric::find(name), reading) {
                    (Some(metric), _) => metric.kind,
                    (None, Reading::PerAxis(_)) => MetricKind::PerAxis,
                    (None, _) => MetricKind::Real,
                };
                let column = EpochColumn::new(name.clone(), kind, self.height);
                self.columns.push(column);
                self.columns.len() - 1
            });
            self.columns[column].push(reading);
            at = column + 1;
        }
        self.height += 1;
        for column in &mut self.columns {
            column.fill(self.height);
        }
    }

    /// How many epochs it has.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The number of a metric in an epoch, counted from 0; nothing for lists.
    pub fn scalar(&self, epoch: usize, name: &str) -> Option<f64> {
        let column = self.columns.iter().find(|it| it.name == name)?;
        let values = column.kind.is_scalar().then_some(&column.values)?;
        present(*values.get(epoch)?)
    }

    /// The columns, those of metrics that the program does not know last.
    pub fn into_columns(mut self) -> Vec<Column> {
        let place = |it: &EpochColumn| METRICS.iter().position(|known| known.name == it.name);
        self.columns
            .sort_by_key(|it| place(it).unwrap_or(usize::MAX));
        self.columns
            .into_iter()
            .map(EpochColumn::into_column)
            .collect()
    }
}

impl EpochColumn {
    fn new(name: Cow<'static, str>, kind: MetricKind, missing: usize) -> Self {
        let mut column = Self {
            name,
            kind,
            values: vec![],
            lengths: vec![],
        };
        column.fill(missing);
        column
    }

    /// Adds the value of the next epoch; one of another type is none.
    fn push(&mut self, reading: &Reading) {
        match (reading, self.kind) {
            (Reading::PerAxis(values), MetricKind::PerAxis) => {
                self.values.extend_from_slice(values);
                self.lengths.push(values.len() as u32);
            }
            (&Reading::Real(value), MetricKind::Real) => self.values.push(value),
            (&Reading::Count(count), MetricKind::Count | MetricKind::Real) => {
                self.values.push(count.into());
            }
            _ => {}
        }
    }

    /// Adds epochs without a value up to that number.
    fn fill(&mut self, height: usize) {
        match self.kind {
            MetricKind::PerAxis => self.lengths.resize(height, 0),
            MetricKind::Count | MetricKind::Real => {
                self.values.resize(height, f64::from_bits(ABSENT));
            }
        }
    }

    fn into_column(self) -> Column {
        let name = self.name.as_ref().into();
        let cells = || self.values.iter().map(|&value| present(value));
        let is_whole = self.kind.is_scalar() && cells().all(|cell| cell.is_some());
        match self.kind {
            MetricKind::Count => {
                let count = |value: f64| value as u32;
                let counts = cells().map(|cell| cell.map(count));
                Column::new(name, counts.collect::<Vec<_>>())
            }
            MetricKind::Real if is_whole => Column::new(name, self.values),
            MetricKind::Real => Column::new(name, cells().collect::<Vec<_>>()),
            MetricKind::PerAxis => {
                let mut lists = ListPrimitiveChunkedBuilder::<Float64Type>::new(
                    name,
                    self.lengths.len(),
                    self.values.len(),
                    DataType::Float64,
                );
                let mut rest = self.values.as_slice();
                for &length in &self.lengths {
                    let (list, others) = rest.split_at((length as usize).min(rest.len()));
                    lists.append_slice(list);
                    rest = others;
                }
                lists.finish().into_series().into()
            }
        }
    }
}

fn present(value: f64) -> Option<f64> {
    (value.to_bits() != ABSENT).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[Row]) -> Vec<Column> {
        let mut table = EpochTable::default();
        rows.iter().for_each(|row| table.push(row));
        assert_eq!(table.height(), rows.len());
        table.into_columns()
    }

    fn row(epoch: u32, others: &[(&'static str, Reading)]) -> Row {
        let epoch = [("epoch", Reading::Count(epoch))];
        epoch.into_iter().chain(others.iter().cloned()).collect()
    }

    #[test]
    fn has_columns_of_any_epoch_and_nulls_elsewhere() {
        let rows = [
            row(1, &[("unknown", 5.into()), ("loss", 2.5.into())]),
            row(
                2,
                &[
                    ("axes", vec![1.0, 2.0].into()),
                    ("unknown", vec![1.0].into()),
                ],
            ),
            row(
                3,
                &[
                    ("loss", f64::NAN.into()),
                    ("unknown", 0.5.into()),
                    ("kl_per_axis", 1.0.into()),
                ],
            ),
        ];
        let columns = table(&rows);
        let names: Vec<_> = columns.iter().map(|it| it.name().as_str()).collect();
        assert_eq!(names.len(), FIRST_FORMAT + 2);
        assert_eq!(names[FIRST_FORMAT..], ["unknown", "axes"]);
        let reals = |at: usize| -> Vec<Option<f64>> { columns[at].f64().unwrap().iter().collect() };
        assert_eq!(reals(FIRST_FORMAT), [Some(5.0), None, Some(0.5)]);
        assert_eq!(reals(1)[..2], [Some(2.5), None]);
        assert!(reals(1)[2].unwrap().is_nan());
        let lists = |at: usize| -> Vec<usize> {
            let list = columns[at].list().unwrap();
            list.amortized_iter()
                .map(|it| it.unwrap().as_ref().len())
                .collect()
        };
        assert_eq!(lists(FIRST_FORMAT + 1), [0, 2, 0]);
        assert_eq!(lists(9), [0, 0, 0]);
        let epochs: Vec<_> = columns[0].u32().unwrap().iter().collect();
        assert_eq!(epochs, [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn finds_numbers_by_epoch_and_name() {
        let mut table = EpochTable::default();
        table.push(&row(
            7,
            &[("loss", 2.5.into()), ("kl_per_axis", vec![1.0].into())],
        ));
        table.push(&row(8, &[("kl", 0.5.into())]));
        assert_eq!(table.scalar(0, "epoch"), Some(7.0));
        assert_eq!(table.scalar(0, "loss"), Some(2.5));
        assert_eq!(table.scalar(1, "loss"), None);
        assert_eq!(table.scalar(1, "kl"), Some(0.5));
        assert_eq!(table.scalar(0, "kl_per_axis"), None);
        assert_eq!(table.scalar(2, "kl"), None);
        assert_eq!(table.scalar(0, "nothing"), None);
    }
}
