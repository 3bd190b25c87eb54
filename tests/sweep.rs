//! Sweeps, with the real program: what is run, what is skipped, what others do meanwhile, and what is said.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Ended, Lab, Session, digest, folders, listing, manifest, plain_with, table};

/// Trials of some hundredths of a second.
fn spec(epochs: u32, more: &str) -> String {
    plain_with(&format!(
        "name = \"s\"
        data = {{ count = 120, image_size = 8, validation = 0.1 }}
        model.conv_filters = [3]
        training = {{ epochs = {epochs}, batch_size = 20 }}
        {more}"
    ))
}

const TWO_BY_TWO: &str = "[sweep.over]\n\"model.latent_dim\" = [2, 3]\nseed = [0, 1]\n";

fn sweep(lab: &Lab) -> PathBuf {
    lab.path().join("runs/s.sweep")
}

/// The run folders of a sweep, by name without the identity.
fn runs(lab: &Lab) -> Vec<(String, PathBuf)> {
    folders(&sweep(lab))
        .into_iter()
        .filter(|path| path.join("manifest.json").exists())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let (label, id) = name.rsplit_once('_').unwrap();
            assert_eq!(id.len(), 12, "{name}");
            (label.to_owned(), path.clone())
        })
        .collect()
}

fn names(lab: &Lab) -> Vec<String> {
    runs(lab).into_iter().map(|(name, _)| name).collect()
}

fn digests(lab: &Lab) -> Vec<(String, String)> {
    let runs = runs(lab).into_iter();
    runs.map(|(name, path)| (name, digest(&path))).collect()
}

/// How often something stands in the logs of the runs, each.
fn counts(lab: &Lab, what: &str) -> Vec<usize> {
    let count = |path: &Path| {
        let log = fs::read_to_string(path.join("log.txt")).unwrap();
        log.lines().filter(|line| line.contains(what)).count()
    };
    runs(lab).iter().map(|(_, path)| count(path)).collect()
}

fn last_line<'a>(ended: &'a Ended, word: &str) -> &'a str {
    let mut lines = ended.stdout.lines();
    lines
        .find(|line| line.starts_with(word))
        .unwrap_or_else(|| panic!("no line {word:?} in {ended:#?}"))
}

#[test]
fn trains_each_trial_to_the_bits_of_a_run_alone() {
    let lab = Lab::with(&spec(3, TWO_BY_TWO));
    let ended = lab.runner(&["spec.toml", "--jobs", "2"]).with_code(0);
    ended.prints("4 trials: 4 completed\n");
    assert!(ended.stderr.is_empty(), "{ended:#?}");
    let expected = [
        "latent_dim-2_seed-0",
        "latent_dim-2_seed-1",
        "latent_dim-3_seed-0",
        "latent_dim-3_seed-1",
    ];
    assert_eq!(names(&lab), expected);
    // The same settings without a sweep.
    let alone = Lab::with(&spec(3, ""));
    let run = alone.train(&["--set", "model.latent_dim=3", "--set", "seed=1"]);
    let (_, trial) = &runs(&lab)[3];
    assert_eq!(digest(trial), digest(&run));
    let mine = fs::read_to_string(run.join("resolved.toml")).unwrap();
    assert_eq!(
        fs::read_to_string(trial.join("resolved.toml")).unwrap(),
        mine
    );
    let text = fs::read_to_string(trial.join("spec.toml")).unwrap();
    assert!(
        text.contains("#   model.latent_dim=3\n#   seed=1\n"),
        "{text}"
    );
    // An ordinary run folder in all else.
    assert_eq!(listing(trial), listing(&run));
    assert_eq!(manifest(trial)["status"], "completed");
    assert_eq!(manifest(trial)["name"], "s");
    assert!(listing(&sweep(&lab).join("claims")).is_empty());
}

