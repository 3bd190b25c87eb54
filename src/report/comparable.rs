//! Which metrics compare runs, and what a reader must know before comparing.
//!
//! A loss compares runs only where it is the same function: with `kl_reduction = "mean"` its KL is a mean over
//! latent axes, so that the same KL counts half as much with twice the axes, and with other weights
//! it is another sum. `elbo` and `kl_nats` are sums over axes in nats whatever the loss is.

use std::collections::BTreeSet;

use super::cell::Cell;
use super::run::Run;
use super::runs::BEST;
use crate::metric::Comparable;
use crate::objective::{AnyObjective, find_metric};
use crate::run::RunStatus;

/// Shown beside the metric that runs are compared by.
const COMPANIONS: [&str; 3] = ["reconstruction", "kl_nats", "elbo"];

/// The metrics to show for some runs, the one to compare them by first, and what must be said about them.
/// `asked` are those that the user named.
pub(super) fn metrics(runs: &[&Run], asked: &[String]) -> (Vec<String>, Vec<String>) {
    let mut notes = Vec::new();
    let obstacle = obstacle(runs);
    let metrics: Vec<String> = match asked {
        [] => {
            let trained: Vec<_> = runs.iter().filter_map(|run| run.last.as_ref()).collect();
            let validated =
                !trained.is_empty() && trained.iter().all(|row| row.get("val_loss").is_some());
            let first = match (&obstacle, validated) {
                (Some(_), _) => "elbo",
                (None, true) => "val_loss",
                (None, false) => "loss",
            };
            let others = COMPANIONS.into_iter().filter(|name| *name != first);
            std::iter::once(first)
                .chain(others)
                .map(str::to_owned)
                .collect()
        }
        asked => asked.to_vec(),
    };
    if let Some(obstacle) = obstacle {
        let is_unfit = |name: &&String| {
            let metric = find_metric(name.strip_prefix(BEST).unwrap_or(name));
            metric.is_some_and(|metric| metric.comparable_when == Comparable::SameLoss)
        };
        let unfit: Vec<String> = metrics
            .iter()
            .filter(is_unfit)
            .map(|name| format!("`{name}`"))
            .collect();
        notes.push(match unfit.is_empty() {
            true => format!("{obstacle}: runs are compared by `elbo` and `kl_nats`, which are sums over the axes in nats, and not by `loss`"),
            false => format!("{obstacle}: {} cannot compare these runs, `elbo` and `kl_nats` can", unfit.join(", ")),
        });
    }
    if distinct(runs, "loss.reconstruction") > 1 {
        notes.push(
            "`loss.reconstruction` differs: errors of different kinds, which no metric compares"
                .to_owned(),
        );
    }
    if other_data(runs) {
        notes.push("the runs were not trained on the same data (`data_digest`)".to_owned());
    }
    let epochs: BTreeSet<_> = runs.iter().map(|run| run.epochs).collect();
    if let (Some(least), Some(most)) = (epochs.first(), epochs.last())
        && least != most
    {
        notes.push(format!(
            "not all runs have the same number of epochs: {least} to {most}"
        ));
    }
    (metrics, notes)
}

/// Why the losses of some runs are not the same function, where they are not.
fn obstacle(runs: &[&Run]) -> Option<String> {
    let mean = Cell::Text("mean".to_owned());
    let is_mean = |run: &&&Run| run.settings.get("loss.kl_reduction") == Some(&mean);
    if distinct(runs, "model.latent_dim") > 1 && runs.iter().any(|run| is_mean(&run)) {
        return Some("the KL in `loss` is a mean over latent axes (`loss.kl_reduction = \"mean\"`), and `model.latent_dim` differs".to_owned());
    }
    let weights = [
        "loss.kl_reduction",
        "loss.kl_weight",
        "loss.reconstruction_weight",
    ];
    let of_objective = || {
        let keys: BTreeSet<&str> = runs
            .iter()
            .flat_map(|run| run.settings.keys().map(String::as_str))
            .filter(|key| is_of_the_objective(key))
            .collect();
        keys.into_iter().find(|key| distinct(runs, key) > 1)
    };
    let key = weights.into_iter().find(|key| distinct(runs, key) > 1);
    let key = key.or_else(of_objective)?;
    Some(format!(
        "`{key}` differs, so `loss` is not the same function in all runs"
    ))
}

/// Whether a setting says what training makes of the terms of `[loss]`.
fn is_of_the_objective(key: &str) -> bool {
    let table = key.split('.').next().unwrap_or(key);
    ["objective", "kl_schedule"].contains(&table)
}

/// Whether the data differs although the settings do not say so: those of `sprites` follow from the seed.
fn other_data(runs: &[&Run]) -> bool {
    let sprites = Cell::Text("sprites".to_owned());
    let origin = |run: &&Run| {
        let is_drawn = run.settings.get("data.dataset") == Some(&sprites);
        let seed = run
            .settings
            .get("seed")
            .filter(|_| is_drawn)
            .map(Cell::plain);
        (seed, run.manifest.data.checksum.clone())
    };
    let origins: BTreeSet<_> = runs.iter().map(origin).collect();
    let seeds: BTreeSet<_> = origins.iter().map(|(seed, _)| seed).collect();
    origins.len() > seeds.len()
}

/// How many values a setting has.
fn distinct(runs: &[&Run], key: &str) -> usize {
    let values: BTreeSet<_> = runs
        .iter()
        .map(|run| match (run.settings.get(key), key) {
            // Runs of before there were others do not say it.
            (None, "objective") => Some(AnyObjective::default().name().to_owned()),
            (cell, _) => cell.map(Cell::plain),
        })
        .collect();
    values.len()
}

/// Runs whose metrics are those of a whole training; of the others, how many have which status.
pub(super) fn unfinished(runs: &[&Run]) -> Option<String> {
    let mut counts = Vec::new();
    for status in [
        RunStatus::Running,
        RunStatus::Interrupted,
        RunStatus::Diverged,
        RunStatus::Failed,
    ] {
        let count = runs.iter().filter(|run| run.status == status).count();
        if count > 0 {
            counts.push(format!("{count} {status}"));
        }
    }
    (!counts.is_empty()).then(|| counts.join(", "))
}
