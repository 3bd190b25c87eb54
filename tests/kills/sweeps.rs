//! A sweep that is killed at random, and several processes at one sweep.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::{Dice, Lab, Session, digest, folders, listing, manifest, plain_with};

/// Six trials of some tenths of a second.
fn spec(epochs: u32) -> String {
    plain_with(&format!(
        "name = \"s\"
        data = {{ count = 200, image_size = 10, validation = 0.1 }}
        model.conv_filters = [3]
        training = {{ epochs = {epochs}, batch_size = 20 }}
        sweep.over = {{ \"model.latent_dim\" = [2, 3], seed = [0, 1, 2] }}"
    ))
}

const START: [&str; 4] = ["spec.toml", "--quiet", "--jobs", "2"];

fn runs(lab: &Lab) -> Vec<PathBuf> {
    let mut all = folders(&lab.path().join("runs/s.sweep"));
    all.retain(|path| !path.ends_with("claims"));
    all
}

/// Name and state of every run, and everything that lies in the sweep's folder.
fn end_state(lab: &Lab) -> (Vec<(String, String)>, Vec<String>) {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let states = runs(lab)
        .iter()
        .map(|run| (name(run), digest(run)))
        .collect();
    let mut files = listing(&lab.path().join("runs"));
    // There from the second checkpoint of a process on; how many of them there were is chance.
    files.retain(|file| !file.ends_with("previous.safetensors"));
    (states, files)
}

/// Every trial came to its end, and no more than once. The log is written after the manifest: a kill between
/// the two leaves the end out of it.
fn assert_each_once(lab: &Lab, after: &str) {
    for run in runs(lab) {
        let log = fs::read_to_string(run.join("log.txt")).unwrap();
        let count = |what: &str| log.lines().filter(|line| line.ends_with(what)).count();
        assert_eq!(manifest(&run)["status"], "completed", "{log}");
        let ends = count("  completed");
        assert!(ends <= 1, "{}, {after}:\n{log}", run.display());
    }
}

/// Kills a sweep so often at random times, lets it end, and compares it with an undisturbed one.
fn killed(epochs: u32, kills: usize, seed: u64) {
    let undisturbed = Lab::with(&spec(epochs));
    let started = Instant::now();
    undisturbed.runner(&START).with_code(0);
    let (whole, expected) = (started.elapsed(), end_state(&undisturbed));
    assert_eq!(expected.0.len(), 6);
    let mut dice = Dice::new(seed);
    let mut met = 0;
    while met < kills {
        let lab = Lab::with(&spec(epochs));
        for _ in 0..kills - met {
            let mut session = Session::spawn(lab.command(&START));
            // Short enough that several kills meet one sweep.
            let longest = whole.mul_f64(0.4).as_micros() as u64;
            std::thread::sleep(Duration::from_micros(dice.below(longest)));
            if !session.is_running() {
                session.end().with_code(0);
                break;
            }
            session.signal("KILL");
            met += usize::from(session.end().code == -9);
        }
        lab.runner(&START).with_code(0);
        assert_eq!(end_state(&lab), expected, "after {met} kills");
        assert_each_once(&lab, &format!("after {met} kills"));
    }
    println!("{met} kills");
}

/// Starts several processes on one sweep at the same moment, so many times.
fn doubled_starts(epochs: u32, times: usize) {
    let undisturbed = Lab::with(&spec(epochs));
    undisturbed.runner(&START).with_code(0);
    let expected = end_state(&undisturbed);
    for time in 0..times {
        let lab = Lab::with(&spec(epochs));
        let sessions: Vec<_> = (0..2)
            .map(|_| Session::spawn(lab.command(&START)))
            .collect();
        for session in sessions {
            session.end().with_code(0);
        }
        assert_eq!(end_state(&lab), expected, "time {time}");
        assert_each_once(&lab, &format!("time {time}"));
        let log = fs::read_to_string(lab.path().join("runs/s.sweep/log.txt")).unwrap();
        let begun = log
            .lines()
            .filter(|line| line.contains(" begins as process "))
            .count();
        assert_eq!(begun, 6, "{log}");
    }
}

#[test]
fn resumes_a_killed_sweep_to_the_same_bits() {
    killed(40, 5, 3);
}

#[test]
fn does_each_trial_once_when_started_twice() {
    doubled_starts(4, 4);
}

/// `cargo test --release --test kills twenty -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes; cargo test --release --test kills twenty -- --ignored --nocapture"]
fn resumes_after_twenty_kills_and_twenty_doubled_starts() {
    killed(60, 20, 20);
    doubled_starts(8, 20);
}
