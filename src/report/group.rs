//! Groups of runs: mean, standard deviation, standard error and number of each metric.

use polars::prelude::{Column, DataFrame, IdxCa, IdxSize, NewChunkedArray, Series};

use super::cell::Cell;
use super::error::ReportError;
use super::runs::{larger_is_better, typed};
use super::selection::Selection;

/// The endings of a metric's four columns: arithmetic mean, sample standard deviation (divided by n - 1; missing
/// for one run), standard error of the mean (deviation / sqrt(n)), and n, the number of runs that have the metric.
pub const ENDINGS: [&str; 4] = ["_mean", "_std", "_stderr", "_count"];

/// The metric that a column of means is about: `loss` for `loss_mean`.
pub fn metric_of(column: &str) -> Option<&str> {
    ENDINGS
        .iter()
        .find_map(|ending| column.strip_suffix(ending))
}

/// A metric in a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Sample standard deviation.
    pub std: Option<f64>,
    /// Standard error of the mean.
    pub stderr: Option<f64>,
    /// Runs that have the metric.
    pub count: usize,
}

impl Statistics {
    fn of(values: &Series) -> Self {
        let count = values.len() - values.null_count();
        let std = values.std(1).filter(|_| count > 1);
        Self {
            mean: values.mean(),
            std,
            stderr: std.map(|std| std / (count as f64).sqrt()),
            count,
        }
    }
}

/// The runs of a selection that agree in some columns.
#[derive(Clone, Debug)]
pub struct Group {
    /// The values of those columns.
    pub key: Vec<Cell>,
    /// Rows of the selection.
    pub rows: Vec<usize>,
}

impl Selection {
    /// Groups of completed runs by columns, in the order of their values; what is not completed is in no group,
    /// since its metrics are those of half a training.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn groups(&self, by: &[String]) -> Result<Vec<Group>, ReportError> {
        let columns: Vec<&Column> = by
            .iter()
            .map(|name| self.frame.column(name))
            .collect::<Result<_, _>>()?;
        let status = self.frame.column("status")?;
        let completed = Cell::Text(crate::run::RunStatus::Completed.to_string());
        let rows: Vec<usize> = (0..self.frame.height())
            .filter(|&row| Cell::of(status, row) == completed)
            .collect();
        let grouped = self.frame.select(by)?;
        let mut groups: Vec<Group> = Vec::new();
        for positions in grouped.group_by_stable(by)?.get_groups().iter() {
            let kept: Vec<usize> = members(&positions)
                .into_iter()
                .filter(|row| rows.contains(row))
                .collect();
            if let Some(&first) = kept.first() {
                let key = columns
                    .iter()
                    .map(|column| Cell::of(column, first))
                    .collect();
                groups.push(Group { key, rows: kept });
            }
        }
        groups.sort_by(|one, two| {
            let pairs = one.key.iter().zip(&two.key);
            pairs
                .map(|(one, two)| one.order(two))
                .find(|it| it.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        Ok(groups)
    }

    /// A metric in a group.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn statistics(&self, group: &Group, metric: &str) -> Result<Statistics, ReportError> {
        let rows: Vec<IdxSize> = group.rows.iter().map(|&row| row as IdxSize).collect();
        let values = self
            .frame
            .column(metric)?
            .take(&IdxCa::from_slice("rows".into(), &rows))?;
        Ok(Statistics::of(values.as_materialized_series()))
    }

    /// The table of groups: the columns they are made by, `runs`, and [`ENDINGS`] of each metric. Sorted by the
    /// groups' own columns or by another column of the table or metric.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn means(
        &self,
        by: &[String],
        sort: Option<&str>,
        reverse: bool,
    ) -> Result<DataFrame, ReportError> {
        let groups = self.groups(by)?;
        let mut columns: Vec<(String, Vec<Cell>)> = Vec::new();
        for (at, name) in by.iter().enumerate() {
            columns.push((
                name.clone(),
                groups.iter().map(|group| group.key[at].clone()).collect(),
            ));
        }
        columns.push((
            "runs".to_owned(),
            groups
                .iter()
                .map(|it| Cell::Count(it.rows.len() as i64))
                .collect(),
        ));
        for metric in &self.metrics {
            let of: Vec<Statistics> = groups
                .iter()
                .map(|group| self.statistics(group, metric))
                .collect::<Result<_, _>>()?;
            let real = |value: fn(&Statistics) -> Option<f64>| {
                of.iter()
                    .map(|it| value(it).map_or(Cell::Null, Cell::Real))
                    .collect()
            };
            let count = of.iter().map(|it| Cell::Count(it.count as i64)).collect();
            let values = [
                real(|it| it.mean),
                real(|it| it.std),
                real(|it| it.stderr),
                count,
            ];
            columns.extend(
                ENDINGS
                    .iter()
                    .zip(values)
                    .map(|(ending, cells)| (format!("{metric}{ending}"), cells)),
            );
        }
        let mut rows: Vec<usize> = (0..groups.len()).collect();
        let key = match sort {
            Some(sort) => {
                let mean = format!("{sort}{}", ENDINGS[0]);
                let found = columns
                    .iter()
                    .find(|(name, _)| name == sort || *name == mean);
                let Some((name, cells)) = found else {
                    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
                    return Err(ReportError::no_column("--sort", sort, &names));
                };
                Some((
                    cells,
                    larger_is_better(metric_of(name).unwrap_or(name)) && name.ends_with(ENDINGS[0]),
                ))
            }
            None => None,
        };
        match key {
            Some((cells, best_last)) => {
                rows.sort_by(|&one, &two| cells[one].ranked(&cells[two], best_last != reverse));
            }
            None if reverse => rows.reverse(),
            None => {}
        }
        let sorted = |cells: &[Cell]| rows.iter().map(|&row| cells[row].clone()).collect();
        let columns: Vec<Column> = columns
            .iter()
            .map(|(name, cells)| column(name, sorted(cells)))
            .collect();
        Ok(DataFrame::new(groups.len(), columns)?)
    }
}

/// A column whose type does not depend on there being a value: a number may be missing in all rows.
fn column(name: &str, cells: Vec<Cell>) -> Column {
    match ENDINGS[..3].iter().any(|ending| name.ends_with(ending)) {
        true => Column::new(
            name.into(),
            cells.iter().map(Cell::number).collect::<Vec<Option<f64>>>(),
        ),
        false => typed(name, cells),
    }
}

fn members(positions: &polars::prelude::GroupsIndicator<'_>) -> Vec<usize> {
    use polars::prelude::GroupsIndicator::{Idx, Slice};
    match positions {
        Idx((_, rows)) => rows.iter().map(|&row| row as usize).collect(),
        Slice([start, length]) => (*start..start + length).map(|row| row as usize).collect(),
    }
}
