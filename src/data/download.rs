//! Fetching a known data set over HTTPS into the user's cache.
//!
//! A lock in the cache keeps two processes from downloading the same data set at once.
//!
//! A file is received into memory, up to the length it can have at the most, checked there just as a
//! file found on disk is, and only then written, atomically. So whatever goes wrong on the way
//! (a cut connection, a server that stalls, sends too much, or sends something else), the cache holds
//! a file either whole and checked or not at all. Addresses are tried in their order; one that fails
//! goes to the end for the files that follow.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use ureq::Agent;

use crate::fs::files;
use crate::fs::lock::{Lock, LockError};
use crate::sys::{clock, exit};

use super::array_file::{ArrayFile, BadFile};
use super::error::{DataError, Refusal};
use super::idx;
use super::known::{FILES, KnownError, KnownFile, KnownSet};
use super::places::{self, LookedAt, Mirrors, Places};
use super::progress::{LoadProgress, OnProgress};

/// An address that did not give a data set's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FailedDownload {
    /// The address.
    pub url: String,
    /// Why not.
    pub reason: String,
}

/// A known data set that is not on this machine and could not be downloaded.
#[derive(Debug)]
pub(super) struct NotFound {
    set: &'static KnownSet,
    /// Every place looked at, in this order.
    looked: Vec<LookedAt>,
    /// Every address tried, in this order.
    pub tried: Vec<FailedDownload>,
}

impl std::error::Error for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not on this machine and could not be downloaded; looked at",
            self.set.name
        )?;
        for LookedAt {
            folder,
            reason,
            seen,
        } in &self.looked
        {
            write!(f, "\n  `{}` ({reason}): {seen}", folder.display())?;
        }
        for FailedDownload { url, reason } in &self.tried {
            write!(f, "\n  {url}: {reason}")?;
        }
        Ok(())
    }
}

impl Refusal for NotFound {
    fn exit_code(&self) -> u8 {
        exit::IO
    }

    fn hint(&self) -> Option<String> {
        let package = self.set.package;
        let install = package.map(|package| format!("install it: apt-get install {package}"));
        let ways = [
            "name the folder of the files: set `data.path` or $RUNNER_DATA_DIR".to_owned(),
            format!(
                "connect to the network and run again, or download the files by hand from {}",
                self.set.url()
            ),
        ];
        let ways: Vec<String> = install.into_iter().chain(ways).collect();
        Some(ways.join("\n"))
    }
}

impl NotFound {
    pub(super) fn new(
        set: &'static KnownSet,
        looked: Vec<LookedAt>,
        tried: Vec<FailedDownload>,
    ) -> Self {
        Self { set, looked, tried }
    }
}

/// Another process has been downloading the same data set for too long.
impl Refusal for LockError {
    fn exit_code(&self) -> u8 {
        exit::LOCKED
    }
}

fn agent(mirrors: &Mirrors) -> Agent {
    let config = Agent::config_builder()
        .https_only(mirrors.https_only)
        .timeout_resolve(Some(mirrors.connect))
        .timeout_connect(Some(mirrors.connect))
        .timeout_recv_response(Some(mirrors.stall))
        .timeout_per_read(Some(mirrors.stall))
        .timeout_global(Some(mirrors.total))
        .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")));
    let config = if mirrors.https_only {
        config
    } else {
        // A server on this machine is not reached through the proxy that the environment names.
        config.proxy(None)
    };
    config.build().into()
}

/// Downloads those of the four files that are not in the cache yet; `looked` is where the set was
/// looked for before, for the error.
pub(super) fn to_cache(
    set: &'static KnownSet,
    places: &Places,
    mut looked: Vec<LookedAt>,
    progress: OnProgress<'_>,
) -> Result<(), DataError> {
    let Some(cache) = &places.cache else {
        looked.push(LookedAt {
            folder: "~/.cache/runner".into(),
            reason: "the user's cache",
            seen: "unknown, since neither $XDG_CACHE_HOME nor $HOME is set".into(),
        });
        return Err(NotFound::new(set, looked, Vec::new()).into());
    };
    let folder = cache.join(set.name);
    let published = || Mirrors::published(set);
    let mut mirrors = places.mirrors.clone().unwrap_or_else(published);
    let agent = agent(&mirrors);
    files::create_dir_all(&folder)?;
    let _lock = lock(&folder.join("lock"), mirrors.total, progress)?;
    for (position, file) in FILES.iter().enumerate() {
        if places::file_in(&folder, file).is_some() {
            continue;
        }
        let name = file.published_name();
        let bytes = match fetch(&agent, &mut mirrors.urls, set, position, progress) {
            Ok(bytes) => bytes,
            Err(tried) => return Err(NotFound::new(set, looked, tried).into()),
        };
        files::write_atomic(&folder.join(name), &bytes)?;
    }
    Ok(())
}

/// Waits until no other process downloads to the folder. What it has brought by then is not
/// downloaded again.
fn lock(path: &Path, patience: Duration, progress: OnProgress<'_>) -> Result<Lock, DataError> {
    let start = clock::monotonic();
    loop {
        match Lock::acquire(path) {
            Ok(lock) => return Ok(lock),
            // `acquire` itself takes a while before it gives up.
            Err(LockError::Held { .. }) if start.elapsed() < patience => {
                progress(LoadProgress::Waiting);
            }
            Err(LockError::File(error)) => return Err(error.into()),
            Err(held) => return Err(held.into()),
        }
    }
}

/// One file from the first address that gives it as it should be.
fn fetch(
    agent: &Agent,
    urls: &mut [String],
    set: &'static KnownSet,
    position: usize,
    progress: OnProgress<'_>,
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
                progress(LoadProgress::MirrorFailed {
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
    progress: OnProgress<'_>,
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
        progress(LoadProgress::Download {
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
fn check(set: &KnownSet, position: usize, bytes: &[u8]) -> Result<(), DataError> {
    let known = &FILES[position];
    let file = ArrayFile::from_bytes(Path::new(&known.published_name()), bytes)?;
    set.check_file(position, idx::with_header(file, known.content)?)?;
    set.check_packed(position, Path::new(&known.published_name()), bytes)?;
    Ok(())
}

/// What is wrong with a file, without its name.
fn reason_of(error: &DataError) -> String {
    if let Some(BadFile { problem, .. }) = error.downcast_ref() {
        return problem.to_string();
    }
    match error.downcast_ref() {
        Some(KnownError::Digest {
            bytes,
            found,
            expected,
            ..
        }) => format!("SHA-256 {found} ({bytes}), expected {expected}"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
