//! Fault injection for tests. Only with the cargo feature `faults`; an ordinary build does not contain it.
//!
//! The environment variable `RUNNER_FAULTS` holds one or more of these, separated by commas; `N` counts the
//! operations of [`files`](crate::fs::files) of this process from 1, `S` the training steps of the run from 1:
//!
//! | word | what happens |
//! | --- | --- |
//! | `before@N`, `after@N` | the process aborts before or after operation N |
//! | `half@N` | it aborts when half of the bytes of operation N are written (before it, where it writes none) |
//! | `enospc@N`, `eio@N`, `eacces@N`, `emfile@N` | operation N fails; half of its bytes are written |
//! | `enospc@N+` | from operation N on, all that take room fail, as on a full disk |
//! | `sigint@N`, `sigterm@N` | the process gets the signal before operation N |
//! | `sigint@step:S`, `sigterm@step:S` | it gets the signal after step S |
//! | `nan-data@step:S`, `inf-data@step:S` | a pixel of step S is NaN, or infinite |
//! | `nan-noise@step:S`, `inf-noise@step:S` | the same for the noise, which goes into the loss |
//! | `nan-gradient@step:S`, `inf-gradient@step:S` | the gradient of step S |
//! | `nan-rate@step:S`, `inf-rate@step:S` | the learning rate of step S |
//! | `huge-rate@step:S` | a learning rate that is finite and makes the weights overflow |
//! | `free@BYTES` | the disk says that so many bytes are free |
//!
//! `RUNNER_FAULTS_TRACE` names a folder which gets a file `operations` with a line an operation, and the
//! bytes that were written, one file a write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::operation::Operation;

/// The environment variable that names the faults.
const VARIABLE: &str = "RUNNER_FAULTS";
/// The environment variable that names the folder of the trace.
const TRACE: &str = "RUNNER_FAULTS_TRACE";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Operation(u64),
    From(u64),
    Step(u64),
}

#[derive(Debug)]
struct Plan {
    faults: Vec<(String, Place)>,
    trace: Option<PathBuf>,
    operations: AtomicU64,
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        let words = text.split(',').filter(|word| !word.is_empty());
        Plan {
            faults: words.map(parse).collect(),
            trace: std::env::var_os(TRACE).map(PathBuf::from),
            operations: AtomicU64::new(0),
        }
    })
}

fn parse(word: &str) -> (String, Place) {
    let place = word.split_once('@').and_then(|(kind, place)| {
        let place = match (place.strip_prefix("step:"), place.strip_suffix('+')) {
            (Some(step), _) => Place::Step(step.parse().ok()?),
            (_, Some(number)) => Place::From(number.parse().ok()?),
            _ => Place::Operation(place.parse().ok()?),
        };
        Some((kind.to_owned(), place))
    });
    place.unwrap_or_else(|| panic!("{VARIABLE}: `{word}` is no fault"))
}

/// What happens to an operation.
enum Effect {
    AbortBefore,
    AbortHalfWay,
    AbortAfter,
    Fail(i32),
    None,
}

fn effect(operation: Operation, number: u64) -> Effect {
    use Operation::{Create, CreateFolder, Link, Rename, Sync, Write};
    for (kind, place) in &plan().faults {
        let takes_room = matches!(
            operation,
            Create | CreateFolder | Link | Rename | Sync | Write
        );
        let hit = match *place {
            Place::Operation(wanted) => wanted == number,
            Place::From(first) => number >= first && takes_room,
            Place::Step(_) => false,
        };
        if !hit {
            continue;
        }
        // The numbers of Linux.
        return match kind.as_str() {
            "before" => Effect::AbortBefore,
            "after" => Effect::AbortAfter,
            "half" => Effect::AbortHalfWay,
            "eio" => Effect::Fail(5),
            "eacces" => Effect::Fail(13),
            "emfile" => Effect::Fail(24),
            "enospc" => Effect::Fail(28),
            "sigint" | "sigterm" => {
                raise(kind);
                continue;
            }
            _ => continue,
        };
    }
    Effect::None
}

fn raise(kind: &str) {
    let signal = if kind == "sigint" { SIGINT } else { SIGTERM };
    signal_hook::low_level::raise(signal).expect("a signal can be raised");
}

