//! Claims: files that reserve a piece of work for one process at a time, on one machine or on several with a shared
//! file system.
//!
//! **Taking.** The note (who, where, since when) is written under another name, its file locked, and then given the
//! claim's name with a call that fails where the name is taken ([`files::link`]). So a claim is there with its note
//! and its lock, or not at all. On a file system without hard links the file is made under its own name; a claim
//! without a note then counts as held by another process.
//!
//! **Freeing.** No claim expires. One of this machine is free when its lock is, which the kernel releases when its
//! process ends. One of another machine is only freed by [`release`], which a user has to call by name, or by
//! [`free_of_gone`], since not every file system shares locks between machines. Machines are told apart by the
//! identifier of their boot, so that containers on one kernel respect each other's locks; after a restart the name and
//! the identifier of the machine say that the processes of the earlier boot have ended.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::files::{self, FileError};
use super::lock::taken;
use crate::sys::{clock, machine};

/// For how long a lock is tried before it counts as held: other processes probe it for some microseconds.
const PATIENCE: Duration = Duration::from_millis(40);
const PAUSE: Duration = Duration::from_millis(4);
const NOTE_LIMIT: u64 = 65_536;

/// Who holds a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimant {
    /// Name of the machine.
    pub host: String,
    /// Identifier of the machine's installation, where it has one.
    pub machine_id: Option<String>,
    /// Identifier of the time since the machine's last start.
    pub boot_id: Option<String>,
    /// Process number.
    pub pid: u32,
    /// When the claim was made, in UTC.
    pub since: String,
    /// The batch job that the process belongs to.
    pub job: Option<BatchJob>,
}

/// A job of a batch system, from the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchJob {
    /// `slurm`.
    pub system: String,
    /// The job's number.
    pub id: String,
    /// The array that it is a task of.
    pub array: Option<String>,
    /// Its place in the array.
    pub task: Option<String>,
    /// The cluster, whose numbers mean nothing to another one.
    pub cluster: Option<String>,
    /// Number of the user.
    pub user: Option<u32>,
    /// How often the job had been put back into the queue and started again.
    #[serde(default)]
    pub restarts: u32,
}

impl Claimant {
    /// This process.
    pub fn this_process() -> Self {
        Self {
            host: machine::host(),
            machine_id: machine::machine_id(),
            boot_id: machine::boot_id(),
            pid: std::process::id(),
            since: clock::text(clock::now_utc()),
            job: BatchJob::of(|name| std::env::var(name).ok()),
        }
    }

    /// Whether the kernel of this machine can tell if the claimant still runs.
    pub fn is_judged_here(&self, here: &Self) -> bool {
        let same_boot = self.boot_id.is_some() && self.boot_id == here.boot_id;
        let same_machine = self.machine_id.is_some() && self.machine_id == here.machine_id;
        same_boot || (same_machine && self.host == here.host)
    }
}

impl BatchJob {
    /// The Slurm job of an environment.
    fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            system: "slurm".to_owned(),
            id: variable("SLURM_JOB_ID")?,
            array: variable("SLURM_ARRAY_JOB_ID"),
            task: variable("SLURM_ARRAY_TASK_ID"),
            cluster: variable("SLURM_CLUSTER_NAME"),
            user: variable("SLURM_JOB_UID").and_then(|uid| uid.parse().ok()),
            restarts: variable("SLURM_RESTART_COUNT").map_or(0, |n| n.parse().unwrap_or(0)),
        })
    }
}

impl std::fmt::Display for Claimant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "process {} on `{}` since {}",
            self.pid, self.host, self.since
        )?;
        match &self.job {
            Some(BatchJob {
                id,
                array: Some(array),
                task: Some(task),
                ..
            }) => write!(f, " (Slurm job {id}, task {array}_{task})"),
            Some(job) => write!(f, " (Slurm job {})", job.id),
            None => Ok(()),
        }
    }
}

/// A claim of this process. Dropped, it leaves the file, whose lock is then free: [`Claim::done`] removes it.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// What came of an attempt.
#[expect(
    clippy::large_enum_variant,
    reason = "one lives at a time, for a moment"
)]
#[derive(Debug)]
pub enum Attempt {
    /// This process has it.
    Mine(Claim),
    /// Another process has it; nothing where the note cannot be read.
    Held(Option<Claimant>),
}

