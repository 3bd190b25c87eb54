//! Slurm's commands, one call each.

use std::io::{ErrorKind, Write as _};
use std::process::{Command, Output, Stdio};

use crate::sys::exit;
use crate::sys::printable::printable;

/// What Slurm could not or would not do.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// There is no such command.
    #[error("this machine has no `{0}`: Slurm's commands are not here")]
    Missing(&'static str),
    /// It cannot be started.
    #[error("`{command}` cannot be started")]
    Start {
        /// The command.
        command: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// It failed.
    #[error("`{command}` refused: {why}")]
    Refused {
        /// The command.
        command: &'static str,
        /// Its message.
        why: String,
    },
    /// It printed something else than documented.
    #[error("`{command}` answered `{answer}`")]
    Answer {
        /// The command.
        command: &'static str,
        /// What it printed.
        answer: String,
    },
}

impl SlurmError {
    /// The exit code that fits.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) => exit::NO_DEVICE,
            Self::Start { .. } => exit::IO,
            Self::Refused { .. } | Self::Answer { .. } => exit::FAILED,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "type it on a login node of the cluster, or leave out `--launcher slurm` to train here"
            }
            Self::Start { .. } | Self::Answer { .. } => "try the command by hand",
            Self::Refused { .. } => {
                "`[launcher.slurm]` says what is asked for; `--dry-run` prints the whole script"
            }
        }
    }
}

/// Largest part of an answer that is quoted, in characters.
const QUOTED: usize = 500;

fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    printable(&text.trim().chars().take(QUOTED).collect::<String>())
}

pub(super) fn call(
    command: &'static str,
    args: &[&str],
    input: &str,
) -> Result<String, SlurmError> {
    let start = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => SlurmError::Missing(command),
        _ => SlurmError::Start { command, source },
    };
    let mut child = Command::new(command)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read to the end says why by itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().map_err(start)?;
    if !status.success() {
        let why = words(if stderr.is_empty() { &stdout } else { &stderr });
        return Err(SlurmError::Refused { command, why });
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Puts a script into the queue; gives the number of its job.
///
/// # Errors
/// No `sbatch`, or one that refuses.
pub fn submit(script: &str) -> Result<u64, SlurmError> {
    let answer = call("sbatch", &["--parsable"], script)?;
    // `123`, or `123;cluster` where there are several.
    let number = answer.trim().split(';').next().and_then(|n| n.parse().ok());
    number.ok_or_else(|| SlurmError::Answer {
        command: "sbatch",
        answer: words(answer.as_bytes()),
    })
}

/// The cluster that is asked here, where it says its name (`ClusterName`).
///
/// # Errors
/// No `scontrol`, or one that refuses.
pub fn cluster_name() -> Result<Option<String>, SlurmError> {
    let config = call("scontrol", &["show", "config"], "")?;
    Ok(value(&config, "ClusterName").map(printable))
}

/// The value of a line such as `ClusterName = test`.
fn value<'a>(config: &'a str, key: &str) -> Option<&'a str> {
    config.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim())
    })
}

/// Tasks that an array may have on this cluster (`MaxArraySize`, whose largest index is one less).
///
/// # Errors
/// No `scontrol`, or one that refuses.
pub fn largest_array() -> Result<usize, SlurmError> {
    let config = call("scontrol", &["show", "config"], "")?;
    Ok(array_size(&config).unwrap_or(DEFAULT_ARRAY))
}

/// Slurm's own default of `MaxArraySize`.
const DEFAULT_ARRAY: usize = 1001;

fn array_size(config: &str) -> Option<usize> {
    let size = value(config, "MaxArraySize")?.parse().ok()?;
    (size > 0).then_some(size)
}

/// A task in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its own job, as in [`Task`](super::Task).
    pub job: u64,
    /// The job of its array.
    pub array: u64,
    /// Its place in the array; nothing where it is no task of one.
    pub index: Option<u64>,
    /// `PENDING`, `RUNNING`, `COMPLETING` ...
    pub state: String,
    /// The node, where it has one.
    pub node: String,
    /// Time until its limit, in Slurm's form.
    pub left: String,
    /// Why it waits.
    pub reason: String,
}

