//! The fingerprint of a run, made of the settings that decide its numbers: two runs that agree in it, in their data and
//! in their kernels have the same bits.
//!
//! Which settings belong to it is said by the settings themselves: `changes_no_result` and `added_in` of
//! [`Setting`](crate::config::Setting). Resuming, sweeps, reports and the data compare by it.

use std::collections::{BTreeMap, BTreeSet};

use super::spec::{Spec, schema, settings_of};
use crate::config::{DefaultValue, Value};
use crate::fs::digest::sha256_hex;

const EPOCHS: &str = "training.epochs";

/// The settings that decide the numbers, by dotted key.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint(BTreeMap<String, Value>);

impl Fingerprint {
    /// Of a run, which may be resumed with more epochs: their number counts only where a step depends on it.
    pub fn of_run(spec: &Spec) -> Self {
        let Self(mut values) = Self::of_trial(spec);
        if !spec.depends_on_epochs() {
            values.remove(EPOCHS);
        }
        Self(values)
    }

    /// Of a trial of a sweep, which has its number of epochs.
    pub fn of_trial(spec: &Spec) -> Self {
        let schema = schema();
        let counts = |(key, value): &(String, Value)| {
            let is_new = |it: &crate::config::Setting| {
                it.added_in > 1 && it.default == DefaultValue::Is(value.clone())
            };
            !schema.changes_no_result(key) && !schema.find(key).is_some_and(is_new)
        };
        // What was renamed counts under its old name, so that earlier runs stay what they are.
        let as_before = |(key, value): (String, Value)| {
            let words = schema.find(&key).map_or(&[][..], |it| it.formerly);
            let new = |it: &&(&str, &str)| value == Value::Text(it.1.to_owned());
            let old = words
                .iter()
                .find(new)
                .map(|it| Value::Text(it.0.to_owned()));
            (key, old.unwrap_or(value))
        };
        let settings = settings_of(spec).into_iter().filter(counts);
        let mut values: BTreeMap<_, _> = settings.map(as_before).collect();
        // A member without settings of its own is identified by its name.
        for (table, _) in spec.write() {
            let Some((group, member)) = table.split_once('.') else {
                continue;
            };
            let is_implied = schema.default_member(group) == Some(member)
                || schema.changes_no_result(group)
                || values
                    .keys()
                    .any(|key| crate::config::is_or_is_in(key, &table));
            if !is_implied {
                values.insert(group.to_owned(), Value::Text(member.to_owned()));
            }
        }
        Self(values)
    }

    /// SHA-256 over keys and values: `spec_digest` of a checkpoint.
    pub fn digest(&self) -> String {
        let line = |(key, value): (&String, &Value)| format!("{key} = {}\n", toml_of(value));
        sha256_hex(self.0.iter().map(line).collect::<String>().as_bytes())
    }

    /// As one TOML text, of which the identity of a trial is made.
    pub fn text(&self) -> String {
        let mut root = toml::Table::new();
        for (key, value) in &self.0 {
            insert(&mut root, key, toml_of(value));
        }
        root.to_string()
    }

    /// What another one says otherwise, `key: old -> new`.
    pub fn changes(&self, new: &Self) -> Vec<String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(new.0.keys()).collect();
        let value = |of: &Self, key| of.0.get(key).map_or("unset".to_owned(), Value::to_toml);
        keys.into_iter()
            .map(|key| (key, value(self, key), value(new, key)))
            .filter(|(_, old, new)| old != new)
            .map(|(key, old, new)| format!("{key}: {old} -> {new}"))
            .collect()
    }
}

/// What two trials must share to be the same one, as one text.
pub fn identity_text(spec: &Spec) -> String {
    let Fingerprint(mut values) = Fingerprint::of_trial(spec);
    // Of the settings that change no result, these two stood in the identities of the first sweeps; their defaults keep
    // the identities of all sweeps that left them alone.
    for key in ["training.device", "training.checkpoint_every"] {
        if let Some(DefaultValue::Is(default)) = schema().find(key).map(|it| &it.default) {
            values.insert(key.to_owned(), default.clone());
        }
    }
    Fingerprint(values).text()
}

/// The identity that the first sweeps gave to a trial: also where it is run, how often it is saved and what is expected
/// of it told trials apart then.
pub fn first_identity_text(spec: &Spec) -> String {
    let Fingerprint(mut values) = Fingerprint::of_trial(spec);
    let stood = |key: &str| {
        key.starts_with("expect.") || matches!(key, "training.device" | "training.checkpoint_every")
    };
    values.extend(settings_of(spec).into_iter().filter(|(key, _)| stood(key)));
    Fingerprint(values).text()
}

