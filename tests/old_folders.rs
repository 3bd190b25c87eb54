//! Run folders and sweeps that earlier versions wrote, with the program of today: it has to list, report, compare,
//! rebuild and use them, and to go on with them to the bits that the version that wrote them would have given.
//!
//! The folders are in `tests/pinned/format_1`, what is expected of them in `tests/pinned/format_1_expected`;
//! `tests/pinned/README.md` says how both were made. Where a run goes on, it does so on every kernel path of this
//! processor. `RUNNER_PIN=write cargo test --release --test old_folders` records the expected values anew.

mod common;
mod pinned;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Lab, folders, manifest};
use pinned::{
    begun_on, bits, check, columns_digest, copy, folder, parquet, path_of, paths, rows, skipped,
    take_path, writes,
};
use toml::{Table, Value};

const DIGESTS: &str = "format_1_expected/digests.toml";

/// A lab whose `runs` are the fixtures.
fn lab() -> Lab {
    let lab = Lab::new();
    copy(&folder().join("format_1"), &lab.path().join("runs"));
    lab
}

/// A run folder by the name of its experiment.
fn run(lab: &Lab, name: &str) -> PathBuf {
    let all = folders(&lab.path().join("runs"));
    let is_it = |path: &PathBuf| path.to_str().unwrap().contains(&format!("_{name}_"));
    all.into_iter().find(is_it).expect(name)
}

/// The trials of a sweep that have a run folder, by name.
fn trials(lab: &Lab, sweep: &str) -> Vec<PathBuf> {
    let mut all = folders(&lab.path().join("runs").join(sweep));
    all.retain(|path| path.join("manifest.json").exists());
    all
}

/// A trial by what its name begins with.
fn trial(lab: &Lab, sweep: &str, label: &str) -> PathBuf {
    let all = trials(lab, sweep).into_iter();
    let mut found: Vec<_> = all.filter(|path| name(path).starts_with(label)).collect();
    assert_eq!(found.len(), 1, "{label}: {found:?}");
    found.remove(0)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The fixtures were made on the path `portable`; where that is none of this processor's they go on with another.
fn fit(run: &Path) {
    if !paths().contains(&path_of(run).as_str()) {
        take_path(run, paths()[0]);
    }
}

/// The cells of a CSV table, the heads first. Cells have quotes where they have commas, and no line breaks.
fn csv(table: &str) -> Vec<Vec<String>> {
    let line = |line: &str| {
        let (mut cells, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                c => cells.last_mut().unwrap().push(c),
            }
        }
        cells
    };
    table.lines().map(line).collect()
}

/// Compares a table with the recorded one: the same rows, and in the columns that were there then the same texts. Why
/// a run ended is prose, which may change.
fn same_table(found: &str, file: &str) {
    let file = folder().join("format_1_expected").join(file);
    if writes() {
        fs::write(&file, found).unwrap();
    }
    let (found, recorded) = (csv(found), csv(&fs::read_to_string(&file).unwrap()));
    assert_eq!(found.len(), recorded.len(), "{}", file.display());
    assert!(recorded.len() > 1 && recorded[0].len() > 3);
    for (column, head) in recorded[0].iter().enumerate() {
        if head == "why" {
            continue;
        }
        let at = found[0].iter().position(|it| it == head);
        let at = at.unwrap_or_else(|| panic!("no column `{head}` any more"));
        for (found, recorded) in found.iter().zip(&recorded) {
            assert_eq!(found[at], recorded[column], "`{head}`, {}", file.display());
        }
    }
}

#[test]
fn lists_every_run_with_status_epochs_and_best_epoch() {
    let lab = lab();
    let ended = lab.runner(&["list"]).with_code(0);
    let words: Vec<Vec<&str>> = ended
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for (name, expected) in [
        ("_completed_", ["completed", "3/3", "val_loss"]),
        ("_stopped_", ["interrupted", "1/4", "val_loss"]),
        // No epoch had the whole KL weight yet.
        ("_killed_", ["interrupted", "2/4", "-"]),
        (
            "latent_dim-2_learning_rate-1e-5",
            ["completed", "2/2", "val_loss"],
        ),
        (
            "latent_dim-3_learning_rate-1e-5",
            ["interrupted", "1/2", "val_loss"],
        ),
    ] {
        let line = words
            .iter()
            .find(|line| line.iter().any(|it| it.contains(name)));
        let line = line.unwrap_or_else(|| panic!("no {name} in {ended:#?}"));
        for word in expected {
            assert!(line.contains(&word), "no {word} in {line:?}");
        }
    }
    assert_eq!(words.len(), 1 + 3 + 3 + 4, "{ended:#?}");
}