#[test]
fn skips_what_is_done_and_adds_new_values() {
    let lab = Lab::with(&spec(2, "[sweep.over]\n\"model.latent_dim\" = [2, 3]\n"));
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    let before = digests(&lab);
    let ended = lab.runner(&["spec.toml"]).with_code(0);
    ended.prints("2 trials: 2 completed\n");
    // Other threads and figures are the same trials, whatever else varies beside.
    let more = [
        "spec.toml",
        "--sweep",
        "model.latent_dim=2,3,4",
        "--sweep",
        "seed=0,7",
    ];
    lab.runner(&[&more[..], &["--threads", "1", "--set", "figures.n=3"]].concat())
        .with_code(0);
    assert_eq!(
        names(&lab),
        [
            "latent_dim-2",
            "latent_dim-2_seed-7",
            "latent_dim-3",
            "latent_dim-3_seed-7",
            "latent_dim-4_seed-0",
            "latent_dim-4_seed-7"
        ]
    );
    assert!(before.iter().all(|it| digests(&lab).contains(it)));
    assert_eq!(counts(&lab, "created by runner"), [1; 6]);
    assert_eq!(counts(&lab, "resumed"), [0; 6]);
    // Fewer values leave the others where they are.
    let ended = lab.runner(&["spec.toml"]).with_code(0);
    ended.prints("2 trials: 2 completed\n");
    assert_eq!(names(&lab).len(), 6);
}

#[test]
fn resumes_by_the_folder_alone() {
    let lab = Lab::with(&spec(2, ""));
    let mut session =
        Session::spawn(lab.command(&["spec.toml", "--sweep", "seed=0..3", "--jobs", "1"]));
    assert!(session.lines(2));
    session.signal("TERM");
    session.end();
    fs::remove_file(lab.path().join("spec.toml")).unwrap();
    let ended = lab.runner(&["sweep", "run", "runs/s.sweep"]).with_code(0);
    ended.prints("3 trials: 3 completed\n");
    let status = lab.runner(&["status", "runs/s.sweep"]).with_code(0);
    let rows: Vec<_> = status.stdout.lines().skip(4).collect();
    assert_eq!(rows.len(), 3, "{status:#?}");
    for (seed, row) in rows.iter().enumerate() {
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words[1..], ["completed", "2", &format!("seed={seed}")]);
    }
}

#[test]
fn names_a_diverged_trial_and_runs_the_others() {
    let lab = Lab::with(&spec(
        2,
        "[sweep.over]\n\"optimizer.sgd.learning_rate\" = [1e-4, 100.0]\nseed = [0, 1]\n",
    ));
    let ended = lab.runner(&["spec.toml", "--jobs", "2"]).with_code(3);
    ended.prints("4 trials: 2 completed, 2 diverged\n");
    for seed in [0, 1] {
        let named = format!("diverged: optimizer.sgd.learning_rate=100.0 seed={seed}: ");
        ended.says(&named);
    }
    // It would do so again: nothing is run, and the answer stays the same.
    let ended = lab.runner(&["spec.toml", "--retry-failed"]).with_code(3);
    ended.prints("2 completed, 2 diverged\n");
    assert_eq!(counts(&lab, "resumed"), [0; 4]);
}

#[test]
fn retries_a_failed_trial_when_asked() {
    let lab = Lab::with(&spec(2, "[sweep.over]\nseed = [0, 1]\n"));
    let args = ["spec.toml", "--jobs", "1", "--set", "training.epochs=400"];
    let mut session = Session::spawn(lab.command(&args));
    let (run, _) = trial_of(&lab, &mut session);
    // In the way of a file that is written after each epoch.
    let table = run.join("metrics.parquet");
    while fs::create_dir(&table).is_err() {
        fs::rename(&table, run.join("old.parquet")).unwrap();
    }
    fs::create_dir(table.join("in_the_way")).unwrap();
    let ended = session.end().with_code(3);
    ended.prints("2 trials: 1 completed, 1 failed\n");
    ended.says("metrics.parquet");
    assert!(last_line(&ended, "again").ends_with("--retry-failed"));
    fs::remove_dir_all(run.join("metrics.parquet")).unwrap();
    let again = ["spec.toml", "--quiet", "--set", "training.epochs=400"];
    lab.runner(&again).with_code(3);
    assert_eq!(manifest(&run)["status"], "failed");
    lab.runner(&[&again[..], &["--retry-failed"]].concat())
        .with_code(0);
    assert_eq!(manifest(&run)["status"], "completed");
}

