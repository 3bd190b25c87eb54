//! Names of run folders: `20261123-202815_fmnist_vae_3f9a`.
//!
//! The start in UTC, so that a listing is in order of time; the run's name; and four hexadecimal
//! digits, which tell runs apart that start in the same second. Uniqueness does not rest on the
//! digits: a folder is made with a call that fails where it is there already, and then the next
//! digits are tried.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::fs::digest::sha256_hex;
use crate::fs::files;

use super::error::RunError;

/// File systems end at 255 bytes; the rest of a folder's name has 21.
const LONGEST_NAME: usize = 100;
const TIME: &str = "%Y%m%d-%H%M%S";

/// The parts of a run folder's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId {
    /// Start of the run, to the second.
    pub started: DateTime<Utc>,
    /// Name of the run.
    pub name: String,
    /// What tells runs of the same second and name apart.
    pub suffix: u16,
}

impl RunId {
    /// Takes a folder's name apart; nothing where it is not the name of a run folder.
    pub fn parse(folder: &str) -> Option<Self> {
        let (time, rest) = folder.split_once('_')?;
        let (name, suffix) = rest.rsplit_once('_')?;
        let started = NaiveDateTime::parse_from_str(time, TIME).ok()?.and_utc();
        let id = Self {
            started,
            name: name.to_owned(),
            suffix: u16::from_str_radix(suffix, 16).ok()?,
        };
        // Only one spelling: no sign, no uppercase digits, no short numbers.
        (check_name(name).is_ok() && id.to_string() == folder).then_some(id)
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}_{}_{:04x}",
            self.started.format(TIME),
            self.name,
            self.suffix
        )
    }
}

/// Whether a name may stand in the name of a folder: 1 to 100 of the characters `a-z`, `A-Z`, `0-9`,
/// `_`, `-` and `.`, the first one a letter or a digit. No such name leads to another folder.
///
/// # Errors
/// [`RunError::Name`].
pub fn check_name(name: &str) -> Result<(), RunError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let good = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(fits);
    if good {
        Ok(())
    } else {
        Err(RunError::Name {
            name: name.to_owned(),
        })
    }
}

/// Makes a new folder for a run of this name in `runs_dir`, which is made where it is not there.
///
/// # Errors
/// The name does not fit ([`check_name`]), or the system refuses.
pub(super) fn create_folder(
    runs_dir: &Path,
    name: &str,
    started: DateTime<Utc>,
) -> Result<PathBuf, RunError> {
    check_name(name)?;
    files::create_dir_all(runs_dir)?;
    let id = RunId {
        started,
        name: name.to_owned(),
        suffix: first_suffix(started),
    };
    create_from(runs_dir, id)
}

/// Makes the first folder from `id` on that is not there yet.
fn create_from(runs_dir: &Path, mut id: RunId) -> Result<PathBuf, RunError> {
    for _ in 0..u16::MAX {
        let path = runs_dir.join(id.to_string());
        match files::create_dir(&path) {
            Err(error) if error.is_already_there() => id.suffix = id.suffix.wrapping_add(1),
            other => return Ok(other.map(|()| path)?),
        }
    }
    Err(RunError::NoNameLeft {
        runs_dir: runs_dir.to_owned(),
        name: id.name,
    })
}

/// Digits that differ, most likely, between processes and between runs of a process.
fn first_suffix(started: DateTime<Utc>) -> u16 {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let (process, run) = (std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
    let moment = started.timestamp_subsec_nanos();
    let hex = sha256_hex(format!("{moment} {process} {run}").as_bytes());
    hex.get(..4)
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn reads_and_writes_time_name_and_suffix() {
        // date -u -d '2026-11-23 20:28:15' +%s
        let id = RunId {
            started: at(1_795_465_695),
            name: "fmnist_vae".to_owned(),
            suffix: 0x3f9a,
        };
        assert_eq!(id.to_string(), "20261123-202815_fmnist_vae_3f9a");
        assert_eq!(RunId::parse("20261123-202815_fmnist_vae_3f9a"), Some(id));
    }

    #[test]
    fn rejects_folder_names_of_another_form() {
        for folder in [
            "",
            "figures",
            "20261123-202815_fmnist_vae",
            "20261123-202815_fmnist_vae_3F9A",
            "20261123-202815_fmnist_vae_+f9a",
            "20261123-202815_fmnist_vae_03f9a",
            "20261323-202815_fmnist_vae_3f9a",
            "20261123-202815__3f9a",
            "20261123-202815_3f9a",
            "2026-11-23_fmnist_3f9a",
        ] {
            assert_eq!(RunId::parse(folder), None, "{folder}");
        }
    }

    #[test]
    fn rejects_names_that_lead_elsewhere() {
        for name in [
            "", ".", "..", "../x", "a/b", "/abs", "a\\b", ".hidden", "-x", "a\0b", "ü", "a b",
        ] {
            let error = check_name(name).unwrap_err();
            assert!(
                error.to_string().contains("is no name for a run"),
                "{error}"
            );
        }
        check_name(&"x".repeat(101)).unwrap_err();
        check_name(&"x".repeat(100)).unwrap();
        check_name("fmnist_vae-2.1").unwrap();
    }

    #[test]
    fn gives_each_thread_its_own_folder() {
        let runs = tempfile::tempdir().unwrap();
        let runs_dir = runs.path().join("deep/runs");
        let mut paths = BTreeSet::new();
        std::thread::scope(|scope| {
            let make = || -> Vec<_> {
                (0..25)
                    .map(|_| create_folder(&runs_dir, "same", at(7)).unwrap())
                    .collect()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            for thread in threads {
                paths.extend(thread.join().unwrap());
            }
        });
        assert_eq!(paths.len(), 200);
        assert!(paths.iter().all(|path| path.is_dir()));
    }

    #[test]
    fn skips_taken_suffixes() {
        let runs = tempfile::tempdir().unwrap();
        let id = |suffix| RunId {
            started: at(7),
            name: "x".to_owned(),
            suffix,
        };
        for suffix in [0xfffe, 0xffff, 0x0000] {
            std::fs::create_dir(runs.path().join(id(suffix).to_string())).unwrap();
        }
        let path = create_from(runs.path(), id(0xfffe)).unwrap();
        assert!(path.ends_with("19700101-000007_x_0001"));
    }
}
