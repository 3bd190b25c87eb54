//! Fetching a known data set over HTTPS into the user's cache.
//!
//! A lock in the cache keeps two processes from downloading the same data set at once.
//!
//! A file is received into memory, up to the length it can have at the most, checked there just as a
//! file found on disk is, and only then written, atomically. So whatever goes wrong on the way
//! (a cut connection, a server that stalls, sends too much, or sends something else), the cache holds
//! a file either whole and checked or not at all. Addresses are tried in their order; one that fails
//! goes to the end for the files that follow.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;

use crate::fs::files;
use crate::fs::lock::{Lock, LockError};
use crate::sys::clock;

use super::error::{DataError, FailedDownload, LookedAt};
use super::idx::IdxFile;
use super::idx_set::{check_digest, check_known};
use super::known::{FILES, KnownFile, KnownSet};
use super::places::{self, Surroundings};
use super::set::Progress;

/// Where to download from, and with how much patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirrors {
    /// What stands before a file's name, in the order in which they are tried.
    pub urls: Vec<String>,
    /// Whether plain HTTP is refused, also after a redirection.
    pub https_only: bool,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next bytes.
    pub stall: Duration,
    /// Longest time for one file.
    pub total: Duration,
}

impl Mirrors {
    fn published(set: &KnownSet) -> Self {
        Self {
            urls: set.mirrors.iter().map(|url| (*url).into()).collect(),
            https_only: true,
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            total: Duration::from_secs(1_800),
        }
    }

    fn agent(&self) -> Agent {
        let config = Agent::config_builder()
            .https_only(self.https_only)
            .timeout_resolve(Some(self.connect))
            .timeout_connect(Some(self.connect))
            .timeout_recv_response(Some(self.stall))
            .timeout_per_read(Some(self.stall))
            .timeout_global(Some(self.total))
            .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")));
        let config = if self.https_only {
            config
        } else {
            // A proxy of the surroundings is not asked for a server on this machine.
            config.proxy(None)
        };
        config.build().into()
    }
}

