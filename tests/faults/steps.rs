//! A run is stopped after each of its steps and goes on, with each optimizer, on one thread and on two.

use crate::common::{Lab, plain_with};
use crate::{digest, each, run_of, with_faults};

const OPTIMIZERS: [&str; 4] = [
    "[optimizer.adam]\nclip_norm = 2.0",
    "[optimizer.adamw]\nweight_decay = 0.1",
    "[optimizer.rmsprop]\nmomentum = 0.5\ncentered = true",
    // So large that the second epoch is worse than the first.
    "[optimizer.sgd]\nlearning_rate = 0.1\nmomentum = 0.95\nnesterov = true\nclip_norm = 10.0",
];

/// Two epochs of three steps in which every kind of state matters.
fn spec(optimizer: &str) -> String {
    plain_with(&format!(
        "data = {{ count = 60, image_size = 8, validation = 0.2 }}
        model.conv_filters = [3]
        loss.kl_warmup_epochs = 1
        schedule.cosine.warmup_epochs = 0.5
        training = {{ epochs = 2, batch_size = 16 }}
        {optimizer}"
    ))
}

#[test]
fn resumes_after_any_step_to_the_same_bits() {
    let (mut cases, mut ends, mut best) = (vec![], vec![], vec![]);
    for optimizer in OPTIMIZERS {
        let spec = spec(optimizer);
        let lab = Lab::with(&spec);
        let run = lab.train(&["--threads", "1"]);
        let end = digest(&run);
        let last = crate::common::checkpoint(&run, "last.safetensors");
        best.push(last.progress.best.unwrap().epoch);
        assert!(!ends.contains(&end), "{optimizer} does as another does");
        ends.push(end.clone());
        for step in 1..=6 {
            for threads in ["1", "2"] {
                cases.push((spec.clone(), step, threads, end.clone()));
            }
        }
    }
    // Which epoch was best, and how long ago, is part of the state: both kinds must be there.
    assert!(best.contains(&1) && best.contains(&2), "{best:?}");
    each(48, cases, |(spec, step, threads, end)| {
        let what = format!("step {step}, {threads} threads: {spec}");
        let lab = Lab::with(&spec);
        let fault = format!("sigint@step:{step}");
        let args = ["spec.toml", "--threads", threads];
        with_faults(&lab, &fault, None, &args)
            .with_code(130)
            .says("everything is saved");
        let run = run_of(&lab).unwrap();
        let saved = crate::common::checkpoint(&run, "last.safetensors");
        assert_eq!(saved.progress.step, step, "{what}");
        let manifest = crate::common::manifest(&run);
        assert_eq!(manifest["status"], "interrupted", "{what}");
        assert!(
            manifest["why"]
                .as_str()
                .unwrap()
                .starts_with("stopped by a signal in epoch ")
        );
        assert_ne!(digest(&run), end, "{what}");
        let path = run.display().to_string();
        lab.runner(&["resume", &path, "--threads", threads])
            .with_code(0);
        assert_eq!(digest(&run), end, "{what}");
    });
}

/// How long ago the best epoch was counts on behind a stop: here it is the first one, since nothing is learned.
#[test]
fn keeps_counting_epochs_since_the_best() {
    let spec = spec("[optimizer.sgd]\nlearning_rate = 1e-30")
        .replace("kl_warmup_epochs = 1", "")
        .replace("epochs = 2", "epochs = 4");
    let lab = Lab::with(&spec);
    let whole = lab.train(&[]);
    let progress = crate::common::checkpoint(&whole, "last.safetensors").progress;
    assert_eq!(progress.best.unwrap().epoch, 1);
    assert_eq!(progress.epochs_since_best, 3);
    for step in [7, 8, 11] {
        let lab = Lab::with(&spec);
        let fault = format!("sigint@step:{step}");
        with_faults(&lab, &fault, None, &["spec.toml"]).with_code(130);
        let run = run_of(&lab).unwrap();
        let saved = crate::common::checkpoint(&run, "last.safetensors").progress;
        assert!(saved.epochs_since_best > 0, "step {step}");
        lab.runner(&["resume", &run.display().to_string()])
            .with_code(0);
        assert_eq!(digest(&run), digest(&whole), "step {step}");
    }
}

/// Stopped after every single step, one process a step.
#[test]
fn completes_a_run_of_one_step_at_a_time_to_the_same_bits() {
    let spec = spec(OPTIMIZERS[0]);
    let lab = Lab::with(&spec);
    let end = digest(&lab.train(&[]));
    let lab = Lab::with(&spec);
    with_faults(&lab, "sigint@step:1", None, &["spec.toml"]).with_code(130);
    let run = run_of(&lab).unwrap();
    let path = run.display().to_string();
    for step in 2..=6 {
        let fault = format!("sigterm@step:{step}");
        with_faults(&lab, &fault, None, &["resume", &path]).with_code(143);
    }
    lab.runner(&["resume", &path]).with_code(0);
    assert_eq!(digest(&run), end);
}
