//! `runner doctor RUN`: what is whole in a run folder, what is missing, what can be made again, what to type. Writes
//! nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::experiment;
use crate::run::inspect::{Condition, Health, Part};
use crate::run::{RunStatus, RunView, read_resolved};
use crate::session::figures;
use crate::sys::exit;
use crate::terminal::{CliError, Outcome};

/// Say what is whole in a run folder, what is missing and what to type. Writes nothing
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

/// Prints what was found; [`exit::INVALID_DATA`] where something is missing or damaged.
pub fn main(args: &Args) -> Outcome {
    let run = &args.run;
    if !run.is_dir() {
        let text = format!("`{}` is no folder", run.display());
        return Err(CliError::new(exit::USAGE, text));
    }
    let view = RunView::open(run);
    let mut health = Health::of(run);
    look_at_figures(run, &view, &mut health);
    let text = describe(run, &view, &health);
    crate::terminal::print::out(&text)?;
    // A process that writes is about to complete what is half done at this moment.
    let is_running = view.status() == RunStatus::Running;
    let is_fine = |part: &Part| {
        part.condition.is_fine()
            || (is_running && matches!(part.condition, Condition::Stale | Condition::Leftover))
    };
    Ok(if health.parts.iter().all(is_fine) {
        exit::DONE
    } else {
        exit::INVALID_DATA
    })
}

fn look_at_figures(run: &Path, view: &RunView, health: &mut Health) {
    // They may be asked for by the folder's spec or, where that is gone, by the checkpoint's.
    let of_checkpoint = || {
        let (checkpoint, _) = health.newest.as_ref()?;
        checkpoint.spec_text().map(str::to_owned)
    };
    let Some(text) = read_resolved(run).ok().or_else(of_checkpoint) else {
        return;
    };
    let Ok(spec) = experiment::parse(&text, "resolved.toml", run, &[]) else {
        return;
    };
    let channels = health
        .newest
        .as_ref()
        .and_then(|(checkpoint, _)| checkpoint.model.get("image")?.get(2)?.as_u64());
    let wanted = figures::wanted(&spec, channels.unwrap_or(1) as usize);
    let names: Vec<&str> = wanted.iter().map(|figure| figure.name).collect();
    health.look_at_figures(run, &names, view.status() == RunStatus::Completed);
}

fn describe(run: &Path, view: &RunView, health: &Health) -> String {
    let mut text = format!("{}\n", run.display());
    let why = view.why().map_or(String::new(), |why| format!(": {why}"));
    let _ = writeln!(text, "status {}{why}\n", view.status());
    let width = health.parts.iter().map(|part| part.name.len()).max();
    let width = width.unwrap_or(0);
    for Part {
        name,
        condition,
        note,
    } in &health.parts
    {
        let line = format!("{name:<width$}  {condition:<9}  {note}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
    if let (Some(digest), Some((_, file))) = (health.digest(), &health.newest) {
        let _ = writeln!(text, "state {digest} ({file})");
    }
    for line in advice(run, view, health) {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// What to type.
fn advice(run: &Path, view: &RunView, health: &Health) -> Vec<String> {
    let mut lines = vec![];
    let run = run.display();
    let is = |name: &str, condition| health.condition(name) == Some(condition);
    let last = "checkpoints/last.safetensors";
    let last_is_lost = is(last, Condition::Damaged) || is(last, Condition::Missing);
    let Some((newest, _)) = &health.newest else {
        lines.push(match view.status() {
            RunStatus::Running => "it has no checkpoint yet; wait for its first epoch".to_owned(),
            RunStatus::Diverged => "it diverged before its first checkpoint; start a new run".to_owned(),
            _ if last_is_lost => {
                let best = match is("checkpoints/best.safetensors", Condition::Whole) {
                    true => "; the weights of the best epoch are in checkpoints/best.safetensors",
                    false => "",
                };
                format!(
                    "no checkpoint to go on from is whole{best}; train it again: runner {run}/resolved.toml"
                )
            }
            _ if health.manifest.is_none() => {
                "it was stopped before it began, nothing is lost; the folder can be removed".to_owned()
            }
            _ => format!("nothing is saved yet, it can begin: runner resume {run}"),
        });
        return lines;
    };
    if health.manifest.is_none() {
        lines.push(format!(
            "without manifest.json it cannot go on; weights and metrics are in {last}, what ran in resolved.toml"
        ));
        return lines;
    }
    let unfit = |part: &&Part| !part.condition.is_fine();
    let is_made_again = |part: &Part| {
        part.name == "metrics.parquet"
            || part.name == "resolved.toml"
            || part.name.starts_with("figures/")
    };
    let best_can = newest.is_best();
    for part in health.parts.iter().filter(unfit) {
        match part.name.as_str() {
            "spec.toml" => lines.push(
                "spec.toml cannot be made again; resolved.toml says all that it said".to_owned(),
            ),
            "checkpoints/best.safetensors" if !best_can => lines.push(
                "checkpoints/best.safetensors comes back with the next best epoch, or never"
                    .to_owned(),
            ),
            _ => {}
        }
    }
    let rebuild = health.parts.iter().filter(unfit).any(is_made_again)
        || (best_can && health.condition("checkpoints/best.safetensors") != Some(Condition::Whole));
    let leftover = health
        .parts
        .iter()
        .any(|part| part.condition == Condition::Leftover);
    match view.status() {
        RunStatus::Running => lines.push("a process works on it; nothing to do".to_owned()),
        RunStatus::Diverged => {
            lines.push("it diverged; start a new run with a lower learning rate".to_owned())
        }
        RunStatus::Completed if last_is_lost => lines.push(format!(
            "the last part is trained again, to the same bits: runner resume {run}"
        )),
        RunStatus::Completed if rebuild || leftover => {
            lines.push(format!("make again what can be: runner rebuild {run}"));
        }
        RunStatus::Completed => lines.push("it is complete; nothing to do".to_owned()),
        RunStatus::Interrupted | RunStatus::Failed | RunStatus::Broken => {
            if is("resolved.toml", Condition::Missing) {
                lines.push(format!("first: runner rebuild {run}"));
            }
            lines.push(format!("go on: runner resume {run}"));
        }
    }
    lines
}
