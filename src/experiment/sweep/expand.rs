//! From a sweep as asked for to checked specs.

use std::collections::{BTreeMap, HashSet};

use super::draw::{axes, rows, toml_of};
use super::read::Asked;
use super::{Sweep, Trial};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::overrides;
use crate::config::tree::{Entry, Item};
use crate::experiment::{Spec, identity_text, schema};

/// Expands and checks every trial. `meaning` gives the spec of a tree, or reports what is wrong with it.
pub(crate) fn expand(
    asked: &Asked,
    root: &[Entry],
    base: &Spec,
    meaning: impl Fn(&[Entry], &mut Diagnostics) -> Option<Spec>,
    diagnostics: &mut Diagnostics,
) -> Option<Sweep> {
    let varied: Vec<String> = axes(asked).map(|axis| axis.key.clone()).collect();
    let mut trials: Vec<Trial> = vec![];
    let mut reported = HashSet::new();
    for row in rows(asked, diagnostics)? {
        if diagnostics.is_full() {
            break;
        }
        let values: Vec<String> = row.iter().map(toml_of).collect();
        let mut tree = root.to_vec();
        for (axis, item) in axes(asked).zip(&row) {
            overrides::vary(schema(), &mut tree, &axis.path, item.clone());
        }
        let mut wrong = Diagnostics::default();
        let spec = meaning(&tree, &mut wrong);
        for mut diagnostic in wrong.into_list() {
            let what = (
                diagnostic.source.name.clone(),
                diagnostic.span.clone().map(|span| (span.start, span.end)),
                diagnostic.message.clone(),
            );
            // One mistake may be in a thousand trials.
            if reported.insert(what) {
                diagnostic.message += &format!(" (with {})", described(&varied, &values));
                diagnostics.push(diagnostic);
            }
        }
        let places = row.into_iter().map(|item: Item| item.place).collect();
        trials.extend(spec.map(|spec| Trial {
            values,
            spec,
            places,
        }));
    }
    if !diagnostics.is_empty() {
        return None;
    }
    refuse_duplicates(asked, &varied, &trials, diagnostics);
    let halving = asked.halving.as_ref().map(|(halving, place)| {
        use crate::data::Validation;
        let resolved = halving.resolved(base.data.validation != Validation::None);
        let without = trials
            .iter()
            .any(|trial| trial.spec.data.validation == Validation::None);
        if resolved.metric.needs_validation() && without {
            let message = format!("`{}` needs a validation part", resolved.metric);
            diagnostics.push(
                Diagnostic::at(place, message)
                    .expected("`data.validation` in every trial, or another `metric`"),
            );
        }
        resolved
    });
    diagnostics.is_empty().then_some(Sweep {
        varied,
        trials,
        halving,
    })
}

fn refuse_duplicates(
    asked: &Asked,
    varied: &[String],
    trials: &[Trial],
    diagnostics: &mut Diagnostics,
) {
    let mut seen: BTreeMap<String, &Trial> = BTreeMap::new();
    for trial in trials {
        let Some(earlier) = seen.insert(identity_text(&trial.spec), trial) else {
            continue;
        };
        let message = format!(
            "two trials are the same: {}; {}",
            described(varied, &earlier.values),
            described(varied, &trial.values)
        );
        let place = trial.places.first().unwrap_or(&asked.place);
        diagnostics.push(
            Diagnostic::at(place, message)
                .expected("trials that differ in what decides their numbers")
                .hint("name, device, threads, figures, limits and paths change none"),
        );
        return;
    }
}

/// `model.latent_dim = 2, seed = 0`.
fn described(varied: &[String], values: &[String]) -> String {
    let pairs: Vec<String> = varied
        .iter()
        .zip(values)
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    pairs.join(", ")
}
