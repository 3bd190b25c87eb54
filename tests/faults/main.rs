//! Faults in every file operation, in every step and at every signal, in the real program built with the feature
//! `faults` (`src/fs/fault_injection.rs` says what can be made to happen):
//!
//! ```sh
//! cargo test --release --features faults --test faults
//! ```

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod not_finite;
mod power;
mod signals;
mod steps;
mod trace;
mod walk;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use common::{Ended, Lab, Session, copy_folder, digest};
use runner::run::inspect::{Condition, Health};
use runner::run::{LARGEST_FILE, Manifest, RunError, read_checkpoint};

/// Two epochs of three steps with a validation part, on images that are drawn in no time; one figure.
pub const SPEC: &str = "name = \"tiny\"
[data]
dataset = \"sprites\"
count = 40
image_size = 8
validation = 0.2
[model]
conv_filters = [2]
hidden = [4]
[training]
epochs = 2
batch_size = 12
threads = 1
[figures]
loss = true
manifold = false
clusters = false
reconstructions = false
samples = false
";

/// Runs the program with faults, and with a trace where a folder is given.
pub fn with_faults(lab: &Lab, faults: &str, trace: Option<&Path>, args: &[&str]) -> Ended {
    let mut command = lab.command(args);
    command.env("RUNNER_FAULTS", faults);
    if let Some(trace) = trace {
        fs::create_dir_all(trace).unwrap();
        command.env("RUNNER_FAULTS_TRACE", trace);
    }
    Session::spawn(command).end()
}

/// Injects each fault, on as many threads as keep the machine busy while disks are waited for. Fails where there are
/// fewer than `least`: a loop over nothing proves nothing.
#[track_caller]
pub fn each<T: Send>(least: usize, faults: impl IntoIterator<Item = T>, inject: impl Fn(T) + Sync) {
    let queue: VecDeque<_> = faults.into_iter().collect();
    println!("{} faults", queue.len());
    assert!(queue.len() >= least, "only {} faults", queue.len());
    let queue = Mutex::new(queue);
    let next = || queue.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(fault) = next() {
                    inject(fault);
                }
            });
        }
    });
}

/// Epochs that the process said it had saved.
pub fn told(stdout: &str) -> u32 {
    stdout
        .lines()
        .filter(|line| line.starts_with("epoch "))
        .count() as u32
}

/// P1: every file of a run folder under a final name is whole.
#[track_caller]
pub fn assert_whole(run: &Path, what: &str) {
    let mut health = Health::of(run);
    health.look_at_figures(run, &["loss"], false);
    for part in &health.parts {
        assert_ne!(part.condition, Condition::Damaged, "{what}: {part:?}");
    }
    let metrics = run.join("metrics.parquet");
    if metrics.exists() {
        let frame = runner::run::metrics::read_metrics(&metrics);
        assert!(frame.is_ok(), "{what}: {frame:?}");
    }
}

/// P2: no less is there than was said to be saved.
#[track_caller]
fn assert_saved(run: &Path, told: u32, what: &str) {
    let last = read_checkpoint(&run.join("checkpoints/last.safetensors"), LARGEST_FILE);
    let there = match &last {
        Ok(checkpoint) => checkpoint.progress.epoch,
        Err(RunError::File(error)) if error.is_not_found() => 0,
        Err(error) => panic!("{what}: {error}"),
    };
    assert!(there >= told, "{what}: told {told}, there {there}");
}

/// P3: the run goes on, and ends as the undisturbed one did. A folder that was never finished being made has
/// nothing to go on with.
#[track_caller]
fn assert_goes_on(lab: &Lab, run: &Path, told: u32, digest: &str, what: &str) {
    if !run.join("manifest.json").exists() {
        assert_eq!(told, 0, "{what}");
        lab.runner(&["doctor", &run.display().to_string()])
            .with_code(65);
        return;
    }
    let path = run.display().to_string();
    let ended = lab.runner(&["resume", &path]);
    assert_eq!(ended.code, 0, "{what}: {ended:#?}");
    assert_eq!(common::digest(run), digest, "{what}");
    let doctor = lab.runner(&["doctor", &path]);
    assert_eq!(doctor.code, 0, "{what}: {doctor:#?}");
    assert!(doctor.stdout.contains(digest), "{what}: {doctor:#?}");
    assert!(
        doctor.stdout.contains("it is complete"),
        "{what}: {doctor:#?}"
    );
    let leftover = temporaries(lab.path());
    assert!(leftover.is_empty(), "{what}: {leftover:?}");
    assert_eq!(
        Manifest::read(run).unwrap().status.word(),
        "completed",
        "{what}"
    );
}

/// P1, P2 and P3 after whatever happened in a lab.
#[track_caller]
pub fn assert_promises(lab: &Lab, told: u32, digest: &str, what: &str) {
    let Some(run) = run_of(lab) else {
        assert_eq!(told, 0, "{what}");
        return;
    };
    assert_whole(&run, what);
    assert_saved(&run, told, what);
    assert_goes_on(lab, &run, told, digest, what);
}

pub fn temporaries(folder: &Path) -> Vec<String> {
    let mut all = common::listing(folder);
    all.retain(|path| path.ends_with(".tmp"));
    all
}

/// The only run folder of a lab, if there is one.
pub fn run_of(lab: &Lab) -> Option<PathBuf> {
    let mut runs = lab.runs();
    assert!(runs.len() < 2, "{runs:?}");
    runs.pop()
}

/// A copy of a lab's run folder in a lab of its own.
pub fn copied(run: &Path) -> (Lab, PathBuf) {
    let lab = Lab::new();
    let copy = lab.path().join("runs").join(run.file_name().unwrap());
    copy_folder(run, &copy);
    (lab, copy)
}
