//! `runner list [PATH]`: every run below a folder, broken ones too. Writes nothing.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use crate::report::{self, number};
use crate::run::RunView;
use crate::sys::printable::printable;
use crate::sys::{clock, exit};
use crate::terminal::Outcome;
use crate::terminal::args::RUNS_DIR;
use crate::terminal::print::{out, thousands};

/// List the runs below a folder: status, age, epochs, best metric. Writes nothing
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to look
    #[arg(value_name = "PATH", default_value = RUNS_DIR)]
    path: PathBuf,
}

/// Prints a line a run, sorted by name, which is by age.
pub fn main(args: &Args) -> Outcome {
    let runs = report::find(std::slice::from_ref(&args.path))?;
    let now = clock::now_utc();
    let lines: Vec<Line> = runs
        .par_iter()
        .map(|run: &PathBuf| Line::of(&RunView::open(run), now))
        .collect();
    let width = |column: fn(&Line) -> &str| {
        lines
            .iter()
            .map(|line| column(line).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (status, age) = (width(|it| &it.status), width(|it| &it.age).max(3));
    let (epochs, best) = (width(|it| &it.epochs).max(6), width(|it| &it.best).max(4));
    let mut text = format!(
        "{:<status$}  {:>age$}  {:>epochs$}  {:<best$}  run\n",
        "status", "age", "epochs", "best"
    );
    for line in &lines {
        let Line {
            status: s,
            age: a,
            epochs: e,
            best: b,
            run,
            why,
        } = line;
        text += &format!("{s:<status$}  {a:>age$}  {e:>epochs$}  {b:<best$}  {run}{why}\n");
    }
    out(&text)?;
    Ok(exit::DONE)
}

/// What is said of a run.
struct Line {
    status: String,
    age: String,
    epochs: String,
    best: String,
    run: String,
    why: String,
}

impl Line {
    fn of(view: &RunView, now: DateTime<Utc>) -> Self {
        let started = view
            .manifest()
            .map(|it| it.created)
            .or_else(|| view.id().map(|it| it.started));
        let planned = view
            .manifest()
            .and_then(|it| it.sessions.last())
            .map(|it| u64::from(it.epochs));
        let done = view.history().len() as u64;
        Self {
            status: view.status().to_string(),
            age: started.map_or("-".to_owned(), |started| age(now - started)),
            epochs: match planned {
                Some(planned) => format!("{}/{}", thousands(done), thousands(planned)),
                None => "-".to_owned(),
            },
            best: view.best().map_or("-".to_owned(), |best| {
                format!(
                    "{} {} (epoch {})",
                    printable(&best.metric),
                    number(best.value),
                    best.epoch
                )
            }),
            run: printable(&view.path().display().to_string()),
            why: view.why().map_or(String::new(), |why| format!(": {why}")),
        }
    }
}

/// `40 s`, `5 min`, `3 h`, `12 d`: how long ago. A clock that was changed gives no age below 0.
fn age(age: chrono::TimeDelta) -> String {
    let seconds = age.to_std().unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", thousands(seconds / 86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_an_age_in_the_unit_that_fits() {
        let ages = [
            -5,
            0,
            59,
            60,
            3_599,
            3_600,
            172_799,
            172_800,
            86_400 * 1_000,
        ];
        let texts = ages.map(|seconds| age(chrono::TimeDelta::seconds(seconds)));
        assert_eq!(
            texts,
            [
                "0 s", "0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 d", "1,000 d"
            ]
        );
    }
}
