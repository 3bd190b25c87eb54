//! What is expanded, and what a person sees where a sweep is wrong.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Halving, HalvingMetric, Sweep};
use crate::data::Validation;
use crate::experiment::{load_text, parse};

const GOOD: &str = "name = \"a\"\n[data]\ndataset = \"sprites\"\n";

fn read(sweep: &str, options: &[&str]) -> Result<Option<Sweep>, String> {
    let options: Vec<String> = options.iter().map(|it| (*it).to_owned()).collect();
    let text = format!("{GOOD}{sweep}");
    load_text(text, Path::new("x.toml"), Path::new("."), &[], &options)
        .map(|loaded| loaded.sweep)
        .map_err(|error| error.render(false))
}

fn sweep(text: &str, options: &[&str]) -> Sweep {
    match read(text, options) {
        Ok(Some(sweep)) => sweep,
        other => panic!("{other:?}"),
    }
}

/// The values of each trial, behind one another.
fn rows(text: &str, options: &[&str]) -> Vec<String> {
    let trials = sweep(text, options).trials;
    trials.iter().map(|trial| trial.values.join(" ")).collect()
}

/// The first line of each thing that is wrong.
fn titles(text: &str, options: &[&str]) -> Vec<String> {
    let shown = match read(text, options) {
        Ok(sweep) => panic!("accepted: {sweep:?}"),
        Err(shown) => shown,
    };
    let titles = shown
        .lines()
        .filter_map(|line| line.strip_prefix("error: "));
    titles.map(str::to_owned).collect()
}

#[test]
fn varies_the_first_setting_slowest() {
    let text = "[sweep.over]\n\"model.latent_dim\" = [2, 4]\nseed = [0, 1, 2]\n";
    assert_eq!(rows(text, &[]), ["2 0", "2 1", "2 2", "4 0", "4 1", "4 2"]);
    let sweep = sweep(text, &[]);
    assert_eq!(sweep.varied, ["model.latent_dim", "seed"]);
    let specs: Vec<_> = sweep.trials.iter().map(|it| &it.spec).collect();
    assert_eq!((specs[5].model.latent_dim, specs[5].seed), (4, 2));
    // Nested keys are the same keys.
    let nested = "[sweep.over]\nmodel.latent_dim = [2, 4]\nseed = [0, 1, 2]\n";
    assert_eq!(rows(nested, &[]), rows(text, &[]));
    assert!(read("", &[]).unwrap().is_none());
}

#[test]
fn reads_lists_ranges_and_lists_of_lists_of_the_command_line() {
    assert_eq!(
        rows("", &["model.latent_dim=2,4,8", "seed=0..2"]),
        ["2 0", "2 1", "4 0", "4 1", "8 0", "8 1"]
    );
    assert_eq!(rows("", &["seed=0..=2"]), ["0", "1", "2"]);
    assert_eq!(rows("", &["seed=7,0..2"]), ["7", "0", "1"]);
    assert_eq!(
        rows("", &["model.activation=relu, \"tanh\""]),
        ["\"relu\"", "\"tanh\""]
    );
    for lists in ["model.hidden=[16],[32,8]", "model.hidden=[[16],[32,8]]"] {
        assert_eq!(rows("", &[lists]), ["[16]", "[32, 8]"], "{lists}");
    }
    assert_eq!(rows("", &["seed={ from = 3, to = 5 }"]), ["3", "4", "5"]);
    // In place of the file's list.
    assert_eq!(
        rows("[sweep.over]\nseed = [1, 2]\n", &["seed=5,6"]),
        ["5", "6"]
    );
}

#[test]
fn includes_both_ends_of_ranges() {
    let over = |values: &str| rows(&format!("[sweep.over]\n{values}\n"), &[]);
    assert_eq!(
        over("\"model.latent_dim\" = { from = 1, to = 64, steps = 7, scale = \"log\" }"),
        ["1", "2", "4", "8", "16", "32", "64"]
    );
    assert_eq!(
        over(
            "\"optimizer.adam.learning_rate\" = { from = 1e-4, to = 1e-2, steps = 3, scale = \"log\" }"
        ),
        ["0.0001", "0.001", "0.01"]
    );
    assert_eq!(
        over("\"loss.kl_weight\" = { from = 0, to = 1, steps = 5 }"),
        ["0.0", "0.25", "0.5", "0.75", "1.0"]
    );
    assert_eq!(over("seed = { from = 7, to = 9 }"), ["7", "8", "9"]);
}

#[test]
fn combines_rows_of_a_zip_with_all_combinations() {
    let text = "[sweep.zip]\n\"model.latent_dim\" = [2, 4]\n\"loss.kl_weight\" = [1.0, 0.5]\n\
                [sweep.over]\nseed = [0, 1]\n";
    assert_eq!(
        rows(text, &[]),
        ["2 1.0 0", "2 1.0 1", "4 0.5 0", "4 0.5 1"]
    );
    let uneven = "[sweep.zip]\n\"model.latent_dim\" = [2, 4]\nseed = [1]\n";
    assert_eq!(
        titles(uneven, &[]),
        ["`seed` has 1 values, `model.latent_dim` has 2"]
    );
}

