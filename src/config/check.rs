//! Checks one value against its setting: type, range, allowed names.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::hint::{did_you_mean_key, did_you_mean_value, fixed_name, shown, type_hint};
use super::kind::{Choice, Interval, Kind, LONGEST_NAME};
use super::setting::Setting;
use super::source::Place;
use super::tree::{Entry, Item, Raw};
use super::value::Value;
use crate::config::nearest::nearest;

/// A check in progress: the setting, and the list that errors go to.
struct Check<'a> {
    setting: &'a Setting,
    /// The dotted key as messages show it; differs from the setting's for `[expect]`.
    key: &'a str,
    diagnostics: &'a mut Diagnostics,
}

/// The checked value. Everything that is wrong with it is reported, and `None` returned.
pub(crate) fn check(
    setting: &Setting,
    key: &str,
    item: &Item,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    Check {
        setting,
        key,
        diagnostics,
    }
    .value(item)
}

/// Whether a value would pass, for guessing which setting was meant.
pub(crate) fn fits(setting: &Setting, item: &Item) -> bool {
    check(setting, &setting.key, item, &mut Diagnostics::default()).is_some()
}

impl Check<'_> {
    fn value(&mut self, item: &Item) -> Option<Value> {
        match (self.setting.kind, &item.raw) {
            (Kind::Switch, Raw::Switch(switch)) => Some(Value::Switch(*switch)),
            (Kind::Count { min, max }, Raw::Integer(integer)) => {
                self.count(item, *integer, min, max).map(Value::Count)
            }
            (Kind::Number(span) | Kind::NumberOr(span, _), Raw::Integer(integer)) => {
                // Exact for every range but the ends of `i64`, which lie outside.
                self.number(item, *integer as f64, span).map(Value::Number)
            }
            (Kind::Number(span) | Kind::NumberOr(span, _), Raw::Float(float)) => {
                self.number(item, *float, span).map(Value::Number)
            }
            (Kind::Name, Raw::Text(text)) => self.name(item, text).map(Value::Text),
            (Kind::Line { max }, Raw::Text(text)) => self.line(item, text, max).map(Value::Text),
            (Kind::Path(_), Raw::Text(text)) => self.path(item, text).map(Value::Text),
            (Kind::Choice(choices), Raw::Text(text)) => self
                .choice(item, text, choices)
                .map(|name| Value::Text(name.to_owned())),
            (Kind::Choices(choices), Raw::List(list)) => self.choices(item, list, choices),
            (Kind::Counts { fewest, most, max }, Raw::List(list)) => {
                self.counts(item, list, fewest..=most, (1, max))
            }
            (Kind::CountOrCounts { min, max, .. }, Raw::Integer(integer)) => {
                self.count(item, *integer, min, max).map(Value::Count)
            }
            (Kind::CountOrCounts { min, max, most, .. }, Raw::List(list)) => {
                self.counts(item, list, 1..=most, (min, max))
            }
            (Kind::CountOrCounts { words, .. }, Raw::Text(text)) if !words.is_empty() => {
                self.word(item, text, words)
            }
            (Kind::Numbers { fewest, most, each }, Raw::List(list)) => {
                self.numbers(item, list, fewest..=most, each)
            }
            (Kind::Word(word), Raw::Text(text)) => match (word.read)(text) {
                Ok(word) => Some(Value::Text(word)),
                Err(hint) => {
                    let guess = nearest(text, word.names.iter().copied()).map(did_you_mean_value);
                    self.not_a_value(item, hint.or(guess))
                }
            },
            (Kind::NumberOr(_, words), Raw::Text(text)) => self.word(item, text, words),
            (Kind::Limits, Raw::Table(table)) => self.limits(item, table),
            (kind, raw) => {
                let hint = type_hint(&kind, raw, item);
                self.wrong_type(item, hint)
            }
        }
    }

    fn count(&mut self, item: &Item, integer: i128, min: u64, max: u64) -> Option<u64> {
        match u64::try_from(integer) {
            Ok(count) if (min..=max).contains(&count) => Some(count),
            _ => self.out_of_range(item),
        }
    }

    fn word(&mut self, item: &Item, text: &str, words: &[&'static str]) -> Option<Value> {
        match words.contains(&text) {
            true => Some(Value::Text(text.to_owned())),
            false => {
                let guess = nearest(text, words.iter().copied());
                self.not_a_value(item, guess.map(did_you_mean_value))
            }
        }
    }

    fn number(&mut self, item: &Item, number: f64, span: Interval) -> Option<f64> {
        if let Some(what) = non_finite(number) {
            let message = match self.setting.kind {
                Kind::Numbers { .. } => format!("`{}` holds a value that is {what}", self.key),
                _ => format!("`{}` is {what}", self.key),
            };
            return self.refuse(&item.place, message, None);
        }
        match span.holds(number) {
            true => Some(number),
            false => self.out_of_range(item),
        }
    }

    fn name(&mut self, item: &Item, text: &str) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let problem = if text.is_empty() {
            "is empty".to_owned()
        } else if text.len() > LONGEST_NAME && text.chars().all(allowed) {
            format!("is {} characters long", text.len())
        } else if let Some(odd) = text.chars().find(|c| !allowed(*c)) {
            match odd {
                ' ' => "has a space in it".to_owned(),
                _ => format!("has the character {odd:?} in it"),
            }
        } else if let Some(first @ ('.' | '-')) = text.chars().next() {
            format!("starts with `{first}`")
        } else if text.ends_with('.') {
            "ends with `.`".to_owned()
        } else {
            return Some(text.to_owned());
        };
        let fixed = fixed_name(text);
        let hint = (!fixed.is_empty()).then(|| {
            format!("run folders carry the name, so it has to be a file name: `\"{fixed}\"`")
        });
        self.refuse(&item.place, format!("`{}` {problem}", self.key), hint)
    }

    fn line(&mut self, item: &Item, text: &str, max: usize) -> Option<String> {
        let length = text.chars().count();
        if (1..=max).contains(&length) && !text.chars().any(char::is_control) {
            return Some(text.to_owned());
        }
        let problem = match length {
            0 => "is empty".to_owned(),
            _ if length > max => format!("is {length} characters long"),
            _ => "has a control character".to_owned(),
        };
        self.refuse(&item.place, format!("`{}` {problem}", self.key), None)
    }

    fn path(&mut self, item: &Item, text: &str) -> Option<String> {
        let problem = match text {
            "" => "is empty",
            _ if text.contains('\0') => "has a NUL character",
            _ => return Some(text.to_owned()),
        };
        self.refuse(&item.place, format!("`{}` {problem}", self.key), None)
    }

    fn choice(
        &mut self,
        item: &Item,
        text: &str,
        choices: &'static [Choice],
    ) -> Option<&'static str> {
        let names = || choices.iter().map(|choice| choice.name);
        let renamed = self.setting.formerly.iter().find(|(old, _)| *old == text);
        let text = renamed.map_or(text, |(_, new)| new);
        match names().find(|name| *name == text) {
            Some(name) => Some(name),
            None => self.not_a_value(item, nearest(text, names()).map(did_you_mean_value)),
        }
    }

    fn choices(&mut self, item: &Item, list: &[Item], choices: &'static [Choice]) -> Option<Value> {
        if list.is_empty() {
            return self.refuse(&item.place, format!("`{}` is empty", self.key), None);
        }
        if list.len() > 2 * choices.len() {
            let message = format!("`{}` has {} items", self.key, list.len());
            return self.refuse(&item.place, message, None);
        }
        let mut found: Vec<&'static str> = Vec::new();
        let mut good = true;
        for one in list {
            let name = match &one.raw {
                Raw::Text(text) => self.choice(one, text, choices),
                raw => {
                    let message = format!("`{}` holds {}", self.key, raw.noun());
                    self.refuse(&one.place, message, None)
                }
            };
            match name {
                Some(name) if found.contains(&name) => {
                    let message = format!("`{}` holds \"{name}\" twice", self.key);
                    self.diagnostics.push(
                        Diagnostic::at(&one.place, message).expected("each name once at most"),
                    );
                    good = false;
                }
                Some(name) => found.push(name),
                None => good = false,
            }
        }
        let texts = found.into_iter().map(str::to_owned).collect();
        good.then_some(Value::Texts(texts))
    }

    fn counts(
        &mut self,
        item: &Item,
        list: &[Item],
        length: std::ops::RangeInclusive<usize>,
        (min, max): (u64, u64),
    ) -> Option<Value> {
        if !length.contains(&list.len()) {
            let message = match list.len() {
                0 => format!("`{}` is empty", self.key),
                n => format!("`{}` has {n} items", self.key),
            };
            return self.refuse(&item.place, message, None);
        }
        let mut counts = Vec::with_capacity(list.len());
        for one in list {
            let count = match &one.raw {
                Raw::Integer(integer) => self.count(one, *integer, min, max),
                raw => {
                    let what = match raw {
                        Raw::Float(float) => non_finite(*float),
                        _ => None,
                    };
                    let message = match what {
                        Some(what) => format!("`{}` holds a value that is {what}", self.key),
                        None => format!("`{}` holds {}", self.key, raw.noun()),
                    };
                    let hint = type_hint(&Kind::Count { min, max }, raw, one);
                    self.refuse(&one.place, message, hint)
                }
            };
            counts.extend(count);
        }
        (counts.len() == list.len()).then_some(Value::Counts(counts))
    }

    fn numbers(
        &mut self,
        item: &Item,
        list: &[Item],
        length: std::ops::RangeInclusive<usize>,
        each: Interval,
    ) -> Option<Value> {
        if !length.contains(&list.len()) {
            let message = match list.len() {
                0 => format!("`{}` is empty", self.key),
                n => format!("`{}` has {n} items", self.key),
            };
            return self.refuse(&item.place, message, None);
        }
        let mut numbers = Vec::with_capacity(list.len());
        for one in list {
            numbers.extend(match &one.raw {
                Raw::Integer(integer) => self.number(one, *integer as f64, each),
                Raw::Float(float) => self.number(one, *float, each),
                raw => {
                    let message = format!("`{}` holds {}", self.key, raw.noun());
                    let hint = type_hint(&Kind::Number(each), raw, one);
                    self.refuse(&one.place, message, hint)
                }
            });
        }
        (numbers.len() == list.len()).then_some(Value::Numbers(numbers))
    }

    fn limits(&mut self, item: &Item, table: &[Entry]) -> Option<Value> {
        let mut min = None;
        let mut max = None;
        let mut good = true;
        for entry in table {
            if self.diagnostics.is_full() {
                return None;
            }
            let slot = match entry.name.as_str() {
                "min" => &mut min,
                "max" => &mut max,
                name => {
                    let guess = nearest(name, ["min", "max"]);
                    let message = format!("unknown key `{}` in `{}`", shown(name), self.key);
                    self.refuse::<()>(&entry.key, message, guess.map(did_you_mean_key));
                    good = false;
                    continue;
                }
            };
            match self.limit(entry) {
                Some(number) => *slot = Some((number, &entry.item.place)),
                None => good = false,
            }
        }
        if !good {
            return None;
        }
        if let (Some((min, _)), Some((max, place))) = (min, max)
            && min > max
        {
            let message = format!("`{}` has a `min` above its `max`", self.key);
            self.diagnostics.push(
                Diagnostic::at(place, message).expected(format!("a number of at least {min}")),
            );
            return None;
        }
        if min.is_none() && max.is_none() {
            return self.refuse(&item.place, format!("`{}` sets no limit", self.key), None);
        }
        let number = |it: Option<(f64, &Place)>| it.map(|(number, _)| number);
        Some(Value::Limits {
            min: number(min),
            max: number(max),
        })
    }

    fn limit(&mut self, entry: &Entry) -> Option<f64> {
        let problem = match &entry.item.raw {
            // TOML's integers have 64 bits; what is beyond would not be read back by others.
            Raw::Integer(integer) => match i64::try_from(*integer) {
                Ok(integer) => return Some(integer as f64),
                Err(_) => "out of range",
            },
            Raw::Float(float) => match non_finite(*float) {
                None => return Some(*float),
                Some(what) => what,
            },
            raw => raw.noun(),
        };
        let message = format!("`{}.{}` is {problem}", self.key, entry.name);
        let hint = type_hint(&Kind::Number(ANY), &entry.item.raw, &entry.item);
        self.diagnostics.push(
            Diagnostic::at(&entry.item.place, message)
                .expected("a finite number")
                .maybe_hint(hint),
        );
        None
    }

    fn wrong_type<T>(&mut self, item: &Item, hint: Option<String>) -> Option<T> {
        let message = format!("`{}` is {}", self.key, item.raw.noun());
        self.refuse(&item.place, message, hint)
    }

    fn out_of_range<T>(&mut self, item: &Item) -> Option<T> {
        let message = match self.setting.kind {
            Kind::Counts { .. } | Kind::Numbers { .. } => {
                format!("`{}` holds a number out of range", self.key)
            }
            _ => format!("`{}` is out of range", self.key),
        };
        self.refuse(&item.place, message, None)
    }

    fn not_a_value<T>(&mut self, item: &Item, hint: Option<String>) -> Option<T> {
        let found = match &item.raw {
            Raw::Text(text) => shown(text),
            raw => raw.noun().to_owned(),
        };
        let message = format!("unknown value \"{found}\" for `{}`", self.key);
        self.refuse(&item.place, message, hint)
    }

    fn refuse<T>(&mut self, place: &Place, message: String, hint: Option<String>) -> Option<T> {
        let diagnostic = Diagnostic::at(place, message)
            .expected(self.setting.expected())
            .maybe_hint(hint);
        self.diagnostics.push(diagnostic);
        None
    }
}

/// What a number that is not finite is called.
fn non_finite(number: f64) -> Option<&'static str> {
    match number.is_nan() {
        true => Some("not a number"),
        false => (!number.is_finite()).then_some("not finite"),
    }
}

/// Any finite number.
const ANY: Interval = Interval::closed(f64::MIN, f64::MAX);
