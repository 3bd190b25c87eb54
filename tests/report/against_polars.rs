//! The numbers of a report against those that Python's polars makes of the same folders.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::common::{Dice, Lab, NO_FIGURES, tiny};
use super::made::{Made, epoch};

/// A Python that has polars: the one of `.ci/run`, or that of the path.
fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let has_polars = |python: &PathBuf| {
        let import = Command::new(python)
            .args(["-c", "import polars, tomllib"])
            .output();
        import.is_ok_and(|it| it.status.success())
    };
    [own, PathBuf::from("python3")].into_iter().find(has_polars)
}

/// Runs with values of any size, some without validation, some with settings that others do not have.
fn make_runs(runs: &Path) {
    let mut dice = Dice::new(5);
    let mut real = |scale: f64| scale * (dice.below(1_000_003) as f64 / 1_000_003.0 - 0.3);
    for latent in [2, 4, 8] {
        for seed in 0..4 {
            let optimizer = if latent == 8 {
                "optimizer.sgd.momentum=0.5"
            } else {
                "optimizer.adam.beta_1=0.8"
            };
            let settings = [
                format!("model.latent_dim={latent}"),
                format!("seed={seed}"),
                optimizer.to_owned(),
            ];
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            let history = (1..=5 + seed).map(|at| {
                let mut row = epoch(at, real(500.0), real(10.0));
                if latent != 4 {
                    row.set("val_loss", real(300.0));
                }
                row.set("seconds", real(1e-3).abs());
                row.set("grad_norm", real(1e9));
                let axes = (0..latent).map(|_| real(1.0));
                row.set("kl_per_axis", axes.collect::<Vec<_>>());
                row
            });
            Made::new(&settings, history.collect()).make(runs);
        }
    }
}

#[test]
fn agrees_with_python_polars() {
    let Some(python) = python() else {
        println!(
            "skipped: no Python with polars (python3 -m venv target/python; target/python/bin/pip install polars)"
        );
        return;
    };
    let lab = Lab::with(&(tiny() + NO_FIGURES));
    make_runs(&lab.path().join("runs/made.sweep"));
    lab.train(&[]);
    let files = [
        (
            "runs.parquet",
            &["--table", "runs", "--format", "parquet"][..],
        ),
        (
            "epochs.parquet",
            &["--table", "epochs", "--format", "parquet"],
        ),
        (
            "means.csv",
            &[
                "--by",
                "model.latent_dim",
                "--metric",
                "loss,val_loss,kl_nats",
                "--format",
                "csv",
            ],
        ),
        (
            "summary.json",
            &[
                "--where",
                "loss < 100 and experiment = 'made'",
                "--metric",
                "loss",
                "--format",
                "json",
            ],
        ),
    ];
    for (file, args) in files {
        let mut all = vec!["report", "runs", "--out", file];
        all.extend(args);
        let ended = lab.runner(&all).with_code(0);
        assert!(ended.stdout.is_empty(), "{ended:#?}");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/against_polars.py");
    let output = Command::new(python)
        .arg(script)
        .current_dir(lab.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // 13 runs: 12 that were made, 1 that was trained; 12 x 6.5 and 2 epochs.
    assert!(said.contains("13 runs, 80 epochs"), "{said}");
}
