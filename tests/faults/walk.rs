//! Every file operation of a run is once the last one, once cut in half, and once fails in each way that it can.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::Lab;
use crate::common::tally::tally;
use crate::trace::{Traced, operations};
use crate::{
    SPEC, assert_goes_on, assert_saved, assert_whole, copied, digest, each, run_of, temporaries,
    told, with_faults,
};

/// Operations that change nothing on the disk.
const READS: [&str; 4] = ["Open", "Read", "List", "Lock"];

/// The operations of an undisturbed run, and the digest of its end.
fn undisturbed() -> (Vec<Traced>, String) {
    let lab = Lab::with(SPEC);
    let trace = lab.path().join("trace");
    with_faults(&lab, "", Some(&trace), &["spec.toml"]).with_code(0);
    (operations(&trace), digest(&run_of(&lab).unwrap()))
}

/// A run that was stopped in its second epoch, the operations of a resume of it, and the digest of its end.
fn stopped() -> (Lab, PathBuf, Vec<Traced>, String) {
    let lab = Lab::with(SPEC);
    with_faults(&lab, "sigterm@step:4", None, &["spec.toml"]).with_code(143);
    let run = run_of(&lab).unwrap();
    let (copy, path) = copied(&run);
    let trace = copy.path().join("trace");
    let path = path.display().to_string();
    with_faults(&copy, "", Some(&trace), &["resume", &path]).with_code(0);
    let digest = digest(Path::new(&path));
    (lab, run, operations(&trace), digest)
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

#[test]
fn a_run_whose_process_ends_at_any_operation_goes_on_to_the_same_bits() {
    let (operations, digest) = undisturbed();
    assert!(operations.len() > 100, "{}", operations.len());
    let faults = ends(&operations);
    let count = faults.len();
    each(faults, |(fault, what)| {
        let lab = Lab::with(SPEC);
        let ended = with_faults(&lab, &fault, None, &["spec.toml"]);
        assert_eq!(ended.code, -6, "{what}: {ended:#?}");
        let told = told(&ended.stdout);
        let Some(run) = run_of(&lab) else {
            assert_eq!(told, 0, "{what}");
            return;
        };
        assert_whole(&run, &what);
        assert_saved(&run, told, &what);
        assert_goes_on(&lab, &run, told, &digest, &what);
    });
    tally(
        "abort before, half-way through and after every file operation of a run",
        count,
    );
}

#[test]
fn a_resume_whose_process_ends_at_any_operation_goes_on_to_the_same_bits() {
    let (_lab, run, operations, digest) = stopped();
    let faults = ends(&operations);
    let count = faults.len();
    each(faults, |(fault, what)| {
        let (lab, run) = copied(&run);
        let path = run.display().to_string();
        let ended = with_faults(&lab, &fault, None, &["resume", &path]);
        assert_eq!(ended.code, -6, "{what}: {ended:#?}");
        // The first epoch was saved by the process before.
        let told = 1 + told(&ended.stdout);
        assert_whole(&run, &what);
        assert_saved(&run, told, &what);
        assert_goes_on(&lab, &run, told, &digest, &what);
    });
    tally(
        "abort before, half-way through and after every file operation of a resume",
        count,
    );
}

/// The errors that a system can give at an operation.
fn errors(operation: &Traced) -> Vec<&'static str> {
    let kind = operation.kind.as_str();
    let takes_room = ["CreateFolder", "Create", "Write", "Sync", "Rename", "Link"];
    let asks_for_rights = [
        "CreateFolder",
        "List",
        "Create",
        "Open",
        "Rename",
        "Link",
        "Remove",
    ];
    let opens = ["List", "Create", "Open"];
    let mut errors = vec!["eio"];
    if takes_room.contains(&kind) {
        errors.push("enospc");
    }
    if asks_for_rights.contains(&kind) {
        errors.push("eacces");
    }
    if opens.contains(&kind) || (kind == "Sync" && operation.path.extension().is_none()) {
        errors.push("emfile");
    }
    errors
}

/// What a run can do without: a figure, and the names of the machine.
fn is_spared(operation: &Traced) -> bool {
    let path = &operation.path;
    path.starts_with("/proc")
        || path.starts_with("/etc")
        || path.to_string_lossy().contains("/figures")
}

