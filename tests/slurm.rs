//! Sweeps on a real Slurm of one or two nodes (`tests/slurm/cluster.sh`). Where it cannot be started, the tests say so, and
//! nothing of this file has been shown.

#![cfg(target_os = "linux")]

mod common;

#[path = "slurm/cluster.rs"]
mod cluster;
#[path = "slurm/limit.rs"]
mod limit;
#[path = "slurm/many.rs"]
mod many;
#[path = "slurm/nodes.rs"]
mod nodes;

use std::process::Command;
use std::time::{Duration, Instant};

use cluster::{Cluster, PATIENCE, ends, lab, locally, one, spec};
use common::Session;

#[test]
fn ends_as_a_local_sweep_after_kills_requeues_and_cancels() {
    let _one = one();
    let Some(cluster) = Cluster::start(1, None) else {
        return;
    };
    let lab = lab(&spec(100, "{ from = 0, to = 5 }"));
    let expected = locally(&lab);
    assert_eq!(expected.len(), 12);

    let submit = || cluster.runner(&lab, &["spec.toml"]);
    let said = submit().with_code(0).stdout;
    assert!(
        said.contains("12 of 12 trials left, submitted as Slurm job "),
        "{said}"
    );
    // Once in the queue is enough.
    submit().with_code(75).says("in the queue already");
    let sweep = lab.path().join("runs/many.sweep");
    let claims = || std::fs::read_dir(sweep.join("claims")).map_or(0, Iterator::count);
    let started = Instant::now();
    let wait_for_work = || {
        while claims() == 0 || cluster.running().is_empty() {
            assert!(started.elapsed() < PATIENCE, "{}", cluster.ask("squeue -r"));
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    wait_for_work();
    let status = cluster.status(&lab);
    assert!(
        status.contains(" running; logs in ") || status.contains(" running, "),
        "{status}"
    );
    // A requeue sends SIGTERM, and the task begins again as the same one.
    let first = cluster.running()[0].clone();
    cluster.ask(&format!("scontrol requeue {first}"));
    std::thread::sleep(Duration::from_secs(2));
    // A worker that is killed takes its task with it; its trial is free at once.
    // Those of this test alone.
    let workers = format!("sweep run --jobs 1 --quiet {}", lab.path().display());
    let _ = Command::new("pkill")
        .args(["-KILL", "-f", &workers])
        .status();
    std::thread::sleep(Duration::from_secs(1));
    let cancelled = cluster
        .runner(&lab, &["cancel", "runs/many.sweep"])
        .with_code(0);
    let was_there = cancelled
        .stdout
        .contains(" cancelled; what runs saves and leaves");
    assert!(
        was_there || cancelled.stdout.contains("no task"),
        "{cancelled:#?}"
    );
    cluster.wait_until_empty();
    let said = submit().with_code(0).stdout;
    if said.contains("submitted") {
        cluster.wait_until_empty();
    }
    let status = cluster.status(&lab);
    assert_eq!(status.matches(" completed ").count(), 12, "{status}");
    assert_eq!(ends(&sweep), expected);
    let left = submit().with_code(0).stdout;
    assert_eq!(left, "12 trials: none is left\n");
}

/// What Slurm sends a minute before the time limit, and before it takes a node away.
#[test]
fn saves_and_requeues_when_told_to_stop() {
    let _one = one();
    let Some(cluster) = Cluster::start(1, None) else {
        return;
    };
    let lab = lab(&spec(300, "[0]").replace("cpus = 1", "cpus = 1\ntime = \"10\""));
    let expected = locally(&lab);
    cluster.runner(&lab, &["spec.toml", "--quiet"]).with_code(0);
    let sweep = lab.path().join("runs/many.sweep");
    let started = Instant::now();
    let has_saved = || {
        let mut files = walkdir::WalkDir::new(&sweep)
            .into_iter()
            .filter_map(Result::ok);
        files.any(|file| file.file_name() == "last.safetensors")
    };
    while !has_saved() {
        assert!(started.elapsed() < PATIENCE, "{}", cluster.ask("squeue -r"));
        std::thread::sleep(Duration::from_millis(50));
    }
    for job in cluster.running() {
        cluster.ask(&format!("scancel --batch --signal=TERM {job}"));
    }
    cluster.wait_until_empty();
    assert_eq!(ends(&sweep), expected);
    let sessions = |name: &String| {
        let manifest = common::manifest(&sweep.join(name));
        manifest["sessions"].as_array().unwrap().len()
    };
    assert!(
        expected.keys().any(|name| sessions(name) > 1),
        "none was stopped"
    );
}

#[test]
fn quotes_what_slurm_rejects_and_names_what_is_missing() {
    let _one = one();
    let lab = lab(&spec(2, "[0]").replace("cpus = 1", "partition = \"nowhere\""));
    // Without Slurm's commands.
    let mut command = lab.command(&["spec.toml"]);
    command.env("PATH", "/nonexistent");
    let ended = Session::spawn(command).end();
    assert_eq!(ended.code, 69, "{ended:#?}");
    assert!(
        ended.stderr.contains("leave out `--launcher slurm`"),
        "{ended:#?}"
    );
    let dry = lab.runner(&["spec.toml", "--dry-run"]).with_code(0);
    assert!(
        dry.stdout.contains("#SBATCH --partition=nowhere\n"),
        "{dry:#?}"
    );
    assert!(dry.stdout.starts_with("#!/bin/bash\n"));
    let Some(cluster) = Cluster::start(1, None) else {
        return;
    };
    let ended = cluster.runner(&lab, &["spec.toml"]).with_code(1);
    assert!(ended.stderr.contains("`sbatch` refused: "), "{ended:#?}");
    assert!(ended.stderr.contains("partition"), "{ended:#?}");
}
