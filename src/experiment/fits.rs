//! What of different tables does not go together: objective, kind of latents, prior, and the weight of a KL.

use super::loss::{KlReduction, Loss};
use crate::config::{DocumentTable, Rules, Section as _};
use crate::latent::AnyLatent;
use crate::objective::{AnyObjective, refusals};
use crate::prior::AnyPrior;

/// The objective has what it needs, and a learned prior a distribution.
pub(super) fn objective_latent_and_prior_fit(it: &mut Rules<'_>) {
    let objective = AnyObjective::read(it.values, "objective");
    let latent = AnyLatent::read(it.values, "latent");
    let prior = AnyPrior::read(it.values, "prior");
    let (Some(objective), Some(latent), Some(prior)) = (objective, latent, prior) else {
        return;
    };
    for refusal in refusals(&objective, &latent, &prior) {
        let wrong = it.at(&[&refusal.table], refusal.message);
        let wrong = wrong.expected(refusal.expected);
        it.diagnostics.push(wrong);
    }
}

/// Without a distribution there is no KL that could be weighed.
pub(super) fn a_kl_is_there_to_be_weighed(it: &mut Rules<'_>) {
    let Some(latent) = AnyLatent::read(it.values, "latent") else {
        return;
    };
    let (Some(loss), Some(plain)) = (
        <Loss as DocumentTable>::read(it.values, "loss"),
        Loss::given(&[]),
    ) else {
        return;
    };
    if latent.head().is_distribution() {
        return;
    }
    let changed = [
        ("loss.kl_weight", loss.kl_weight != plain.kl_weight),
        (
            "loss.kl_warmup_epochs",
            loss.kl_warmup_epochs != plain.kl_warmup_epochs,
        ),
        ("loss.kl_reduction", loss.kl_reduction != KlReduction::Sum),
    ];
    for (key, _) in changed.iter().filter(|(_, is_changed)| *is_changed) {
        let message = format!("`[latent.{}]` has no KL divergence", latent.name());
        let wrong = it.at(&[key], message).hint("remove the line");
        it.diagnostics.push(wrong);
    }
}
