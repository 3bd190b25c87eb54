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
    /// The setting whose word decides whether this one has a meaning; empty where it always has.
    pub only_key: &'static str,
    /// The words with which it has one.
    pub only_words: Vec<&'static str>,
    /// The setting without which it has no meaning; empty where there is none.
    pub needs: &'static str,
    /// The setting that holds the folder to which a path is relative; empty for the folder of the spec.
    pub relative_to: &'static str,
    /// Whether it changes nothing of what a run computes: what it is called, where files lie, what is drawn.
    pub changes_no_result: bool,
    /// The version of the fingerprint in which it appeared: where it has its default, it is left out of the
    /// fingerprint, so that those of earlier runs stay what they are. 1 for those that always were.
    pub added_in: u32,
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
            only_key: "",
            only_words: Vec::new(),
            needs: "",
            relative_to: "",
            changes_no_result: false,
            added_in: 1,
        }
    }

    pub(crate) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) const fn only_sets(mut self, datasets: &'static [Dataset]) -> Self {
        self.datasets = datasets;
        self
    }

    pub(crate) const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    /// With a default.
    pub fn default(mut self, value: Value) -> Self {
        self.default = DefaultValue::Is(value);
        self
    }

    /// Unset by default, and what holds then.
    pub fn unset(mut self, instead: &'static str) -> Self {
        self.default = DefaultValue::Unset(instead);
        self
    }

    /// With some words of another setting of the same table only.
    pub fn only(mut self, key: &'static str, words: &[&'static str]) -> Self {
        self.only_key = key;
        self.only_words = words.to_vec();
        self
    }

    /// Only where another setting of the same table is set.
    pub fn needs(mut self, key: &'static str) -> Self {
        self.needs = key;
        self
    }

    /// A path relative to the folder that another setting of the same table names.
    pub fn relative_to(mut self, key: &'static str) -> Self {
        self.relative_to = key;
        self
    }

    /// It changes nothing of what a run computes.
    pub fn changes_no_result(mut self) -> Self {
        self.changes_no_result = true;
        self
    }

    /// It appeared in this version of the fingerprint.
    pub fn added_in(mut self, version: u32) -> Self {
        self.added_in = version;
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
