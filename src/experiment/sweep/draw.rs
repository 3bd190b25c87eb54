//! Which values each trial has.

use std::collections::HashSet;

use super::read::Asked;
use super::{Axis, MOST_TRIALS, Random, Values};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::kind::grouped;
use crate::config::tree::{Item, Raw};
use crate::numeric::random::{Purpose, Stream};

/// The axes in the order of a trial's values.
pub(crate) fn axes(asked: &Asked) -> impl Iterator<Item = &Axis> {
    asked.zip.iter().chain(&asked.over)
}

/// The values of every trial, in the order of [`axes`]; nothing where there are too many trials or too few different
/// ones, which is reported.
pub(crate) fn rows(asked: &Asked, diagnostics: &mut Diagnostics) -> Option<Vec<Vec<Item>>> {
    match asked.random {
        Some(random) => drawn(asked, random, diagnostics),
        None => combinations(asked, diagnostics),
    }
}

fn list(axis: &Axis) -> &[Item] {
    match &axis.values {
        Values::List(items) => items,
        // Only where trials are drawn.
        Values::Interval(_) => &[],
    }
}

fn combinations(asked: &Asked, diagnostics: &mut Diagnostics) -> Option<Vec<Vec<Item>>> {
    let zipped = asked.zip.first().map_or(1, |axis| list(axis).len());
    let lengths = asked.over.iter().map(|axis| list(axis).len());
    let count = lengths.fold(zipped as u128, |all, n| all.saturating_mul(n as u128));
    if count > MOST_TRIALS as u128 {
        let message = format!("a sweep of {count} trials");
        let expected = format!("at most {}", grouped(MOST_TRIALS as u64));
        diagnostics.push(
            Diagnostic::at(&asked.place, message)
                .expected(expected)
                .hint("take fewer values, or draw some with `[sweep.random]` and its `trials`"),
        );
        return None;
    }
    let mut rows: Vec<Vec<Item>> = (0..zipped)
        .map(|row| {
            let items = asked.zip.iter();
            items
                .filter_map(|axis| list(axis).get(row).cloned())
                .collect()
        })
        .collect();
    for axis in &asked.over {
        let longer = |row: &Vec<Item>| {
            let row = row.clone();
            list(axis).iter().map(move |item| {
                let mut row = row.clone();
                row.push(item.clone());
                row
            })
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    Some(rows)
}

fn drawn(asked: &Asked, random: Random, diagnostics: &mut Diagnostics) -> Option<Vec<Vec<Item>>> {
    let most_attempts = random.trials.saturating_mul(200).max(10_000) as u32;
    let (mut rows, mut seen) = (vec![], HashSet::new());
    for attempt in 0..most_attempts {
        if rows.len() == random.trials {
            return Some(rows);
        }
        let draw = |(position, axis): (usize, &Axis)| {
            // An attempt and an axis have a stream of their own: another axis changes none of the others' values.
            let mut stream = Stream::new(random.seed, Purpose::Sweep, attempt, position as u32);
            match &axis.values {
                Values::List(items) => items
                    .get(stream.below(items.len() as u64) as usize)
                    .cloned(),
                Values::Interval(interval) => Some(interval.draw(&mut stream)),
            }
        };
        let row: Vec<Item> = axes(asked).enumerate().filter_map(draw).collect();
        let text: Vec<String> = row.iter().map(toml_of).collect();
        if seen.insert(text) {
            rows.push(row);
        }
    }
    if rows.len() == random.trials {
        return Some(rows);
    }
    let message = format!(
        "{} trials asked for, {} different ones found",
        random.trials,
        rows.len()
    );
    diagnostics.push(
        Diagnostic::at(&asked.place, message)
            .expected("fewer `trials`, or more values in `[sweep.over]`"),
    );
    None
}

/// A value as TOML: what a person sees of it.
pub(crate) fn toml_of(item: &Item) -> String {
    match &item.raw {
        Raw::Text(text) => toml::Value::from(text.as_str()).to_string(),
        Raw::Integer(integer) => integer.to_string(),
        Raw::Float(float) => format!("{float:?}"),
        Raw::Switch(switch) => switch.to_string(),
        Raw::Date => item.place.text().to_owned(),
        Raw::List(items) => {
            let items: Vec<String> = items.iter().map(toml_of).collect();
            format!("[{}]", items.join(", "))
        }
        Raw::Table(entries) => {
            let entry =
                |it: &crate::config::tree::Entry| format!("{} = {}", it.name, toml_of(&it.item));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            match entries.is_empty() {
                true => "{}".to_owned(),
                false => format!("{{ {} }}", entries.join(", ")),
            }
        }
    }
}
