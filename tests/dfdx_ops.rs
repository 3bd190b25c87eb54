//! The whole program with the operations that run on CUDA, on the processor: device `cpu-dfdx`. What holds here
//! holds on a GPU up to how its own kernels add and multiply; only those are left to try there.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Lab, Session, checkpoint, digest, manifest};
use runner::metric::Row;

const DFDX_OPS: [&str; 2] = ["--device", "cpu-dfdx"];

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn history(run: &Path) -> Vec<Row> {
    checkpoint(run, "last.safetensors").history
}

/// Every number of every epoch but the times, within `share` of the other's.
#[track_caller]
fn assert_alike(run: &Path, other: &Path, share: f64) {
    let (a, b) = (history(run), history(other));
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        let numbers = |row: &Row| {
            let names = runner::objective::scalar_names().iter();
            let names = names.filter(|name| !["seconds", "images_per_second"].contains(name));
            let mut all: Vec<f64> = names.filter_map(|name| row.scalar(name)).collect();
            all.extend(row.axes("kl_per_axis"));
            all
        };
        let (x, y) = (numbers(a), numbers(b));
        assert_eq!(x.len(), y.len());
        for (x, y) in x.iter().zip(&y) {
            assert!((x - y).abs() <= share * y.abs(), "{a:?}\nis not\n{b:?}");
        }
        for name in ["active_axes", "learning_rate"] {
            assert_eq!(a.scalar(name), b.scalar(name));
        }
    }
}

/// Values that Keras computed: forward, gradients, and weights after three steps of each optimizer.
#[test]
fn meets_all_references() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_reference = |path: &PathBuf| path.extension().is_some_and(|end| end == "safetensors");
    let mut met = 0;
    for file in files.filter(is_reference) {
        let ended = Lab::new().runner(&["verify", &text(&file), DFDX_OPS[0], DFDX_OPS[1]]);
        assert!(
            ended.stdout.contains(" agree within "),
            "{}: {ended:#?}",
            file.display()
        );
        ended.with_code(0);
        met += 1;
    }
    assert!(met >= 8, "{met}");
}

/// The same batches and the same noise: three epochs differ by rounding alone, with every optimizer.
#[test]
fn matches_three_epochs_of_our_kernels() {
    for optimizer in ["adam", "adamw", "rmsprop", "sgd"] {
        let lab = Lab::with(&common::plain());
        let rate = format!("optimizer.{optimizer}.learning_rate=1e-3");
        let args = [
            "--set",
            &rate,
            "--set",
            "training.epochs=3",
            "--set",
            "data.validation=0.2",
        ];
        let clip = format!("optimizer.{optimizer}.clip_norm=20.0");
        let clip = ["--set", &clip];
        let ours = lab.train(&[&args[..], &clip].concat());
        let with_dfdx = lab.train(&[&args[..], &clip, &DFDX_OPS].concat());
        assert_alike(&with_dfdx, &ours, 1e-3);
        assert_eq!(manifest(&ours)["compute"]["device"], "cpu");
        assert_eq!(manifest(&with_dfdx)["compute"]["device"], "cpu-dfdx");
        let log = fs::read_to_string(with_dfdx.join("log.txt")).unwrap();
        assert!(log.contains("device cpu-dfdx: asked for"), "{log}");
    }
}

/// 75 steps an epoch, of which the losses are read after the 1st, the 51st and the last.
fn many_steps() -> String {
    common::plain().replace("epochs = 2", "epochs = 2\nbatch_size = 4")
}

#[test]
fn counts_losses_read_rarely() {
    let lab = Lab::with(&many_steps());
    let (ours, with_dfdx) = (lab.train(&[]), lab.train(&DFDX_OPS));
    assert_alike(&with_dfdx, &ours, 5e-3);
    let steps = |run| checkpoint(run, "last.safetensors").progress.step;
    assert_eq!((steps(&ours), steps(&with_dfdx)), (150, 150));
}

