//! Runs of the real program from beginning to end, and runs that are stopped on the way.

mod common;

use std::fs;
use std::path::Path;

use common::{Lab, NO_FIGURES, Session, plain, tiny};
use runner::run::{LARGEST_FILE, read_checkpoint, state_digest};

fn digest(run: &Path) -> String {
    let last = run.join("checkpoints/last.safetensors");
    state_digest(&read_checkpoint(&last, LARGEST_FILE).unwrap())
}

#[test]
fn a_run_leaves_a_folder_that_is_complete_and_can_be_run_again() {
    let lab = Lab::with(&tiny());
    let run = lab.train(&["--set", "seed=5"]);
    for file in [
        "spec.toml",
        "resolved.toml",
        "manifest.json",
        "metrics.parquet",
        "log.txt",
        "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
        "figures/loss.png",
        "figures/manifold.svg",
        "figures/clusters.png",
        "figures/reconstructions.png",
        "figures/samples.png",
    ] {
        let size = fs::metadata(run.join(file)).map_or(0, |meta| meta.len());
        assert!(size > 0, "{file} is missing or empty");
    }
    assert!(lab.listing().iter().all(|path| !path.ends_with(".tmp")));
    let manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(run.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["status"], "completed");
    assert_eq!(manifest["overrides"][0], "seed=5");
    let frame = runner::run::metrics::read_metrics(&run.join("metrics.parquet")).unwrap();
    assert_eq!(frame.height(), 2);

    let resolved = run.join("resolved.toml").display().to_string();
    let before = lab.runs();
    lab.runner(&[&resolved, "--quiet"]).with_code(0);
    assert_eq!(digest(&lab.new_run(&before)), digest(&run));
}

#[test]
fn the_bits_do_not_depend_on_threads_but_on_the_seed() {
    let lab = Lab::with(&plain());
    let one = digest(&lab.train(&["--threads", "1"]));
    for threads in ["2", "3", "8"] {
        assert_eq!(
            digest(&lab.train(&["--threads", threads])),
            one,
            "{threads} threads"
        );
    }
    assert_ne!(digest(&lab.train(&["--set", "seed=1"])), one);
}

/// A spec whose every kind of state matters: schedule, warm-up, validation, optimizer state.
fn long(optimizer: &str) -> String {
    format!(
        "name = \"long\"
[data]
dataset = \"sprites\"
count = 700
image_size = 12
validation = 0.2
[model]
conv_filters = [4, 8]
[loss]
kl_warmup_epochs = 2
{optimizer}
[schedule.cosine]
warmup_epochs = 1
[training]
epochs = 6
batch_size = 16
{NO_FIGURES}"
    )
}

#[test]
fn a_run_that_is_stopped_and_resumed_ends_with_the_same_bits() {
    for (optimizer, signals) in [
        ("[optimizer.adam]", ["INT", "KILL"]),
        (
            "[optimizer.rmsprop]\nmomentum = 0.5\ncentered = true",
            ["TERM", "KILL"],
        ),
        (
            "[optimizer.sgd]\nmomentum = 0.9\nnesterov = true\nclip_norm = 50.0",
            ["KILL", "INT"],
        ),
    ] {
        let lab = Lab::with(&long(optimizer));
        let undisturbed = digest(&lab.train(&[]));
        let before = lab.runs();
        let mut session = Session::spawn(lab.command(&["spec.toml"]));
        assert!(session.lines(1), "it ended before its first epoch");
        let run = lab.new_run(&before);
        let path = run.display().to_string();
        for (threads, signal) in ["1", "2"].into_iter().zip(signals) {
            session.signal(signal);
            let ended = session.end();
            let expected = match signal {
                "INT" => 130,
                "TERM" => 143,
                _ => -9,
            };
            assert_eq!(ended.code, expected, "{ended:#?}");
            session = Session::spawn(lab.command(&["resume", &path, "--threads", threads]));
            assert!(session.lines(1), "it ended before another epoch");
        }
        session.end().with_code(0);
        assert_eq!(digest(&run), undisturbed, "{optimizer}");
        lab.runner(&["resume", &path]).with_code(0);
    }
}

#[test]
fn a_run_that_diverges_says_which_term_and_keeps_what_it_had() {
    let lab = Lab::with(&plain());
    let args = ["spec.toml", "--set", "optimizer.sgd.learning_rate=100"];
    let ended = lab.runner(&args).with_code(1);
    assert!(ended.stderr.contains("is not finite at step"), "{ended:#?}");
    let run = lab.new_run(&[]);
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    assert!(
        manifest.contains("\"status\": \"diverged\"") && manifest.contains("is not finite"),
        "{manifest}"
    );
}

#[test]
fn a_missed_expectation_and_an_absent_device_have_their_exit_codes() {
    let lab = Lab::with(&plain());
    lab.runner(&["spec.toml", "--set", "expect.loss={ max = 0.5 }"])
        .with_code(4)
        .says("`loss` at most 0.5");
    let before = lab.listing();
    lab.runner(&["spec.toml", "--device", "cuda"]).with_code(69);
    assert_eq!(lab.listing(), before, "something was written");
}