/// An operation without bytes.
pub(crate) fn perform<T>(
    operation: Operation,
    path: &Path,
    to: Option<&Path>,
    act: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let number = plan().operations.fetch_add(1, Ordering::SeqCst) + 1;
    let effect = effect(operation, number);
    match effect {
        Effect::AbortBefore | Effect::AbortHalfWay => std::process::abort(),
        Effect::Fail(error) => {
            record(number, operation, path, to, "failed");
            return Err(io::Error::from_raw_os_error(error));
        }
        Effect::AbortAfter | Effect::None => {}
    }
    let result = act();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    record(number, operation, path, to, outcome);
    if matches!(effect, Effect::AbortAfter) {
        std::process::abort();
    }
    result
}

/// An operation that writes bytes.
pub(crate) fn write(file: &mut File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let number = plan().operations.fetch_add(1, Ordering::SeqCst) + 1;
    let effect = effect(Operation::Write, number);
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    match effect {
        Effect::AbortHalfWay => {
            file.write_all(half)?;
            std::process::abort();
        }
        Effect::AbortBefore => std::process::abort(),
        Effect::Fail(error) => {
            file.write_all(half)?;
            record(number, Operation::Write, path, None, "failed");
            return Err(io::Error::from_raw_os_error(error));
        }
        Effect::AbortAfter | Effect::None => {}
    }
    file.write_all(half)?;
    file.write_all(rest)?;
    record(number, Operation::Write, path, None, "bytes");
    if let Some(folder) = &plan().trace {
        fs::write(folder.join(format!("{number}.bytes")), bytes).expect("the trace can be written");
    }
    if matches!(effect, Effect::AbortAfter) {
        std::process::abort();
    }
    Ok(())
}

fn record(number: u64, operation: Operation, path: &Path, to: Option<&Path>, outcome: &str) {
    let to = to.map(absolute).unwrap_or_default();
    let path = absolute(path);
    line(&format!(
        "{number}\t{operation:?}\t{}\t{}\t{outcome}",
        path.display(),
        to.display()
    ));
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn line(text: &str) {
    if let Some(folder) = &plan().trace {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join("operations"))
            .and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()))
            .expect("the trace can be written");
    }
}

/// Records in the trace that the program reported an epoch as saved.
pub fn told(epoch: u32) {
    line(&format!("0\tTold\t{epoch}\t\tdone"));
}

fn at_step(step: u64) -> impl Iterator<Item = &'static str> {
    let here = move |(_, place): &&(String, Place)| *place == Place::Step(step);
    plan()
        .faults
        .iter()
        .filter(here)
        .map(|(kind, _)| kind.as_str())
}

/// The inputs of a training step.
#[derive(Debug)]
pub struct Ingredients {
    pub images: Vec<f32>,
    pub noise: Vec<f32>,
    pub learning_rate: f64,
}

/// Applies the faults of a step to its inputs.
pub fn spoil(step: u64, ingredients: &mut Ingredients) {
    for kind in at_step(step) {
        let Some((value, what)) = kind.split_once('-') else {
            continue;
        };
        let value = match value {
            "nan" => f64::NAN,
            "inf" => f64::INFINITY,
            _ => 1e300,
        };
        match what {
            "data" => ingredients.images[0] = value as f32,
            "noise" => ingredients.noise[0] = value as f32,
            "rate" => ingredients.learning_rate = value,
            _ => {}
        }
    }
}

/// What is added to the norm of a step's gradient.
pub fn gradient(step: u64) -> f64 {
    at_step(step)
        .map(|kind| match kind {
            "nan-gradient" => f64::NAN,
            "inf-gradient" => f64::INFINITY,
            _ => 0.0,
        })
        .sum()
}

/// Raises the signals of the faults after a step.
pub fn after_step(step: u64) {
    at_step(step)
        .filter(|kind| kind.starts_with("sig"))
        .for_each(raise);
}

/// The number of free bytes to report, where a fault sets it.
pub fn free_bytes() -> Option<u64> {
    let free = plan().faults.iter().find(|(kind, _)| kind == "free")?;
    match free.1 {
        Place::Operation(bytes) => Some(bytes),
        Place::From(_) | Place::Step(_) => None,
    }
}
