//! Several nodes: one is lost, one does not see what the others see, the disk that they share is full.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::cluster::{Cluster, ends, lab, locally, one, spec};
use super::common::{self, Lab};

/// The claims of a sweep that a node has: the trial, and the note.
fn claims(sweep: &Path, node: &str) -> Vec<(String, Value)> {
    let entries = std::fs::read_dir(sweep.join("claims"));
    let mut found = vec![];
    for entry in entries.into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let Ok(note) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        if note["host"] == node && !name.contains('.') {
            found.push((name, note));
        }
    }
    found
}

/// The run folder of a trial.
fn run_of(sweep: &Path, trial: &str) -> Option<PathBuf> {
    let ending = format!("_{trial}");
    let mut all = common::folders(sweep).into_iter();
    all.find(|path| path.to_string_lossy().ends_with(&ending))
}

#[test]
fn continues_trials_of_a_lost_node_to_the_same_bits() {
    let _one = one();
    let Some(cluster) = Cluster::start(2, Some(1)) else {
        return;
    };
    let lab = lab(&spec(80, "{ from = 0, to = 5 }"));
    let expected = locally(&lab);
    assert_eq!(expected.len(), 12);
    cluster.runner(&lab, &["spec.toml", "--quiet"]).with_code(0);
    let sweep = lab.path().join("runs/many.sweep");
    let saved = || {
        claims(&sweep, "n2").into_iter().find(|(trial, _)| {
            let run = run_of(&sweep, trial);
            let epochs = run.and_then(|run| {
                runner::run::RunView::open(&run)
                    .history()
                    .last()
                    .map(|row| row.epoch())
            });
            epochs.is_some_and(|epochs| (10..60).contains(&epochs))
        })
    };
    cluster.wait_until("n2 has no trial under way", || {
        // One that was finished at once shows nothing.
        let Some((trial, note)) = saved() else {
            return false;
        };
        cluster.node("lose", "n2", &[]);
        claims(&sweep, "n2").contains(&(trial, note))
    });
    let (trial, note) = claims(&sweep, "n2").remove(0);
    let run = run_of(&sweep, &trial).unwrap();
    let job = note["job"]["id"].as_str().unwrap();
    assert_eq!(note["job"]["cluster"], "test");
    // As long as Slurm says that its job runs, the trial is the lost node's, whatever the other one does.
    let seen = std::cell::Cell::new(0);
    let is_running = || {
        let about = cluster.ask(&format!("scontrol -o show job {job}"));
        about.contains(" JobState=RUNNING ") && about.contains(" Restarts=0 ")
    };
    cluster.wait_until("Slurm does not notice", || {
        let (held, sessions) = (
            claims(&sweep, "n2"),
            common::manifest(&run)["sessions"].clone(),
        );
        if !is_running() {
            return true;
        }
        assert_eq!(held, [(trial.clone(), note.clone())]);
        assert_eq!(sessions.as_array().unwrap().len(), 1);
        seen.set(seen.get() + 1);
        false
    });
    assert!(seen.get() > 10, "Slurm noticed too soon to show anything");
    cluster.wait_until_empty();
    // Nobody has submitted anything again, and the node has not come back.
    assert_eq!(ends(&sweep), expected);
    let sessions = common::manifest(&run)["sessions"].clone();
    let hosts: Vec<&str> = sessions
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["host"].as_str().unwrap())
        .collect();
    assert_eq!(hosts, ["n2", "n1"]);
    assert!(
        sessions[1]["from_epoch"].as_u64().unwrap() >= 10,
        "{sessions}"
    );
    let status = cluster.status(&lab);
    assert_eq!(status.matches(" completed ").count(), 12, "{status}");
}

