//! What does not go with what: the objective's [`Needs`](super::Needs), the kind of latents, the prior.

use super::AnyObjective;
use crate::latent::AnyLatent;
use crate::prior::AnyPrior;

/// What does not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The table to leave out, dotted.
    pub table: String,
    /// Why, as a lower-case fragment.
    pub message: String,
    /// What would go with it.
    pub expected: &'static str,
}

/// Everything of these three that does not go together.
pub fn refusals(objective: &AnyObjective, latent: &AnyLatent, prior: &AnyPrior) -> Vec<Refusal> {
    let objective_table = format!("objective.{}", objective.name());
    let (needs, has_q) = (objective.needs(), latent.head().is_distribution());
    let mut found = vec![];
    if needs.gaussian && !has_q {
        let message = format!(
            "`[{objective_table}]` needs the distribution q(z | x) of each image, and `[latent.{}]` has none",
            latent.name()
        );
        found.push(Refusal {
            table: objective_table.clone(),
            message,
            expected: "`[latent.gaussian]`, or no other objective than `elbo`",
        });
    }
    if !prior.is_standard() && !has_q {
        let message = format!(
            "`[prior.{}]` is measured by the distribution q(z | x) of each image, and `[latent.{}]` has none",
            prior.name(),
            latent.name()
        );
        found.push(Refusal {
            table: format!("prior.{}", prior.name()),
            message,
            expected: "`[latent.gaussian]`, or no learned prior",
        });
    }
    if needs.standard_prior && !prior.is_standard() && has_q {
        let message = format!(
            "the formula of `[{objective_table}]` is that of the standard normal prior, and `[prior.{}]` is another",
            prior.name()
        );
        found.push(Refusal {
            table: objective_table,
            message,
            expected: "`[prior.standard]`, or an objective such as `elbo` that goes with every prior",
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Members as _;

    fn tables(objective: &str, latent: &str, prior: &str) -> Vec<String> {
        let objective = AnyObjective::given(objective, &[]).unwrap();
        let latent = AnyLatent::given(latent, &[]).unwrap();
        let prior = AnyPrior::given(prior, &[]).unwrap();
        let found = refusals(&objective, &latent, &prior);
        found.into_iter().map(|it| it.table).collect()
    }

    #[test]
    fn refuses_what_lacks_a_distribution_or_a_formula() {
        let none: [&str; 0] = [];
        for prior in ["standard", "mixture", "vamp"] {
            assert_eq!(tables("elbo", "gaussian", prior), none);
        }
        assert_eq!(tables("elbo", "deterministic", "standard"), none);
        assert_eq!(tables("beta_tc", "gaussian", "standard"), none);
        assert_eq!(tables("beta_tc", "gaussian", "vamp"), ["objective.beta_tc"]);
        assert_eq!(tables("factor", "gaussian", "vamp"), none);
        assert_eq!(
            tables("beta_tc", "deterministic", "mixture"),
            ["objective.beta_tc", "prior.mixture"]
        );
    }
}