/// The process of the first trial that is under way.
fn trial_of(lab: &Lab, session: &mut Session) -> (PathBuf, u32) {
    loop {
        assert!(session.is_running());
        for (_, run) in runs(lab) {
            let note = fs::read_to_string(run.join("lock")).unwrap_or_default();
            let pid = note.lines().find_map(|line| line.strip_prefix("pid "));
            if let (Some(pid), true) = (pid, run.join("metrics.parquet").exists()) {
                return (run, pid.parse().unwrap());
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn kill(pid: u32, signal: &str) {
    let status = std::process::Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn resumes_a_killed_trial_next_time() {
    let lab = Lab::with(&spec(150, "[sweep.over]\nseed = [0, 1, 2]\n"));
    let mut session = Session::spawn(lab.command(&["spec.toml", "--jobs", "1"]));
    let (run, pid) = trial_of(&lab, &mut session);
    kill(pid, "KILL");
    let ended = session.end().with_code(3);
    ended.prints("3 trials: 2 completed, 1 killed\n");
    ended.says("killed: seed=0: killed by signal 9\n");
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    let undisturbed = Lab::with(&spec(150, ""));
    assert_eq!(digest(&run), digest(&undisturbed.train(&[])));
    assert_eq!(counts(&lab, "resumed"), [1, 0, 0]);
}

#[test]
fn passes_a_signal_on_and_saves_everything() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let lab = Lab::with(&spec(3_000, "[sweep.over]\nseed = [0, 1, 2]\n"));
        let mut session = Session::spawn(lab.command(&["spec.toml", "--jobs", "2"]));
        trial_of(&lab, &mut session);
        session.signal(signal);
        let ended = session.end().with_code(code);
        ended.says("go on with: runner sweep run runs/s.sweep\n");
        let all = runs(&lab);
        assert!(!all.is_empty());
        for (_, run) in all {
            assert_eq!(manifest(&run)["status"], "interrupted", "{}", run.display());
        }
        assert!(listing(&sweep(&lab).join("claims")).is_empty());
    }
}

#[test]
fn reports_missed_expectations_by_exit_code() {
    let lab = Lab::with(&spec(1, "[sweep.over]\nseed = [0, 1]\n"));
    let args = ["spec.toml", "--set", "expect.loss={ max = 1e-3 }"];
    let ended = lab.runner(&args).with_code(4);
    let all = "2 trials: 2 missed an [expect]\n";
    ended.prints(all);
    // Nothing is run again for it.
    lab.runner(&args).with_code(4);
    assert_eq!(counts(&lab, "created by runner"), [1, 1]);
}

#[test]
fn leaves_a_claimed_trial_until_it_is_released() {
    let lab = Lab::with(&spec(1, "[sweep.over]\nseed = [0, 1]\n"));
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    let (_, run) = runs(&lab).remove(1);
    let id = run.to_str().unwrap().rsplit_once('_').unwrap().1.to_owned();
    fs::remove_dir_all(&run).unwrap();
    let claim = serde_json::json!({
        "host": "elsewhere", "machine_id": "1", "boot_id": "2", "pid": 3,
        "since": "2026-11-24T00:00:00.000Z",
        "job": { "system": "slurm", "id": "7", "array": null, "task": null },
    });
    lab.write(&format!("runs/s.sweep/claims/{id}"), claim.to_string());
    let ended = lab.runner(&["spec.toml"]).with_code(0);
    ended.prints("1 completed, 1 held by another process\n");
    let by = "process 3 on `elsewhere` since 2026-11-24T00:00:00.000Z (Slurm job 7)";
    ended.says(&format!("held: seed=1: {by}\n"));
    let status = lab.runner(&["status", "runs/s.sweep"]).with_code(0);
    assert!(
        status.stdout.contains(&format!("held by {by}")),
        "{status:#?}"
    );
    lab.runner(&["sweep", "release", "runs/s.sweep", "0123"])
        .with_code(2)
        .says("`0123` is no trial of runs/s.sweep");
    lab.runner(&["sweep", "release", "runs/s.sweep", &id])
        .with_code(0);
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    assert_eq!(names(&lab), ["seed-0", "seed-1"]);
}

#[test]
fn halving_stops_the_worse_trials() {
    let text = "[schedule.cosine]\n[sweep.over]\n\"optimizer.adam.learning_rate\" = [1e-6, 1e-5, 1e-3, 3e-3]\n\
                [sweep.halving]\nfactor = 2\nmetric = \"val_loss\"\n";
    let lab = Lab::with(&spec(8, text));
    let ended = lab.runner(&["spec.toml", "--jobs", "2"]).with_code(0);
    ended.prints("4 trials: 1 completed, 3 stopped early\n");
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(sweep(&lab).join("halving.json")).unwrap()).unwrap();
    let decisions = record["decisions"].as_array().unwrap();
    let lengths = |of: &str| -> Vec<usize> {
        decisions
            .iter()
            .map(|it| it[of].as_array().unwrap().len())
            .collect()
    };
    let epochs: Vec<_> = decisions
        .iter()
        .map(|it| it["epochs"].as_u64().unwrap())
        .collect();
    assert_eq!(epochs, [1, 2, 4]);
    assert_eq!(
        (lengths("kept"), lengths("stopped")),
        (vec![2, 1, 1], vec![2, 1, 0])
    );
    // The decisions follow from the numbers: lowest first.
    for decision in decisions {
        let values: Vec<f64> = ["kept", "stopped"]
            .iter()
            .flat_map(|of| decision[*of].as_array().unwrap())
            .map(|it| it["value"].as_f64().unwrap())
            .collect();
        assert!(values.is_sorted(), "{decision}");
    }
    let winner = runs(&lab)
        .into_iter()
        .find(|(_, run)| manifest(run)["status"] == "completed");
    let (_, winner) = winner.unwrap();
    let rate = decisions[2]["kept"][0]["settings"][0].as_str().unwrap();
    let alone = Lab::with(&spec(8, "[schedule.cosine]\n"));
    assert_eq!(digest(&winner), digest(&alone.train(&["--set", rate])));
    // Again: the same decisions, nothing to run.
    let before = digests(&lab);
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    assert_eq!(digests(&lab), before);
    let again: serde_json::Value =
        serde_json::from_slice(&fs::read(sweep(&lab).join("halving.json")).unwrap()).unwrap();
    assert_eq!(again, record);
}

#[test]
fn check_lists_the_trials_and_writes_nothing() {
    let lab = Lab::with(&spec(3, TWO_BY_TWO));
    let before = lab.listing();
    let ended = lab
        .runner(&["check", "spec.toml", "--jobs", "1"])
        .with_code(0);
    assert_eq!(lab.listing(), before);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "s: 4 trials");
    let heads = lines[2].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(heads, "trial model.latent_dim seed parameters time disk");
    for (row, (latent, seed)) in lines[4..8].iter().zip([(2, 0), (2, 1), (3, 0), (3, 1)]) {
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words[1..3], [latent.to_string(), seed.to_string()], "{row}");
        let parameters: u32 = words[3].replace(',', "").parse().unwrap();
        assert!(parameters > 100);
    }
    assert!(
        last_line(&ended, "time").contains("1 trial at a time"),
        "{ended:#?}"
    );
    assert!(last_line(&ended, "folder").ends_with("runs/s.sweep"));
}

