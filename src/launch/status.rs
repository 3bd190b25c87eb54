//! `runner status` and `runner sweep release`.

use std::path::Path;

use super::cluster;
use super::disk_room::little_room;
use super::trial_table::aligned;
use crate::fs::claim::Release;
use crate::run::RunView;
use crate::run::id::check_name;
use crate::sweep::cluster::is_gone as gone;
use crate::sweep::definition::DefinedTrial;
use crate::sweep::folder::is_stub;
use crate::sweep::halving::HALVING;
use crate::sweep::{State, SweepFolder};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::print::{count, out};
use crate::terminal::{CliError, Outcome};

/// How each trial stands, and who works on it.
pub fn status(path: &Path) -> Outcome {
    let (folder, definition) = SweepFolder::open(path)?;
    let queue = cluster::queue(&folder)?;
    let mut rows = vec![
        ["trial", "status", "epochs", "settings", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    let words = folder.last_words();
    let mut left = Left {
        is_halved: path.join(HALVING).exists(),
        ..Left::default()
    };
    for trial in &definition.trials {
        let name = |it: &DefinedTrial| printable(&it.settings.join(" "));
        let run = folder.path().join(&trial.folder);
        // The definition may be somebody else's: it names no folder but those in its own.
        let is_inside = check_name(&trial.folder).is_ok();
        let view = (is_inside && run.exists()).then(|| RunView::open(&run));
        let held = match is_an_id(&trial.id) {
            true => folder.holder(&trial.id)?,
            false => None,
        };
        let (status, epochs) = match &view {
            Some(view) if is_stub(view) => (State::New.word().to_owned(), 0),
            Some(view) => (view.status().to_string(), view.history().len()),
            None => (State::New.word().to_owned(), 0),
        };
        let is_gone = matches!(&held, Some(Some(claimant)) if gone(claimant));
        left.count(&status, held.is_some() && !is_gone);
        let note = match (&held, view.as_ref().and_then(RunView::why)) {
            (Some(Some(claimant)), _) if is_gone => {
                format!(
                    "free: its job is gone, {}",
                    printable(&claimant.to_string())
                )
            }
            (Some(Some(claimant)), _) => {
                let held = format!("held by {}", printable(&claimant.to_string()));
                let task = claimant.job.as_ref().and_then(|job| {
                    let mut tasks = queue.iter().flat_map(|(tasks, _)| tasks);
                    tasks.find(|task| job.id == task.job.to_string())
                });
                match task {
                    Some(task) if task.left != "UNLIMITED" => format!("{held}, {} left", task.left),
                    _ => held,
                }
            }
            (Some(None), _) => "held by an unknown process".to_owned(),
            (None, why) => match words.get(&trial.id) {
                Some(said) if is_left(&status) => printable(said),
                _ => why.unwrap_or_default().to_owned(),
            },
        };
        rows.push(vec![
            printable(&trial.id),
            status,
            epochs.to_string(),
            name(trial),
            note,
        ]);
    }
    let mut text = format!(
        "{}: {}\n\n{}",
        path.display(),
        count(definition.trials.len(), "trial"),
        aligned(&rows)
    );
    if let Some((_, line)) = &queue {
        text.push_str(&format!("\n{line}\n"));
    }
    for line in cluster::failures(&folder)? {
        text.push_str(&line);
        text.push('\n');
    }
    let waiting = queue.as_ref().map_or(0, |(tasks, _)| tasks.len());
    text.push_str(&left.text(waiting, &folder, queue.is_some()));
    out(&text)?;
    Ok(exit::DONE)
}

fn is_left(status: &str) -> bool {
    status == State::New.word() || status == "interrupted"
}

/// Trials that are not done, for the end of a status.
#[derive(Debug, Default)]
struct Left {
    /// A process works on them.
    held: usize,
    /// No process does.
    free: usize,
    failed: usize,
    /// Trials may have been stopped early, on purpose.
    is_halved: bool,
}

impl Left {
    fn count(&mut self, status: &str, is_held: bool) {
        let slot = match status {
            "completed" | "diverged" => return,
            "failed" | "broken" => &mut self.failed,
            "interrupted" if self.is_halved && !is_held => return,
            _ if is_held || status == "running" => &mut self.held,
            _ => &mut self.free,
        };
        *slot += 1;
    }

    /// What is to be done, where no process and no task in the queue will do it.
    fn text(&self, waiting: usize, folder: &SweepFolder, is_on_cluster: bool) -> String {
        let path = folder.path().display();
        let again = match is_on_cluster {
            true => format!("submit it again: runner SPEC.toml; or here: runner sweep run {path}"),
            false => format!("go on with: runner sweep run {path}"),
        };
        let mut text = String::new();
        if self.free > 0 && self.held == 0 && waiting == 0 {
            let trials = count(self.free, "trial");
            text += &format!("\n{trials} left, and nobody works on them; {again}\n");
            if let Some(room) = little_room(folder.path()) {
                text += &format!("{room}; make room first\n");
            }
        }
        if self.failed > 0 {
            let trials = count(self.failed, "trial");
            text += &format!("\n{trials} failed; to try them again, add --retry-failed; {again}\n");
        }
        text
    }
}

/// Frees a trial whose worker is gone.
pub fn release(path: &Path, trial: &str) -> Outcome {
    let (folder, definition) = SweepFolder::open(path)?;
    let known = definition.trials.iter().any(|it| it.id == trial) && is_an_id(trial);
    if !known {
        let text = format!("`{trial}` is no trial of {}", path.display());
        let hint = format!("see: runner status {}", path.display());
        return Err(CliError::new(exit::USAGE, text).with_hint(hint));
    }
    let text = match folder.release(trial)? {
        Release::Absent => format!("{trial} is free: nobody works on it\n"),
        Release::Freed(Some(claimant)) => format!("{trial} is free; it was held by {claimant}\n"),
        Release::Freed(None) => format!("{trial} is free\n"),
        Release::Alive(claimant) => {
            let text = format!("{trial} is being worked on by {claimant}");
            return Err(CliError::new(exit::LOCKED, text).with_hint(
                "end that process first; a claim of a dead one on this machine is free by itself",
            ));
        }
    };
    out(&text)?;
    Ok(exit::DONE)
}

/// Names of claims come from a file that somebody else may have written.
fn is_an_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit())
}
