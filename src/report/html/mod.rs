//! A report as one page: no other file, no network, readable without scripts, on a phone, in print, in the dark.
//!
//! | file | holds |
//! | --- | --- |
//! | `plot` | axes and marks of a chart, as SVG |
//! | `charts` | the charts |
//! | `gallery` | figures of the runs side by side |
//! | `escape` | text from elsewhere, escaped for HTML |
//! | `style.css`, `script.js` | what the page looks like; sorting and highlighting |
//!
//! The page forbids access to the network (`Content-Security-Policy`). Marks take their colour from `--t`, a place from
//! 0 to 1 on a scale of even lightness steps, which the style sheet turns into one for a light and one for a dark
//! background.

mod charts;
mod escape;
mod gallery;
mod plot;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use polars::prelude::DataFrame;

use charts::{Charts, Varied};
use escape::escape;

use super::cell::Cell;
use super::collect::Collection;
use super::error::ReportError;
use super::question::Question;
use super::run::Run;
use super::selection::Selection;
use super::text::{shown, to_json};
use crate::run::RunStatus;
use crate::sys::clock;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Most settings that runs are grouped by: of more, every run is a group of its own.
const MOST_VARIED: usize = 6;

/// The page.
///
/// # Errors
/// Those of polars, of which none is expected.
pub fn html(
    collection: &Collection,
    selection: &Selection,
    question: &Question,
) -> Result<String, ReportError> {
    let page = Page {
        collection,
        selection,
        question,
    };
    let title = page.title();
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    html += &page.head()?;
    html += &page.charts()?;
    html += &page.means()?;
    html += &page.runs()?;
    html += &page.figures()?;
    html += &page.what_ran();
    html += &page.left_out();
    let _ = write!(html, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    Ok(html)
}

struct Page<'a> {
    collection: &'a Collection,
    selection: &'a Selection,
    question: &'a Question,
}