/// Downloads those of the four files that are not in the cache yet; `looked` is where the set was
/// looked for before, for the error.
pub(super) fn to_cache(
    set: &'static KnownSet,
    surroundings: &Surroundings,
    mut looked: Vec<LookedAt>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, DataError> {
    let Some(cache) = &surroundings.cache else {
        looked.push(LookedAt {
            folder: "~/.cache/runner".into(),
            reason: "the user's cache",
            seen: "unknown, since neither $XDG_CACHE_HOME nor $HOME is set".into(),
        });
        return Err(not_found(set, looked, Vec::new()));
    };
    let folder = cache.join(set.name);
    let mut mirrors = surroundings
        .mirrors
        .clone()
        .unwrap_or_else(|| Mirrors::published(set));
    let agent = mirrors.agent();
    files::create_dir_all(&folder)?;
    let _lock = lock(&folder.join("lock"), mirrors.total, progress)?;
    for (position, file) in FILES.iter().enumerate() {
        if places::file_in(&folder, file).is_some() {
            continue;
        }
        let name = file.published_name();
        let bytes = match fetch(&agent, &mut mirrors.urls, set, position, progress) {
            Ok(bytes) => bytes,
            Err(tried) => return Err(not_found(set, looked, tried)),
        };
        files::write_atomic(&folder.join(name), &bytes)?;
    }
    Ok(folder)
}

/// Waits until no other process downloads to the folder. What it has brought by then is not
/// downloaded again.
fn lock(
    path: &Path,
    patience: Duration,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Lock, DataError> {
    let start = clock::monotonic();
    loop {
        match Lock::acquire(path) {
            Ok(lock) => return Ok(lock),
            // `acquire` itself takes a while before it gives up.
            Err(LockError::Held { .. }) if start.elapsed() < patience => {
                progress(Progress::Waiting);
            }
            Err(LockError::File(error)) => return Err(error.into()),
            Err(held) => return Err(DataError::Locked(held)),
        }
    }
}

/// The surroundings with nothing but the cache.
pub(super) fn only_cache(surroundings: &Surroundings) -> Surroundings {
    Surroundings {
        cache: surroundings.cache.clone(),
        ..Surroundings::default()
    }
}

pub(super) fn not_found(
    set: &'static KnownSet,
    looked: Vec<LookedAt>,
    tried: Vec<FailedDownload>,
) -> DataError {
    DataError::NotFound {
        name: set.name,
        looked,
        tried,
        package: set.package,
        url: set.url(),
    }
}

/// One file from the first address that gives it as it should be.
fn fetch(
    agent: &Agent,
    urls: &mut [String],
    set: &'static KnownSet,
    position: usize,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, Vec<FailedDownload>> {
    let file = &FILES[position];
    let name = file.published_name();
    let mut tried = Vec::new();
    for _ in 0..urls.len() {
        let url = format!("{}{name}", urls[0]);
        let received = receive(agent, &url, file, progress).and_then(|bytes| {
            check(set, position, &bytes).map_err(|error| reason_of(&error))?;
            Ok(bytes)
        });
        match received {
            Ok(bytes) => return Ok(bytes),
            Err(reason) => {
                progress(Progress::MirrorFailed {
                    url: &url,
                    reason: &reason,
                });
                tried.push(FailedDownload { url, reason });
                urls.rotate_left(1);
            }
        }
    }
    Err(tried)
}

/// The bytes behind an address, or why not.
fn receive(
    agent: &Agent,
    url: &str,
    file: &KnownFile,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, String> {
    // Servers may send the file uncompressed; a compressed one is never longer by so much.
    let limit = file.plain_bytes() + (1 << 16);
    let mut response = agent.get(url).call().map_err(describe)?;
    let total = response.body().content_length();
    if let Some(total) = total.filter(|&total| total > limit) {
        return Err(too_long(total, limit));
    }
    let expected = total.and_then(|total| usize::try_from(total).ok());
    let mut bytes = Vec::with_capacity(expected.unwrap_or(0));
    let mut reader = response.body_mut().as_reader();
    let name = file.published_name();
    loop {
        let before = bytes.len();
        let count = reader
            .by_ref()
            .take(1 << 18)
            .read_to_end(&mut bytes)
            .map_err(|error| describe(error.into()))?;
        if bytes.len() as u64 > limit {
            return Err(too_long(bytes.len() as u64, limit));
        }
        progress(Progress::Download {
            file: &name,
            url,
            done: bytes.len() as u64,
            total,
        });
        if count == 0 || bytes.len() == before {
            break;
        }
    }
    match total.filter(|&total| total != bytes.len() as u64) {
        Some(total) => Err(format!("only {} of {total} bytes arrived", bytes.len())),
        None => Ok(bytes),
    }
}

fn too_long(bytes: u64, limit: u64) -> String {
    format!("{bytes} bytes or more, expected {limit} at the most")
}

fn describe(error: ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(code) => format!("the server answers with status {code}"),
        ureq::Error::Timeout(_) => "no answer in time".into(),
        ureq::Error::HostNotFound => "host not found; is there a network?".into(),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the connection ended too early".into()
        }
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Checks a file as one found on disk is checked.
fn check(set: &'static KnownSet, position: usize, bytes: &[u8]) -> Result<(), DataError> {
    let known = &FILES[position];
    let name = known.published_name();
    let file = IdxFile::from_bytes(Path::new(&name), bytes, known.kind)?;
    check_known(&file, known)?;
    check_digest(set, position, &file.finish()?)
}

fn reason_of(error: &DataError) -> String {
    match error {
        DataError::Idx { source, .. } => source.to_string(),
        DataError::Digest {
            found, expected, ..
        } => format!("SHA-256 {found} (uncompressed), expected {expected}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