/// A file system of its own below a lab, which is taken away again.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: PathBuf, megabytes: u32) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let size = format!("size={megabytes}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(&path)
            .status();
        assert!(mount.unwrap().success());
        Self(path)
    }

    /// Takes what room there is; gives the file that has it.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn names_a_node_without_the_folder_or_the_program() {
    let _one = one();
    let Some(cluster) = Cluster::start(2, Some(1)) else {
        return;
    };
    let lab = lab(&spec(20, "[0, 1]"));
    let expected = locally(&lab);
    let runs = lab.path().join("runs");
    std::fs::create_dir_all(&runs).unwrap();
    let runs = runs.to_string_lossy().into_owned();
    cluster.node("in", "n2", &["mount", "-t", "tmpfs", "none", &runs]);
    cluster.runner(&lab, &["spec.toml", "--quiet"]).with_code(0);
    cluster.wait_until_empty();
    let sweep = lab.path().join("runs/many.sweep");
    assert_eq!(ends(&sweep), expected);
    let status =
        |lab: &Lab, sweep: &str| cluster.runner(lab, &["status", sweep]).with_code(0).stdout;
    let said = status(&lab, "runs/many.sweep");
    let line = format!(
        " failed on `n2`: not started, its log cannot be made; that node does not see or cannot write {runs}/many.sweep/slurm"
    );
    assert!(said.contains(&line), "{said}");

    cluster.node("in", "n2", &["umount", &runs]);
    let program = Path::new(env!("CARGO_BIN_EXE_runner"));
    let beside = program.parent().unwrap().to_string_lossy().into_owned();
    cluster.node("in", "n2", &["mount", "-t", "tmpfs", "none", &beside]);
    lab.write(
        "spec.toml",
        spec(20, "[0, 1]").replace("\"many\"", "\"more\""),
    );
    cluster.runner(&lab, &["spec.toml", "--quiet"]).with_code(0);
    cluster.wait_until_empty();
    assert_eq!(ends(&lab.path().join("runs/more.sweep")).len(), 4);
    let said = status(&lab, "runs/more.sweep");
    let line = format!(
        " failed on `n2`: error: the node n2 has no program at '{}'",
        program.display()
    );
    assert!(said.contains(&line), "{said}");
}

#[test]
fn reports_a_full_disk_and_continues_with_room() {
    let _one = one();
    let lab = lab(&spec(60, "{ from = 0, to = 3 }"));
    let disk = SmallDisk::at(lab.path().join("runs"), 64);
    // After the mount, which its nodes are to see.
    let Some(cluster) = Cluster::start(2, Some(1)) else {
        return;
    };
    let expected = locally(&lab);
    cluster.runner(&lab, &["spec.toml", "--quiet"]).with_code(0);
    let sweep = lab.path().join("runs/many.sweep");
    let log = || std::fs::read_to_string(sweep.join("log.txt")).unwrap_or_default();
    cluster.wait_until("no trial ends", || log().contains(" ends: completed"));
    let ballast = disk.fill();
    cluster.wait_until_empty();
    let said = cluster.status(&lab);
    // A trial by name, with its path and bytes; the disk, and what to do.
    assert!(said.contains("; the file needs "), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(
        said.contains(" left, and nobody works on them; submit it again: "),
        "{said}"
    );
    assert!(said.contains("runs/many.sweep` has "), "{said}");
    assert!(said.contains(" free; make room first"), "{said}");
    // No process has panicked because its message did not fit on the disk.
    assert!(!said.contains("exit code 101"), "{said}");
    let done = said.matches(" completed ").count();
    assert!((1..8).contains(&done), "{said}");
    std::fs::remove_file(ballast).unwrap();
    // A trial whose last message still fitted on the full disk counts as failed.
    let again = cluster
        .runner(&lab, &["spec.toml", "--retry-failed"])
        .with_code(0);
    let left = format!("{} of 8 trials left, ", 8 - done);
    assert!(again.stdout.starts_with(&left), "{said}\n{again:#?}");
    cluster.wait_until_empty();
    assert_eq!(ends(&sweep), expected);
}