impl Claim {
    /// Takes a claim, also one whose process on this machine has ended.
    ///
    /// # Errors
    /// The file system refuses, or has no locks.
    pub fn take(path: &Path) -> Result<Attempt, FileError> {
        let here = Claimant::this_process();
        loop {
            match look(path, &here)? {
                Found::Held(claimant) => return Ok(Attempt::Held(claimant)),
                Found::Changed => {}
                // Another machine may remove the same claim, as its batch system says.
                Found::Dead(_old, claimant) if claimant.job.is_some() => {
                    if !free_of_gone(path, &claimant)? {
                        return Ok(Attempt::Held(Some(claimant)));
                    }
                }
                Found::Dead(old, _) => {
                    let (temporary, file) = prepare(path, &here)?;
                    files::rename(&temporary, path)?;
                    drop(old);
                    return Ok(Attempt::Mine(Self::new(path, file)));
                }
                Found::Absent => {
                    let (temporary, file) = prepare(path, &here)?;
                    let linked = files::link(&temporary, path);
                    files::remove_if_there(&temporary)?;
                    match linked {
                        Ok(()) => return Ok(Attempt::Mine(Self::new(path, file))),
                        // Another process was quicker, or removed the temporary file as one that was left over.
                        Err(error) if error.is_already_there() || error.is_not_found() => {}
                        Err(error) if files::cannot_link(&error) => {
                            match Self::make(path, &here)? {
                                Some(claim) => return Ok(Attempt::Mine(claim)),
                                None => continue,
                            }
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    fn new(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            _file: file,
        }
    }

    /// Without hard links: the file under its own name, then its lock and its note. Nothing where another process was
    /// quicker.
    fn make(path: &Path, here: &Claimant) -> Result<Option<Self>, FileError> {
        let file = match files::create_lock(path) {
            Ok(file) => file,
            Err(error) if error.is_already_there() => return Ok(None),
            Err(error) => return Err(error),
        };
        fill(file, path, here).map(|file| Some(Self::new(path, file)))
    }

    /// Ends the claim by removing its file.
    ///
    /// # Errors
    /// The system refuses.
    pub fn done(self) -> Result<(), FileError> {
        files::remove_if_there(&self.path)
    }
}

/// A locked file with the note, under a name of its own.
fn prepare(path: &Path, here: &Claimant) -> Result<(PathBuf, File), FileError> {
    static CLAIMS: AtomicU64 = AtomicU64::new(0);
    let number = CLAIMS.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = format!(
        "{name}.{}-{}-{number}{}",
        here.host,
        here.pid,
        files::TEMPORARY
    );
    let temporary = path.with_file_name(name);
    // Of an earlier process of this number.
    files::remove_if_there(&temporary)?;
    let file = files::create_lock(&temporary)?;
    let file = fill(file, &temporary, here)?;
    Ok((temporary, file))
}

fn fill(mut file: File, path: &Path, here: &Claimant) -> Result<File, FileError> {
    files::lock(path, || taken(file.try_lock()))?;
    let note = serde_json::to_string_pretty(here).unwrap_or_default();
    files::overwrite(&mut file, path, note.as_bytes())?;
    files::sync(&file, path)?;
    Ok(file)
}

enum Found {
    Absent,
    Held(Option<Claimant>),
    /// Its process has ended; locked by this one now.
    Dead(File, Claimant),
    /// Another process has just removed it or taken it over.
    Changed,
}

fn look(path: &Path, here: &Claimant) -> Result<Found, FileError> {
    let note = match files::read_text(path, NOTE_LIMIT) {
        Ok(note) => note,
        Err(error) if error.is_not_found() => return Ok(Found::Absent),
        Err(error) => return Err(error),
    };
    let Ok(claimant) = serde_json::from_str::<Claimant>(&note) else {
        return Ok(Found::Held(None));
    };
    if !claimant.is_judged_here(here) {
        return Ok(Found::Held(Some(claimant)));
    }
    let file = match files::open_existing_lock(path) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(Found::Changed),
        Err(error) => return Err(error),
    };
    let start = clock::monotonic();
    while !files::lock(path, || taken(file.try_lock()))? {
        if start.elapsed() >= PATIENCE {
            return Ok(Found::Held(Some(claimant)));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(match files::is_same(&file, path)? {
        true => Found::Dead(file, claimant),
        false => Found::Changed,
    })
}

/// Who holds a claim; nothing where no process does. A claim whose process on this machine has ended is not held.
///
/// # Errors
/// The file system refuses.
pub fn holder(path: &Path) -> Result<Option<Option<Claimant>>, FileError> {
    Ok(match look(path, &Claimant::this_process())? {
        Found::Held(claimant) => Some(claimant),
        Found::Absent | Found::Dead(..) | Found::Changed => None,
    })
}

/// What came of [`release`].
#[derive(Debug, PartialEq, Eq)]
pub enum Release {
    /// There was no claim.
    Absent,
    /// It is gone.
    Freed(Option<Claimant>),
    /// Its process still runs, on this machine.
    Alive(Claimant),
}

/// Removes a claim whose process has ended, as the caller says; refused where the kernel says that the process runs.
///
/// # Errors
/// The file system refuses.
pub fn release(path: &Path) -> Result<Release, FileError> {
    let here = Claimant::this_process();
    let claimant = match look(path, &here)? {
        Found::Absent | Found::Changed => return Ok(Release::Absent),
        Found::Held(Some(claimant)) if claimant.is_judged_here(&here) => {
            return Ok(Release::Alive(claimant));
        }
        Found::Held(claimant) => claimant,
        Found::Dead(..) => None,
    };
    files::remove_if_there(path)?;
    Ok(Release::Freed(claimant))
}

/// Removes what killed processes of this machine left in a folder of claims: their claims, and unfinished ones.
///
/// # Errors
/// The file system refuses.
pub fn sweep_out(folder: &Path) -> Result<(), FileError> {
    let here = Claimant::this_process();
    for path in files::list(folder)? {
        // One without a note is just being made, or was left by a kill in just that moment: it is small and harmless.
        if let Found::Dead(_locked, claimant) = look(&path, &here)? {
            match claimant.job {
                Some(_) => drop(free_of_gone(&path, &claimant)?),
                None => files::remove_if_there(&path)?,
            }
        }
    }
    Ok(())
}

mod gone;

pub use gone::free_of_gone;

#[cfg(test)]
mod tests;
