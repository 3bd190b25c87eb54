//! What `resume`, `rebuild` and `doctor` do with the folder of a run, and what they refuse.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Ended, Lab, NO_FIGURES, Session, digest, listing, manifest, table, tiny};

/// Two epochs without pictures, with a schedule that does not depend on their number.
fn spec() -> String {
    common::plain() + "[schedule.step]\nevery_epochs = 1\nfactor = 0.5\n"
}

fn text(run: &Path) -> String {
    run.display().to_string()
}

/// Changes a text in a file, which must hold it.
#[track_caller]
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "no {from:?} in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// A run that was killed in its second epoch.
fn killed(lab: &Lab) -> PathBuf {
    let mut session = Session::spawn(lab.command(&["spec.toml", "--set", "training.epochs=1000"]));
    assert!(session.lines(1));
    session.signal("KILL");
    session.end().with_code(-9);
    lab.new_run(&[])
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn adds_epochs_to_the_bits_of_a_run_that_had_them_from_the_start() {
    let lab = Lab::with(&spec());
    let run = lab.train(&[]);
    let longer = digest(&lab.train(&["--set", "training.epochs=5"]));
    lab.on(&run, "resume", &["--epochs", "5"]).with_code(0);
    assert_eq!(digest(&run), longer);
    assert!(
        fs::read_to_string(run.join("resolved.toml"))
            .unwrap()
            .contains("epochs = 5")
    );
    assert_eq!(manifest(&run)["sessions"][1]["epochs"], 5);
    // What ran is written down: it gives the same bits again.
    let resolved = run.join("resolved.toml").display().to_string();
    let before = lab.runs();
    lab.runner(&[&resolved, "--quiet"]).with_code(0);
    assert_eq!(digest(&lab.new_run(&before)), longer);
    // Fewer epochs than it has cannot be asked for.
    lab.on(&run, "resume", &["--epochs", "4"])
        .with_code(2)
        .says("the run has finished 5 epochs already");
    lab.on(&run, "resume", &["--epochs", "5"])
        .with_code(0)
        .prints("is already complete");
}

#[test]
fn rejects_more_epochs_where_the_learning_rate_depends_on_their_number() {
    for schedule in ["cosine", "linear"] {
        let lab = Lab::with(&format!("{}[schedule.{schedule}]\n", common::plain()));
        let run = lab.train(&[]);
        let (before, end) = (listing(&run), digest(&run));
        lab.on(&run, "resume", &["--epochs", "5"])
            .with_code(2)
            .says("\n  training.epochs: 2 -> 5\n");
        assert_eq!((listing(&run), digest(&run)), (before, end));
    }
}

#[test]
fn rejects_more_epochs_than_a_checkpoint_can_hold() {
    let lab = Lab::with(&common::plain());
    let run = lab.train(&[]);
    let (before, end) = (listing(&run), digest(&run));
    lab.on(&run, "resume", &["--epochs", "1000000"])
        .with_code(2)
        .says("the metrics of 1000000 epochs do not fit into a checkpoint")
        .says("at most ");
    assert_eq!((listing(&run), digest(&run)), (before, end));
}

#[test]
fn rejects_changed_settings_by_key_and_both_values() {
    let lab = Lab::with(&spec());
    let run = killed(&lab);
    let resolved = run.join("resolved.toml");
    let original = fs::read_to_string(&resolved).unwrap();
    let last = fs::read(run.join("checkpoints/last.safetensors")).unwrap();
    let clip_norm = original
        .lines()
        .find(|line| line.starts_with("# clip_norm"));
    for [from, to, said] in table(
        "
        seed = 0 | seed = 7 | seed: 0 -> 7
        learning_rate = 0.001 | learning_rate = 0.002 | optimizer.adam.learning_rate: 0.001 -> 0.002
        beta_1 = 0.9 | beta_1 = 0.8 | optimizer.adam.beta_1: 0.9 -> 0.8
        batch_size = 64 | batch_size = 32 | training.batch_size: 64 -> 32
        latent_dim = 2 | latent_dim = 3 | model.latent_dim: 2 -> 3
        conv_filters = [4, 8] | conv_filters = [4] | model.conv_filters: [4, 8] -> [4]
        kl_weight = 1.0 | kl_weight = 0.5 | loss.kl_weight: 1.0 -> 0.5
        factor = 0.5 | factor = 0.9 | schedule.step.factor: 0.5 -> 0.9
        count = 300 | count = 200 | data.count: 300 -> 200
        validation = \"none\" | validation = 0.5 | data.validation: \"none\" -> 0.5
        # clip_norm | clip_norm = 1.0 | optimizer.adam.clip_norm: unset -> 1.0",
    ) {
        let from = if from == "# clip_norm" {
            clip_norm.unwrap()
        } else {
            from
        };
        edit(&resolved, from, to);
        let ended = lab.on(&run, "resume", &[]).with_code(2);
        ended.says(&format!("\n  {said}\n"));
        assert_eq!(ended.stderr.matches(" -> ").count(), 1, "{ended:#?}");
        assert!(fs::read(run.join("checkpoints/last.safetensors")).unwrap() == last);
        fs::write(&resolved, &original).unwrap();
    }
    // What changes no number is taken over.
    edit(&resolved, "threads", "threads = 1\n# threads");
    edit(&resolved, "checkpoint_every = 1", "checkpoint_every = 2");
    edit(&resolved, "epochs = 1000", "epochs = 3");
    lab.on(&run, "resume", &[]).with_code(0);
    assert_eq!(manifest(&run)["status"], "completed");
}

/// Without a checkpoint the manifest says what the run is.
#[test]
fn rejects_a_changed_spec_also_before_the_first_checkpoint() {
    let lab = Lab::with(&spec());
    let run = killed(&lab);
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    let resolved = run.join("resolved.toml");
    edit(&resolved, "seed = 0", "seed = 7");
    lab.on(&run, "resume", &[])
        .with_code(2)
        .says("settings that decide the numbers are not those");
    edit(&resolved, "seed = 7", "seed = 0");
    edit(&resolved, "epochs = 1000", "epochs = 2");
    lab.on(&run, "resume", &[]).with_code(0);
    assert_eq!(digest(&run), digest(&lab.train(&[])));
}

fn own_images(lab: &Lab) -> String {
    let (images, labels) = common::bars(96, 8, 8);
    lab.write("data/images", images);
    lab.write("data/labels", labels);
    format!(
        "name = \"own\"\n[data]\ndataset = \"idx\"\npath = \"data\"\nimages = \"images\"\nlabels = \"labels\"\n\
         [model]\nconv_filters = [4]\n[training]\nepochs = 1000\nbatch_size = 16\n{NO_FIGURES}"
    )
}

#[test]
fn rejects_changed_data_and_accepts_moved_data() {
    let lab = Lab::new();
    let spec = own_images(&lab);
    lab.write("spec.toml", spec);
    let run = killed(&lab);
    let images = lab.path().join("data/images");
    let original = fs::read(&images).unwrap();
    let mut other = original.clone();
    other[100] ^= 1;
    for checkpoint in [true, false] {
        if !checkpoint {
            fs::remove_dir_all(run.join("checkpoints")).unwrap();
        }
        fs::write(&images, &other).unwrap();
        let ended = lab.on(&run, "resume", &[]).with_code(65);
        ended.says("the data is not the one that the run was started with");
        ended.says("SHA-256 of images: ");
        fs::write(&images, &original).unwrap();
    }
    fs::rename(lab.path().join("data"), lab.path().join("elsewhere")).unwrap();
    let resolved = run.join("resolved.toml");
    let moved = fs::read_to_string(&resolved)
        .unwrap()
        .replace("/data", "/elsewhere");
    fs::write(&resolved, moved.replace("epochs = 1000", "epochs = 2")).unwrap();
    lab.on(&run, "resume", &[]).with_code(0);
}

#[test]
fn rejects_other_kernels_or_devices_unless_allowed() {
    for (key, from, other) in [("kernel_path", "", "avx9000"), ("device", "cpu", "cuda:0")] {
        let lab = Lab::with(&spec());
        let run = killed(&lab);
        edit(&run.join("resolved.toml"), "epochs = 1000", "epochs = 2");
        let path = run.join("manifest.json");
        let recorded = manifest(&run)["compute"][key].as_str().unwrap().to_owned();
        assert!(from.is_empty() || recorded == from);
        edit(
            &path,
            &format!("\"{key}\": \"{recorded}\""),
            &format!("\"{key}\": \"{other}\""),
        );
        let ended = lab.on(&run, "resume", &[]).with_code(69);
        ended.says(&format!("`{other}`"));
        ended.says("--allow-other-bits");
        lab.on(&run, "resume", &["--allow-other-bits"])
            .with_code(0)
            .says("the last bits will differ");
        let log = fs::read_to_string(run.join("log.txt")).unwrap();
        assert!(log.contains("the last bits will differ"), "{log}");
        assert_eq!(manifest(&run)["compute"][key], recorded.as_str());
    }
}

/// The last path is on every processor, and gives other bits than the faster ones.
#[test]
fn keeps_the_kernels_of_the_start() {
    let lab = Lab::with(&spec());
    let run = killed(&lab);
    let last = match cfg!(target_arch = "aarch64") {
        true => "neon",
        false => "portable",
    };
    let fastest = manifest(&run)["compute"]["kernel_path"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    edit(&run.join("resolved.toml"), "epochs = 1000", "epochs = 2");
    let path = run.join("manifest.json");
    edit(
        &path,
        &format!("\"kernel_path\": \"{fastest}\""),
        &format!("\"kernel_path\": \"{last}\""),
    );
    let ended = lab.on(&run, "resume", &[]).with_code(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(
        manifest(&run)["sessions"][1]["compute"]["kernel_path"],
        last
    );
    assert_eq!(digest(&run) == digest(&lab.train(&[])), fastest == last);
}

#[test]
fn rejects_a_later_format() {
    let lab = Lab::with(&spec());
    let run = killed(&lab);
    edit(
        &run.join("manifest.json"),
        "\"format_version\": 1",
        "\"format_version\": 2",
    );
    lab.on(&run, "resume", &[])
        .with_code(65)
        .says("which this version does not know; it was written by a later one");
}

#[test]
fn resumes_all_runs_of_a_folder() {
    let lab = Lab::with(&spec());
    let complete = lab.train(&[]);
    let end = digest(&complete);
    let stopped: Vec<_> = (0..3)
        .map(|_| {
            let before = lab.runs();
            let session = lab.command(&["spec.toml", "--set", "training.epochs=1000"]);
            let mut session = Session::spawn(session);
            assert!(session.lines(1));
            session.signal("KILL");
            session.end();
            let run = lab.new_run(&before);
            edit(&run.join("resolved.toml"), "epochs = 1000", "epochs = 2");
            run
        })
        .collect();
    // One that cannot go on does not keep the others from it.
    let broken = &stopped[1];
    edit(&broken.join("resolved.toml"), "seed = 0", "seed = 1");
    let ended = lab.runner(&["resume", "runs", "--all"]).with_code(3);
    ended.says("seed: 0 -> 1");
    ended.prints("2 resumed to their end, 1 not");
    // Nor does a stderr that cannot be written.
    if let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") {
        let mut resume = lab.command(&["resume", "runs", "--all"]);
        assert_eq!(resume.stderr(full).status().unwrap().code(), Some(3));
    }
    for run in [&stopped[0], &stopped[2]] {
        assert_eq!(digest(run), end);
    }
    assert_eq!(manifest(&complete)["sessions"].as_array().unwrap().len(), 1);
    // Nobody reads stderr any more: what is told there is lost, and nothing else.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = lab.command(&["resume", "runs", "--all"]);
    let output = command.stderr(writer).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(stdout.contains("0 resumed to their end, 1 not"), "{stdout}");
    edit(&broken.join("resolved.toml"), "seed = 1", "seed = 0");
    lab.runner(&["resume", "runs", "--all", "--quiet"])
        .with_code(0);
    assert_eq!(digest(broken), end);
    lab.runner(&["resume", "nowhere", "--all"]).with_code(2);
}

/// The texts after the name of a part.
fn of(ended: &Ended, part: &str) -> String {
    let line = ended.stdout.lines().find(|line| line.starts_with(part));
    line.unwrap_or_else(|| panic!("no {part} in {ended:#?}"))[part.len()..]
        .trim()
        .to_owned()
}

#[test]
fn finds_and_rebuilds_every_part() {
    let lab = Lab::with(&(tiny() + "[figures]\nmanifold = false\nsamples = false\n"));
    let run = lab.train(&[]);
    let path = text(&run);
    let doctor = || lab.on(&run, "doctor", &[]);
    let content = |name: &str| fs::read(run.join(name)).unwrap();
    let whole = doctor().with_code(0);
    assert!(
        whole.stdout.contains(&format!("state {}", digest(&run))),
        "{whole:#?}"
    );
    assert!(whole.stdout.contains("nothing to do"), "{whole:#?}");
    let made_again = [
        "metrics.parquet",
        "resolved.toml",
        "checkpoints/best.safetensors",
        "figures/loss.png",
        "figures/loss.svg",
        "figures/clusters.svg",
        "figures/reconstructions.png",
    ];
    for part in made_again {
        assert!(of(&whole, part).starts_with("whole"), "{part}: {whole:#?}");
        let before = content(part);
        fs::remove_file(run.join(part)).unwrap();
        let ended = doctor().with_code(65);
        assert_eq!(of(&ended, part), "missing", "{ended:#?}");
        ended.prints(&format!("runner rebuild {path}"));
        lab.on(&run, "rebuild", &[]).with_code(0);
        assert!(content(part) == before, "{part} is not what it was");
        if part != "resolved.toml" {
            let half = &before[..before.len() / 2];
            fs::write(run.join(part), half).unwrap();
            let ended = doctor().with_code(65);
            assert!(!of(&ended, part).starts_with("whole"), "{ended:#?}");
            lab.on(&run, "rebuild", &[]).with_code(0);
            assert!(content(part) == before, "{part} is not what it was");
        }
        doctor().with_code(0);
    }
    // The newest checkpoint comes back by training, to the same bits.
    let last = run.join("checkpoints/last.safetensors");
    let end = digest(&run);
    for lose in [damage as fn(&Path), |path: &Path| {
        fs::remove_file(path).unwrap()
    }] {
        lose(&last);
        let ended = doctor().with_code(65);
        ended.prints(&format!("runner resume {path}"));
        lab.on(&run, "resume", &[])
            .with_code(0)
            .says("going on from `");
        assert_eq!(digest(&run), end);
        doctor().with_code(0);
    }
    // Files that a crash left.
    fs::write(run.join("checkpoints/last.safetensors.tmp"), "half").unwrap();
    let ended = doctor().with_code(65);
    assert!(
        of(&ended, "checkpoints/last.safetensors.tmp").starts_with("left over"),
        "{ended:#?}"
    );
    lab.on(&run, "rebuild", &[]).with_code(0);
    doctor().with_code(0);
    // Neither checkpoint: nothing to go on from, and no guess.
    damage(&last);
    damage(&run.join("checkpoints/previous.safetensors"));
    let ended = doctor().with_code(65);
    ended.prints("no checkpoint to go on from is whole");
    for command in ["resume", "rebuild"] {
        lab.on(&run, command, &[])
            .with_code(65)
            .says("no usable checkpoint");
    }
}

#[test]
fn tells_a_stopped_run_from_one_that_is_running() {
    let lab = Lab::with(&spec());
    let mut session = Session::spawn(lab.command(&["spec.toml", "--set", "training.epochs=20000"]));
    assert!(session.lines(2));
    let run = lab.new_run(&[]);
    let path = text(&run);
    let ended = lab.on(&run, "doctor", &[]);
    ended.prints("a process works on it");
    for command in ["resume", "rebuild"] {
        let pid = format!("is being written by process {} on `", session.id());
        lab.on(&run, command, &[]).with_code(75).says(&pid);
    }
    session.signal("KILL");
    session.end();
    let ended = lab.on(&run, "doctor", &[]);
    ended.prints("status interrupted: ");
    ended.prints(&format!("go on: runner resume {path}"));
    // Killed before there was anything.
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    let ended = lab.on(&run, "doctor", &[]);
    ended.prints("nothing is saved yet");
    lab.on(&run, "rebuild", &[])
        .with_code(65)
        .says("no checkpoint yet");
    lab.runner(&["doctor", "nowhere"]).with_code(2);
}

/// An ordinary build has no fault injection.
#[test]
fn leaves_fault_injection_out_of_an_ordinary_build() {
    let program = fs::read(env!("CARGO_BIN_EXE_runner")).unwrap();
    let holds = |text: &str| {
        program
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(
        holds("RUNNER_DATA_DIR"),
        "texts are not found in the program as they stand"
    );
    assert_eq!(holds("RUNNER_FAULTS"), cfg!(feature = "faults"));
}
