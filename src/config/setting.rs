//! What is known about one setting.

use super::kind::{Kind, one_of};
use super::value::Value;

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its dotted name, as `--set` takes it: `model.latent_dim`. Before its section has its place in a [`Schema`], the
    /// name within the section alone.
    ///
    /// [`Schema`]: super::schema::Schema
    pub key: String,
    /// Type and range.
    pub kind: Kind,
    /// What holds where a spec does not say.
    pub default: DefaultValue,
    /// What is counted or measured; empty where there is no unit.
    pub unit: &'static str,
    /// What it does, in one sentence or two, in Markdown without line breaks.
    pub doc: String,
    /// What other programs call it, for did-you-mean.
    pub also: &'static [&'static str],
    /// Words that it had under another name, old and new; the old ones are still read.
    pub formerly: &'static [(&'static str, &'static str)],
    /// Where it has a meaning only with some words of another setting: that setting and the words.
    pub only: Option<(String, Vec<&'static str>)>,
    /// The setting without which it has no meaning.
    pub needs: Option<String>,
    /// The setting that holds the folder to which a path is relative; else it is that of the spec.
    pub relative_to: Option<String>,
    /// The setting with which it holds a name instead of a path.
    pub name_with: Option<String>,
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
    /// The setting is then off or follows from something else, described in a few words.
    Unset(&'static str),
    /// This value.
    Is(Value),
}

impl Setting {
    /// A setting that every spec must say; `section!` makes it.
    pub fn new(name: &str, kind: Kind, doc: &str) -> Self {
        Self {
            key: name.to_owned(),
            kind,
            default: DefaultValue::Required,
            unit: "",
            doc: doc.to_owned(),
            also: &[],
            formerly: &[],
            only: None,
            needs: None,
            relative_to: None,
            name_with: None,
            changes_no_result: false,
            added_in: 1,
        }
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

    /// What is counted or measured.
    pub fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// What other programs call it.
    pub fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    /// Words that it had under another name, old and new.
    pub fn formerly(mut self, words: &'static [(&'static str, &'static str)]) -> Self {
        self.formerly = words;
        self
    }

    /// With some words of another setting of the same table only.
    pub fn only(mut self, name: &str, words: &[&'static str]) -> Self {
        self.only = Some((name.to_owned(), words.to_vec()));
        self
    }

    /// Only where another setting of the same table is set.
    pub fn needs(mut self, name: &str) -> Self {
        self.needs = Some(name.to_owned());
        self
    }

    /// A path relative to the folder that another setting of the same table names.
    pub fn relative_to(mut self, name: &str) -> Self {
        self.relative_to = Some(name.to_owned());
        self
    }

    /// A name instead of a path where another setting of the same table is set.
    pub fn name_with(mut self, name: &str) -> Self {
        self.name_with = Some(name.to_owned());
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

    /// The same in a table.
    pub(crate) fn within(mut self, table: &str) -> Self {
        let others = [
            self.only.as_mut().map(|(key, _)| key),
            self.needs.as_mut(),
            self.relative_to.as_mut(),
            self.name_with.as_mut(),
        ];
        for key in others.into_iter().flatten() {
            *key = dotted(table, key);
        }
        self.key = dotted(table, &self.key);
        self
    }

    /// The table it stands in: `model`, `optimizer.adam`, or empty for the top level.
    pub fn table(&self) -> &str {
        self.key.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// Its name within the table.
    pub fn name(&self) -> &str {
        name_of(&self.key)
    }

    /// Type, range and unit: what a message says after "expected".
    pub fn expected(&self) -> String {
        let expected = self.kind.expected();
        match self.unit {
            "" => expected,
            unit => format!("{expected} ({unit})"),
        }
    }

    /// The words it is limited to, as a spec writes them; `None` where it always has a meaning.
    pub fn only_text(&self) -> Option<String> {
        let (_, words) = self.only.as_ref()?;
        Some(one_of(words.iter().copied()))
    }
}

/// `table.name`, or the name alone above the first table.
pub(crate) fn dotted(table: &str, name: &str) -> String {
    match table {
        "" => name.to_owned(),
        table => format!("{table}.{name}"),
    }
}

/// The name of a key within its table.
pub(crate) fn name_of(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}

/// Whether a key is that of a table or setting, or of one in it.
pub fn is_or_is_in(key: &str, table: &str) -> bool {
    key.strip_prefix(table)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
