//! A sweep on a Slurm cluster: submitting, cancelling, and what is shown of the queue.

use std::collections::BTreeMap;
use std::path::Path;

use super::disk_room::little_room;
use crate::experiment::{Launcher, Loaded};
use crate::fs::files;
use crate::slurm::{self, Failed, Listed, Request, Workers, script};
use crate::sweep::cluster::is_at_work;
use crate::sweep::jobs::{logs, of_jobs};
use crate::sweep::{SweepFolder, Task};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::args::{LauncherChoice, SweepArgs};
use crate::terminal::print::{count, out};
use crate::terminal::{CliError, Outcome};

/// What to ask the cluster for; nothing where the sweep is run on this machine.
///
/// # Errors
/// `--dry-run` without a cluster.
pub fn request(args: &SweepArgs, loaded: &Loaded) -> Result<Option<Request>, CliError> {
    let written = loaded.spec.launcher.clone();
    let written = written.map(|Launcher::Slurm(request)| request);
    let request = match args.launcher {
        Some(LauncherChoice::Local) => None,
        Some(LauncherChoice::Slurm) => Some(written.unwrap_or_default()),
        None => written,
    };
    if args.dry_run && request.is_none() {
        let text = "`--dry-run` prints a script for Slurm, and the sweep is run on this machine";
        return Err(CliError::new(exit::USAGE, text)
            .with_hint("add `--launcher slurm`; `runner check` lists the trials"));
    }
    Ok(request)
}

/// The script of so many tasks, each of which takes trials until none is left.
fn script_of(
    request: &Request,
    (name, folder): (&str, &Path),
    tasks: usize,
    retry: bool,
) -> Result<String, CliError> {
    let lost = |what: &Path, error| {
        let text = format!("cannot find `{}`: {error}", what.display());
        CliError::new(exit::IO, text)
    };
    let program = std::env::current_exe().map_err(|error| lost(Path::new("runner"), error))?;
    let folder = std::path::absolute(folder).map_err(|error| lost(folder, error))?;
    let words = ["sweep", "run", "--jobs", "1", "--quiet"];
    let mut args = words.map(str::to_owned).to_vec();
    if retry {
        args.push("--retry-failed".to_owned());
    }
    args.push(folder.display().to_string());
    let workers = Workers {
        name,
        tasks,
        program: &program,
        args: &args,
        folder: &folder,
        logs: &logs(&folder),
    };
    Ok(script(request, &workers))
}

fn print(text: &str, quiet: bool) -> Result<(), CliError> {
    match quiet {
        true => Ok(()),
        false => Ok(out(text)?),
    }
}

/// `--dry-run`: prints the script.
pub fn show(request: &Request, name: &str, folder: &Path, trials: &[Task]) -> Outcome {
    // Where Slurm is not at hand, the script is shown all the same.
    let most = slurm::largest_array().unwrap_or(usize::MAX);
    let tasks = trials.len().min(most);
    print(&script_of(request, (name, folder), tasks, false)?, false)?;
    Ok(exit::DONE)
}

/// Submits an array of workers for the trials that are left; with `retry` also for those that failed.
pub fn submit(
    request: &Request,
    folder: &SweepFolder,
    (name, trials): (&str, &[Task]),
    retry: bool,
    quiet: bool,
) -> Outcome {
    let mut left = 0;
    for trial in trials {
        left += usize::from(folder.state(trial)?.is_left(retry));
    }
    let path = folder.path().display();
    let all = count(trials.len(), "trial");
    if left == 0 {
        print(&format!("{all}: none is left\n"), quiet)?;
        return Ok(exit::DONE);
    }
    let there = of_jobs(&folder.jobs()?, slurm::queue()?);
    if !there.is_empty() {
        let tasks = count(there.len(), "task");
        let text = format!("{tasks} of this sweep in the queue already");
        return Err(CliError::new(exit::LOCKED, text).with_hint(format!(
            "see: runner status {path}; end them first: runner cancel {path}"
        )));
    }
    let tasks = left.min(slurm::largest_array()?);
    let script = script_of(request, (name, folder.path()), tasks, retry)?;
    folder.prepare_for_jobs()?;
    let job = slurm::submit(&script)?;
    folder.note_job(job)?;
    let tasks = count(tasks, "task");
    folder.log(&format!("submitted to Slurm as job {job}: {tasks}"));
    let text = format!(
        "{left} of {all} left, submitted as Slurm job {job} with {tasks}\n\
         see      runner status {path}\n\
         end      runner cancel {path}\n\
         compare  runner report {path}\n"
    );
    print(&text, quiet)?;
    Ok(exit::DONE)
}

/// `runner cancel`.
pub fn cancel(path: &Path) -> Outcome {
    let (folder, _) = SweepFolder::open(path)?;
    let jobs = folder.jobs()?;
    let there = of_jobs(&jobs, slurm::queue()?);
    if there.is_empty() {
        print("no task of this sweep is in the queue\n", false)?;
        return Ok(exit::DONE);
    }
    folder.note_cancelling()?;
    slurm::cancel(&jobs.jobs)?;
    folder.log("its Slurm jobs are cancelled");
    let text = format!(
        "{} cancelled; what runs saves and leaves\n\
         go on with: runner SPEC.toml --launcher slurm, or here: runner sweep run {}\n",
        count(there.len(), "task"),
        path.display()
    );
    print(&text, false)?;
    Ok(exit::DONE)
}

