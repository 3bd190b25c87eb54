//! Tables of runs whose numbers were made up, so that every mean can be worked out by hand.

use std::fs;

use serde_json::Value;

use super::common::{Ended, Lab, table};
use super::made::{Made, epoch, history};
use runner::run::Status;

/// Latent sizes 2 and 4 with three seeds each; the last run diverged.
fn lab() -> Lab {
    let lab = Lab::new();
    for (latent, losses) in [(2, [250.0, 252.0, 254.0]), (4, [240.0, 241.0, 900.0])] {
        for (seed, loss) in losses.into_iter().enumerate() {
            let settings = [
                format!("model.latent_dim={latent}"),
                format!("seed={seed}"),
                "training.epochs=3".to_owned(),
            ];
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            // The second epoch is the best one.
            let made = Made::new(&settings, history(&[loss + 50.0, loss - 1.0, loss]));
            let status = if loss > 800.0 {
                Status::Diverged
            } else {
                Status::Completed
            };
            made.with(status).make(&lab.path().join("runs/lat.sweep"));
        }
    }
    lab
}

fn json(ended: Ended) -> Vec<Value> {
    let ended = ended.with_code(0);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended:#?}"))
}

fn report(lab: &Lab, args: &[&str]) -> Vec<Value> {
    let mut all = vec!["report", "--format", "json"];
    all.extend(args);
    json(lab.runner(&all))
}

fn column(rows: &[Value], name: &str) -> Vec<f64> {
    rows.iter()
        .map(|row| row[name].as_f64().unwrap_or(f64::NAN))
        .collect()
}

#[test]
fn summarizes_the_settings_that_differ_with_the_best_run_on_top() {
    let lab = lab();
    let rows = report(&lab, &[]);
    assert_eq!(
        column(&rows, "loss"),
        [240.0, 241.0, 250.0, 252.0, 254.0, 900.0]
    );
    assert_eq!(
        column(&rows, "model.latent_dim"),
        [4.0, 4.0, 2.0, 2.0, 2.0, 4.0]
    );
    assert_eq!(column(&rows, "seed"), [0.0, 1.0, 0.0, 1.0, 2.0, 2.0]);
    assert_eq!(
        column(&rows, "best_loss"),
        [239.0, 240.0, 249.0, 251.0, 253.0, 899.0]
    );
    assert_eq!(column(&rows, "best_epoch"), [2.0; 6]);
    assert_eq!(column(&rows, "total_seconds"), [7.5; 6]);
    assert_eq!(column(&rows, "kl_nats"), [7.0; 6]);
    for constant in ["training.epochs", "data.dataset"] {
        assert!(rows[0].get(constant).is_none(), "{constant}");
    }
    // Not all are completed, so that is told.
    assert_eq!(rows[5]["status"], "diverged");
}

#[test]
fn prints_data_and_nothing_else_to_stdout() {
    let args = ["report", "--by", "model.latent_dim", "--format", "csv"];
    let ended = lab().runner(&args).with_code(0);
    // 250, 252, 254: deviation 2, error 2 / sqrt(3). 240, 241: deviation 1 / sqrt(2), error 1 / 2.
    assert_eq!(
        ended.stdout,
        "model.latent_dim,runs,loss_mean,loss_std,loss_stderr,loss_count\n\
         2,3,252.0,2.0,1.1547005383792517,3\n\
         4,2,240.5,0.7071067811865476,0.5,2\n"
    );
    let ended = ended.says("note: runs that are not completed are in no mean: 1 diverged");
    assert!(!ended.stderr.contains("warning"), "{ended:#?}");
}

#[test]
fn filters_and_sorts_rows() {
    let lab = lab();
    let rows = report(&lab, &["--where", "model.latent_dim < 4 and loss <= 252"]);
    assert_eq!(column(&rows, "loss"), [250.0, 252.0]);
    let rows = report(
        &lab,
        &[
            "--where",
            "status = 'completed'",
            "--sort",
            "seed",
            "--reverse",
        ],
    );
    assert_eq!(column(&rows, "seed"), [2.0, 1.0, 1.0, 0.0, 0.0]);
    let rows = report(&lab, &["--metric", "elbo,kl_nats"]);
    assert_eq!(
        column(&rows, "elbo"),
        [-240.0, -241.0, -250.0, -252.0, -254.0, -900.0],
        "larger is better"
    );
    let rows = report(&lab, &["--by", "model.latent_dim", "--sort", "loss"]);
    assert_eq!(column(&rows, "loss_mean"), [240.5, 252.0]);
    let rows = report(&lab, &["--by", "model.latent_dim,seed", "--reverse"]);
    assert_eq!(column(&rows, "model.latent_dim"), [4.0, 4.0, 2.0, 2.0, 2.0]);
    assert_eq!(rows[0]["loss_std"], Value::Null, "one run has no deviation");
}

