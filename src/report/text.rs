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

/// As CSV (RFC 4180, lines end in a line feed), line by line: all digits, nothing between two commas where there is
/// nothing.
pub fn csv(frame: &DataFrame) -> impl Iterator<Item = String> + '_ {
    let names = frame
        .get_column_names()
        .into_iter()
        .map(|it| quoted(it.as_str()));
    let head = names.collect::<Vec<_>>().join(",") + "\n";
    let line = |row: Vec<Cell>| {
        let cells: Vec<String> = row
            .iter()
            .map(|cell| match cell {
                // An empty text is not a missing one.
                Cell::Text(text) if text.is_empty() => "\"\"".to_owned(),
                cell => quoted(&cell.plain()),
            })
            .collect();
        cells.join(",") + "\n"
    };
    std::iter::once(head).chain(rows(frame).map(line))
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// As JSON, line by line: an array with an object a row. JSON has no numbers that are not finite; they are `null`.
pub fn json(frame: &DataFrame) -> impl Iterator<Item = String> + '_ {
    let names: Vec<String> = frame
        .get_column_names()
        .into_iter()
        .map(|it| it.to_string())
        .collect();
    let last = frame.height().saturating_sub(1);
    let object = move |(at, row): (usize, Vec<Cell>)| {
        let object: Map<String, Value> =
            names.iter().cloned().zip(row.iter().map(to_json)).collect();
        format!(
            "{}{}\n",
            Value::Object(object),
            if at < last { "," } else { "" }
        )
    };
    let (head, foot) = (
        std::iter::once("[\n".to_owned()),
        std::iter::once("]\n".to_owned()),
    );
    head.chain(rows(frame).enumerate().map(object)).chain(foot)
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
pub(super) struct ShownTable {
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
pub(super) fn shown(frame: &DataFrame) -> ShownTable {
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
                false => crate::sys::printable::printable(column.name()),
            },
            cells: cells.iter().zip(aligned).map(text).collect(),
            is_number: column.dtype().is_primitive_numeric(),
        }
    });
    ShownTable {
        columns: columns.collect(),
    }
}

/// Seconds as people read them; those of a file from elsewhere may be anything.
pub(super) fn time(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => crate::sys::clock::duration(time),
        Err(_) => super::cell::number(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::Column;

    fn frame() -> DataFrame {
        let columns = vec![
            Column::new("run".into(), ["a,b", "say \"hi\"", "x|y<z\u{1b}"]),
            Column::new("model.latent_dim".into(), [Some(2_i64), None, Some(16)]),
            Column::new("loss".into(), [252.487_654_3, f64::NAN, 85.1]),
            Column::new("loss_delta".into(), [Some(0.5), None, Some(-0.25)]),
            Column::new("total_seconds".into(), [0.25, 185.0, f64::INFINITY]),
        ];
        DataFrame::new(3, columns).unwrap()
    }

    #[test]
    fn aligns_columns_and_shows_times_and_differences() {
        let expected = "\
run          model.latent_dim     loss  loss_delta        time
a,b                         2  252.488       +0.50       0.2 s
say \"hi\"                    -      nan           -  3 min 05 s
x|y<z\\u{1b}                16   85.100       -0.25         inf
";
        assert_eq!(table(&frame()), expected);
    }

    #[test]
    fn escapes_cells_in_markdown() {
        let text = markdown(&frame());
        assert!(text.starts_with("| run | model.latent_dim | loss | loss_delta | time |\n| --- | ---: | ---: | ---: | ---: |\n"), "{text}");
        assert!(text.contains("| x\\|y&lt;z\\\\u{1b} | 16 |"), "{text}");
    }

    #[test]
    fn writes_all_digits_and_quotes_in_csv() {
        let text: String = csv(&frame()).collect();
        let expected = "run,model.latent_dim,loss,loss_delta,total_seconds\n\"a,b\",2,252.4876543,0.5,0.25\n\
            \"say \"\"hi\"\"\",,NaN,,185.0\nx|y<z\u{1b},16,85.1,-0.25,inf\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn writes_an_object_a_row_in_json() {
        let text: String = json(&frame()).collect();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["loss"], 252.487_654_3);
        assert_eq!(value[1]["loss"], Value::Null);
        assert_eq!(value[1]["run"], "say \"hi\"");
        assert_eq!(value[2]["model.latent_dim"], 16);
        let empty: String = json(&frame().head(Some(0))).collect();
        assert_eq!(empty, "[\n]\n");
    }
}