/// What a task of an array does last: ends those that still wait where every trial is done or held by a process that is at
/// work: they would find nothing to do.
///
/// The queue is asked before the trials are looked at, and only tasks are taken out that waited then: one that goes back into it
/// later, as after its node was lost, has its trial to go on with.
///
/// # Errors
/// The folder cannot be read.
pub fn end(folder: &SweepFolder, trials: &[Task]) -> Result<(), CliError> {
    let Some(task) = slurm::Task::current() else {
        return Ok(());
    };
    if !folder.jobs()?.jobs.contains(&task.array) {
        return Ok(());
    }
    let Ok(queue) = slurm::queue() else {
        return Ok(());
    };
    let waits = |it: &&Listed| it.array == task.array && it.state == "PENDING";
    let waiting = queue.iter().filter(waits).filter_map(|it| it.index);
    let waiting: Vec<u64> = waiting.collect();
    if waiting.is_empty() {
        return Ok(());
    }
    for trial in trials {
        if !folder.state(trial)?.is_open() {
            continue;
        }
        match folder.holder(&trial.id)? {
            Some(Some(claimant)) if is_at_work(&claimant, &queue) => {}
            _ => return Ok(()),
        }
    }
    if let Err(error) = slurm::cancel_waiting(task.array, &waiting) {
        folder.log(&format!("tasks that wait could not be cancelled: {error}"));
    }
    Ok(())
}

/// What is in the queue for a sweep, and a line about it; nothing where no job was submitted.
///
/// # Errors
/// The folder cannot be read. A cluster that does not answer is told in the line.
pub fn queue(folder: &SweepFolder) -> Result<Option<(Vec<Listed>, String)>, CliError> {
    let jobs = folder.jobs()?;
    if jobs.jobs.is_empty() {
        return Ok(None);
    }
    let there = match slurm::queue() {
        Ok(queue) => of_jobs(&jobs, queue),
        Err(error) => return Ok(Some((vec![], format!("Slurm: {error}")))),
    };
    let line = line(&there, &logs(folder.path()));
    Ok(Some((there, line)))
}

fn line(tasks: &[Listed], logs: &Path) -> String {
    let logs = logs.display();
    if tasks.is_empty() {
        return format!("Slurm: no task is in the queue; logs in {logs}");
    }
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    for task in tasks {
        let waits = task.state == "PENDING";
        let why = if waits { task.reason.as_str() } else { "" };
        *counts.entry((&task.state, why)).or_default() += 1;
    }
    let part = |((state, why), n): ((&str, &str), usize)| match why {
        "" | "None" => format!("{n} {}", state.to_lowercase()),
        why => format!("{n} {} ({why})", state.to_lowercase()),
    };
    let parts: Vec<String> = counts.into_iter().map(part).collect();
    format!("Slurm: {}; logs in {logs}", parts.join(", "))
}

/// Largest log whose last error is shown, in bytes.
const LARGEST_LOG: u64 = 4 << 20;

/// A line for each way in which tasks of the last job failed on a node, as long as Slurm remembers them. The
/// error of a trial is shown beside the trial.
///
/// # Errors
/// The folder cannot be read. A cluster that does not answer is reported elsewhere.
pub fn failures(folder: &SweepFolder) -> Result<Vec<String>, CliError> {
    let Some(&job) = folder.jobs()?.jobs.last() else {
        return Ok(vec![]);
    };
    let told = |task: &Failed| {
        matches!(
            task.code,
            Some(exit::PARTLY_FAILED | exit::EXPECTATION_MISSED)
        )
    };
    let mut failed = slurm::failed(job).unwrap_or_default();
    failed.retain(|task| !told(task));
    let mut groups = BTreeMap::<(String, String), usize>::new();
    for task in &failed {
        let key = (task.node.clone(), how(task, folder.path()));
        *groups.entry(key).or_default() += 1;
    }
    let line = |((node, how), n): ((String, String), usize)| {
        format!("Slurm: {} failed on `{node}`: {how}", count(n, "task"))
    };
    Ok(groups.into_iter().map(line).collect())
}

/// Why a task failed: the last error in its log, where it has one.
fn how(task: &Failed, folder: &Path) -> String {
    if task.was_not_started {
        let logs = logs(folder);
        return format!(
            "not started, its log cannot be made; that node does not see or cannot write {}",
            logs.display()
        );
    }
    let text = files::read_text(Path::new(&task.log), LARGEST_LOG).unwrap_or_default();
    let is_error = |line: &&str| line.starts_with("error: ");
    let said = text.lines().rfind(is_error).map(printable);
    match (said, task.code) {
        (Some(said), _) => said,
        (None, Some(exit::IO)) if text.is_empty() => match little_room(folder) {
            Some(room) => format!("exit code {}, and {room}", exit::IO),
            None => format!("exit code {}, and its log is empty: {}", exit::IO, task.log),
        },
        (None, Some(code)) => format!("exit code {code}, see {}", task.log),
        (None, None) => format!("{}, see {}", task.state.to_lowercase(), task.log),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_queue_by_state_and_reason() {
        let task = |state: &str, reason: &str| Listed {
            job: 1,
            array: 1,
            index: None,
            state: state.to_owned(),
            node: String::new(),
            left: String::new(),
            reason: reason.to_owned(),
        };
        let tasks = [
            task("RUNNING", "None"),
            task("PENDING", "Resources"),
            task("PENDING", "Resources"),
        ];
        assert_eq!(
            line(&tasks, Path::new("/l")),
            "Slurm: 2 pending (Resources), 1 running; logs in /l"
        );
        let none = "Slurm: no task is in the queue; logs in /l";
        assert_eq!(line(&[], Path::new("/l")), none);
    }
}
