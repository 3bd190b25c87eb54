//! Runs of the real program from beginning to end, and runs that are stopped on the way.

mod common;

use std::fs;

use common::{Lab, Session, digest, manifest, plain, plain_with, tiny};

#[test]
fn leaves_a_complete_folder_that_can_be_run_again() {
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
    assert_eq!(manifest(&run)["status"], "completed");
    assert_eq!(manifest(&run)["overrides"][0], "seed=5");
    let frame = runner::run::metrics::read_metrics(&run.join("metrics.parquet")).unwrap();
    assert_eq!(frame.height(), 2);

    let resolved = run.join("resolved.toml").display().to_string();
    let before = lab.runs();
    lab.runner(&[&resolved, "--quiet"]).with_code(0);
    assert_eq!(digest(&lab.new_run(&before)), digest(&run));
}

#[test]
fn gives_the_same_bits_for_any_number_of_threads() {
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
    plain_with(&format!(
        "data = {{ count = 700, validation = 0.2 }}
        loss.kl_warmup_epochs = 2
        schedule.cosine.warmup_epochs = 1
        training = {{ epochs = 6, batch_size = 16 }}
        {optimizer}"
    ))
}

#[test]
fn resumes_stopped_runs_to_the_same_bits() {
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
fn names_the_term_that_diverges() {
    let lab = Lab::with(&plain());
    let args = ["spec.toml", "--set", "optimizer.sgd.learning_rate=100"];
    let ended = lab.runner(&args).with_code(1);
    assert!(ended.stderr.contains("is not finite at step"), "{ended:#?}");
    let run = lab.new_run(&[]);
    let manifest = manifest(&run);
    assert_eq!(manifest["status"], "diverged");
    assert!(manifest["why"].to_string().contains("is not finite"));
}

#[test]
fn exits_by_code_for_missed_expectations_and_absent_devices() {
    let lab = Lab::with(&plain());
    lab.runner(&["spec.toml", "--set", "expect.loss={ max = 0.5 }"])
        .with_code(4)
        .says("`loss` at most 0.5");
    let before = lab.listing();
    lab.runner(&["spec.toml", "--device", "cuda"]).with_code(69);
    assert_eq!(lab.listing(), before, "something was written");
}