impl Page<'_> {
    fn run(&self, row: usize) -> &Run {
        &self.collection.runs[self.selection.rows[row]]
    }

    fn count(&self) -> usize {
        self.selection.rows.len()
    }

    fn title(&self) -> String {
        let names: BTreeSet<&str> = (0..self.count())
            .map(|row| self.run(row).manifest.name.as_str())
            .collect();
        let count = match self.count() {
            1 => "1 run".to_owned(),
            n => format!("{n} runs"),
        };
        match names.into_iter().collect::<Vec<_>>()[..] {
            [name] => format!("{}: {count}", escape(name)),
            _ => count,
        }
    }

    /// The notes, and tiles with the best run, the counts of runs and the time of training.
    fn head(&self) -> Result<String, ReportError> {
        let mut html = format!(
            "<p class=\"soft\">Made by runner {} on {}",
            env!("CARGO_PKG_VERSION"),
            clock::now_utc().format("%Y-%m-%d %H:%M UTC")
        );
        if let Some(condition) = &self.question.condition {
            let _ = write!(html, "; only runs with <code>{}</code>", escape(condition));
        }
        html += "</p>\n";
        for note in &self.selection.notes {
            let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(note));
        }
        html += "<ul class=\"tiles\">\n";
        let mut tile = |head: &str, value: &str, foot: &str| {
            let _ = writeln!(
                html,
                "<li><span class=\"soft\">{}</span><b>{}</b><span class=\"soft\">{}</span></li>",
                escape(head),
                escape(value),
                escape(foot)
            );
        };
        let metric = &self.selection.metrics[0];
        let column = self.selection.frame.column(metric)?;
        let best = (0..self.count())
            .find(|&row| Cell::of(column, row).number().is_some_and(f64::is_finite));
        if let Some(best) = best.filter(|_| self.question.sort.is_none() && !self.question.reverse)
        {
            tile(
                &format!("best {metric}"),
                &Cell::of(column, best).shown(),
                &self.caption(best),
            );
        }
        for status in [
            RunStatus::Completed,
            RunStatus::Running,
            RunStatus::Interrupted,
            RunStatus::Diverged,
            RunStatus::Failed,
        ] {
            let count = (0..self.count())
                .filter(|&row| self.run(row).status == status)
                .count();
            if count > 0 {
                tile("runs", &count.to_string(), &status.to_string());
            }
        }
        if !self.collection.left_out.is_empty() {
            tile(
                "runs",
                &self.collection.left_out.len().to_string(),
                "cannot be read",
            );
        }
        let seconds: f64 = (0..self.count())
            .filter_map(|row| self.run(row).total_seconds)
            .sum();
        tile("training", &super::text::time(seconds), "all runs together");
        Ok(html + "</ul>\n")
    }

    /// The settings that distinguish runs; none where there are too many of them.
    fn varied(&self) -> Vec<&str> {
        let varied = match self.question.by.is_empty() {
            true => self.selection.varied(),
            false => self.question.by.iter().map(String::as_str).collect(),
        };
        if varied.len() > MOST_VARIED {
            vec![]
        } else {
            varied
        }
    }

    /// A run in few words: its values of the varied settings and its seed, or its name.
    fn caption(&self, row: usize) -> String {
        let run = self.run(row);
        let mut keys = self.varied();
        if self.selection.differing.iter().any(|key| key == "seed") {
            keys.push("seed");
        }
        let value = |key: &&str| {
            let value = run.settings.get(*key).unwrap_or(&Cell::Null).shown();
            format!("{} {value}", key.rsplit('.').next().unwrap_or(key))
        };
        match keys.is_empty() {
            true => run.name.clone(),
            false => keys.iter().map(value).collect::<Vec<_>>().join(", "),
        }
    }

    fn charts(&self) -> Result<String, ReportError> {
        let varied: Result<Vec<_>, _> = self
            .varied()
            .into_iter()
            .map(|name| Varied::new(self.selection, name))
            .collect();
        let charts = Charts {
            selection: self.selection,
            epochs: &self.collection.epochs,
            varied: varied?,
            names: (0..self.count())
                .map(|row| self.run(row).name.clone())
                .collect(),
            completed: (0..self.count())
                .map(|row| self.run(row).status == RunStatus::Completed)
                .collect(),
        };
        Ok(format!(
            "<h2>Charts</h2>\n<div class=\"charts\">\n{}</div>\n",
            charts.all()?
        ))
    }

    fn means(&self) -> Result<String, ReportError> {
        let by: Vec<String> = self.varied().into_iter().map(str::to_owned).collect();
        if by.is_empty() {
            return Ok(String::new());
        }
        let table = self.selection.means(&by, None, false)?;
        let caption = "Completed runs alone. <code>_std</code> is the sample standard deviation, <code>_stderr</code> the standard error of the mean.";
        Ok(format!(
            "<h2>Means</h2>\n<p class=\"soft\">{caption}</p>\n{}",
            data_table(&table, false)
        ))
    }

    fn runs(&self) -> Result<String, ReportError> {
        let ungrouped = Question {
            by: vec![],
            ..self.question.clone()
        };
        let table = self.selection.answer(&self.collection.runs, &ungrouped)?;
        Ok(format!(
            "<h2>Runs</h2>\n<p class=\"hint\">A click on a heading sorts.</p>\n{}",
            data_table(&table, true)
        ))
    }

    fn figures(&self) -> Result<String, ReportError> {
        let by: Vec<String> = self.varied().into_iter().map(str::to_owned).collect();
        // Rows are sorted, so that the first of a group is its best.
        let rows = match by.is_empty() {
            true => (0..self.count()).collect(),
            false => self
                .selection
                .groups(&by)?
                .iter()
                .filter_map(|group| group.rows.first().copied())
                .collect(),
        };
        let rows: Vec<usize> = rows;
        let gallery = gallery::gallery(self.selection, &self.collection.runs, &rows, |row| {
            self.caption(row)
        });
        Ok(match gallery.is_empty() {
            true => String::new(),
            false => format!("<h2>Figures side by side</h2>\n{gallery}"),
        })
    }

    /// What is the same in all runs, machines, programs and data.
    fn what_ran(&self) -> String {
        let mut facts: BTreeMap<(usize, &str), BTreeSet<String>> = BTreeMap::new();
        for row in 0..self.count() {
            let manifest = &self.run(row).manifest;
            let commit = manifest
                .git_commit
                .as_deref()
                .map_or(String::new(), |it| format!(", commit {it}"));
            let compute = &manifest.compute;
            let values = [
                (
                    "program",
                    format!("runner {}{commit}", manifest.program_version),
                ),
                (
                    "machine",
                    format!(
                        "{}, {}, {}",
                        manifest.machine.host, manifest.machine.cpu, manifest.machine.os
                    ),
                ),
                (
                    "computed on",
                    format!(
                        "{}, {} threads, {} kernels",
                        compute.device, compute.threads, compute.kernel_path
                    ),
                ),
                (
                    "data",
                    format!("{}, {}", manifest.data.name, manifest.data.place),
                ),
                ("SHA-256 of the data", manifest.data.checksum.clone()),
                ("parameters", manifest.parameters.total.to_string()),
            ];
            for (at, (name, value)) in values.into_iter().enumerate() {
                facts.entry((at, name)).or_default().insert(value);
            }
        }
        /// Of more values than these only their number is shown.
        const MOST: usize = 12;
        let mut html = String::from("<h2>What ran</h2>\n<dl>\n");
        for ((_, name), values) in facts {
            let values = match values.len() > MOST {
                true => format!("{} different ones", values.len()),
                false => values
                    .iter()
                    .map(|value| escape(value))
                    .collect::<Vec<_>>()
                    .join("<br>"),
            };
            let _ = writeln!(html, "<dt>{}</dt><dd>{values}</dd>", escape(name));
        }
        html += "</dl>\n";
        if self.count() > 0 {
            html += "<details><summary>Settings that are the same in all runs</summary><dl>\n";
            let settings = &self.run(0).settings;
            let is_same = |key: &String| {
                (1..self.count()).all(|row| self.run(row).settings.get(key) == settings.get(key))
            };
            let mut same: Vec<&String> = settings.keys().filter(|key| is_same(key)).collect();
            same.sort_by_key(|key| super::settings::place(key));
            for key in same {
                let _ = writeln!(
                    html,
                    "<dt>{}</dt><dd>{}</dd>",
                    escape(key),
                    escape(&settings[key].shown())
                );
            }
            html += "</dl></details>\n";
        }
        html
    }

    fn left_out(&self) -> String {
        if self.collection.left_out.is_empty() {
            return String::new();
        }
        let mut html = String::from("<h2>Left out</h2>\n<dl>\n");
        for it in &self.collection.left_out {
            let _ = writeln!(
                html,
                "<dt>{}</dt><dd>{}</dd>",
                escape(&it.path.display().to_string()),
                escape(&it.why)
            );
        }
        html + "</dl>\n"
    }
}