#[test]
fn computes_differences_to_the_baseline() {
    let lab = lab();
    let rows = report(&lab, &[]);
    let base = rows[2]["run"].as_str().unwrap().to_owned();
    let rows = report(&lab, &["--baseline", &base, "--where", "seed = 1"]);
    assert_eq!(column(&rows, "loss_delta"), [-9.0, 2.0]);
    assert_eq!(column(&rows, "elbo_delta"), [9.0, -2.0]);
    let path = format!("runs/lat.sweep/{base}");
    let rows = report(&lab, &["--baseline", &path, "--by", "model.latent_dim"]);
    assert_eq!(column(&rows, "loss_delta"), [2.0, -9.5]);
    lab.runner(&["report", "--baseline", &base[..base.len() - 1]])
        .with_code(2)
        .says("--baseline: no run is called")
        .says("did you mean `2");
}

#[test]
fn compares_no_latent_sizes_by_means_over_axes() {
    let lab = Lab::new();
    for latent in ["2", "4"] {
        let latent = format!("model.latent_dim={latent}");
        Made::new(&[&latent, "loss.kl_reduction=\"mean\""], history(&[250.0]))
            .make(&lab.path().join("runs"));
    }
    let ended = lab.runner(&["report", "--format", "csv"]).with_code(0);
    assert!(
        ended.stdout.lines().next().unwrap().contains(",elbo,"),
        "{ended:#?}"
    );
    assert!(!ended.stdout.contains(",loss,"), "{ended:#?}");
    ended.says("compared by `elbo` and `kl_nats`, which are sums over the axes in nats");
    lab.runner(&["report", "--metric", "loss"])
        .with_code(0)
        .says("`loss` cannot compare these runs, `elbo` and `kl_nats` can");
}

#[test]
fn notes_what_makes_a_comparison_unfair() {
    let lab = Lab::new();
    let runs = lab.path().join("runs");
    Made::new(&[], history(&[250.0])).make(&runs);
    Made {
        data: "d1".to_owned(),
        ..Made::new(&["loss.kl_weight=2"], history(&[260.0, 250.0]))
    }
    .make(&runs);
    lab.runner(&["report"])
        .with_code(0)
        .says("note: `loss.kl_weight` differs, so `loss` is not the same function")
        .says("note: the runs were not trained on the same data")
        .says("note: not all runs have the same number of epochs: 1 to 2");
}

#[test]
fn compares_no_objectives_by_their_losses() {
    for other in [
        "objective.beta_tc.beta=6",
        "objective.capacity.steps=1",
        "kl_schedule.cyclical.cycles=1",
    ] {
        let lab = Lab::new();
        for settings in [&[][..], &[other]] {
            Made::new(settings, history(&[250.0])).make(&lab.path().join("runs"));
        }
        let ended = lab.runner(&["report", "--format", "csv"]).with_code(0);
        assert!(!ended.stdout.contains(",loss,"), "{ended:#?}");
        let table = other.split('.').next().unwrap();
        ended.says(&format!(
            "`{table}` differs, so `loss` is not the same function in all runs"
        ));
    }
}

#[test]
fn ranks_by_validation_where_all_runs_have_it() {
    let lab = Lab::new();
    for val_loss in [260.0, 255.0] {
        let mut row = epoch(1, 250.0, 4.0);
        row.set("val_loss", val_loss);
        Made::new(&[&format!("seed={val_loss}")], vec![row]).make(&lab.path().join("runs"));
    }
    let rows = report(&lab, &[]);
    assert_eq!(column(&rows, "val_loss"), [255.0, 260.0]);
    assert_eq!(column(&rows, "best_val_loss"), [255.0, 260.0]);
}

#[test]
fn rejects_contradictory_requests() {
    let lab = lab();
    for [args, says] in table(
        "
        report nowhere | `nowhere` is no folder
        list nowhere | `nowhere` is no folder
        report --sort los | --sort: there is no column `los`
        report --by model.latent | did you mean `model.latent_dim`?
        report --metric status | --metric: `status` holds no numbers
        report --where loss> | --where: expected a column, a number or a text in quotes
        report --table runs --by seed | `--by` and `--baseline` make a summary
        report --table epochs --format html | a page has tables of its own
        report --by seed --sort kl | --sort: there is no column `kl`",
    ) {
        let args: Vec<&str> = args.split(' ').collect();
        let ended = lab.runner(&args).with_code(2);
        assert_eq!(ended.says(says).stdout, "");
    }
    fs::create_dir(lab.path().join("empty")).unwrap();
    lab.runner(&["report", "empty"])
        .with_code(2)
        .says("there is no run folder in `empty`");
    lab.runner(&["report", "--out", "runs"])
        .with_code(74)
        .says("is not a regular file");
    assert!(lab.path().join("runs").is_dir());
}

