//! From the written `[sweep]` and `--sweep` to axes: which settings vary, and the values that each one takes.

use std::path::Path;

use super::keys::{self, guess, parts_of};
use super::range::range;
use super::{
    Axis, Halving, HalvingMetric, MOST_TRIALS, Random, Values, WrittenHalving, command_line,
};
use crate::config::Section;
use crate::config::check::check;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::hint::{did_you_mean_key, shown};
use crate::config::kind::{grouped, one_of_keys};
use crate::config::nearest::nearest;
use crate::config::setting::{DefaultValue, Setting};
use crate::config::source::Place;
use crate::config::tree::{Entry, Item, Raw};
use crate::config::value::Value;
use crate::config::values;
use crate::experiment::schema;

const PARTS: [&str; 4] = ["over", "zip", "random", "halving"];

/// A sweep as it was asked for, each value checked by itself.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// All combinations of these.
    pub over: Vec<Axis>,
    /// Row by row; all have the same number of values.
    pub zip: Vec<Axis>,
    /// Draws instead of combinations.
    pub random: Option<Random>,
    pub halving: Option<(WrittenHalving, Place)>,
    /// Where the sweep as a whole was asked for.
    pub place: Place,
}

impl WrittenHalving {
    /// With the metric that it stands for.
    pub fn resolved(&self, has_validation: bool) -> Halving {
        let metric = match has_validation {
            true => HalvingMetric::ValLoss,
            false => HalvingMetric::Loss,
        };
        Halving {
            metric: self.metric.unwrap_or(metric),
            first_epochs: self.first_epochs,
            factor: self.factor,
        }
    }
}

/// Reports a `[sweep]` where it has no place.
pub(crate) fn refuse(root: &[Entry], diagnostics: &mut Diagnostics) -> Option<Asked> {
    let sweep = root.iter().find(|entry| entry.name == "sweep")?;
    diagnostics.push(
        Diagnostic::at(&sweep.key, "a sweep within a single run")
            .expected("the settings of one run"),
    );
    None
}

/// Takes `[sweep]` out of a spec's tree and reads it together with what the command line has. Nothing where neither
/// has a sweep, or where something is wrong with one, which is reported.
pub(crate) fn take(
    root: &mut Vec<Entry>,
    given: &[String],
    diagnostics: &mut Diagnostics,
) -> Option<Asked> {
    let at = root.iter().position(|entry| entry.name == "sweep");
    let entry = at.map(|at| root.remove(at));
    if entry.is_none() && given.is_empty() {
        return None;
    }
    let before = diagnostics.len();
    let mut read = Read {
        over: vec![],
        zip: vec![],
        random: None,
        halving: None,
        diagnostics,
    };
    if let Some(entry) = &entry {
        read.tables(entry);
    }
    read.options(given);
    let place = entry.map(|entry| entry.key);
    let place = place.or_else(|| Some(read.over.first()?.path.first()?.1.clone()));
    let asked = read.finish(place);
    asked.filter(|_| diagnostics.len() == before)
}

struct Read<'a> {
    over: Vec<Axis>,
    zip: Vec<Axis>,
    random: Option<(Random, Place)>,
    halving: Option<(WrittenHalving, Place)>,
    diagnostics: &'a mut Diagnostics,
}