#[test]
fn reports_the_recorded_values() {
    let lab = lab();
    let report = |more: &[&str]| {
        let args = [&["report", "--format", "csv"], more].concat();
        lab.runner(&args).with_code(0).stdout
    };
    same_table(&report(&["--table", "runs"]), "runs.csv");
    same_table(&report(&["--table", "epochs"]), "epochs.csv");
    same_table(&report(&["runs/half.sweep"]), "half.csv");
    let by = [
        "runs/half.sweep",
        "--by",
        "model.latent_dim",
        "--metric",
        "loss,val_kl",
    ];
    same_table(&report(&by), "by.csv");
    let condition = [
        "--where",
        "optimizer = 'sgd' and val_loss < 1000",
        "--table",
        "runs",
    ];
    same_table(&report(&condition), "where.csv");
    // The other formats have the same rows.
    let json = lab.runner(&["report", "--format", "json", "--table", "runs"]);
    let json: serde_json::Value = serde_json::from_str(&json.with_code(0).stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 10);
    let table = lab.runner(&["report"]).with_code(0);
    for run in trials(&lab, "half.sweep") {
        assert!(table.stdout.contains(&name(&run)), "{table:#?}");
    }
    lab.runner(&["report", "--format", "html", "--out", "page.html"])
        .with_code(0);
}

#[test]
fn finds_every_run_whole() {
    let lab = lab();
    let mut runs = vec![
        run(&lab, "completed"),
        run(&lab, "stopped"),
        run(&lab, "killed"),
    ];
    runs.extend(trials(&lab, "half.sweep"));
    runs.extend(trials(&lab, "halved.sweep"));
    for run in runs {
        let before = common::listing(&run);
        let ended = lab.runner(&["doctor", text(&run)]).with_code(0);
        assert!(
            ended.stdout.contains("checkpoints/last.safetensors"),
            "{ended:#?}"
        );
        assert_eq!(common::listing(&run), before);
    }
}

/// As the version of that time has it, whatever the format of checkpoints is now.
#[test]
fn doctor_tells_the_recorded_digests_of_their_states() {
    let lab = lab();
    for (name, digest) in [
        (
            "completed",
            "c4894ec5cb15a5a67429f0a0f6d4d4c29198a8b74c3be01c3c3aed342dddc6a6",
        ),
        (
            "stopped",
            "d3c8ca5e253b34cddcd58b3504079d19db29b6363df6bb634c62498c0a22f767",
        ),
        (
            "killed",
            "e3c89564c2bb3cbffa98d00bc0dc3c58d4d95ed5c81ad32a63a0047c3e5f9c4d",
        ),
    ] {
        let ended = lab.runner(&["doctor", text(&run(&lab, name))]).with_code(0);
        assert!(ended.stdout.contains(digest), "{ended:#?}");
    }
}

#[test]
fn names_settings_and_metrics_that_differ() {
    let lab = lab();
    let [one, two] = ["completed", "stopped"].map(|name| run(&lab, name));
    let ended = lab.runner(&["diff", text(&one), text(&two)]).with_code(0);
    for word in ["optimizer.rmsprop.rho", "training.batch_size", "val_loss"] {
        assert!(ended.stdout.contains(word), "no {word} in {ended:#?}");
    }
    let other = lab.path().join("other");
    copy(&one, &other);
    let ended = lab.runner(&["diff", text(&one), text(&other)]).with_code(0);
    assert!(!ended.stdout.contains("loss"), "{ended:#?}");
}

/// Fails unless a table has the columns of an earlier one, with their types and values.
fn same_columns(found: &Path, earlier: &Path) {
    let (found, earlier) = (parquet(found), parquet(earlier));
    assert_eq!(found.height(), earlier.height());
    assert_eq!(earlier.width(), 16);
    let bits = |rows: Vec<Vec<f64>>| -> Vec<Vec<u64>> {
        let bits = |row: Vec<f64>| row.into_iter().map(f64::to_bits).collect();
        rows.into_iter().map(bits).collect()
    };
    for old in earlier.columns() {
        let new = found.column(old.name()).unwrap();
        assert_eq!(new.dtype(), old.dtype(), "{}", old.name());
        assert_eq!(bits(rows(new)), bits(rows(old)), "{}", old.name());
    }
}