/// One folder corrupt, one half-written, one from a newer version, one a loop: listed as such, the others reported.
#[test]
fn lists_broken_folders_and_reports_the_others() {
    let lab = lab();
    let runs = lab.path().join("runs");
    let broken = |name: &str| {
        let path = Made::new(&[], history(&[1.0])).make(&runs);
        let new = runs.join(format!("20200101-000000_{name}_0000"));
        fs::rename(path, &new).unwrap();
        new
    };
    fs::write(
        broken("corrupt").join("checkpoints/last.safetensors"),
        "not tensors at all",
    )
    .unwrap();
    let half = broken("half").join("manifest.json");
    let text = fs::read_to_string(&half).unwrap();
    fs::write(&half, &text[..text.len() / 2]).unwrap();
    let newer = broken("newer").join("manifest.json");
    fs::write(
        &newer,
        text.replace("\"format_version\": 1", "\"format_version\": 9"),
    )
    .unwrap();
    fs::write(broken("no_toml").join("resolved.toml"), "name = ").unwrap();
    let link = runs.join("20200101-000000_loop_0000");
    std::os::unix::fs::symlink(&link, &link).unwrap();
    std::os::unix::fs::symlink(&runs, runs.join("up")).unwrap();

    let listed = lab.runner(&["list"]).with_code(0).stdout;
    let line = |name: &str| {
        listed
            .lines()
            .find(|line| line.contains(name))
            .unwrap_or_else(|| panic!("{name}: {listed}"))
    };
    for (name, why) in [
        ("_corrupt_", "is damaged"),
        ("_half_", "is not a valid manifest"),
        ("_newer_", "has the format version 9"),
        ("_loop_", "symbolic links"),
    ] {
        assert!(
            line(name).starts_with("broken ") && line(name).contains(why),
            "{}",
            line(name)
        );
    }
    assert_eq!(
        listed
            .lines()
            .filter(|line| line.starts_with("completed "))
            .count(),
        6,
        "{listed}"
    );

    let ended = lab
        .runner(&["report", "--format", "csv", "--table", "runs"])
        .with_code(0);
    // Without its resolved.toml a run still has its checkpoint, which holds the same text.
    assert_eq!(ended.stdout.lines().count(), 1 + 6 + 1, "{ended:#?}");
    for name in ["_corrupt_", "_half_", "_newer_", "_loop_"] {
        let warned = ended
            .stderr
            .lines()
            .filter(|line| line.starts_with("warning: ") && line.contains(name));
        assert_eq!(warned.count(), 1, "{ended:#?}");
    }
    let only = runs.join("20200101-000000_corrupt_0000");
    lab.runner(&["report", only.to_str().unwrap()])
        .with_code(65)
        .says("none of the runs can be read");
}

#[test]
fn lists_how_each_run_stands() {
    let lab = lab();
    let running = Made::new(&["training.epochs=100"], history(&[7.25]))
        .with(Status::Running)
        .make(&lab.path().join("runs"));
    let listed = lab.runner(&["list"]).with_code(0).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("status") && lines[0].ends_with("run"));
    assert_eq!(lines.len(), 8, "{listed}");
    let name = running.file_name().unwrap().to_str().unwrap();
    let line = lines.iter().find(|line| line.contains(name)).unwrap();
    // Its process is this one, which has released its lock.
    let start = line.starts_with("interrupted") && line.contains("1/100");
    let end = line.ends_with(": its process ended without a word");
    assert!(
        start && line.contains("loss 7.25 (epoch 1)") && end,
        "{line}"
    );
    let one = lab.runner(&["list", running.to_str().unwrap()]);
    assert_eq!(one.with_code(0).stdout.lines().count(), 2);
}

#[test]
fn reports_a_run_once_however_often_it_is_named() {
    let lab = lab();
    let first = super::common::folders(&lab.path().join("runs/lat.sweep")).remove(0);
    let relative = first.strip_prefix(lab.path()).unwrap().to_str().unwrap();
    assert_eq!(report(&lab, &["runs", relative, "runs/lat.sweep"]).len(), 6);
    assert_eq!(report(&lab, &[relative]).len(), 1);
}

