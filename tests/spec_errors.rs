//! What is wrong with a spec is told all at once, with its place and the way out, and nothing is written.

mod common;

use std::fs;

use common::{Ended, Lab, plain};

/// Runs a spec that is wrong: exit code 2, nothing written, no panic.
#[track_caller]
fn refused(lab: &Lab, args: &[&str]) -> Ended {
    for command in ["run", "check"] {
        let before = lab.listing();
        let mut all = vec![command, "spec.toml"];
        all.extend(args);
        let ended = lab.runner(&all).with_code(2);
        assert_eq!(lab.listing(), before, "{command}");
        assert_eq!(ended.stdout, "", "{command}");
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        assert!(!ended.stderr.contains('\u{1b}'), "{ended:#?}");
        if command == "check" {
            return ended;
        }
    }
    unreachable!()
}

#[test]
fn all_mistakes_at_once_with_their_places() {
    let lab = Lab::with(
        "nmae = \"x\"\n[data]\ndataset = \"sprits\"\n[model]\nlatent_dim = 0\nconv_filters = []\n\
         [optimizer.adam]\nlearning_rate = nan\n[training]\nepochs = \"ten\"\n",
    );
    let ended = refused(&lab, &[]);
    for part in [
        "spec.toml:1:1",
        "did you mean `name`?",
        "spec.toml:3:11",
        "did you mean `\"sprites\"`?",
        "spec.toml:5:14",
        "expected an integer from 1 to 4096",
        "spec.toml:6:16",
        "spec.toml:8:17",
        "spec.toml:10:10",
        "conv_filters = []",
    ] {
        assert!(
            ended.stderr.contains(part),
            "no {part:?} in {}",
            ended.stderr
        );
    }
    assert_eq!(
        ended.stderr.matches("error: ").count(),
        6,
        "{}",
        ended.stderr
    );
}

#[test]
fn a_report_word_for_word() {
    let lab = Lab::with("name = \"a\"\n[data]\ndataset = \"sprites\"\n[model]\nlatnet_dim = 8\n");
    let ended = refused(&lab, &[]);
    assert_eq!(
        ended.stderr,
        "error: unknown key `latnet_dim` in `[model]`
 --> spec.toml:5:1
  |
5 | latnet_dim = 8
  | ^^^^^^^^^^
  |
  = note: expected one of `latent_dim`, `conv_filters`, `kernel_size`, `stride`, `hidden` or `activation`
  = help: did you mean `latent_dim`?
"
    );
}

#[test]
fn overrides_are_checked_like_the_file() {
    let lab = Lab::with(&plain());
    for (args, part) in [
        (
            &["--set", "model.latent_dmi=3"][..],
            "did you mean `latent_dim`?",
        ),
        (&["--set", "model.latent_dim=zero"], "latent_dim=zero"),
        (&["--set", "model.latent_dim"], "model.latent_dim"),
        (&["--set", "training.epochs=-1"], "epochs=-1"),
        (
            &["--set", "optimizer.adam.learning_rate=inf"],
            "learning_rate=inf",
        ),
        (&["--set", "=1"], "=1"),
        (&["--threads", "x"], "training.threads"),
        (&["--threads", "0"], "training.threads"),
        (&["--device", "tpu"], "training.device"),
        (&["--name", "a/b"], "name"),
        (&["--name", "../up"], "name"),
        (&["--name", ""], "name"),
    ] {
        refused(&lab, args).says(part);
    }
}

#[test]
fn what_only_the_data_can_tell_points_at_the_setting() {
    let lab = Lab::with(&plain());
    refused(&lab, &["--set", "training.batch_size=301"]).says("300 training images");
    lab.runner(&["check", "spec.toml", "--set", "training.batch_size=300"])
        .with_code(0);
    refused(&lab, &["--set", "data.limit=301"]).says("300");
    refused(&lab, &["--set", "training.epochs=1000000"]).says("do not fit into a checkpoint");
    let wide = [
        "--set",
        "training.epochs=1000",
        "--set",
        "model.latent_dim=4096",
    ];
    refused(&lab, &wide).says("epochs with 4096 latent axes");
    refused(&lab, &["--set", "data.validation=0.001"]).says("validation");
    refused(&lab, &["--set", "data.validation=test"]).says("no published test part");
}