#[test]
fn rebuilds_metrics_figures_and_the_spec() {
    let lab = lab();
    for name in ["completed", "stopped", "killed"] {
        let run = run(&lab, name);
        fit(&run);
        let earlier = folder().join("format_1").join(self::name(&run));
        let lost = ["metrics.parquet", "resolved.toml", "figures"];
        for lost in lost.map(|it| run.join(it)) {
            let _ = fs::remove_file(&lost);
            let _ = fs::remove_dir_all(&lost);
        }
        let ended = lab.runner(&["rebuild", text(&run), "--quiet"]);
        assert_eq!(ended.with_code(0).stderr, "");
        same_columns(
            &run.join("metrics.parquet"),
            &earlier.join("metrics.parquet"),
        );
        let spec = |run: &Path| fs::read_to_string(run.join("resolved.toml")).unwrap();
        assert_eq!(spec(&run), spec(&earlier));
        for figure in fs::read_dir(earlier.join("figures")).into_iter().flatten() {
            let figure = run.join("figures").join(figure.unwrap().file_name());
            assert!(figure.metadata().unwrap().len() > 0, "{}", figure.display());
        }
        assert_eq!(bits(&run), bits(&earlier));
        lab.runner(&["doctor", text(&run)]).with_code(0);
    }
}

/// Resumes a run on each path of this processor and compares what it comes to.
fn goes_on(run_name: &str, name: &str, more: &[&str], epochs: usize) {
    for path in paths() {
        let lab = lab();
        let run = run(&lab, run_name);
        take_path(&run, path);
        let args = [&["resume", text(&run), "--quiet"], more].concat();
        assert_eq!(lab.runner(&args).with_code(0).stderr, "");
        assert_eq!(manifest(&run)["status"], "completed");
        assert_eq!(parquet(&run.join("metrics.parquet")).height(), epochs);
        check(DIGESTS, name, path, &bits(&run));
    }
}

#[test]
fn resumes_a_run_stopped_within_an_epoch_to_the_recorded_bits() {
    goes_on("stopped", "stopped", &[], 4);
    goes_on("stopped", "stopped", &["--threads", "2"], 4);
}

#[test]
fn resumes_a_run_killed_during_kl_warm_up_to_the_recorded_bits() {
    goes_on("killed", "killed", &[], 4);
}

/// From the checkpoint before, with a warning.
#[test]
fn resumes_a_run_whose_last_checkpoint_is_lost_to_the_recorded_bits() {
    let lab = lab();
    let run = run(&lab, "killed");
    fit(&run);
    fs::remove_file(run.join("checkpoints/last.safetensors")).unwrap();
    let ended = lab.runner(&["resume", text(&run), "--quiet"]);
    ended.with_code(0).says("previous.safetensors");
    check(DIGESTS, "killed", &path_of(&run), &bits(&run));
}

#[test]
fn trains_a_complete_run_for_more_epochs_to_the_recorded_bits() {
    goes_on("completed", "completed_to_epoch_5", &["--epochs", "5"], 5);
    let lab = lab();
    let run = run(&lab, "completed");
    let before = bits(&run);
    lab.runner(&["resume", text(&run)]).with_code(0);
    assert_eq!(bits(&run), before);
    assert_eq!(manifest(&run)["sessions"].as_array().unwrap().len(), 2);
}

#[test]
fn trains_a_resolved_spec_to_the_same_bits() {
    let lab = lab();
    for name in ["completed", "stopped", "killed"] {
        let old = run(&lab, name);
        let again = Lab::new();
        fs::copy(old.join("resolved.toml"), again.path().join("spec.toml")).unwrap();
        let started = again.train(&[]);
        // On the path of the old one, where this processor has it.
        let copied = again.path().join("copied");
        let path = path_of(&old);
        if !paths().contains(&path.as_str()) {
            skipped(&format!("{name} again: no `{path}` here"));
            continue;
        }
        begun_on(&path, &started, &copied);
        again
            .runner(&["resume", text(&copied), "--quiet"])
            .with_code(0);
        if name != "completed" {
            lab.runner(&["resume", text(&old), "--quiet"]).with_code(0);
        }
        assert_eq!(bits(&copied), bits(&old), "{name}");
    }
}

#[test]
fn uses_trained_models() {
    for path in paths() {
        let lab = lab();
        let run = run(&lab, "completed");
        take_path(&run, path);
        let run = text(&run);
        lab.runner(&["encode", run, "--quiet"]).with_code(0);
        let latents = parquet(&lab.path().join("latents.parquet"));
        let is_axis = |name: &str| !["image", "part", "label", "class"].contains(&name);
        let axes: Vec<_> = latents
            .columns()
            .iter()
            .filter(|it| is_axis(it.name()))
            .collect();
        assert_eq!((latents.height(), axes.len()), (1200, 2));
        let found = Table::from_iter([(
            "latents".to_owned(),
            Value::from(columns_digest(axes.into_iter())),
        )]);
        check(DIGESTS, "completed_encoded", path, &found);
        lab.runner(&["sample", run, "--best", "-n", "4", "--quiet"])
            .with_code(0);
        lab.runner(&["reconstruct", run, "-n", "4", "--quiet"])
            .with_code(0);
        lab.runner(&["interpolate", run, "--from", "0", "--to", "1", "--quiet"])
            .with_code(0);
    }
}

