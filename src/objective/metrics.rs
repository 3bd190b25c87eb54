//! Every metric that the program knows: those of every run, then the terms of objectives, priors and kinds of latents, each with its twin on the
//! validation part.

use std::sync::LazyLock;

use super::AnyObjective;
use crate::config::Members;
use crate::latent::AnyLatent;
use crate::metric::codes::CODE_METRICS;
use crate::metric::{self, METRICS, Metric, VALIDATION};
use crate::prior::AnyPrior;

static ALL: LazyLock<Vec<Metric>> = LazyLock::new(|| {
    let terms = [
        of_all(|it: &AnyObjective| it.terms()),
        of_all(|it: &AnyPrior| it.terms()),
        of_all(|it: &AnyLatent| it.terms()),
    ]
    .concat();
    metric::with_terms(terms.iter())
});

/// The terms of all members, each with its default settings.
fn of_all<M: Members>(terms: impl Fn(&M) -> &'static [Metric]) -> Vec<Metric> {
    let members = M::MEMBERS.iter().filter_map(|it| M::given(it.name, &[]));
    members.flat_map(|it| terms(&it)).copied().collect()
}

static SCALARS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let scalars = metrics().iter().filter(|metric| metric.kind.is_scalar());
    scalars.map(|metric| metric.name).collect()
});

/// All metrics, those of every run first.
pub fn metrics() -> &'static [Metric] {
    &ALL
}

/// Those that a run may have: the common ones, and the terms of its own objective, prior and kind of latents.
pub fn metrics_of(objective: &AnyObjective, prior: &AnyPrior, latent: &AnyLatent) -> Vec<Metric> {
    let terms = [objective.terms(), prior.terms(), latent.terms()];
    let is_own = |metric: &&Metric| {
        let name = metric.name.strip_prefix(VALIDATION).unwrap_or(metric.name);
        let is_common = METRICS.iter().any(|it| it.name == metric.name);
        let is_of_codes = CODE_METRICS.iter().any(|it| it.name == metric.name);
        match is_common {
            true => latent.codes() > 0 || !is_of_codes,
            false => terms.concat().iter().any(|it| it.name == name),
        }
    };
    metrics().iter().filter(is_own).copied().collect()
}

/// A metric by its name.
pub fn find_metric(name: &str) -> Option<&'static Metric> {
    metrics().iter().find(|metric| metric.name == name)
}

/// Names of the metrics that are one number, in the order of their columns: what `[expect]` may limit.
pub fn scalar_names() -> &'static [&'static str] {
    &SCALARS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Row;

    #[test]
    fn gives_metrics_unique_names() {
        let mut seen = std::collections::BTreeSet::new();
        for metric in metrics() {
            assert!(seen.insert(metric.name), "{} is there twice", metric.name);
            assert!(!metric.doc.is_empty() && !metric.doc.ends_with('.'));
            assert!(!metric.doc.contains(['|', '\n']), "{}", metric.doc);
            assert_eq!(find_metric(metric.name).unwrap().doc, metric.doc);
            // As a checkpoint's text, whose reader has limits.
            let text = format!("{{\"{}\":null}}", metric.name);
            serde_json::from_str::<Row>(&text).unwrap();
        }
        assert!(find_metric("nothing").is_none());
    }

    /// Two objectives have the first of them.
    #[test]
    fn lists_objective_terms_after_common_metrics() {
        let names: Vec<_> = metrics().iter().map(|metric| metric.name).collect();
        let at = |name| names.iter().position(|it| *it == name).unwrap();
        for (term, twin) in [
            ("total_correlation", "val_total_correlation"),
            ("discriminator_loss", "val_discriminator_loss"),
        ] {
            assert!(at(term) >= METRICS.len());
            assert_eq!(at(twin), at(term) + 1);
            assert!(scalar_names().contains(&term) && scalar_names().contains(&twin));
        }
        assert_eq!(scalar_names()[..3], ["epoch", "loss", "reconstruction"]);
        assert!(!scalar_names().contains(&"kl_per_axis"));
    }
}