#[test]
fn a_setting_that_contradicts_another_is_refused() {
    let lab = Lab::with(&plain());
    for (settings, part) in [
        (&["optimizer.sgd.nesterov=true"][..], "without momentum"),
        (&["loss.kl_warmup_epochs=2"], "full KL weight"),
        (&["schedule.cosine.warmup_epochs=2"], "warm-up"),
        (&["expect.val_loss={ max = 1 }"], "validation part"),
        (&["data.path=\"x\""], "data.path"),
        (
            &["loss.kl_weight=0", "loss.reconstruction_weight=0"],
            "nothing would be learned",
        ),
        (
            &[
                "schedule.cosine.warmup_epochs=1",
                "schedule.step.factor=0.5",
            ],
            "schedule",
        ),
    ] {
        let args: Vec<_> = settings.iter().flat_map(|s| ["--set", s]).collect();
        refused(&lab, &args).says(part);
    }
}

#[test]
fn files_that_are_no_specs() {
    let lab = Lab::new();
    for (bytes, part) in [
        (&b""[..], "name"),
        (b"name = ", "spec.toml:1:"),
        (b"[data\nx", "spec.toml:1:"),
        (b"\xff\xfe", "UTF-8"),
        (b"\0\0\0\0", "spec.toml:1:"),
        (
            b"name = \"a\"\nname = \"b\"\n[data]\ndataset = \"sprites\"\n",
            "spec.toml:2:",
        ),
    ] {
        lab.write("spec.toml", bytes);
        refused(&lab, &[]).says(part);
    }
    lab.write("spec.toml", "[".repeat(200_000));
    refused(&lab, &[]);
    lab.write(
        "spec.toml",
        format!(
            "name = \"a\"\nx = {}1{}",
            "[".repeat(50_000),
            "]".repeat(50_000)
        ),
    );
    refused(&lab, &[]);
    fs::remove_file(lab.path().join("spec.toml")).unwrap();
    refused(&lab, &[]).says("no spec at `spec.toml`");
    lab.write("spce.toml", plain());
    refused(&lab, &[]).says("did you mean `spce.toml`?");
}

#[test]
fn a_command_line_that_is_wrong() {
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
fn a_device_that_is_not_there_is_refused_before_anything_is_written() {
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

#[test]
fn data_that_is_not_there_or_lies() {
    let lab = Lab::new();
    let spec = "name = \"a\"\n[data]\ndataset = \"idx\"\nimages = \"i\"\nlabels = \"l\"\n[training]\nbatch_size = 8\n";
    lab.write("spec.toml", spec);
    refused(&lab, &[])
        .says("spec.toml:4:10")
        .says("an existing file");

    let (images, labels) = common::bars(40, 12, 12);
    let end = images.len();
    let longer = [&images[..], &[0]].concat();
    let mut huge = images.clone();
    huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut other_magic = images.clone();
    other_magic[2] = 13;
    for (name, images, labels, part) in [
        ("short", &images[..end - 1], &labels[..], "byte"),
        ("long", &longer, &labels, "byte"),
        ("header cut", &images[..9], &labels, "byte"),
        ("huge", &huge, &labels, "byte"),
        ("floats", &other_magic, &labels, "byte"),
        ("empty", &[], &labels, "byte"),
        ("fewer labels", &images, &common::idx(&[39], &[0; 39]), "39"),
        ("labels for images", &labels, &labels, "byte"),
    ] {
        lab.write("i", images);
        lab.write("l", labels);
        let before = lab.listing();
        let ended = lab.runner(&["spec.toml"]);
        assert_eq!(ended.code, 65, "{name}: {ended:#?}");
        assert!(ended.stderr.contains(part), "{name}: {ended:#?}");
        assert_eq!(lab.listing(), before, "{name}");
    }
    lab.write("i", images);
    lab.write("l", labels);
    lab.runner(&["check", "spec.toml"]).with_code(0);
}

#[test]
fn a_folder_of_pictures_with_a_broken_one() {
    let lab = Lab::with(
        "name = \"a\"\n[data]\ndataset = \"images\"\npath = \"p\"\n[training]\nbatch_size = 2\n",
    );
    refused(&lab, &[]).says("an existing folder");
    fs::create_dir(lab.path().join("p")).unwrap();
    let before = lab.listing();
    lab.runner(&["spec.toml"]).with_code(65);
    for name in ["a/1.png", "a/2.png", "b/1.png"] {
        lab.write(&format!("p/{name}"), b"no picture");
    }
    let with_pictures = lab.listing();
    let ended = lab.runner(&["spec.toml"]).with_code(65);
    assert!(ended.stderr.contains("1.png"), "{ended:#?}");
    assert_eq!(lab.listing(), with_pictures);
    assert!(!before.contains(&"runs".to_owned()));
}
