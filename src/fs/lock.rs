//! The lock of a folder: an advisory lock (`flock` on Unix) on the file `lock` in it, which allows one writer.
//!
//! The kernel says whether a process holds it, not the file's content, and releases it when the process ends: no stale
//! lock survives a kill, and a user has nothing to clean up. The content is a note for people: who holds it, since
//! when. The file itself stays, because removing it would let two processes lock two files of one name.
//!
//! **Readers.** [`is_locked`] has to try the lock to learn about it: it takes it *shared* and releases it some
//! microseconds later. A writer that starts in just that moment must not be refused, so [`Lock::acquire`] tries again
//! for a quarter of a second. Readers hinder neither a running writer nor each other.
//!
//! On a network file system the server decides whether a lock holds between machines.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{self, FileError};
use crate::sys::{clock, machine};

/// For how long a writer tries before the lock counts as held by another writer.
const PATIENCE: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(5);
/// The note has three short lines.
const NOTE_LIMIT: u64 = 4_096;

/// A lock held by this process, until it is dropped or the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who holds a lock, as its note says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Process number on its machine.
    pub pid: u32,
    /// Name of the machine.
    pub host: String,
    /// When the lock was taken, in UTC.
    pub since: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "process {} on `{}` since {}",
            self.pid, self.host, self.since
        )
    }
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process writes there.
    #[error("`{}` is being written by {}", folder.display(), whom(holder.as_ref()))]
    Held {
        /// The folder that the lock protects.
        folder: PathBuf,
        /// Who, where the note could be read.
        holder: Option<Holder>,
    },
    /// The lock's file cannot be opened, or the file system has no locks.
    #[error(transparent)]
    File(#[from] FileError),
}

fn whom(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), Holder::to_string)
}

impl Lock {
    /// Takes the lock on the file `path`, which is made where it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] after a quarter of a second, half a second at most, where another process has
    /// it (or another place in this one); otherwise the file system's refusal.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let mut file = files::open_lock(path)?;
        let start = clock::monotonic();
        while !files::lock(path, || taken(file.try_lock()))? {
            if start.elapsed() >= PATIENCE {
                let who = holder(path);
                // A note that cannot be read is just being written.
                if who.is_some() || start.elapsed() >= 2 * PATIENCE {
                    return Err(LockError::Held {
                        folder: path.parent().unwrap_or(path).to_owned(),
                        holder: who,
                    });
                }
            }
            std::thread::sleep(PAUSE);
        }
        let note = format!(
            "pid {}\nhost {}\nsince {}\n",
            std::process::id(),
            machine::host(),
            clock::text(clock::now_utc())
        );
        files::overwrite(&mut file, path, note.as_bytes())?;
        Ok(Self { _file: file })
    }
}

/// Whether some process holds the lock at this moment. Never writes, never makes the file.
///
/// # Errors
/// The file is there and cannot be opened, or the file system has no locks.
pub fn is_locked(path: &Path) -> Result<bool, FileError> {
    let file = match files::open(path) {
        Ok((file, _)) => file,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error),
    };
    // Dropping the file releases the lock.
    files::lock(path, || taken(file.try_lock_shared())).map(|free| !free)
}

/// Who took the lock last, from its note. Says nothing on whether it is still held.
pub fn holder(path: &Path) -> Option<Holder> {
    let note = files::read_text(path, NOTE_LIMIT).ok()?;
    let value = |key: &str| {
        note.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
            .map(str::to_owned)
    };
    Some(Holder {
        pid: value("pid")?.parse().ok()?,
        host: value("host")?,
        since: value("since")?,
    })
}

pub(crate) fn taken(answer: Result<(), TryLockError>) -> io::Result<bool> {
    match answer {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::in_folder;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    const ROLE: &str = "RUNNER_TEST_LOCK_FILE";

    /// Not a test of its own: the second process of the tests below, which holds the lock whose path
    /// is in the environment until its standard input ends.
    #[test]
    fn second_process() {
        if let Some(path) = std::env::var_os(ROLE) {
            let answer = Lock::acquire(Path::new(&path));
            println!("\n{}", if answer.is_ok() { "held" } else { "refused" });
            let _ = io::stdin().lock().read_line(&mut String::new());
        }
    }

    fn other_process(path: &Path) -> (Child, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fs::lock::tests::second_process", "--nocapture"])
            .env(ROLE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answer = BufReader::new(child.stdout.as_mut().unwrap())
            .lines()
            .map_while(Result::ok)
            .find(|line| line == "held" || line == "refused")
            .unwrap();
        (child, answer)
    }

    #[test]
    fn refuses_a_lock_of_another_process_and_names_the_holder() {
        let (folder, path) = in_folder("lock");
        let (mut child, answer) = other_process(&path);
        assert_eq!(answer, "held");
        assert!(is_locked(&path).unwrap());

        let start = clock::monotonic();
        let error = Lock::acquire(&path).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1));
        let expected = format!(
            "`{}` is being written by process {} on `",
            folder.path().display(),
            child.id()
        );
        assert!(error.to_string().starts_with(&expected), "{error}");

        // SIGKILL: nothing of the child's own code runs, the lock goes all the same.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_locked(&path).unwrap());
        Lock::acquire(&path).unwrap();
    }

    #[test]
    fn locks_for_one_of_eight_processes() {
        let (_folder, path) = in_folder("lock");
        let mut children: Vec<_> = (0..8).map(|_| other_process(&path)).collect();
        let held = children
            .iter()
            .filter(|(_, answer)| answer == "held")
            .count();
        for (child, _) in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(held, 1);
    }

    #[test]
    fn refuses_a_second_lock_in_one_process_until_the_first_is_dropped() {
        let (_folder, path) = in_folder("lock");
        let first = Lock::acquire(&path).unwrap();
        let Err(LockError::Held {
            holder: Some(holder),
            ..
        }) = Lock::acquire(&path)
        else {
            panic!("two locks on one file");
        };
        assert_eq!(holder.pid, std::process::id());
        drop(first);
        assert!(!is_locked(&path).unwrap());
        Lock::acquire(&path).unwrap();
    }

    #[test]
    fn locks_while_readers_poll_the_holder() {
        let (_folder, path) = in_folder("lock");
        drop(Lock::acquire(&path).unwrap());
        let done = std::sync::atomic::AtomicBool::new(false);
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(relaxed) {
                        is_locked(&path).unwrap();
                        std::thread::yield_now();
                    }
                });
            }
            let refused = (0..200).filter(|_| Lock::acquire(&path).is_err()).count();
            done.store(true, relaxed);
            assert_eq!(refused, 0);
        });
    }

    #[test]
    fn creates_no_file_when_asked_for_the_holder() {
        let (_folder, path) = in_folder("lock");
        assert!(!is_locked(&path).unwrap());
        assert!(!path.exists());
        std::fs::write(&path, "scribble").unwrap();
        assert_eq!(holder(&path), None);
        assert!(!is_locked(&path).unwrap());
    }

    #[test]
    fn reports_a_file_error_for_a_lock_in_a_missing_folder() {
        let folder = tempfile::tempdir().unwrap();
        let error = Lock::acquire(&folder.path().join("gone/lock")).unwrap_err();
        assert!(matches!(error, LockError::File(_)), "{error}");
    }
}
