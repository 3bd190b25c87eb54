//! `{ from = 1, to = 64, steps = 7, scale = "log" }`: values between two ends, both of which belong to it.

use super::{MOST_TRIALS, Values};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::hint::{did_you_mean_key, shown};
use crate::config::kind::{Kind, grouped};
use crate::config::nearest::nearest;
use crate::config::setting::Setting;
use crate::config::source::Place;
use crate::config::tree::{Entry, Item, Raw};
use crate::numeric::random::Stream;

const KEYS: [&str; 4] = ["from", "to", "steps", "scale"];

/// Anything between two ends.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    from: f64,
    to: f64,
    is_log: bool,
    is_whole: bool,
    place: Place,
}

/// Reads a range of a setting. `drawn` says that trials are drawn at random, so that it needs no steps. What is wrong
/// is reported; nothing is given then.
pub(crate) fn range(
    setting: &Setting,
    item: &Item,
    entries: &[Entry],
    drawn: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Values> {
    let is_whole = match setting.kind {
        Kind::Count { .. } | Kind::CountOrCounts { .. } => true,
        Kind::Number(_) => false,
        _ => {
            let message = format!("`{}` has no ranges: it is no number", setting.key);
            diagnostics.push(Diagnostic::at(&item.place, message).expected("a list of values"));
            return None;
        }
    };
    let before = diagnostics.len();
    for entry in entries {
        if !KEYS.contains(&entry.name.as_str()) {
            let message = format!("unknown key `{}` in a range", shown(&entry.name));
            diagnostics.push(
                Diagnostic::at(&entry.key, message)
                    .expected("`from`, `to`, `steps` or `scale`")
                    .maybe_hint(nearest(&entry.name, KEYS).map(did_you_mean_key)),
            );
        }
    }
    let from = end("from", is_whole, item, entries, diagnostics);
    let to = end("to", is_whole, item, entries, diagnostics);
    let steps = steps(entries, diagnostics);
    let is_log = is_log(entries, diagnostics);
    if diagnostics.len() > before {
        return None;
    }
    let interval = Interval {
        from: from?,
        to: to?,
        is_log: is_log?,
        is_whole,
        place: item.place.clone(),
    };
    if interval.from >= interval.to {
        let message = "a range that does not go up";
        diagnostics.push(Diagnostic::at(&item.place, message).expected("a `from` below its `to`"));
        return None;
    }
    if interval.is_log && interval.from <= 0.0 {
        let message = "a logarithmic range from 0 or below";
        diagnostics.push(Diagnostic::at(&item.place, message).expected("a `from` above 0"));
        return None;
    }
    match steps? {
        Some(steps) => interval.steps(steps, diagnostics),
        None if drawn => Some(Values::Interval(interval)),
        None if interval.is_whole && !interval.is_log => interval.every_integer(diagnostics),
        None => {
            let message = "a range without `steps`";
            diagnostics.push(
                Diagnostic::at(&item.place, message)
                    .expected("`steps`, the number of values")
                    .hint("only `[sweep.random]` takes any value between two ends"),
            );
            None
        }
    }
}

impl Interval {
    /// So many values, evenly spread over the scale.
    fn steps(&self, steps: usize, diagnostics: &mut Diagnostics) -> Option<Values> {
        let at = |step: usize| match step {
            0 => self.from,
            _ if step + 1 == steps => self.to,
            _ => self.at(step as f64 / (steps - 1) as f64),
        };
        let values: Vec<f64> = (0..steps).map(at).collect();
        if let Some(twice) = values.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("a range with the value {} twice", twice[0]);
            diagnostics.push(
                Diagnostic::at(&self.place, message)
                    .expected("fewer `steps`")
                    .hint("whole numbers are rounded to"),
            );
            return None;
        }
        Some(Values::List(
            values.into_iter().map(|it| self.item(it)).collect(),
        ))
    }

    fn every_integer(&self, diagnostics: &mut Diagnostics) -> Option<Values> {
        let count = self.to - self.from + 1.0;
        if count > MOST_TRIALS as f64 {
            let message = format!("a range of {count} values");
            let expected = format!("at most {} values", grouped(MOST_TRIALS as u64));
            diagnostics.push(Diagnostic::at(&self.place, message).expected(expected));
            return None;
        }
        let values = (0..count as u64).map(|i| self.item(self.from + i as f64));
        Some(Values::List(values.collect()))
    }

    /// The value at a share of the range, from 0 to 1.
    fn at(&self, share: f64) -> f64 {
        let value = if self.is_log {
            (self.from.ln() + share * (self.to.ln() - self.from.ln())).exp()
        } else {
            self.from + share * (self.to - self.from)
        };
        let value = if self.is_whole {
            value.round()
        } else {
            twelve_digits(value)
        };
        value.clamp(self.from, self.to)
    }

    /// A value drawn from the stream: even over the scale; whole numbers are rounded to.
    pub(crate) fn draw(&self, stream: &mut Stream) -> Item {
        if self.is_whole && !self.is_log {
            let values = (self.to - self.from) as u64 + 1;
            return self.item(self.from + stream.below(values) as f64);
        }
        // 53 bits, as many as an `f64` has.
        let share = (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        self.item(self.at(share))
    }

    fn item(&self, value: f64) -> Item {
        let raw = match self.is_whole {
            // Exact: ends of whole numbers are below 2^53.
            true => Raw::Integer(value as i128),
            false => Raw::Float(value),
        };
        Item {
            place: self.place.clone(),
            raw,
        }
    }
}

/// The number to twelve significant digits: `0.01`, not `0.010000000000000002`, and the same on every machine, whatever
/// its library computes as the last bits of an exponential.
fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

fn written<'a>(name: &str, entries: &'a [Entry]) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