#[test]
fn a_run_says_which_operation_failed_and_goes_on_to_the_same_bits() {
    let (operations, digest) = undisturbed();
    let mut faults = vec![];
    for operation in &operations {
        for error in errors(operation) {
            faults.push((operation.clone(), format!("{error}@{}", operation.number)));
        }
        if operation.kind == "Write" {
            // And the disk stays full.
            let fault = format!("enospc@{}+", operation.number);
            faults.push((operation.clone(), fault));
        }
    }
    let count = faults.len();
    let survived = AtomicUsize::new(0);
    each(faults, |(operation, fault)| {
        let what = format!("{fault}: {operation:?}");
        let lab = Lab::with(SPEC);
        let ended = with_faults(&lab, &fault, None, &["spec.toml"]);
        let told = told(&ended.stdout);
        assert!(!ended.stderr.contains("panicked"), "{what}: {ended:#?}");
        assert_eq!(temporaries(lab.path()), [""; 0], "{what}: {ended:#?}");
        if is_spared(&operation) && ended.code == 0 {
            let run = run_of(&lab).unwrap();
            assert_eq!(crate::digest(&run), digest, "{what}");
            survived.fetch_add(1, Ordering::Relaxed);
            return;
        }
        assert_eq!(ended.code, 74, "{what}: {ended:#?}");
        assert!(
            ended.stderr.contains("error: cannot "),
            "{what}: {ended:#?}"
        );
        // A run folder has another name each time, and the lab itself is `.` to the program.
        let name = operation
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let name = name.trim_end_matches(".tmp");
        let is_fixed = !name.starts_with("20") && !name.is_empty() && operation.number > 5;
        assert!(
            !is_fixed || ended.stderr.contains(name),
            "{what}: {ended:#?}"
        );
        let is_new_file = matches!(operation.kind.as_str(), "Create" | "Write")
            || (operation.kind == "Sync" && operation.path.extension().is_some());
        if fault.starts_with("enospc") && is_new_file && operation.bytes.is_some() {
            assert!(
                ended.stderr.contains("; the file needs "),
                "{what}: {ended:#?}"
            );
        }
        let Some(run) = run_of(&lab) else {
            assert_eq!(told, 0, "{what}");
            return;
        };
        assert_whole(&run, &what);
        assert_saved(&run, told, &what);
        assert_goes_on(&lab, &run, told, &digest, &what);
    });
    // Most of a run's operations are needed.
    assert!(survived.into_inner() * 3 < count);
    tally(
        "ENOSPC, EIO, EACCES, EMFILE at every file operation of a run",
        count,
    );
}

#[test]
fn a_resume_says_which_operation_failed_and_goes_on_to_the_same_bits() {
    let (_lab, run, operations, digest) = stopped();
    let mut faults = vec![];
    for operation in &operations {
        for error in errors(operation) {
            faults.push((operation.clone(), format!("{error}@{}", operation.number)));
        }
    }
    let count = faults.len();
    each(faults, |(operation, fault)| {
        let what = format!("{fault}: {operation:?}");
        let (lab, run) = copied(&run);
        let path = run.display().to_string();
        let ended = with_faults(&lab, &fault, None, &["resume", &path]);
        let told = 1 + told(&ended.stdout);
        assert!(!ended.stderr.contains("panicked"), "{what}: {ended:#?}");
        assert_eq!(temporaries(lab.path()), [""; 0], "{what}: {ended:#?}");
        if is_spared(&operation) && ended.code == 0 {
            assert_eq!(crate::digest(&run), digest, "{what}");
            return;
        }
        assert_eq!(ended.code, 74, "{what}: {ended:#?}");
        assert!(
            ended.stderr.contains("error: cannot "),
            "{what}: {ended:#?}"
        );
        assert_whole(&run, &what);
        assert_saved(&run, told, &what);
        assert_goes_on(&lab, &run, told, &digest, &what);
    });
    tally(
        "ENOSPC, EIO, EACCES, EMFILE at every file operation of a resume",
        count,
    );
}

/// A rebuild that is cut off leaves whole files, and is done again to the same bytes.
#[test]
fn a_rebuild_whose_process_ends_at_any_operation_can_be_done_again() {
    let lab = Lab::with(SPEC);
    let run = lab.train(&[]);
    let bytes = |run: &Path| {
        ["metrics.parquet", "figures/loss.png", "figures/loss.svg"]
            .map(|name| std::fs::read(run.join(name)).unwrap())
    };
    let before = bytes(&run);
    let (copy, path) = copied(&run);
    let trace = copy.path().join("trace");
    let path = path.display().to_string();
    with_faults(&copy, "", Some(&trace), &["rebuild", &path]).with_code(0);
    assert!(bytes(Path::new(&path)) == before);
    let faults = ends(&operations(&trace));
    let count = faults.len();
    each(faults, |(fault, what)| {
        let (lab, run) = copied(&run);
        let path = run.display().to_string();
        let ended = with_faults(&lab, &fault, None, &["rebuild", &path]);
        assert_eq!(ended.code, -6, "{what}: {ended:#?}");
        assert_whole(&run, &what);
        lab.runner(&["rebuild", &path]).with_code(0);
        assert!(bytes(&run) == before, "{what}");
        lab.runner(&["doctor", &path]).with_code(0);
    });
    tally(
        "abort before, half-way through and after every file operation of a rebuild",
        count,
    );
}