#[test]
fn rejects_what_cannot_be_run_before_anything_is_written() {
    let lab = Lab::with(&spec(3, ""));
    for [args, text] in table(
        "
        --sweep seed=1,1 | `seed` has the value 1 twice
        --sweep training.threads=1,2 | two trials are the same
        --sweep seed=0..200 --sweep model.latent_dim={from=1,to=100} | a sweep of 20000 trials
        --sweep training.batch_size=20,400 | a batch of 400 is larger than the data
        --jobs 2 | `--jobs` is for a sweep, and the spec has none
        --retry-failed | `--retry-failed` is for a sweep, and the spec has none",
    ) {
        let args: Vec<&str> = args.split(' ').collect();
        let ended = lab.runner(&[&["spec.toml"], &args[..]].concat());
        ended.with_code(2).says(text);
        assert_eq!(lab.listing(), ["spec.toml"]);
    }
    lab.runner(&["spec.toml", "--sweep", "training.batch_size=20,400"])
        .says("--sweep training.batch_size=20,400");
    lab.runner(&["sweep", "run", "nothing"])
        .with_code(65)
        .says("is not the folder of a sweep");
    lab.runner(&["trial"])
        .with_code(2)
        .says("no trial on standard input");
}

#[test]
fn rejects_a_damaged_or_newer_definition() {
    let lab = Lab::with(&spec(1, "[sweep.over]\nseed = [0]\n"));
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    let path = sweep(&lab).join("sweep.json");
    let text = fs::read_to_string(&path).unwrap();
    for (new, says) in [
        (
            text.replace("\"format_version\": 1", "\"format_version\": 2"),
            "written by a later one",
        ),
        (
            text[..text.len() / 2].to_owned(),
            "is not a valid definition of a sweep",
        ),
        (
            "\u{1b}[2J".to_owned(),
            "is not a valid definition of a sweep",
        ),
    ] {
        fs::write(&path, new).unwrap();
        for command in [&["sweep", "run"][..], &["status"], &["cancel"]] {
            let ended = lab.runner(&[command, &["runs/s.sweep"]].concat());
            let ended = ended.with_code(65);
            assert!(!ended.says(says).stderr.contains('\u{1b}'), "{ended:#?}");
        }
    }
    // A new start writes it anew.
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[cfg(unix)]
#[test]
fn follows_nothing_out_of_a_strangers_sweep() {
    let lab = Lab::with(&spec(1, "[sweep.over]\nseed = [0]\n"));
    lab.runner(&["spec.toml", "--quiet"]).with_code(0);
    let outside = lab.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let (_, run) = runs(&lab).remove(0);
    fs::remove_dir_all(&run).unwrap();
    for path in [run, sweep(&lab).join("claims")] {
        fs::remove_dir_all(&path).ok();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        lab.runner(&["sweep", "run", "runs/s.sweep"])
            .with_code(65)
            .says("is a symbolic link");
        assert!(listing(&outside).is_empty());
        fs::remove_file(&path).unwrap();
    }
    // A name in the definition neither.
    let text = fs::read_to_string(sweep(&lab).join("sweep.json")).unwrap();
    let secret = lab.train(&["--set", "sweep.over.seed=[3]", "--name", "other"]);
    assert!(secret.ends_with("other.sweep"));
    let folder = folders(&secret)
        .into_iter()
        .find(|it| it.join("manifest.json").exists());
    let name = folder
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let mut definition: serde_json::Value = serde_json::from_str(&text).unwrap();
    definition["trials"][0]["folder"] = format!("../other.sweep/{name}").into();
    lab.write("runs/s.sweep/sweep.json", definition.to_string());
    let status = lab.runner(&["status", "runs/s.sweep"]).with_code(0);
    assert!(!status.stdout.contains("completed"), "{status:#?}");
}