impl Read<'_> {
    fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn tables(&mut self, sweep: &Entry) {
        let Raw::Table(parts) = &sweep.item.raw else {
            let message = format!("`sweep` is {}", sweep.item.raw.noun());
            let expected = one_of_keys(["[sweep.over]", "[sweep.zip]"].into_iter());
            return self.error(Diagnostic::at(&sweep.item.place, message).expected(expected));
        };
        // Whether draws are wanted decides what a range has to say.
        let draws = parts.iter().any(|part| part.name == "random");
        for part in parts {
            let Raw::Table(entries) = &part.item.raw else {
                let name = shown(&part.name);
                let message = format!("`sweep.{name}` is {}", part.item.raw.noun());
                let hint = schema().find(&part.name).map(|setting| {
                    format!(
                        "lists of values belong in `[sweep.over]`: `{} = [...]`",
                        setting.key
                    )
                });
                let diagnostic = Diagnostic::at(&part.key, message).expected(parts_text());
                self.error(diagnostic.maybe_hint(hint));
                continue;
            };
            match part.name.as_str() {
                "over" => self.over = self.axes("sweep.over", entries, draws),
                "zip" => self.zip = self.axes("sweep.zip", entries, false),
                "random" => self.random(part, entries),
                "halving" => self.halving(part, entries),
                name => {
                    let message = format!("unknown table `[sweep.{}]`", shown(name));
                    let guess = nearest(name, PARTS).map(did_you_mean_key);
                    let guess = guess.or_else(|| {
                        let table = schema().table(name).filter(|it| !it.name.is_empty());
                        table.map(|_| format!("write `[sweep.over.{name}]` for its settings"))
                    });
                    let diagnostic = Diagnostic::at(&part.key, message).expected(parts_text());
                    self.error(diagnostic.maybe_hint(guess));
                }
            }
        }
    }

    fn options(&mut self, given: &[String]) {
        for text in given {
            let (path, item) = match command_line::parse(text) {
                Ok(read) => read,
                Err(diagnostic) => {
                    self.error(diagnostic);
                    continue;
                }
            };
            let draws = self.random.is_some();
            let mut axes = vec![];
            self.axis("sweep.over", path, &item, draws, &mut axes);
            for axis in axes {
                if let Some(zipped) = self.zip.iter().find(|it| it.key == axis.key) {
                    let message = format!("`{}` stands in `[sweep.zip]` too", zipped.key);
                    let place = axis.path.last().map(|(_, place)| place.clone());
                    if let Some(place) = place {
                        self.error(
                            Diagnostic::at(&place, message).expected("it in one of the two"),
                        );
                    }
                    continue;
                }
                // In place of the file's; a second one on the command line is an error.
                let is_file = |it: &Axis| it.path.iter().all(|(_, place)| place.source.is_file);
                match self
                    .over
                    .iter()
                    .position(|it| it.key == axis.key && is_file(it))
                {
                    Some(at) => self.over[at] = axis,
                    None => self.over.push(axis),
                }
            }
        }
    }

    /// The settings of `[sweep.over]` or `[sweep.zip]`.
    fn axes(&mut self, table: &str, entries: &[Entry], draws: bool) -> Vec<Axis> {
        let mut axes = vec![];
        for entry in entries {
            let path = parts_of(entry);
            self.axis(table, path, &entry.item, draws, &mut axes);
        }
        axes
    }

    /// Reads a key, which may be quoted (`"model.latent_dim"`) or nest tables (`model.latent_dim`).
    fn axis(
        &mut self,
        table: &str,
        path: Vec<(String, Place)>,
        item: &Item,
        draws: bool,
        axes: &mut Vec<Axis>,
    ) {
        if self.diagnostics.is_full() {
            return;
        }
        let names: Vec<&str> = path.iter().map(|(name, _)| name.as_str()).collect();
        let key = names.join(".");
        let Some((_, place)) = path.last() else {
            return;
        };
        if key == "name" {
            let message = "the name cannot vary: the sweep's folder carries it";
            return self.error(Diagnostic::at(place, message).expected("another setting"));
        }
        let choice = schema().members(&key).is_some();
        let values = match schema().find(&key) {
            Some(setting) => self.values(setting, item, draws),
            None if choice && matches!(item.raw, Raw::List(_)) => self.tables_of(&key, item),
            None => {
                if let Raw::Table(inner) = &item.raw
                    && schema().table(&key).is_some()
                {
                    for entry in inner {
                        let mut longer = path.clone();
                        longer.extend(parts_of(entry));
                        self.axis(table, longer, &entry.item, draws, axes);
                    }
                    return;
                }
                let guess = guess(&key).map(|name| did_you_mean_key(&name));
                let message = format!("unknown setting `{}` in `[{table}]`", shown(&key));
                let expected = "the dotted name of a setting, such as `\"model.latent_dim\"`";
                let diagnostic = Diagnostic::at(place, message).expected(expected);
                return self.error(diagnostic.maybe_hint(guess));
            }
        };
        let Some(values) = values else { return };
        axes.push(Axis { path, key, values });
    }

    fn values(&mut self, setting: &Setting, item: &Item, draws: bool) -> Option<Values> {
        let values = match &item.raw {
            Raw::List(items) => Values::List(items.clone()),
            Raw::Table(entries) => range(setting, item, entries, draws, self.diagnostics)?,
            _ => {
                let written = item.place.text();
                let message = format!("`{}` is one value in a sweep", setting.key);
                let hint = (written.len() <= 40 && !written.contains('\n'))
                    .then(|| format!("write it as a list: `[{written}]`"));
                let expected = "a list of values, or a range `{ from = A, to = B, steps = N }`";
                let diagnostic = Diagnostic::at(&item.place, message).expected(expected);
                self.error(diagnostic.maybe_hint(hint));
                return None;
            }
        };
        let Values::List(items) = &values else {
            return Some(values);
        };
        if !self.has_some(&setting.key, items, item) {
            return None;
        }
        let mut seen: Vec<Value> = vec![];
        let mut is_good = true;
        for item in items {
            match check(setting, &setting.key, item, self.diagnostics) {
                Some(value) if seen.contains(&value) => {
                    let message =
                        format!("`{}` has the value {} twice", setting.key, value.to_toml());
                    self.error(Diagnostic::at(&item.place, message).expected("each value once"));
                    is_good = false;
                }
                Some(value) => seen.push(value),
                None => is_good = false,
            }
        }
        is_good.then_some(values)
    }

    /// Lists of whole tables: `optimizer = [{ adam = {} }, { sgd = { learning_rate = 0.1 } }]`.
    fn tables_of(&mut self, key: &str, item: &Item) -> Option<Values> {
        let Raw::List(items) = &item.raw else {
            return None;
        };
        self.has_some(key, items, item)
            .then(|| Values::List(items.clone()))
    }

    fn has_some(&mut self, key: &str, items: &[Item], item: &Item) -> bool {
        if items.is_empty() {
            let message = format!("`{key}` has no values in a sweep");
            self.error(Diagnostic::at(&item.place, message).expected("at least one value"));
        } else if items.len() > MOST_TRIALS {
            let message = format!("`{key}` has {} values", items.len());
            let expected = format!("at most {}", grouped(MOST_TRIALS as u64));
            self.error(Diagnostic::at(&item.place, message).expected(expected));
        }
        (1..=MOST_TRIALS).contains(&items.len())
    }

    fn random(&mut self, part: &Entry, entries: &[Entry]) {
        let random = self.section("sweep.random", part, entries);
        self.random = random.map(|it| (it, part.key.clone()));
    }

    fn halving(&mut self, part: &Entry, entries: &[Entry]) {
        let halving = self.section("sweep.halving", part, entries);
        self.halving = halving.map(|it| (it, part.key.clone()));
    }

    /// The settings of a table of the sweep itself.
    fn section<S: Section>(&mut self, table: &str, part: &Entry, entries: &[Entry]) -> Option<S> {
        let settings = super::schema().of_table(table);
        let names = || settings.iter().map(Setting::name);
        let mut values = values::Values::new(super::schema(), Path::new(""));
        for entry in entries {
            let Some(setting) = settings.iter().find(|it| it.name() == entry.name) else {
                let message = format!("unknown key `{}` in `[{table}]`", shown(&entry.name));
                let guess = nearest(&entry.name, names()).map(did_you_mean_key);
                let guess = match schema().find(&entry.name) {
                    Some(_) => Some("values of a setting belong in `[sweep.over]`".to_owned()),
                    None => guess,
                };
                let expected = format!("one of {}", one_of_keys(names()));
                let diagnostic = Diagnostic::at(&entry.key, message).expected(expected);
                self.error(diagnostic.maybe_hint(guess));
                continue;
            };
            let value = check(setting, &setting.key, &entry.item, self.diagnostics);
            values.set(&setting.key, value);
        }
        let required = settings
            .iter()
            .filter(|it| it.default == DefaultValue::Required);
        for setting in required {
            if !entries.iter().any(|entry| entry.name == setting.name()) {
                let message = format!("`{}` is missing", setting.key);
                self.error(Diagnostic::at(&part.key, message).expected(setting.expected()));
            }
        }
        S::read(&values.table(table))
    }

    fn finish(mut self, place: Option<Place>) -> Option<Asked> {
        let place = place?;
        let all: Vec<&Axis> = self.zip.iter().chain(&self.over).collect();
        keys::check(&all, self.diagnostics);
        if let Some((_, at)) = &self.random {
            if !self.zip.is_empty() {
                let diagnostic = Diagnostic::at(at, "`[sweep.random]` beside `[sweep.zip]`");
                self.diagnostics.push(diagnostic.expected("one of the two"));
            } else if self.over.is_empty() && self.diagnostics.is_empty() {
                let diagnostic = Diagnostic::at(at, "`[sweep.random]` has nothing to draw from");
                let expected = "lists or ranges in `[sweep.over]`";
                self.diagnostics.push(diagnostic.expected(expected));
            }
        }
        if self.over.is_empty() && self.zip.is_empty() && self.diagnostics.is_empty() {
            let diagnostic = Diagnostic::at(&place, "a sweep in which nothing varies");
            let expected = "lists of values in `[sweep.over]` or `[sweep.zip]`";
            self.error(diagnostic.expected(expected));
        }
        if let Some((first, rest)) = self.zip.split_first() {
            let length = |axis: &Axis| match &axis.values {
                Values::List(items) => items.len(),
                Values::Interval(_) => 0,
            };
            for other in rest.iter().filter(|it| length(it) != length(first)) {
                let message = format!(
                    "`{}` has {} values, `{}` has {}",
                    other.key,
                    length(other),
                    first.key,
                    length(first)
                );
                if let Some((_, at)) = other.path.last() {
                    let diagnostic = Diagnostic::at(at, message);
                    let expected = "lists of one length in `[sweep.zip]`";
                    self.diagnostics.push(diagnostic.expected(expected));
                }
            }
        }
        Some(Asked {
            over: self.over,
            zip: self.zip,
            random: self.random.map(|(random, _)| random),
            halving: self.halving,
            place,
        })
    }
}

fn parts_text() -> String {
    let names = PARTS.map(|name| format!("[sweep.{name}]"));
    one_of_keys(names.iter().map(String::as_str))
}