/// Both stop at the same step for the same reason, although the one learns of it dozens of steps later.
#[test]
fn diverges_at_the_same_step() {
    let growing = |weight: &str| {
        let weight = format!("loss.kl_weight={weight}");
        vec![
            weight,
            "loss.kl_warmup_epochs=1".to_owned(),
            "optimizer.sgd.learning_rate=0.01".to_owned(),
        ]
    };
    let cases = [
        (vec!["optimizer.sgd.learning_rate=100".to_owned()], 1..=10),
        (growing("1e3"), 11..=50),
        (growing("5e2"), 51..=75),
    ];
    for (settings, steps) in cases {
        let lab = Lab::with(&many_steps());
        let why = |device: &[&str]| {
            let before = lab.runs();
            let mut args = vec!["spec.toml"];
            args.extend(
                settings
                    .iter()
                    .flat_map(|setting| ["--set", setting.as_str()]),
            );
            args.extend(device);
            lab.runner(&args).with_code(1).says("is not finite at step");
            let manifest = manifest(&lab.new_run(&before));
            assert_eq!(manifest["status"], "diverged");
            manifest["why"].as_str().unwrap().to_owned()
        };
        let (ours, with_dfdx) = (why(&[]), why(&DFDX_OPS));
        assert_eq!(with_dfdx, ours, "{settings:?}");
        let (_, step) = ours.split_once(" at step ").unwrap();
        let step: u32 = step.split(' ').next().unwrap().parse().unwrap();
        assert!(steps.contains(&step), "{ours}");
    }
}

#[test]
fn resumes_checkpoints_across_devices() {
    let lab = Lab::with(&common::plain());
    let longer = lab.train(&["--set", "training.epochs=6"]);
    let run = lab.train(&[]);
    let path = text(&run);
    let resume = |epochs: &str, device: &str| {
        lab.runner(&[
            "resume",
            &path,
            "--epochs",
            epochs,
            "--device",
            device,
            "--allow-other-bits",
        ])
    };
    let refused = ["resume", &path, "--epochs", "4", DFDX_OPS[0], DFDX_OPS[1]];
    lab.runner(&refused)
        .with_code(69)
        .says("the run was started on the device `cpu`, this one is `cpu-dfdx`");
    resume("4", "cpu-dfdx")
        .with_code(0)
        .says("the last bits will differ");
    resume("6", "cpu").with_code(0);
    assert_alike(&run, &longer, 1e-3);
    let sessions = manifest(&run)["sessions"].as_array().unwrap().clone();
    let devices: Vec<_> = sessions
        .iter()
        .map(|s| s["compute"]["device"].clone())
        .collect();
    assert_eq!(devices, ["cpu", "cpu-dfdx", "cpu"]);
    assert_eq!(sessions[1]["compute"]["kernel_path"], "dfdx");
}

#[test]
fn keeps_bits_across_a_stop_within_an_epoch() {
    let lab = Lab::with(&many_steps().replace("epochs = 2", "epochs = 40"));
    let mut session = Session::spawn(lab.command(&[&["spec.toml"], &DFDX_OPS[..]].concat()));
    assert!(session.lines(1), "no epoch was reported");
    session.signal("TERM");
    session.end().with_code(143);
    let run = lab.runs().remove(0);
    let stopped = checkpoint(&run, "last.safetensors").progress;
    assert_eq!(stopped.partial.steps, u64::from(stopped.step_in_epoch));
    let epochs = (stopped.epoch + 2).to_string();
    let resolved = run.join("resolved.toml");
    let edited = fs::read_to_string(&resolved).unwrap();
    let edited = edited.replace("epochs = 40", &format!("epochs = {epochs}"));
    fs::write(&resolved, edited).unwrap();
    lab.runner(&["resume", &text(&run)]).with_code(0);
    let set = format!("training.epochs={epochs}");
    let undisturbed = lab.train(&[&["--set", &set], &DFDX_OPS[..]].concat());
    assert_eq!(digest(&run), digest(&undisturbed));
}
