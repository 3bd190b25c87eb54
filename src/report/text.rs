//! Tables as text: for a terminal, as Markdown, CSV and JSON.

use std::fmt::Write as _;
use std::time::Duration;

use polars::prelude::DataFrame;
use serde_json::{Map, Value};

use super::cell::{Cell, aligned, rows};

/// Between two columns.
const GAP: &str = "  ";

/// For a terminal: columns of one width, numbers to the right, times in their units, a column of counts left out
/// where it says nothing that `runs` does not.
pub fn table(frame: &DataFrame) -> String {
    let shown = shown(frame);
    let widths: Vec<usize> = shown.columns.iter().map(|column| column.width()).collect();
    let mut text = String::new();
    let mut line = |cells: Vec<&str>| {
        let padded =
            cells
                .iter()
                .zip(&widths)
                .zip(&shown.columns)
                .map(|((cell, &width), column)| {
                    let spaces = " ".repeat(width.saturating_sub(cell.chars().count()));
                    match column.is_number {
                        true => format!("{spaces}{cell}"),
                        false => format!("{cell}{spaces}"),
                    }
                });
        let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join(GAP).trim_end());
    };
    line(shown.columns.iter().map(|it| it.name.as_str()).collect());
    for row in 0..frame.height() {
        line(
            shown
                .columns
                .iter()
                .map(|it| it.cells[row].as_str())
                .collect(),
        );
    }
    text
}

/// As a table of Markdown.
pub fn markdown(frame: &DataFrame) -> String {
    let shown = shown(frame);
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = row(shown.columns.iter().map(|it| escaped(&it.name)).collect());
    text += &row(shown
        .columns
        .iter()
        .map(|it| if it.is_number { "---:" } else { "---" }.to_owned())
        .collect());
    for at in 0..frame.height() {
        text += &row(shown
            .columns
            .iter()
            .map(|it| escaped(&it.cells[at]))
            .collect());
    }
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '|' | '*' | '`' | '[' | '\\' | '~' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

/// As CSV (RFC 4180, lines end in a line feed): all digits, nothing between two commas where there is nothing.
pub fn csv(frame: &DataFrame) -> String {
    let names = frame
        .get_column_names()
        .into_iter()
        .map(|it| quoted(it.as_str()));
    let mut text = names.collect::<Vec<_>>().join(",") + "\n";
    for row in rows(frame) {
        let cells: Vec<String> = row
            .iter()
            .map(|cell| match cell {
                // An empty text is not a missing one.
                Cell::Text(text) if text.is_empty() => "\"\"".to_owned(),
                cell => quoted(&cell.plain()),
            })
            .collect();
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// As JSON: an array with an object a row. JSON has no numbers that are not finite; they are `null`.
pub fn json(frame: &DataFrame) -> String {
    let names: Vec<String> = frame
        .get_column_names()
        .into_iter()
        .map(|it| it.to_string())
        .collect();
    let mut text = String::from("[");
    for (at, row) in rows(frame).enumerate() {
        let object: Map<String, Value> =
            names.iter().cloned().zip(row.iter().map(to_json)).collect();
        text += if at == 0 { "\n" } else { ",\n" };
        text += &Value::Object(object).to_string();
    }
    text + "\n]\n"
}

/// A value as JSON.
pub fn to_json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Switch(value) => (*value).into(),
        Cell::Count(value) => (*value).into(),
        Cell::Real(value) => (*value).into(),
        Cell::Text(text) => text.as_str().into(),
    }
}

/// A table as people read it.
pub(super) struct Shown {
    pub(super) columns: Vec<ShownColumn>,
}

/// A column of it.
pub(super) struct ShownColumn {
    /// What stands above it.
    pub(super) name: String,
    /// The column that it shows.
    pub(super) of: String,
    pub(super) cells: Vec<String>,
    pub(super) is_number: bool,
}

impl ShownColumn {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.chars().count());
        cells.chain([self.name.chars().count()]).max().unwrap_or(0)
    }
}

/// A table as people read it.
pub(super) fn shown(frame: &DataFrame) -> Shown {
    let runs = frame.column("runs").ok();
    let says_something = |column: &&polars::prelude::Column| {
        let is_count = column.name().ends_with("_count");
        !(is_count
            && runs.is_some_and(|runs| {
                (0..runs.len()).all(|row| Cell::of(runs, row) == Cell::of(column, row))
            }))
    };
    let columns = frame.columns().iter().filter(says_something).map(|column| {
        let cells: Vec<Cell> = (0..column.len()).map(|row| Cell::of(column, row)).collect();
        let (is_time, is_delta) = (
            column.name() == "total_seconds",
            column.name().ends_with(super::question::DELTA),
        );
        // Settings are written as they are set.
        let is_metric = column.dtype().is_float() && !column.name().contains('.');
        let numbers: Vec<Option<f64>> = cells.iter().map(Cell::number).collect();
        let aligned = if is_metric {
            aligned(&numbers)
        } else {
            vec![None; cells.len()]
        };
        let text = |(cell, aligned): (&Cell, Option<String>)| match (cell.number(), aligned) {
            (Some(value), _) if is_time => time(value),
            (Some(value), Some(text)) if is_delta && value > 0.0 => format!("+{text}"),
            (_, Some(text)) => text,
            (_, None) => cell.shown(),
        };
        ShownColumn {
            of: column.name().to_string(),
            name: match is_time {
                true => "time".to_owned(),
                false => crate::ground::printable::printable(column.name()),
            },
            cells: cells.iter().zip(aligned).map(text).collect(),
            is_number: column.dtype().is_primitive_numeric(),
        }
    });
    Shown {
        columns: columns.collect(),
    }
}

/// Seconds as people read them; those of a stranger's file may be anything.
pub(super) fn time(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => crate::ground::clock::duration(time),
        Err(_) => super::cell::number(seconds),
    }
}
