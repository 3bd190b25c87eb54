//! What several objectives do not go with.

use crate::config::Rules;

/// Refuses a KL that is averaged over latent axes: it has neither parts nor a size in nats.
pub(super) fn kl_is_a_sum(it: &mut Rules<'_>) {
    let key = "loss.kl_reduction";
    if it.values.typed::<String>(key).as_deref() == Some("mean") {
        let message = format!("`[{}]` needs the KL divergence summed over axes", it.table);
        let wrong = it.at_key(key, message);
        it.diagnostics
            .push(wrong.expected("`kl_reduction = \"sum\"`"));
    }
}