#[test]
fn documents_the_columns_of_the_table_of_runs() {
    let lab = lab();
    let rows = report(&lab, &["--table", "runs"]);
    for column in runner::report::RUN_COLUMNS {
        assert!(rows[0].get(column.name).is_some(), "{}", column.name);
        assert!(!column.doc.is_empty());
    }
    assert_eq!(rows[0]["sweep"], "lat");
    assert_eq!(rows[0]["experiment"], "made");
    assert_eq!(rows[0]["optimizer"], "adam");
    assert_eq!(rows[0]["optimizer.adam.learning_rate"], 0.001);
    assert_eq!(rows[0]["model.conv_filters"], "[32, 64]");
    assert_eq!(rows[0]["parameters"], 100);
    let epochs = report(
        &lab,
        &[
            "--table",
            "epochs",
            "--where",
            "model.latent_dim = 2 and seed = 0",
        ],
    );
    assert_eq!(column(&epochs, "loss"), [300.0, 249.0, 250.0]);
    assert_eq!(epochs[0]["kl_per_axis"], "[2.5, 2.5]");
    let names: Vec<&str> = epochs[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = runner::report::RUN_OF_EPOCH.to_vec();
    let metrics = runner::metric::METRICS[..runner::metric::FIRST_FORMAT].iter();
    expected.extend(metrics.map(|metric| metric.name));
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn documents_the_columns_on_the_page_of_experiments() {
    let readme = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/experiments/README.md"
    ))
    .unwrap();
    for table in [
        runner::report::run_columns_markdown(),
        runner::metric::metrics_markdown(runner::objective::metrics()),
    ] {
        assert!(
            readme.contains(&table),
            "the table is old; this is the new one:\n{table}"
        );
    }
}

#[test]
fn answers_sql_where_built_with_it() {
    let lab = lab();
    let sql = "select \"model.latent_dim\" as latent, count(*) as n, avg(loss) as loss from runs where status = 'completed' group by \"model.latent_dim\" order by latent";
    let ended = lab.runner(&["query", sql, "--format", "csv"]);
    if cfg!(feature = "sql") {
        assert_eq!(
            ended.with_code(0).stdout,
            "latent,n,loss\n2,3,252.0\n4,2,240.5\n"
        );
        let joined = "select count(*) as n, max(e.loss) as loss from epochs e join runs r on e.path = r.path where r.seed = 0";
        let ended = lab
            .runner(&["query", joined, "runs", "--format", "csv"])
            .with_code(0);
        assert_eq!(ended.stdout, "n,loss\n6,300.0\n");
        lab.runner(&["query", "select nothing from runs"])
            .with_code(2)
            .says("the query cannot be answered")
            .says("the tables are `runs` and `epochs`");
        // polars panics on this one.
        lab.runner(&["query", "select interval '1 foo'"])
            .with_code(2)
            .says("unit: 'foo' not supported");
        lab.runner(&["query", "delete from runs"])
            .with_code(2)
            .says("it does not begin with SELECT");
    } else {
        ended
            .with_code(2)
            .says("was built without SQL")
            .says("--features sql");
    }
}

#[test]
fn prints_what_differs_and_where_runs_part() {
    let lab = Lab::new();
    let runs = lab.path().join("runs");
    let made = |settings: &[&str], losses: &[f64]| {
        let path = Made::new(settings, history(losses)).make(&runs);
        let path = path.strip_prefix(lab.path()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let one = made(&["seed=1"], &[300.0, 250.0, 240.0]);
    let two = made(
        &["seed=1", "training.threads=1", "optimizer.sgd.momentum=0.5"],
        &[300.0, 250.0, 245.5, 240.0],
    );
    let ended = lab.runner(&["diff", &one, &two]).with_code(0);
    for line in [
        "  optimizer                     adam     sgd",
        "  optimizer.adam.beta_1         0.9      not set",
        "  training.threads              not set  1",
        "  epochs  3  4",
        "metrics in epoch 3, the last that both have",
        "  loss            240   245.5   +5.5",
        "  elbo            -240  -245.5  -5.5",
        "the same to the bit in the first 2 epochs; they part in epoch 3: loss, reconstruction, elbo",
    ] {
        assert!(
            ended.stdout.lines().any(|it| it == line),
            "{line}\n{}",
            ended.stdout
        );
    }
    assert!(!ended.stdout.contains("seed"), "{}", ended.stdout);
    let same = lab.runner(&["diff", &one, &one]).with_code(0);
    assert_eq!(
        same.stdout,
        "the same to the bit in the 3 epochs that both have\n"
    );
    lab.runner(&["diff", &one, "nowhere"])
        .with_code(65)
        .says("nowhere cannot be read")
        .says("runner doctor nowhere");
}
