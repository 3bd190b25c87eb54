//! Limits on the final metrics.

use crate::config::diagnostic::Diagnostic;
use crate::config::{
    DocumentTable, Form, Kind, Rule, RuledTable, Rules, Setting, Table, Value, Values, WrittenTable,
};
use crate::data::Validation;
use crate::metric::Row;
use crate::objective::scalar_names;

/// One line of the `[expect]` table. A run whose last epoch misses one ends with exit code 4.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The metric's name.
    pub metric: &'static str,
    /// The least allowed value. Either this or `max` is there.
    pub min: Option<f64>,
    /// The greatest allowed value.
    pub max: Option<f64>,
}

/// In the order of the metrics.
impl DocumentTable for Vec<Expectation> {
    fn tables(name: &'static str) -> Vec<RuledTable> {
        let doc = "Limits on the last epoch's metrics; a run that misses one ends with exit code 4";
        let form = Form::Names {
            names: scalar_names().to_vec(),
            noun: "metric",
        };
        let doc_of_each = "Least and greatest value of the metric after the last epoch";
        let each = Setting::new("METRIC", Kind::Limits, doc_of_each).unset("no limit");
        let rule: Rule = metrics_are_measured;
        let table = Table::new(name, doc, form).with(vec![each]);
        vec![(table, vec![rule.into()])]
    }

    fn read(values: &Values, name: &'static str) -> Option<Self> {
        let read = |metric: &&'static str| match values.table(name).get(metric)? {
            Value::Limits { min, max } => Some(Expectation { metric, min, max }),
            _ => None,
        };
        Some(scalar_names().iter().filter_map(read).collect())
    }

    fn write(&self, name: &'static str) -> Vec<WrittenTable> {
        let line = |it: &Expectation| {
            let (min, max) = (it.min, it.max);
            (it.metric, Some(Value::Limits { min, max }))
        };
        vec![(name.to_owned(), self.iter().map(line).collect())]
    }
}

fn metrics_are_measured(it: &mut Rules<'_>) {
    if it.values.typed("data.validation") != Some(Validation::None) {
        return;
    }
    for metric in scalar_names()
        .iter()
        .filter(|metric| metric.starts_with("val_"))
    {
        let Some(written) = it.values.written(&format!("expect.{metric}")) else {
            continue;
        };
        it.diagnostics.push(
            Diagnostic::at(&written.key, format!("`{metric}` needs a validation part"))
                .expected("a metric of the training images")
                .hint("add `validation = 0.1` or `validation = \"test\"` to `[data]`"),
        );
    }
}

impl Expectation {
    /// What is missed of it: what was expected and what was found.
    fn missed(&self, row: &Row) -> Vec<String> {
        let name = &self.metric;
        let found = row.scalar(name);
        let value = found.map_or("no value".to_owned(), |value| value.to_string());
        // What is not there or not a number meets no limit.
        let found = found.unwrap_or(f64::NAN);
        let above = self.max.filter(|&max| found.is_nan() || found > max);
        let below = self.min.filter(|&min| found.is_nan() || found < min);
        let most = above.map(|max| format!("expected `{name}` at most {max}, found {value}"));
        let least = below.map(|min| format!("expected `{name}` at least {min}, found {value}"));
        most.into_iter().chain(least).collect()
    }
}

/// What the last epoch of a history misses, a line each; nothing where there is no epoch.
pub fn missed(expectations: &[Expectation], history: &[Row]) -> Vec<String> {
    let of_row = |row: &Row| expectations.iter().flat_map(|it| it.missed(row)).collect();
    history.last().map(of_row).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(metric: &'static str, min: Option<f64>, max: Option<f64>) -> Expectation {
        Expectation { metric, min, max }
    }

    #[test]
    fn names_expected_and_found_values() {
        let first = Row::from_iter([("loss", 1.0)]);
        let last = Row::from_iter([("loss", 260.5), ("kl", f64::NAN), ("elbo", -250.0)]);
        let expectations = [
            limit("loss", None, Some(260.5)),
            limit("loss", Some(100.0), Some(250.0)),
            limit("elbo", Some(-249.0), None),
            limit("kl", Some(0.0), Some(9.0)),
            limit("val_loss", None, Some(1.0)),
        ];
        assert_eq!(
            missed(&expectations, &[first, last]),
            [
                "expected `loss` at most 250, found 260.5",
                "expected `elbo` at least -249, found -250",
                "expected `kl` at most 9, found NaN",
                "expected `kl` at least 0, found NaN",
                "expected `val_loss` at most 1, found no value",
            ]
        );
        assert!(missed(&expectations, &[]).is_empty());
    }
}
