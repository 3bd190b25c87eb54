//! Tasks that failed, as long as Slurm remembers them (`MinJobAge`, five minutes by default).

use super::client::{SlurmError, call};
use crate::sys::printable::printable;

/// A task that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// `FAILED`, `NODE_FAIL`, `OUT_OF_MEMORY`, `TIMEOUT` ...
    pub state: String,
    /// The node that it ran on.
    pub node: String,
    /// Its exit code; nothing where a signal ended it, or it did not start.
    pub code: Option<u8>,
    /// Whether it could not even be started, as where its log cannot be made.
    pub was_not_started: bool,
    /// Its log.
    pub log: String,
}

/// States of tasks that failed.
const BAD: [&str; 6] = [
    "FAILED",
    "NODE_FAIL",
    "BOOT_FAIL",
    "OUT_OF_MEMORY",
    "TIMEOUT",
    "DEADLINE",
];

/// Tasks of a job that failed. A job that Slurm has forgotten has none.
///
/// # Errors
/// No `scontrol`, or one that cannot be started.
pub fn failed(job: u64) -> Result<Vec<Failed>, SlurmError> {
    match call("scontrol", &["-o", "show", "job", &job.to_string()], "") {
        Ok(answer) => Ok(answer.lines().filter_map(read).collect()),
        Err(SlurmError::Refused { .. }) => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// A line of `scontrol -o show job`: words of the form `KEY=VALUE`.
fn read(line: &str) -> Option<Failed> {
    let value = |key: &str| {
        let mut words = line.split(' ').filter_map(|word| word.split_once('='));
        words.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let state = value("JobState")?;
    if !BAD.contains(&state) {
        return None;
    }
    let (code, signal) = value("ExitCode")?.split_once(':')?;
    // A path may have spaces; it is the last key but one.
    let log = line.split_once(" StdOut=").map_or("", |(_, rest)| rest);
    let log = log.split(" Power=").next().unwrap_or_default();
    Some(Failed {
        state: printable(state),
        node: printable(value("NodeList").unwrap_or_default()),
        code: code.parse().ok().filter(|_| signal == "0"),
        was_not_started: value("Reason") == Some("JobLaunchFailure"),
        log: printable(log.trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as Slurm 22.05 prints them, shortened.
    #[test]
    fn reads_tasks_that_failed() {
        let line = |state: &str, reason: &str, code: &str| {
            format!(
                "JobId=5 ArrayJobId=4 ArrayTaskId=0 JobName=a b UserId=root(0) JobState={state} Reason={reason} \
                 ExitCode={code} ReqNodeList=(null) NodeList=n2 WorkDir=/x StdErr=/x y/4_0.log StdIn=/dev/null \
                 StdOut=/x y/4_0.log Power= "
            )
        };
        let launch = read(&line("FAILED", "JobLaunchFailure", "0:53")).unwrap();
        assert_eq!(
            launch,
            Failed {
                state: "FAILED".to_owned(),
                node: "n2".to_owned(),
                code: None,
                was_not_started: true,
                log: "/x y/4_0.log".to_owned(),
            }
        );
        let code = read(&line("FAILED", "NonZeroExitCode", "74:0")).unwrap();
        assert_eq!((code.code, code.was_not_started), (Some(74), false));
        assert_eq!(read(&line("COMPLETED", "None", "0:0")), None);
        assert_eq!(read(&line("RUNNING", "None", "0:0")), None);
        assert_eq!(read("slurm_load_jobs error"), None);
    }
}