/// Puts a value at a dotted key.
fn insert(table: &mut toml::Table, key: &str, value: toml::Value) {
    let Some((first, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return;
    };
    let inner = table
        .entry(first)
        .or_insert_with(|| toml::Table::new().into());
    // Always a table: no setting has the name of one.
    if let toml::Value::Table(inner) = inner {
        insert(inner, rest, value);
    }
}

fn toml_of(value: &Value) -> toml::Value {
    match value {
        Value::Switch(switch) => (*switch).into(),
        // At most `i64::MAX`, which is as far as TOML goes.
        Value::Count(count) => i64::try_from(*count).unwrap_or(i64::MAX).into(),
        Value::Number(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Counts(counts) => {
            let counts = counts.iter().map(|it| toml_of(&Value::Count(*it)));
            toml::Value::Array(counts.collect())
        }
        Value::Texts(texts) => texts.clone().into(),
        Value::Numbers(numbers) => numbers.clone().into(),
        Value::Limits { min, max } => {
            let limits = [("min", min), ("max", max)];
            let set = limits
                .into_iter()
                .filter_map(|(name, it)| Some((name, (*it)?)));
            set.map(|(name, it)| (name.to_owned(), it.into()))
                .collect::<toml::Table>()
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Members as _;
    use crate::experiment::{load_text, parse, read_back};
    use crate::optim::Schedule;
    use std::path::Path;

    fn spec(more: &str, overrides: &[&str]) -> Spec {
        let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{more}");
        let overrides: Vec<String> = overrides.iter().map(|&o| o.to_owned()).collect();
        parse(&text, "spec.toml", Path::new("."), &overrides).unwrap()
    }

    fn changes(more: &str, overrides: &[&str]) -> Vec<String> {
        Fingerprint::of_run(&spec(more, &[])).changes(&Fingerprint::of_run(&spec(more, overrides)))
    }

    const NO_RESULT: [&str; 9] = [
        "name=b",
        "training.threads=3",
        "training.device=cpu",
        "training.checkpoint_every=7",
        "figures.n=3",
        "figures.loss=false",
        "expect.loss={ max = 1.0 }",
        "expect.kl={ min = 1.0 }",
        "launcher.slurm.time=\"30\"",
    ];

    #[test]
    fn leaves_out_what_changes_no_result() {
        let mut overrides = NO_RESULT.to_vec();
        overrides.push("training.epochs=99");
        assert_eq!(changes("", &overrides), [""; 0]);
        let digest = |overrides: &[&str]| Fingerprint::of_run(&spec("", overrides)).digest();
        assert_eq!(digest(&overrides), digest(&[]));
        assert_ne!(digest(&["seed=1"]), digest(&[]));
    }

    #[test]
    fn keeps_the_identity_of_a_trial_that_gets_a_device_or_a_limit() {
        let (plain, other) = (spec("", &[]), spec("", &NO_RESULT));
        assert_eq!(identity_text(&plain), identity_text(&other));
        assert_eq!(identity_text(&plain), first_identity_text(&plain));
        assert_ne!(identity_text(&other), first_identity_text(&other));
        let longer = spec("", &["training.epochs=11"]);
        assert_ne!(identity_text(&plain), identity_text(&longer));
    }

    #[test]
    fn names_every_other_setting_with_both_values() {
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
    fn counts_epochs_where_the_learning_rate_depends_on_them() {
        for member in Schedule::MEMBERS {
            let table = format!("[schedule.{}]", member.name);
            let found = changes(&table, &["training.epochs=12"]);
            let expected: &[&str] = match spec(&table, &[]).schedule {
                Some(it) if it.depends_on_epochs() => &["training.epochs: 10 -> 12"],
                _ => &[],
            };
            assert_eq!(found, expected, "{table}");
        }
    }

    #[test]
    fn counts_epochs_where_the_weight_of_the_kl_depends_on_them() {
        let more = ["training.epochs=12"];
        let cycles = changes("[kl_schedule.cyclical]", &more);
        assert_eq!(cycles, ["training.epochs: 10 -> 12"]);
        assert_eq!(changes("[kl_schedule.linear]\nepochs = 2", &more), [""; 0]);
    }

    #[test]
    fn reads_an_earlier_resolved_text_whatever_is_left_of_its_files() {
        let text = "name = \"a\"\n[data]\ndataset = \"images\"\npath = \"/gone\"\n";
        let read_back = |text| read_back(text, "resolved.toml", &[]);
        let old = read_back(text).unwrap();
        let now = parse(&text.replace("/gone", "/"), "x.toml", Path::new("/"), &[]).unwrap();
        assert_eq!(Fingerprint::of_run(&old), Fingerprint::of_run(&now));
        assert!(read_back("= 3").is_err() && read_back("name = \"a\"\n").is_err());
    }

    /// Digests and identities as version 0.1.0 gave them. What changes one of them makes checkpoints that no program
    /// resumes, or trials that are run again.
    #[test]
    fn keeps_digests_and_identities_of_the_first_version() {
        for (text, digest, trials) in PINNED {
            let text = format!("name = \"a\"\n{text}");
            let loaded = load_text(text, Path::new("x.toml"), Path::new("."), &[], &[]).unwrap();
            assert_eq!(Fingerprint::of_run(&loaded.spec).digest(), *digest);
            let found: Vec<(String, String)> = loaded
                .sweep
                .iter()
                .flat_map(|sweep| &sweep.trials)
                .map(|trial| {
                    let mut identity = crate::fs::digest::Sha256Writer::new();
                    identity.update_text(&first_identity_text(&trial.spec));
                    identity.update_text("data");
                    let digest = Fingerprint::of_run(&trial.spec).digest();
                    (identity.hex()[..12].to_owned(), digest)
                })
                .collect();
            let expected: Vec<(String, String)> = trials
                .iter()
                .map(|(id, digest)| ((*id).to_owned(), (*digest).to_owned()))
                .collect();
            assert_eq!(found, expected);
        }
    }

    type Pinned = (
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
    );

    const PINNED: &[Pinned] = &[
        (
            "[data]\ndataset = \"fashion-mnist\"\n",
            "04ac803b23fc2f6d254ebdd13033349a35717f51a3955fb74328d09c6cca5c09",
            &[],
        ),
        (
            "seed = 9223372036854775807\n[data]\ndataset = \"mnist\"\nsplits = [\"train\", \"test\"]\nlimit = 500\n\
             validation = 0.1\n[model]\nhidden = []\nconv_filters = [8]\nactivation = \"silu\"\n\
             [loss]\nreconstruction = \"mse\"\nkl_weight = 1e-20\nreconstruction_weight = 123456.78125\n\
             kl_reduction = \"mean\"\nkl_warmup_epochs = 2\n[optimizer.adamw]\nclip_norm = 5\n\
             [schedule.cosine]\nfinal_fraction = 0.1\nwarmup_epochs = 0.5\n[training]\nepochs = 20\nearly_stopping = 3\n\
             [sweep.over]\n\"model.latent_dim\" = [2, 4]\n",
            "32abac21a0c281baf2f4a1eb1a1cb7f6113fa80fc7c1e05df3fdec63a160c7a4",
            &[
                (
                    "dd5c417a3f85",
                    "32abac21a0c281baf2f4a1eb1a1cb7f6113fa80fc7c1e05df3fdec63a160c7a4",
                ),
                (
                    "c5937b1a10a4",
                    "b1499cd74a2b03d7b51c73bc153d4b87d9c4c21ac5aec64d11e57464df41f9f6",
                ),
            ],
        ),
        (
            "[data]\ndataset = \"idx\"\nimages = \"/dev/null\"\nlabels = \"/dev/null\"\npath = \"/\"\n\
             [optimizer.rmsprop]\nlearning_rate = 3e-4\nmomentum = 0.5\nepsilon = 1e-30\ncentered = true\n\
             [schedule.step]\n[training]\nthreads = 3\n[figures]\nn = 3\n[sweep.over]\nseed = [1]\n",
            "270f582bcf875c95f653548ff051cfa28d4dd14150bbd10fb4a8c26433623440",
            &[(
                "3b97a8893f9a",
                "4063360e67b5f9934a2525a4b9992a18bb364eaca629ec50f33f4e3184570b3e",
            )],
        ),
        (
            "[data]\ndataset = \"images\"\npath = \"/\"\ncolor = \"rgb\"\nimage_size = 32\nvalidation = \"test\"\n\
             [optimizer.sgd]\nmomentum = 0.9\nnesterov = true\n[schedule.linear]\n\
             [sweep.over]\n\"loss.kl_weight\" = { from = 0.001, to = 1000, steps = 2, scale = \"log\" }\n",
            "80e9179b23ea3dbe27a85e9c0803edcdace9abf3be92f464d371ae5ebe619429",
            &[
                (
                    "998ee22b1acb",
                    "71a836f0c1959b652c3244584e8fedf957822dc89afa7d1bc7e31db1109ebb31",
                ),
                (
                    "59546d743114",
                    "54538b7bd26c00ce0bcb1b87379c7fa3a26a457495ae101df3f54b8bda049639",
                ),
            ],
        ),
        (
            "[data]\ndataset = \"sprites\"\ncount = 77\n[training]\ndevice = \"cuda:1\"\ncheckpoint_every = 5\n\
             [expect]\nloss = { max = 253.5 }\nkl = { min = 1 }\n[launcher.slurm]\ntime = \"30\"\n\
             [sweep.over]\nseed = [0, 1]\n[sweep.halving]\n",
            "0e88e6b9dec7b8d23eea0b015f72b01772faa39bf916da326eb3a78cd358e67d",
            &[
                (
                    "19178b0f1c24",
                    "0e88e6b9dec7b8d23eea0b015f72b01772faa39bf916da326eb3a78cd358e67d",
                ),
                (
                    "e2668b684fda",
                    "24acda31fcdc30a5996e80734e8bc7dd14111b374512cc971897e58d52c15f00",
                ),
            ],
        ),
    ];
}