#[test]
fn draws_within_ranges_and_extends_fewer_draws() {
    let text = |trials: usize, more: &str| {
        format!(
            "[sweep.random]\ntrials = {trials}\nseed = 3\n[sweep.over]\n\
             \"optimizer.adam.learning_rate\" = {{ from = 1e-4, to = 1e-2, scale = \"log\" }}\n\
             \"model.latent_dim\" = {{ from = 2, to = 9 }}\n\"model.activation\" = [\"relu\", \"silu\"]\n{more}"
        )
    };
    let forty = sweep(&text(40, ""), &[]);
    assert_eq!(forty.trials.len(), 40);
    let mut below = 0;
    let mut latent = BTreeSet::new();
    for trial in &forty.trials {
        let rate = trial.spec.optimizer.learning_rate();
        assert!((1e-4..=1e-2).contains(&rate), "{rate}");
        below += usize::from(rate < 1e-3);
        latent.insert(trial.spec.model.latent_dim);
    }
    // Even over the logarithm: half lie below the geometric mean, with a standard deviation of 3.2.
    assert!((7..=33).contains(&below), "{below}");
    assert!(
        latent.iter().all(|it| (2..=9).contains(it)) && latent.len() > 4,
        "{latent:?}"
    );
    let ten = rows(&text(10, ""), &[]);
    assert_eq!(rows(&text(40, ""), &[])[..10], ten);
    // Another setting changes none of the draws of those before it.
    let longer = rows(&text(10, "seed = [1, 2]\n"), &[]);
    for (short, long) in ten.iter().zip(&longer) {
        assert!(long.starts_with(short), "{short} {long}");
    }
}

#[test]
fn rejects_more_draws_than_combinations() {
    let text = "[sweep.random]\ntrials = 5\n[sweep.over]\nseed = [0, 1, 2]\n";
    assert_eq!(
        titles(text, &[]),
        ["5 trials asked for, 3 different ones found"]
    );
    let text = "[sweep.random]\ntrials = 3\n[sweep.over]\nseed = [0, 1, 2]\n";
    let found: BTreeSet<String> = rows(text, &[]).into_iter().collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["0", "1", "2"]);
}

#[test]
fn varies_whole_optimizer_tables() {
    let text = "[sweep.over]\noptimizer = [{ adam = {} }, { sgd = { learning_rate = 0.1 } }]\n";
    assert_eq!(
        rows(text, &[]),
        ["{ adam = {} }", "{ sgd = { learning_rate = 0.1 } }"]
    );
    let trials = sweep(text, &[]).trials;
    let names = |trials: &[super::Trial]| -> Vec<&str> {
        trials.iter().map(|it| it.spec.optimizer.name()).collect()
    };
    assert_eq!(names(&trials), ["adam", "sgd"]);
    // A setting of another optimizer than the file's takes its place.
    let text =
        "[optimizer.adam]\nbeta_1 = 0.8\n[sweep.over]\n\"optimizer.sgd.momentum\" = [0.0, 0.9]\n";
    let trials = sweep(text, &[]).trials;
    assert_eq!(names(&trials), ["sgd", "sgd"]);
}

#[test]
fn marks_a_wrong_value_where_it_was_written() {
    assert_eq!(
        read("[sweep.over]\n\"model.latent_dim\" = [2, 0]\n", &[]).unwrap_err(),
        "error: `model.latent_dim` is out of range
 --> x.toml:5:26
  |
5 | \"model.latent_dim\" = [2, 0]
  |                          ^ expected an integer from 1 to 4096 (axes)"
    );
    assert_eq!(
        read("", &["model.latent_dim=2,0"]).unwrap_err(),
        "error: `model.latent_dim` is out of range\n |\n | --sweep model.latent_dim=2,0\n |                            \
         ^ expected an integer from 1 to 4096 (axes)"
    );
    // A value that is wrong only together with others is reported once, with the others.
    let text =
        "[training]\nepochs = 3\n[sweep.over]\nseed = [0, 1]\n\"loss.kl_warmup_epochs\" = [1, 5]\n";
    let titles = titles(text, &[]);
    assert_eq!(titles.len(), 1, "{titles:?}");
    assert!(
        titles[0].ends_with("(with seed = 0, loss.kl_warmup_epochs = 5)"),
        "{titles:?}"
    );
}

