//! Which settings change no number of a run.

/// Settings and tables that change no number: what a run is called, what is drawn and expected of it, how often it is
/// saved, on how many threads and where it runs; and paths, since a digest of the data says what was there.
/// The device and the kernels are compared apart from these.
const IDLE: [&str; 12] = [
    "name",
    "data.path",
    "data.images",
    "data.labels",
    "data.test_images",
    "data.test_labels",
    "training.device",
    "training.threads",
    "training.checkpoint_every",
    "figures",
    "expect",
    "launcher",
];

/// Whether a setting, by its dotted key, changes no number.
pub fn is_idle(key: &str) -> bool {
    IDLE.iter().any(|idle| is_or_is_in(key, idle))
}

/// Whether a key is that of a table, or of a setting or table in it.
pub fn is_or_is_in(key: &str, table: &str) -> bool {
    key.strip_prefix(table)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{EXPECT, SETTINGS};

    #[test]
    fn names_paths_figures_and_places_change_no_number() {
        for key in [
            "name",
            "data.path",
            "figures.n",
            "expect.loss.max",
            "training.threads",
            "launcher.slurm.time",
        ] {
            assert!(is_idle(key), "{key}");
        }
        for key in [
            "seed",
            "model.latent_dim",
            "training.epochs",
            "optimizer",
            "names",
            "data.limit",
        ] {
            assert!(!is_idle(key), "{key}");
        }
    }

    #[test]
    fn what_is_idle_is_a_setting_or_a_table() {
        for idle in IDLE {
            let mut keys = SETTINGS.iter().map(|it| it.key).chain([EXPECT.key]);
            assert!(keys.any(|key| is_or_is_in(key, idle)), "{idle}");
        }
    }
}
