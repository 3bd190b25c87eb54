//! What of different tables does not go together: objective, kind of latents, prior, and the weight of a KL.

use super::decoder::Decoder;
use super::loss::{KlReduction, Loss};
use super::model::Condition;
use crate::config::{DocumentTable, Rules, Section as _};
use crate::latent::{AnyLatent, Head};
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

/// A pseudo-input has no label, and codes have an axis each for what they hold.
pub(super) fn labels_are_told_where_they_can_be(it: &mut Rules<'_>) {
    let key = "model.condition";
    if it.values.text(key).as_deref() != Some(Condition::Label.name()) {
        return;
    }
    let latent = AnyLatent::read(it.values, "latent").map(|latent| latent.head());
    let prior = AnyPrior::read(it.values, "prior").map(|prior| prior.encoded_images());
    let message = if prior.is_some_and(|images| images > 0) {
        "the encoder is told the label of an image, and the pseudo-inputs of `[prior.vamp]` have none"
    } else if latent == Some(Head::Map) {
        "the decoder is told the label beside the point of an image, and with `[latent.vq]` it has a map of codes"
    } else {
        return;
    };
    let wrong = it.at_key(key, message);
    it.diagnostics
        .push(wrong.expected("`condition = \"none\"`, or another prior or kind of latents"));
}

/// A decoder of codes begins with its transposed convolutions.
pub(super) fn codes_have_no_dense_layers(it: &mut Rules<'_>) {
    let Some(latent) = AnyLatent::read(it.values, "latent") else {
        return;
    };
    let (Some(decoder), Some(plain)) = (
        <Decoder as DocumentTable>::read(it.values, "decoder"),
        Decoder::given(&[]),
    ) else {
        return;
    };
    if latent.head() != Head::Map {
        return;
    }
    let said = [
        ("decoder.dense", decoder.dense != plain.dense),
        (
            "decoder.first_channels",
            decoder.first_channels != plain.first_channels,
        ),
        (
            "decoder.first_linear",
            decoder.first_linear != plain.first_linear,
        ),
    ];
    for (key, _) in said.iter().filter(|(_, is_said)| *is_said) {
        let message = format!("`{key}` has no meaning with `[latent.{}]`", latent.name());
        let wrong = it.at_key(key, message);
        let wrong = wrong.expected("a decoder that begins with its transposed convolutions");
        it.diagnostics.push(wrong.hint("remove the line"));
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
    if let Some(schedule) = it.values.member("kl_schedule") {
        let message = format!("`[latent.{}]` has no KL divergence", latent.name());
        let wrong = it.at_key(&format!("kl_schedule.{schedule}"), message);
        it.diagnostics
            .push(wrong.hint(format!("remove `[kl_schedule.{schedule}]`")));
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::experiment::{parse, resolved_toml};

    /// All that is wrong with a spec; nothing where it is right and reads back as itself.
    fn wrong(more: &str) -> String {
        let text = format!("name = \"a\"\ndata.dataset = \"sprites\"\n{more}");
        match parse(&text, "a.toml", Path::new("."), &[]) {
            Err(diagnostics) => diagnostics.render(false),
            Ok(spec) => {
                let again = parse(&resolved_toml(&spec), "b.toml", Path::new("."), &[]);
                assert_eq!(again.as_ref(), Ok(&spec));
                String::new()
            }
        }
    }

    #[test]
    fn names_what_does_not_go_together_at_its_place() {
        for (more, says) in [
            ("[latent.vq]\n[loss]\nreconstruction_weight = 2.0\n", ""),
            (
                "[latent.deterministic]\nlatent_l2 = 0.1\n[objective.elbo]\n",
                "",
            ),
            ("[prior.vamp]\n[loss]\nkl_weight = 2.0\n", ""),
            ("[prior.standard]\n[objective.beta_tc]\n", ""),
            (
                "[objective.beta_tc]\n[latent.vq]\n",
                "`[objective.beta_tc]` needs the distribution q(z | x) of each image",
            ),
            (
                "[objective.beta_tc]\n[prior.vamp]\n",
                "the formula of `[objective.beta_tc]` is that of the standard normal prior",
            ),
            (
                "[latent.deterministic]\n[prior.mixture]\n",
                "`[prior.mixture]` is measured by the distribution q(z | x) of each image",
            ),
            (
                "[prior.mixture]\n[loss]\nkl_reduction = \"mean\"\n",
                "`[prior.mixture]` has no KL divergence of an axis",
            ),
            (
                "[latent.vq]\n[loss]\nkl_warmup_epochs = 1.0\n",
                "`[latent.vq]` has no KL divergence",
            ),
            (
                "[latent.vq]\n[kl_schedule.cyclical]\n",
                "`[latent.vq]` has no KL divergence",
            ),
            (
                "[decoder]\nfirst_channels = 2\n[latent.vq]\n",
                "`decoder.first_channels` has no meaning with `[latent.vq]`",
            ),
            (
                "[model]\ncondition = \"label\"\n[prior.vamp]\n",
                "the pseudo-inputs of `[prior.vamp]` have none",
            ),
            (
                "[model]\ncondition = \"label\"\n[latent.vq]\n",
                "with `[latent.vq]` it has a map of codes",
            ),
        ] {
            let found = wrong(more);
            match says {
                "" => assert_eq!(found, "", "{more}"),
                says => {
                    assert!(found.contains(says), "{more}\n{found}");
                    // A line of the file, not the file as a whole.
                    assert!(found.contains("a.toml:"), "{found}");
                }
            }
        }
    }
}
