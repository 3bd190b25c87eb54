//! `runner check` of a spec with a sweep: its trials, what differs, what they will cost. Writes nothing.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::disk_room::refuse_little_room;
use super::parallelism;
use super::trial_plans::plans;
use crate::experiment::Loaded;
use crate::plan::Plan;
use crate::session::process::on_threads;
use crate::sweep::SweepFolder;
use crate::sys::exit;
use crate::terminal::args::RUNS_DIR;
use crate::terminal::print::{bytes, count, duration, out, thousands};
use crate::terminal::{CliError, Outcome};
use crate::train::{self, Estimate, whole_run};

/// Longest value in a cell, in characters.
const LONGEST_VALUE: usize = 32;
/// Different networks whose steps are timed; others are reckoned from these.
const MOST_TIMED: usize = 6;

/// Lists the trials; refuses what the disk has no room for.
///
/// # Errors
/// A trial does not fit its data or the machine; the disk has too little room.
pub fn print(loaded: &Loaded, jobs: Option<u16>) -> Outcome {
    let plans = plans(loaded)?;
    let Some(largest) = plans.iter().max_by_key(|plan| plan.flops_per_step()) else {
        return Err(CliError::new(exit::USAGE, "a sweep without trials"));
    };
    let parallelism = parallelism::choose(largest, plans.len(), jobs)?;
    let times = on_threads(Some(parallelism.threads), || Ok(times(&plans)))?;
    let Some(sweep) = &loaded.sweep else {
        return Err(CliError::new(exit::USAGE, "no sweep"));
    };
    let mut table = vec![
        std::iter::once("trial".to_owned())
            .chain(sweep.varied.iter().cloned())
            .chain(["parameters", "time", "disk"].map(str::to_owned))
            .collect::<Vec<_>>(),
    ];
    for (i, (trial, plan)) in sweep.trials.iter().zip(&plans).enumerate() {
        let mut row = vec![(i + 1).to_string()];
        row.extend(trial.values.iter().map(|value| short(value)));
        row.push(thousands(plan.parameters()));
        row.push(seconds(times.get(i).copied().unwrap_or(0.0)));
        row.push(bytes(plan.disk_bytes()));
        table.push(row);
    }
    let mut text = format!("{}: {}\n\n", loaded.spec.name, count(plans.len(), "trial"));
    text += &aligned(&table);
    let all: f64 = times.iter().sum();
    let disk = plans
        .iter()
        .fold(0_u64, |all, plan| all.saturating_add(plan.disk_bytes()));
    // No sweep is done before its longest trial.
    let longest = times.iter().copied().fold(0.0, f64::max);
    let whole = (all / parallelism.jobs as f64).max(longest);
    let early = match sweep.halving {
        Some(_) => ", less what [sweep.halving] stops",
        None => "",
    };
    text += &format!(
        "\ntime    about {} without figures{early}: {}\ndisk    about {}\nfolder  {}\n",
        seconds(whole),
        parallelism.why,
        bytes(disk),
        SweepFolder::path_of(Path::new(RUNS_DIR), &loaded.spec.name).display()
    );
    out(&text)?;
    refuse_little_room(Path::new(RUNS_DIR), disk)?;
    Ok(exit::DONE)
}

fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn short(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}...", value.get(..end).unwrap_or(value)),
        None => value.to_owned(),
    }
}

/// Rows in columns: the first row above a rule, everything to the left.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
        if i == 0 {
            let rule = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
            text += &"-".repeat(rule);
            text.push('\n');
        }
    }
    text
}

/// Seconds of each trial alone on the caller's threads. Some networks are timed, smallest and largest among them; the step of
/// another one is that of the closest of them, grown by its operations.
fn times(plans: &[Plan]) -> Vec<f64> {
    let key = |plan: &Plan| {
        let spec = &plan.spec;
        let batch = spec.training.batch_size;
        format!("{:?} {batch} {}", plan.architecture, spec.optimizer.name())
    };
    let mut different: Vec<(String, &Plan)> = vec![];
    let mut seen = HashMap::new();
    for plan in plans {
        let key = key(plan);
        if seen.insert(key.clone(), ()).is_none() {
            different.push((key, plan));
        }
    }
    different.sort_by_key(|(_, plan)| plan.flops_per_step());
    let last = different.len().saturating_sub(1);
    let timed = different.len().min(MOST_TIMED);
    let picked = (0..timed).map(|i| i * last / timed.saturating_sub(1).max(1));
    let mut known: Vec<(String, f64, Estimate, &Plan)> = vec![];
    for (key, plan) in picked.filter_map(|i| different.get(i)) {
        let estimate = train::estimate(plan);
        known.push((key.clone(), plan.flops_per_step() as f64, estimate, plan));
    }
    let time = |plan: &Plan| {
        let (own, flops) = (key(plan), plan.flops_per_step() as f64);
        let distance = |other: f64| (other / flops).ln().abs();
        let closest = known.iter().min_by(|a, b| {
            let by_key = (b.0 == own).cmp(&(a.0 == own));
            by_key.then(distance(a.1).total_cmp(&distance(b.1)))
        });
        let Some((_, other_flops, estimate, other)) = closest else {
            return 0.0;
        };
        let growth = flops / other_flops;
        // What the estimate of the other one takes an evaluation to be.
        let evaluation = match other.validation_images {
            0 => estimate.step / 3.0,
            images => {
                let batches = |n: usize| n as f64 / other.spec.training.batch_size as f64;
                let epochs = other.spec.training.epochs as f64;
                let steps = batches(other.train_images) * estimate.step;
                (estimate.run / epochs - steps) / batches(images)
            }
        };
        whole_run(plan, growth * estimate.step, growth * evaluation)
    };
    plans.iter().map(time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_columns_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["a", "bb", "c"]),
            row(["long", "", "ü"]),
            row(["", "x", ""]),
        ];
        assert_eq!(
            aligned(&rows),
            "a     bb  c\n-----------\nlong      ü\n      x\n"
        );
        assert_eq!(short(&"x".repeat(33)), format!("{}...", "x".repeat(32)));
    }
}
