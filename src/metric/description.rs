//! What a metric is: its name, meaning and unit, which values are better, and how it is computed.

use super::facts::EpochFacts;
use super::row::Reading;

/// A number, or a list of numbers, that describes an epoch.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name: a column of `metrics.parquet`, a key of `[expect]`, a word of tables and figures.
    pub name: &'static str,
    /// What it is, with its formula. Markdown.
    pub doc: &'static str,
    /// The unit; empty for a pure number.
    pub unit: &'static str,
    /// Which values are better.
    pub better: Better,
    /// One number or a list, and of which type.
    pub kind: MetricKind,
    /// Whether a clock decides it. Two runs with the same bits differ in such a metric.
    pub is_wall_clock: bool,
    /// Between which runs it can be compared.
    pub comparable_when: Comparable,
    /// Its value in an epoch, given its own name; nothing where the epoch does not have it.
    pub value: fn(&EpochFacts, &str) -> Option<Reading>,
}

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Small ones.
    Lower,
    /// Large ones.
    Higher,
    /// It says nothing about how good a model is.
    Neither,
}

/// The type of a metric's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A whole number, `u32` in tables.
    Count,
    /// A number, `f64`.
    Real,
    /// A number for each latent axis, a list of `f64`.
    PerAxis,
}

/// Between which runs a metric can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparable {
    /// Runs with any settings.
    Always,
    /// Runs whose loss is the same function: the same weights of its terms and the same reduction of the KL.
    SameLoss,
}

impl Metric {
    /// A number to fill in, for `..Metric::REAL`.
    pub const REAL: Self = Self {
        name: "",
        doc: "",
        unit: "",
        better: Better::Neither,
        kind: MetricKind::Real,
        is_wall_clock: false,
        comparable_when: Comparable::Always,
        value: |_, _| None,
    };

    /// A term of the objective: the mean of the steps' term with the metric's name over the training images.
    pub const TERM: Self = Self {
        unit: "nats",
        better: Better::Lower,
        value: |facts, name| facts.training.terms.get(name).cloned(),
        ..Self::REAL
    };

    /// A term's twin on the validation part; `name` is the term's behind [`VALIDATION`].
    pub const fn on_validation(self, name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            value: |facts, name| {
                let term = name.strip_prefix(VALIDATION)?;
                facts.validation?.terms.get(term).cloned()
            },
            ..self
        }
    }
}

impl MetricKind {
    /// Whether it is one number.
    pub fn is_scalar(self) -> bool {
        self != Self::PerAxis
    }
}

/// How the names of metrics of the validation part begin.
pub const VALIDATION: &str = "val_";