/// The trials of a sweep as a report ranks them by a metric, best first.
fn ranking(lab: &Lab, sweep: &str, metric: &str) -> Vec<String> {
    let args = ["report", sweep, "--format", "csv", "--metric", metric];
    let table = csv(&lab.runner(&args).with_code(0).stdout);
    let at = table[0].iter().position(|head| head == "run").unwrap();
    table[1..].iter().map(|row| row[at].clone()).collect()
}

const HALF: [&str; 4] = [
    "latent_dim-2_learning_rate-1e-5_",
    "latent_dim-2_learning_rate-0.0002_",
    "latent_dim-3_learning_rate-1e-5_",
    "latent_dim-3_learning_rate-0.0002_",
];

#[test]
fn continues_a_sweep_with_what_is_left() {
    let lab = lab();
    let sweep = "runs/half.sweep";
    let statuses = || -> Vec<String> {
        let ended = lab.runner(&["status", sweep]).with_code(0);
        let rows = ended.stdout.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_row = words.first()?.len() == 12 && words.len() > 3;
            is_row.then(|| words[1].to_owned())
        });
        rows.collect()
    };
    assert_eq!(statuses(), ["completed", "completed", "interrupted", "new"]);
    trials(&lab, "half.sweep").iter().for_each(|run| fit(run));
    let complete = [0, 1].map(|at| trial(&lab, "half.sweep", HALF[at]));
    let before = complete.each_ref().map(|run| (manifest(run), bits(run)));
    lab.runner(&["sweep", "run", sweep, "--quiet", "--jobs", "2"])
        .with_code(0);
    assert_eq!(statuses(), ["completed"; 4]);
    assert_eq!(trials(&lab, "half.sweep").len(), 4);
    // The complete ones are not touched, the stopped one is not begun anew.
    assert_eq!(
        complete.each_ref().map(|run| (manifest(run), bits(run))),
        before
    );
    let stopped = trial(&lab, "half.sweep", HALF[2]);
    assert_eq!(manifest(&stopped)["sessions"].as_array().unwrap().len(), 3);
    check(DIGESTS, "half_stopped", &path_of(&stopped), &bits(&stopped));
    // A new one takes the fastest path.
    let new = trial(&lab, "half.sweep", HALF[3]);
    for path in paths() {
        let again = lab.path().join(path);
        begun_on(path, &new, &again);
        lab.runner(&["resume", text(&again), "--quiet"])
            .with_code(0);
        check(DIGESTS, "half_new", path, &bits(&again));
        if path == path_of(&new) {
            assert_eq!(bits(&again), bits(&new));
        }
    }
    let best_first = [1, 3, 0, 2].map(|at| name(&trial(&lab, "half.sweep", HALF[at])));
    assert_eq!(ranking(&lab, sweep, "val_loss"), best_first);
    assert_eq!(lab.runs().len(), 5, "something was made beside the sweep");
}

#[test]
fn continues_a_sweep_with_halving_as_recorded() {
    let lab = lab();
    trials(&lab, "halved.sweep").iter().for_each(|run| fit(run));
    lab.runner(&[
        "sweep",
        "run",
        "runs/halved.sweep",
        "--quiet",
        "--jobs",
        "1",
    ])
    .with_code(0);
    let file = lab.path().join("runs/halved.sweep/halving.json");
    let record: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let ranked = |all: &serde_json::Value| -> Vec<String> {
        let all = all.as_array().unwrap().iter();
        all.map(|it| format!("{} {}", it["settings"][0].as_str().unwrap(), it["value"]))
            .collect()
    };
    let mut found = Table::new();
    for decision in record["decisions"].as_array().unwrap() {
        for which in ["kept", "stopped"] {
            let key = format!("{which}_after_{}", decision["epochs"]);
            found.insert(key, ranked(&decision[which]).into());
        }
    }
    let all = trials(&lab, "halved.sweep");
    assert_eq!(all.len(), 4);
    let complete: Vec<_> = all
        .iter()
        .filter(|run| manifest(run)["status"] == "completed")
        .collect();
    assert_eq!(complete.len(), 1);
    found.insert("winner".to_owned(), name(complete[0]).into());
    found.insert("bits".to_owned(), bits(complete[0]).into());
    check(DIGESTS, "halved", &path_of(complete[0]), &found);
}