fn end(
    name: &str,
    is_whole: bool,
    item: &Item,
    entries: &[Entry],
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    /// From here on an `f64` does not hold every integer.
    const MOST: i128 = 1 << 53;
    let expected = match is_whole {
        true => "an integer",
        false => "a number",
    };
    let Some(entry) = written(name, entries) else {
        let message = format!("a range without `{name}`");
        diagnostics.push(
            Diagnostic::at(&item.place, message)
                .expected("`{ from = A, to = B, steps = N }`, with `scale = \"log\"` if you like"),
        );
        return None;
    };
    match entry.item.raw {
        Raw::Integer(number) if number.abs() < MOST => Some(number as f64),
        Raw::Float(number) if number.is_finite() && !is_whole => Some(number),
        _ => {
            let message = format!("`{name}` is {}", entry.item.raw.noun());
            diagnostics.push(Diagnostic::at(&entry.item.place, message).expected(expected));
            None
        }
    }
}

fn steps(entries: &[Entry], diagnostics: &mut Diagnostics) -> Option<Option<usize>> {
    let Some(entry) = written("steps", entries) else {
        return Some(None);
    };
    match entry.item.raw {
        Raw::Integer(steps @ 2..=10_000) => Some(Some(steps as usize)),
        _ => {
            let message = "`steps` is no number of values";
            diagnostics.push(
                Diagnostic::at(&entry.item.place, message).expected("an integer from 2 to 10_000"),
            );
            None
        }
    }
}

fn is_log(entries: &[Entry], diagnostics: &mut Diagnostics) -> Option<bool> {
    let Some(entry) = written("scale", entries) else {
        return Some(false);
    };
    match &entry.item.raw {
        Raw::Text(text) if text == "log" => Some(true),
        Raw::Text(text) if text == "linear" => Some(false),
        _ => {
            let message = "unknown `scale` of a range";
            diagnostics
                .push(Diagnostic::at(&entry.item.place, message).expected("\"linear\" or \"log\""));
            None
        }
    }
}
