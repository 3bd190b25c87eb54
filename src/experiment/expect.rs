//! Limits on the final metrics.

use crate::config::diagnostic::Diagnostic;
use crate::config::{
    DocumentTable, Form, Kind, Rule, RuledTable, Rules, Setting, Table, Value, Values, WrittenTable,
};
use crate::data::Validation;
use crate::metrics::SCALARS;

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
            names: SCALARS.to_vec(),
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
        Some(SCALARS.iter().filter_map(read).collect())
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
    for metric in SCALARS.iter().filter(|metric| metric.starts_with("val_")) {
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
