//! The loss: what is minimised.

use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Interval, Kind, Rules};
use crate::likelihood::AnyLikelihood;
use crate::objective::LossTerms;
use crate::optim::schedule::{Growth, Position};

choices! {
    /// How the KL divergence is reduced over the latent axes.
    pub enum KlReduction {
        /// sum over the axes: the textbook's evidence lower bound
        Sum = "sum",
        /// mean over the axes: the published Keras example
        Mean = "mean",
    }
}

section! {
    /// What is minimised: `reconstruction_weight` x reconstruction + `kl_weight` x KL
    pub struct Loss {
        /// The reconstruction term: mean over the pixels times their number, mean over the batch
        pub reconstruction: AnyLikelihood = "bce", Kind::Choice(AnyLikelihood::choices()),
            also(&["loss", "reconstruction_loss", "criterion", "kind", "type", "likelihood"]);
        /// Factor of the reconstruction term
        pub reconstruction_weight: f64 = 1.0, WEIGHT;
        /// Factor of the KL divergence (the beta of a beta-VAE)
        pub kl_weight: f64 = 1.0, WEIGHT, also(&["beta", "kld_weight"]);
        /// The KL divergence over the latent axes: `sum` is the textbook's evidence lower bound, `mean` is what the
        /// published Keras example does
        pub kl_reduction: KlReduction = KlReduction::Sum, Kind::Choice(KlReduction::CHOICES);
        /// The KL weight grows from 0 to `kl_weight` over so many epochs
        pub kl_warmup_epochs: f64 = 0.0, WEIGHT, unit("epochs"),
            also(&["kl_warmup", "kl_annealing", "kl_anneal_epochs", "warmup"]);
    }
    rules { something_is_learned, an_epoch_has_the_full_kl_weight }
}

const WEIGHT: Kind = Kind::Number(Interval::closed(0.0, 1e6));

impl Loss {
    /// The terms that every objective has.
    pub fn terms(&self) -> LossTerms {
        LossTerms {
            reconstruction: self.reconstruction,
            reconstruction_weight: self.reconstruction_weight,
            kl_mean: self.kl_reduction == KlReduction::Mean,
        }
    }

    /// The weight of the KL divergence at a step without a `[kl_schedule]`: grows linearly over `kl_warmup_epochs` to
    /// `kl_weight` (Bowman et al., "Generating Sentences from a Continuous Space", 2016).
    pub fn kl_weight_at(&self, at: Position) -> f64 {
        self.kl_weight * Growth::Epochs(self.kl_warmup_epochs).fraction(at)
    }
}

fn something_is_learned(it: &mut Rules<'_>) {
    let names = ["reconstruction_weight", "kl_weight"];
    if names.iter().all(|name| it.get(name) == Some(0.0)) {
        let wrong = it.at(&names, "both weights are 0: nothing would be learned");
        it.diagnostics
            .push(wrong.expected("`reconstruction_weight` or `kl_weight` above 0"));
    }
}

fn an_epoch_has_the_full_kl_weight(it: &mut Rules<'_>) {
    let name = "kl_warmup_epochs";
    let epochs: Option<u32> = it.values.typed("training.epochs");
    let (Some(epochs), Some(warmup)) = (epochs, it.get::<f64>(name)) else {
        return;
    };
    let most = f64::from(epochs) - 1.0;
    if warmup > 0.0 && warmup > most {
        let message = format!("no epoch of {epochs} is left with the full KL weight");
        let wrong = it
            .at(&[name], message)
            .expected(format!("at most {most}, one less than `training.epochs`"));
        it.diagnostics
            .push(wrong.hint("the best epoch is chosen among those with the full KL weight"));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Section as _, Value};
    use crate::likelihood::gaussian::{Gaussian, Variance};
    use crate::likelihood::laplace::Laplace;
    use crate::likelihood::mse::Mse;

    #[test]
    fn reads_likelihoods_with_their_settings() {
        let loss = |text: &str| {
            let text = format!("name = \"a\"\ndata.dataset = \"sprites\"\n[loss]\n{text}");
            crate::experiment::parse(&text, "a.toml", Path::new("."), &[])
        };
        let variance = |variance| AnyLikelihood::Gaussian(Gaussian { variance });
        for (text, expected) in [
            ("", AnyLikelihood::default()),
            ("reconstruction = \"mse\"", AnyLikelihood::Mse(Mse {})),
            ("reconstruction = \"gaussian\"", variance(Variance::Optimal)),
            (
                "reconstruction = \"gaussian\"\nvariance = \"learned\"",
                variance(Variance::Learned),
            ),
            (
                "reconstruction = \"gaussian\"\nvariance = 2",
                variance(Variance::Fixed(2.0)),
            ),
            (
                "reconstruction = \"laplace\"\nscale = 0.5",
                AnyLikelihood::Laplace(Laplace { scale: 0.5 }),
            ),
        ] {
            let spec = loss(text).unwrap();
            assert_eq!(spec.loss.reconstruction, expected);
            let resolved = crate::experiment::resolved_toml(&spec);
            let again = crate::experiment::parse(&resolved, "b.toml", Path::new("."), &[]);
            assert_eq!(again.unwrap(), spec);
        }
        let wrong = loss("variance = 1.0").unwrap_err().to_string();
        assert!(
            wrong.contains("`loss.variance` has no meaning for \"bce\"")
                && wrong.contains("with \"gaussian\" only"),
            "{wrong}"
        );
        let wrong = loss("reconstruction = \"gaussian\"\nvariance = \"fixed\"");
        let wrong = wrong.unwrap_err().to_string();
        assert!(wrong.contains("\"learned\" or \"optimal\""), "{wrong}");
    }

    #[test]
    fn warms_up_to_the_kl_weight() {
        let at = |step| Position {
            step,
            steps_per_epoch: 2,
            epochs: 9,
        };
        let loss = |warmup| {
            let given = [
                ("kl_weight", Value::Number(4.0)),
                ("kl_warmup_epochs", Value::Number(warmup)),
            ];
            Loss::given(&given).unwrap()
        };
        let warm = loss(2.0);
        let weights: Vec<f64> = (0..6).map(|step| warm.kl_weight_at(at(step))).collect();
        assert_eq!(weights, [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(loss(0.0).kl_weight_at(at(0)), 4.0);
    }
}