#[test]
fn reports_malformed_sweeps() {
    for (text, expected) in [
        ("[sweep]\n", "a sweep in which nothing varies"),
        ("[sweep]\nseed = [1, 2]\n", "`sweep.seed` is a list"),
        ("[sweep.ovr]\nseed = [1]\n", "unknown table `[sweep.ovr]`"),
        (
            "[sweep.model]\nlatent_dim = [1]\n",
            "unknown table `[sweep.model]`",
        ),
        (
            "[sweep.over]\nlatent_dim = [1]\n",
            "unknown setting `latent_dim` in `[sweep.over]`",
        ),
        (
            "[sweep.over]\nname = [\"a\"]\n",
            "the name cannot vary: the sweep's folder carries it",
        ),
        ("[sweep.over]\nseed = 3\n", "`seed` is one value in a sweep"),
        (
            "[sweep.over]\nseed = []\n",
            "`seed` has no values in a sweep",
        ),
        (
            "[sweep.over]\nseed = [1, 2, 1]\n",
            "`seed` has the value 1 twice",
        ),
        (
            "[sweep.over]\nseed = { from = 5, to = 1 }\n",
            "a range that does not go up",
        ),
        (
            "[sweep.over]\nseed = { from = 5 }\n",
            "a range without `to`",
        ),
        (
            "[sweep.over]\nseed = { from = 0, to = 20000 }\n",
            "a range of 20001 values",
        ),
        (
            "[sweep.over]\nseed = { from = 0, to = 4, step = 2 }\n",
            "unknown key `step` in a range",
        ),
        (
            "[sweep.over]\n\"model.latent_dim\" = { from = 1, to = 3, steps = 5 }\n",
            "a range with the value 2 twice",
        ),
        (
            "[sweep.over]\n\"loss.kl_weight\" = { from = 0, to = 1, steps = 3, scale = \"log\" }\n",
            "a logarithmic range from 0 or below",
        ),
        (
            "[sweep.over]\n\"loss.kl_weight\" = { from = 0, to = 1 }\n",
            "a range without `steps`",
        ),
        (
            "[sweep.over]\n\"model.activation\" = { from = 0, to = 1 }\n",
            "`model.activation` has no ranges: it is no number",
        ),
        (
            "[sweep.over]\nseed = [1]\n[sweep.zip]\nseed = [2]\n",
            "`seed` varies twice",
        ),
        (
            "[sweep.over]\n\"optimizer.adam.beta_1\" = [0.5]\n\"optimizer.sgd.momentum\" = [0.5]\n",
            "a second optimizer: `optimizer.adam.beta_1` and `optimizer.sgd.momentum`",
        ),
        (
            "[sweep.over]\noptimizer = [{ adam = {} }]\n\"optimizer.sgd.momentum\" = [0.5]\n",
            "both `optimizer` and `optimizer.sgd.momentum` vary",
        ),
        (
            "[sweep.random]\ntrials = 3\n",
            "`[sweep.random]` has nothing to draw from",
        ),
        (
            "[sweep.random]\n[sweep.over]\nseed = [1]\n",
            "`sweep.random.trials` is missing",
        ),
        (
            "[sweep.random]\ntrials = 1\n[sweep.zip]\nseed = [1]\n",
            "`[sweep.random]` beside `[sweep.zip]`",
        ),
        (
            "[sweep.halving]\nmetric = \"val_loss\"\n[sweep.over]\nseed = [1, 2]\n",
            "`val_loss` needs a validation part",
        ),
        (
            "[sweep.over]\n\"training.threads\" = [1, 2]\n",
            "two trials are the same: training.threads = 1; training.threads = 2",
        ),
        (
            "[sweep.over]\nseed = { from = 0, to = 100 }\n\"model.latent_dim\" = { from = 1, to = 100 }\n",
            "a sweep of 10100 trials",
        ),
    ] {
        assert_eq!(titles(text, &[]), [expected], "{text}");
    }
    for (option, expected) in [
        ("seed", "a list without `=`"),
        ("=3", "a list without a setting"),
        ("seed=1,,2", "a list with an empty value"),
        ("seed=3..1", "`3..1` has no values"),
        ("seed=0..20000", "`0..20000` has 20000 values"),
        ("sed=1,2", "unknown setting `sed` in `[sweep.over]`"),
    ] {
        assert_eq!(titles("", &[option]), [expected], "{option}");
    }
    assert_eq!(titles("", &["seed=1", "seed=2"]), ["`seed` varies twice"]);
}

#[test]
fn accepts_ten_thousand_trials() {
    let text = "[sweep.over]\nseed = { from = 0, to = 99 }\n\"model.latent_dim\" = { from = 1, to = 100 }\n";
    assert_eq!(sweep(text, &[]).trials.len(), 10_000);
}

#[test]
fn chooses_the_metric_of_halving_by_what_is_measured() {
    let text = "[sweep.over]\nseed = [0, 1]\n[sweep.halving]\nfactor = 2\n";
    let loss = Halving {
        metric: HalvingMetric::Loss,
        first_epochs: 1,
        factor: 2,
    };
    assert_eq!(sweep(text, &[]).halving, Some(loss));
    let text = text.replace("[sweep.over]", "validation = 0.1\n[sweep.over]");
    let found = sweep(&text, &[]);
    assert_eq!(
        found.halving.map(|it| it.metric),
        Some(HalvingMetric::ValLoss)
    );
    assert_eq!(
        found.trials[0].spec.data.validation,
        Validation::Fraction(0.1)
    );
}

#[test]
fn rejects_a_sweep_in_a_single_run() {
    let text = format!("{GOOD}[sweep.over]\nseed = [1]\n");
    let error = parse(&text, "x.toml", Path::new("."), &[]).unwrap_err();
    assert!(error.render(false).contains("a sweep within a single run"));
}
