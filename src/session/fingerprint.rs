//! The settings that decide a run's numbers, as opposed to those that do not: two runs that agree in them, in
//! their data and in their kernels have the same bits.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::experiment::{self, Spec, is_idle, is_or_is_in};
use crate::fs::digest::sha256_hex;

const EPOCHS: &str = "training.epochs";
/// Schedules whose learning rate depends on the number of epochs.
const BY_EPOCHS: [&str; 2] = ["schedule.cosine", "schedule.linear"];

/// Decisive settings by key, each with its value as TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decisive(BTreeMap<String, String>);

impl Decisive {
    /// Those of a spec.
    pub fn of(spec: &Spec) -> Self {
        // What the program writes it can read; with nothing in it, it would agree with no other.
        Self::of_text(&experiment::resolved_toml(spec)).unwrap_or(Self(BTreeMap::new()))
    }

    /// Those of a resolved spec; nothing where it is no TOML.
    pub fn of_text(resolved: &str) -> Option<Self> {
        let table: Table = resolved.parse().ok()?;
        let mut values = BTreeMap::new();
        flatten("", &table, &mut values);
        values.retain(|key, _| !is_idle(key));
        let fixes_epochs = |key: &String| BY_EPOCHS.iter().any(|table| is_or_is_in(key, table));
        if !values.keys().any(fixes_epochs) {
            values.remove(EPOCHS);
        }
        Some(Self(values))
    }

    /// SHA-256 over keys and values.
    pub fn digest(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(|(k, v)| format!("{k} = {v}\n")).collect();
        sha256_hex(lines.concat().as_bytes())
    }

    /// What another spec says otherwise, `key: old -> new`.
    pub fn changes(&self, new: &Self) -> Vec<String> {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(new.0.keys()).collect();
        let value = |of: &Self, key| of.0.get(key).map_or("unset", String::as_str).to_owned();
        keys.into_iter()
            .map(|key| (key, value(self, key), value(new, key)))
            .filter(|(_, old, new)| old != new)
            .map(|(key, old, new)| format!("{key}: {old} -> {new}"))
            .collect()
    }
}

fn flatten(prefix: &str, table: &Table, values: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        match value {
            Value::Table(inner) => flatten(&key, inner, values),
            value => {
                values.insert(key, value.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Decay;
    use std::path::Path;

    fn spec(more: &str, overrides: &[&str]) -> Spec {
        let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{more}");
        let overrides: Vec<String> = overrides.iter().map(|&o| o.to_owned()).collect();
        experiment::parse(&text, "spec.toml", Path::new("."), &overrides).unwrap()
    }

    fn changes(more: &str, overrides: &[&str]) -> Vec<String> {
        Decisive::of(&spec(more, &[])).changes(&Decisive::of(&spec(more, overrides)))
    }

    #[test]
    fn what_changes_no_number_is_no_change() {
        let idle = [
            "name=b",
            "training.threads=3",
            "training.device=cpu",
            "training.checkpoint_every=7",
            "training.epochs=99",
            "figures.n=3",
            "figures.loss=false",
            "expect.loss={ max = 1.0 }",
        ];
        assert_eq!(changes("", &idle), [""; 0]);
        let digest = |overrides: &[&str]| Decisive::of(&spec("", overrides)).digest();
        assert_eq!(digest(&idle), digest(&[]));
        assert_ne!(digest(&["seed=1"]), digest(&[]));
    }

    #[test]
    fn every_other_setting_is_named_with_both_values() {
        assert_eq!(
            changes(
                "",
                &[
                    "seed=1",
                    "optimizer.adam.learning_rate=0.01",
                    "optimizer.adam.clip_norm=5.0",
                    "model.conv_filters=[4]",
                    "data.validation=0.25",
                    "training.early_stopping=3",
                ]
            ),
            [
                "data.validation: \"none\" -> 0.25",
                "model.conv_filters: [32, 64] -> [4]",
                "optimizer.adam.clip_norm: unset -> 5.0",
                "optimizer.adam.learning_rate: 0.001 -> 0.01",
                "seed: 0 -> 1",
                "training.early_stopping: unset -> 3",
            ]
        );
    }

    #[test]
    fn the_number_of_epochs_counts_where_the_learning_rate_depends_on_it() {
        for (table, decay) in [
            ("", Decay::Constant),
            (
                "[schedule.cosine]",
                Decay::Cosine {
                    final_fraction: 0.0,
                },
            ),
            (
                "[schedule.linear]",
                Decay::Linear {
                    final_fraction: 0.0,
                },
            ),
            (
                "[schedule.step]",
                Decay::Step {
                    every_epochs: 10,
                    factor: 0.5,
                },
            ),
        ] {
            assert_eq!(spec(table, &[]).schedule.decay, decay);
            let found = changes(table, &["training.epochs=12"]);
            let expected: &[&str] = match decay.depends_on_epochs() {
                true => &["training.epochs: 10 -> 12"],
                false => &[],
            };
            assert_eq!(found, expected, "{table}");
        }
    }

    #[test]
    fn what_is_no_toml_has_no_settings() {
        assert_eq!(Decisive::of_text("= 3"), None);
    }
}
