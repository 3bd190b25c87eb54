//! Several nodes: one is lost, one does not see what the others see, the disk that they share is full.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cluster::{Cluster, ends, locally, one, spec};
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
fn a_node_that_is_lost_half_way_changes_no_bit_and_its_trial_waits_for_slurms_word() {
    let _one = one();
    let Some(cluster) = Cluster::start(2, Some(1)) else {
        return;
    };
    let lab = Lab::with(&spec(80, "{ from = 0, to = 5 }"));
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
                    .map(|row| row.epoch)
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
    let status = cluster
        .runner(&lab, &["status", "runs/many.sweep"])
        .with_code(0);
    assert_eq!(
        status.stdout.matches(" completed ").count(),
        12,
        "{status:#?}"
    );
}