/// A table that a click sorts. Rows are marked as runs where they are.
fn data_table(frame: &DataFrame, rows_are_runs: bool) -> String {
    let shown = shown(frame);
    let mut html = String::from("<div class=\"scroll\"><table class=\"sortable\"><thead><tr>");
    for column in &shown.columns {
        let class = if column.is_number {
            " class=\"num\""
        } else {
            ""
        };
        let _ = write!(
            html,
            "<th scope=\"col\"{class}><button type=\"button\">{}</button></th>",
            escape(&column.name)
        );
    }
    html += "</tr></thead>\n<tbody>\n";
    for row in 0..frame.height() {
        let mark = if rows_are_runs {
            format!(" data-run=\"{row}\"")
        } else {
            String::new()
        };
        let _ = write!(html, "<tr{mark}>");
        for column in &shown.columns {
            let class = if column.is_number {
                " class=\"num\""
            } else {
                ""
            };
            let value = match frame
                .column(&column.of)
                .map_or(Cell::Null, |it| Cell::of(it, row))
            {
                Cell::Text(text) => text,
                cell => match to_json(&cell) {
                    serde_json::Value::Null => String::new(),
                    value => value.to_string(),
                },
            };
            let _ = write!(
                html,
                "<td{class} data-v=\"{}\">{}</td>",
                escape(&value),
                escape(&column.cells[row])
            );
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}
