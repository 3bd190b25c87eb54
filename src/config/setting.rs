//! What is known about one setting, and about one table of settings.

use super::kind::Kind;
use super::value::Value;
use crate::experiment::Dataset;

/// One setting of a spec.
#[derive(Debug)]
pub struct Setting {
    /// Dotted name, as `--set` takes it: `model.latent_dim`.
    pub key: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// What holds where a spec does not say.
    pub default: DefaultValue,
    /// What is counted or measured; empty where there is no unit.
    pub unit: &'static str,
    /// What it does, in one sentence or two, in Markdown without line breaks.
    pub doc: &'static str,
    /// The data sets it applies to; empty where it applies to all.
    pub datasets: &'static [Dataset],
    /// What other programs call it, for did-you-mean.
    pub also: &'static [&'static str],
}

/// What holds where a spec does not say.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    /// Nothing: every spec must say.
    Required,
    /// The setting is then off or follows from something else, as told in a few words.
    Unset(&'static str),
    /// This value.
    Is(Value),
}

impl Setting {
    pub(crate) const fn new(
        key: &'static str,
        kind: Kind,
        default: DefaultValue,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            kind,
            default,
            unit: "",
            doc,
            datasets: &[],
            also: &[],
        }
    }

    pub(crate) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) const fn only(mut self, datasets: &'static [Dataset]) -> Self {
        self.datasets = datasets;
        self
    }

    pub(crate) const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    /// The table it stands in: `model`, `optimizer.adam`, or empty for the top level.
    pub fn table(&self) -> &'static str {
        self.key.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// Its name within the table.
    pub fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }

    /// Type, range and unit: what a message says after "expected".
    pub fn expected(&self) -> String {
        let expected = self.kind.expected();
        match self.unit {
            "" => expected,
            unit => format!("{expected} ({unit})"),
        }
    }

    /// Whether it applies to a data set.
    pub fn applies_to(&self, dataset: Dataset) -> bool {
        self.datasets.is_empty() || self.datasets.contains(&dataset)
    }

    /// The data sets it is limited to, as a spec names them; `None` where it applies to all.
    pub fn datasets_text(&self) -> Option<String> {
        let names = self.datasets.iter().map(|it| it.name());
        (!self.datasets.is_empty()).then(|| super::kind::one_of(names))
    }
}

/// One table of a spec.
#[derive(Debug)]
pub struct Table {
    /// Its name, dotted; empty for the top level.
    pub name: &'static str,
    /// What it is about, in one sentence.
    pub doc: &'static str,
    /// What it may hold.
    pub form: Form,
}

/// What a table may hold.
#[derive(Debug)]
pub enum Form {
    /// Settings.
    Settings,
    /// One table out of several: `[optimizer.adam]`.
    OneOf {
        /// Names of the tables.
        members: &'static [&'static str],
        /// The one taken where the spec has none; `None` where having none means something.
        default: Option<&'static str>,
    },
    /// One setting for each metric.
    Metrics,
    /// What varies from trial to trial: see [`sweep`](crate::experiment::sweep).
    Sweep,
}
