//! Every file operation of a run is once the last one, once cut in half, and once fails in each way that it can.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Ended, Lab};
use crate::trace::{Traced, operations};
use crate::{
    SPEC, assert_promises, assert_whole, copied, digest, each, run_of, temporaries, told,
    with_faults,
};

/// Operations that change nothing on the disk.
const READS: [&str; 4] = ["Open", "Read", "List", "Lock"];

/// What is disturbed: a new run, or a resume of one that was stopped in its second epoch.
struct Work {
    stopped: Option<(Lab, PathBuf)>,
    /// The operations of an undisturbed process.
    operations: Vec<Traced>,
    /// How an undisturbed process ends.
    digest: String,
}

impl Work {
    fn run() -> Self {
        let lab = Lab::with(SPEC);
        let operations = traced(&lab, &["spec.toml"]);
        Self {
            stopped: None,
            operations,
            digest: digest(&run_of(&lab).unwrap()),
        }
    }

    fn resume() -> Self {
        let lab = Lab::with(SPEC);
        with_faults(&lab, "sigterm@step:4", None, &["spec.toml"]).with_code(143);
        let run = run_of(&lab).unwrap();
        let (copy, path) = copied(&run);
        let operations = traced(&copy, &["resume", path.to_str().unwrap()]);
        Self {
            stopped: Some((lab, run)),
            operations,
            digest: digest(&path),
        }
    }

    /// Does it with a fault, in a lab of its own; gives the epochs that were told to be saved so far.
    fn with(&self, fault: &str) -> (Lab, Ended, u32) {
        let (lab, ended, before) = match &self.stopped {
            None => {
                let lab = Lab::with(SPEC);
                let ended = with_faults(&lab, fault, None, &["spec.toml"]);
                (lab, ended, 0)
            }
            Some((_, run)) => {
                let (lab, run) = copied(run);
                let ended = with_faults(&lab, fault, None, &["resume", run.to_str().unwrap()]);
                (lab, ended, 1)
            }
        };
        let told = before + told(&ended.stdout);
        (lab, ended, told)
    }

    fn survives_every_end(&self, least: usize) {
        each(least, ends(&self.operations), |(fault, what)| {
            let (lab, ended, told) = self.with(&fault);
            assert_eq!(ended.code, -6, "{what}: {ended:#?}");
            assert_promises(&lab, told, &self.digest, &what);
        });
    }

    fn reports_every_failure(&self, least: usize) {
        let spared = AtomicUsize::new(0);
        let faults = failures(&self.operations);
        let count = faults.len();
        each(least, faults, |(operation, fault)| {
            let what = format!("{fault}: {operation:?}");
            let (lab, ended, told) = self.with(&fault);
            assert!(!ended.stderr.contains("panicked"), "{what}: {ended:#?}");
            assert_eq!(temporaries(lab.path()), [""; 0], "{what}: {ended:#?}");
            if is_spared(&operation) && ended.code == 0 {
                assert_eq!(digest(&run_of(&lab).unwrap()), self.digest, "{what}");
                spared.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let ended = ended.with_code(74);
            let says = |part: &str| assert!(ended.stderr.contains(part), "{what}: {ended:#?}");
            says("error: cannot ");
            // A run folder has another name each time, and the lab itself is `.` to the program.
            let name = operation.path.file_name().unwrap().to_string_lossy();
            if !name.starts_with("20") && !name.is_empty() && operation.number > 5 {
                says(name.trim_end_matches(".tmp"));
            }
            let is_new_file = matches!(operation.kind.as_str(), "Create" | "Write")
                || (operation.kind == "Sync" && operation.path.extension().is_some());
            if fault.starts_with("enospc") && is_new_file && operation.bytes.is_some() {
                says("; the file needs ");
            }
            assert_promises(&lab, told, &self.digest, &what);
        });
        // Most operations are needed.
        assert!(spared.into_inner() * 3 < count);
    }
}

fn traced(lab: &Lab, args: &[&str]) -> Vec<Traced> {
    let trace = lab.path().join("trace");
    with_faults(lab, "", Some(&trace), args).with_code(0);
    operations(&trace)
}

/// Where a process ends for good at an operation.
fn ends(operations: &[Traced]) -> Vec<(String, String)> {
    let mut all = vec![];
    for operation in operations {
        let modes: &[&str] = match operation.bytes {
            Some(_) => &["before", "half", "after"],
            None if READS.contains(&&*operation.kind) => &["before"],
            None => &["before", "after"],
        };
        for mode in modes {
            let fault = format!("{mode}@{}", operation.number);
            all.push((fault.clone(), format!("{fault}: {operation:?}")));
        }
    }
    all
}

/// The errors that a system can give at each operation.
fn failures(operations: &[Traced]) -> Vec<(Traced, String)> {
    let mut all = vec![];
    for operation in operations {
        let kind = operation.kind.as_str();
        let opens = matches!(kind, "List" | "Create" | "Open");
        let is_folder = operation.path.extension().is_none();
        let errors = [
            ("eio", true),
            (
                "enospc",
                matches!(
                    kind,
                    "CreateFolder" | "Create" | "Write" | "Sync" | "Rename" | "Link"
                ),
            ),
            (
                "eacces",
                opens || matches!(kind, "CreateFolder" | "Rename" | "Link" | "Remove"),
            ),
            ("emfile", opens || (kind == "Sync" && is_folder)),
        ];
        for (error, _) in errors.iter().filter(|(_, is_possible)| *is_possible) {
            all.push((operation.clone(), format!("{error}@{}", operation.number)));
        }
        if kind == "Write" {
            // And the disk stays full.
            all.push((operation.clone(), format!("enospc@{}+", operation.number)));
        }
    }
    all
}

/// What a run can do without: a figure, and the names of the machine.
fn is_spared(operation: &Traced) -> bool {
    let path = &operation.path;
    path.starts_with("/proc")
        || path.starts_with("/etc")
        || path.to_string_lossy().contains("/figures")
}

#[test]
fn resumes_a_run_aborted_at_any_operation_to_the_same_bits() {
    Work::run().survives_every_end(200);
}

#[test]
fn resumes_a_resume_aborted_at_any_operation_to_the_same_bits() {
    Work::resume().survives_every_end(180);
}

#[test]
fn names_the_failed_operation_of_a_run_and_resumes_to_the_same_bits() {
    Work::run().reports_every_failure(300);
}

#[test]
fn names_the_failed_operation_of_a_resume_and_resumes_to_the_same_bits() {
    Work::resume().reports_every_failure(250);
}

/// A rebuild that is cut off leaves whole files, and is done again to the same bytes.
#[test]
fn repeats_a_rebuild_aborted_at_any_operation() {
    let lab = Lab::with(SPEC);
    let run = lab.train(&[]);
    let bytes = |run: &Path| {
        ["metrics.parquet", "figures/loss.png", "figures/loss.svg"]
            .map(|name| std::fs::read(run.join(name)).unwrap())
    };
    let before = bytes(&run);
    let (copy, path) = copied(&run);
    let operations = traced(&copy, &["rebuild", path.to_str().unwrap()]);
    assert!(bytes(&path) == before);
    each(180, ends(&operations), |(fault, what)| {
        let (lab, run) = copied(&run);
        let path = run.display().to_string();
        let ended = with_faults(&lab, &fault, None, &["rebuild", &path]);
        assert_eq!(ended.code, -6, "{what}: {ended:#?}");
        assert_whole(&run, &what);
        lab.runner(&["rebuild", &path]).with_code(0);
        assert!(bytes(&run) == before, "{what}");
        lab.runner(&["doctor", &path]).with_code(0);
    });
}
