//! What is wrong with a spec is told all at once, with its place and the way out, and nothing is written.

mod common;

use std::fs;

use common::{Ended, Lab, plain};
use insta::assert_snapshot;

/// Runs a spec that is wrong: exit code 2, nothing written, no panic.
#[track_caller]
fn refused(lab: &Lab, args: &[&str]) -> Ended {
    let [run, check] = ["run", "check"].map(|command| {
        let before = lab.listing();
        let ended = lab.runner(&[&[command, "spec.toml"], args].concat());
        let ended = ended.with_code(2);
        assert_eq!(lab.listing(), before, "{command}");
        assert_eq!(ended.stdout, "", "{command}");
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        assert!(!ended.stderr.contains('\u{1b}'), "{ended:#?}");
        ended
    });
    assert_eq!(run.stderr, check.stderr);
    check
}

/// What is said to each line of arguments, which is refused.
#[track_caller]
fn refusals(lab: &Lab, lines: &str) -> String {
    let mut said = String::new();
    for line in lines.trim().lines().map(str::trim) {
        let args: Vec<&str> = line.split(' ').filter(|it| !it.is_empty()).collect();
        let stderr = refused(lab, &args).stderr;
        said += &format!("$ runner spec.toml {line}\n{stderr}\n");
    }
    said
}

#[test]
fn tells_all_mistakes_at_once_with_their_places() {
    let lab = Lab::with(
        "nmae = \"x\"\n[data]\ndataset = \"sprits\"\n[model]\nlatent_dim = 0\nlatnet_dim = 8\n\
         conv_filters = [0]\n[optimizer.adam]\nlearning_rate = nan\n[training]\nepochs = \"ten\"\n",
    );
    assert_snapshot!(refused(&lab, &[]).stderr);
}

#[test]
fn checks_overrides_like_the_file() {
    let lab = Lab::with(&plain());
    let lines = "
        --set model.latent_dmi=3
        --set model.latent_dim=zero
        --set model.latent_dim
        --set training.epochs=-1
        --set optimizer.adam.learning_rate=inf
        --set =1
        --threads x
        --threads 0
        --device tpu
        --name a/b
        --name ../up
        --name=";
    assert_snapshot!(refusals(&lab, lines));
}

#[test]
fn rejects_settings_that_do_not_fit_the_data() {
    let lab = Lab::with(&plain());
    let lines = "
        --set training.batch_size=301
        --set data.limit=301
        --set training.epochs=1000000
        --set training.epochs=1000 --set model.latent_dim=4096
        --set data.validation=0.001
        --set data.validation=test";
    assert_snapshot!(refusals(&lab, lines));
    lab.runner(&["check", "spec.toml", "--set", "training.batch_size=300"])
        .with_code(0);
}

#[test]
fn rejects_settings_that_contradict_others() {
    let lab = Lab::with(&plain());
    let lines = "
        --set optimizer.sgd.nesterov=true
        --set loss.kl_warmup_epochs=2
        --set schedule.cosine.warmup_epochs=2
        --set expect.val_loss={max=1}
        --set data.path=\"x\"
        --set loss.kl_weight=0 --set loss.reconstruction_weight=0
        --set schedule.cosine.warmup_epochs=1 --set schedule.step.factor=0.5";
    assert_snapshot!(refusals(&lab, lines));
}

/// More of them: `hostile/specs.rs`.
#[test]
fn rejects_files_that_are_no_specs() {
    let lab = Lab::new();
    for (bytes, part) in [
        (&b""[..], "name"),
        (b"name = ", "spec.toml:1:"),
        (b"[data\nx", "spec.toml:1:"),
        (b"name = \"a\"\nname = \"b\"\n", "spec.toml:2:"),
    ] {
        lab.write("spec.toml", bytes);
        refused(&lab, &[]).says(part);
    }
    lab.write("spec.toml", "[".repeat(200_000));
    refused(&lab, &[]);
    fs::remove_file(lab.path().join("spec.toml")).unwrap();
    refused(&lab, &[]).says("no spec at `spec.toml`");
    lab.write("spce.toml", plain());
    refused(&lab, &[]).says("did you mean `spce.toml`?");
}

#[test]
fn rejects_wrong_command_lines() {
    let lab = Lab::with(&plain());
    for args in [
        &["spec.toml", "--no-such-option"][..],
        &["spec.toml", "another.toml"],
        &["resume"],
        &["verify"],
        &["completions", "no-such-shell"],
        &["check"],
    ] {
        let before = lab.listing();
        let ended = lab.runner(args).with_code(2);
        assert!(ended.stderr.starts_with("error: "), "{args:?}: {ended:#?}");
        assert_eq!(lab.listing(), before);
    }
    lab.runner(&["data", "fashion-mnits"])
        .with_code(2)
        .says("fashion-mnist");
}

#[test]
fn rejects_an_absent_device_before_anything_is_written() {
    if cfg!(feature = "cuda") {
        println!("skipped: this build may have a GPU");
        return;
    }
    let lab = Lab::with(&plain());
    let before = lab.listing();
    for device in ["cuda", "cuda:3"] {
        lab.runner(&["spec.toml", "--device", device])
            .with_code(69)
            .says(device);
        assert_eq!(lab.listing(), before);
    }
    lab.runner(&["spec.toml", "--device", "auto"]).with_code(0);
}

/// What is there and lies: `hostile/idx.rs` and `hostile/pictures.rs`.
#[test]
fn rejects_data_that_is_not_there() {
    let lab = Lab::new();
    lab.write(
        "spec.toml",
        "name = \"a\"\n[data]\ndataset = \"idx\"\nimages = \"i\"\nlabels = \"l\"\n",
    );
    refused(&lab, &[])
        .says("spec.toml:4:10")
        .says("an existing file");
    lab.write(
        "spec.toml",
        "name = \"a\"\n[data]\ndataset = \"images\"\npath = \"p\"\n",
    );
    refused(&lab, &[]).says("an existing folder");
    fs::create_dir(lab.path().join("p")).unwrap();
    lab.runner(&["spec.toml"]).with_code(65).says("p`");
    assert_eq!(lab.listing(), ["p", "spec.toml"]);
}