/// All tasks of this user that are in the queue.
///
/// # Errors
/// No `squeue`, or one that refuses, as when the controller does not answer.
pub fn queue() -> Result<Vec<Listed>, SlurmError> {
    let format = "%A|%F|%K|%T|%N|%L|%r";
    let answer = call("squeue", &["-h", "-r", "--me", "-o", format], "")?;
    answer
        .lines()
        .map(|line| {
            listed(line).ok_or_else(|| SlurmError::Answer {
                command: "squeue",
                answer: words(line.as_bytes()),
            })
        })
        .collect()
}

fn listed(line: &str) -> Option<Listed> {
    let mut fields = line.split('|').map(str::trim);
    let listed = Listed {
        job: fields.next()?.parse().ok()?,
        array: fields.next()?.parse().ok()?,
        index: fields.next()?.parse().ok(),
        state: printable(fields.next()?),
        node: printable(fields.next()?),
        left: printable(fields.next()?),
        reason: printable(fields.next()?),
    };
    Some(listed)
}

/// Ends jobs with all their tasks.
///
/// # Errors
/// No `scancel`, or one that refuses. A job that has ended already is no error.
pub fn cancel(jobs: &[u64]) -> Result<(), SlurmError> {
    let jobs: Vec<String> = jobs.iter().map(u64::to_string).collect();
    let args = std::iter::once("--quiet").chain(jobs.iter().map(String::as_str));
    call("scancel", &args.collect::<Vec<_>>(), "").map(|_| ())
}

/// Takes some tasks of an array out of the queue, by their places, where they have not started.
///
/// # Errors
/// No `scancel`, or one that refuses.
pub fn cancel_waiting(array: u64, places: &[u64]) -> Result<(), SlurmError> {
    if places.is_empty() {
        return Ok(());
    }
    let tasks = format!("{array}_[{}]", ranges(places));
    call("scancel", &["--quiet", "--state=PENDING", &tasks], "").map(|_| ())
}

/// `0-2,5` for 0, 1, 2 and 5, as Slurm writes them.
fn ranges(places: &[u64]) -> String {
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    let mut parts: Vec<(u64, u64)> = vec![];
    for place in sorted {
        match parts.last_mut() {
            Some((_, last)) if place <= last.saturating_add(1) => *last = place,
            _ => parts.push((place, place)),
        }
    }
    let text = |(first, last): &(u64, u64)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_largest_array_of_the_configuration() {
        let config = "Configuration data\nMaxArraySize            = 10001\nMaxDBDMsgs = 1\n";
        assert_eq!(array_size(config), Some(10_001));
        assert_eq!(array_size("MaxArraySize = 0\n"), None);
        assert_eq!(array_size(""), None);
        assert_eq!(value("ClusterName = test\n", "ClusterName"), Some("test"));
    }

    /// Lines as Slurm 22.05 prints them.
    #[test]
    fn reads_lines_of_the_queue() {
        let expected = Listed {
            job: 12,
            array: 7,
            index: Some(3),
            state: "RUNNING".to_owned(),
            node: "vm".to_owned(),
            left: "1-00:00:00".to_owned(),
            reason: "None".to_owned(),
        };
        assert_eq!(listed("12|7|3|RUNNING|vm|1-00:00:00|None"), Some(expected));
        let pending = listed("7|7|N/A|PENDING||UNLIMITED|(JobArrayTaskLimit)").unwrap();
        assert_eq!((pending.job, pending.state.as_str()), (7, "PENDING"));
        assert_eq!(pending.index, None);
        assert_eq!(listed("x|7|3|RUNNING|vm|1|None"), None);
        assert_eq!(listed("12|7|3"), None);
    }

    #[test]
    fn writes_array_indices_as_ranges() {
        assert_eq!(ranges(&[5, 0, 2, 1]), "0-2,5");
        assert_eq!(ranges(&[7]), "7");
        assert_eq!(ranges(&[3, 4, 6, 6, 7]), "3-4,6-7");
    }

    #[test]
    fn tells_a_missing_command_from_a_failing_one() {
        let missing = call("no-such-command-of-slurm", &[], "").unwrap_err();
        assert!(matches!(missing, SlurmError::Missing(_)));
        assert_eq!(missing.exit_code(), exit::NO_DEVICE);
        let refused = call("sh", &["-c", "echo 'bad \u{1b}[2J' >&2; exit 1"], "").unwrap_err();
        let text = refused.to_string();
        assert!(
            text.starts_with("`sh` refused: bad ") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert_eq!(call("cat", &[], "in").unwrap(), "in");
    }
}
