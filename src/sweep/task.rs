//! A trial with its identity.

use crate::experiment::{self, Spec, Sweep, Trial};
use crate::fs::digest::Sha256Writer;

/// Digits of an identity in the name of a folder.
const DIGITS: usize = 12;
/// Longest readable part of a folder's name, in characters.
const LONGEST_LABEL: usize = 60;

/// A trial that can be worked on.
#[derive(Clone, Debug)]
pub struct Task {
    /// Twelve digits of the hash over what identifies the trial.
    pub id: String,
    /// The value of each setting that varies, `KEY=VALUE`.
    pub settings: Vec<String>,
    /// Name of its run folder.
    pub folder: String,
    /// The trial's spec.
    pub spec: Spec,
    /// The identity that the first version of the program gave to the trial.
    first_id: String,
}

impl Task {
    /// A trial on data of a digest (`data::fingerprint`).
    pub fn new(varied: &[String], trial: &Trial, data: &str) -> Self {
        let id = id(&experiment::identity_text(&trial.spec), data);
        let settings: Vec<String> = varied
            .iter()
            .zip(&trial.values)
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let folder = format!("{}_{id}", label(&settings));
        Self {
            id,
            settings,
            folder,
            spec: trial.spec.clone(),
            first_id: self::id(&experiment::first_identity_text(&trial.spec), data),
        }
    }

    /// Takes the identity that the first version gave to the trial, where a sweep knows it under that.
    pub fn keep_first_id(&mut self, is_known: impl Fn(&str) -> bool) {
        if !is_known(&self.id) && is_known(&self.first_id) {
            self.id.clone_from(&self.first_id);
            self.folder = format!("{}_{}", label(&self.settings), self.id);
        }
    }

    /// What tells the trial from the others, for a person: `model.latent_dim=2 seed=0`.
    pub fn name(&self) -> String {
        self.settings.join(" ")
    }
}

fn id(identity: &str, data: &str) -> String {
    let mut digest = Sha256Writer::new();
    digest.update_text(identity);
    digest.update_text(data);
    let mut id = digest.hex();
    id.truncate(DIGITS);
    id
}

/// The tasks of a sweep; `fingerprint` gives the digest of a trial's data.
///
/// # Errors
/// Those of `fingerprint`.
pub fn tasks<E>(
    sweep: &Sweep,
    mut fingerprint: impl FnMut(&Spec) -> Result<String, E>,
) -> Result<Vec<Task>, E> {
    let task = |trial: &Trial| {
        let data = fingerprint(&trial.spec)?;
        Ok(Task::new(&sweep.varied, trial, &data))
    };
    sweep.trials.iter().map(task).collect()
}

/// The settings as part of a file's name: `latent_dim-2_seed-0`.
fn label(settings: &[String]) -> String {
    let mut label = String::new();
    for setting in settings {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        let name = key.rsplit('.').next().unwrap_or(key);
        if !label.is_empty() {
            label.push('_');
        }
        let mut push = |c: char| match c {
            _ if c.is_ascii_alphanumeric() || c == '.' || c == '_' => label.push(c),
            // A run of anything else becomes one hyphen.
            _ if !label.ends_with(['-', '_']) => label.push('-'),
            _ => {}
        };
        name.chars().chain("-".chars()).for_each(&mut push);
        value.chars().for_each(&mut push);
        label.truncate(label.trim_end_matches('-').len());
    }
    label.truncate(LONGEST_LABEL);
    match label.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => label,
        false => format!("t{label}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::load_text;
    use crate::sweep::SweepFolder;
    use std::path::Path;

    fn tasks_of(text: &str) -> Vec<Task> {
        let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{text}");
        let loaded = load_text(text, Path::new("x.toml"), Path::new("."), &[], &[]).unwrap();
        let sweep = loaded.sweep.unwrap();
        tasks(&sweep, |_| Ok::<_, ()>("data".to_owned())).unwrap()
    }

    #[test]
    fn labels_trials_by_what_differs() {
        for (settings, expected) in [
            (vec!["model.latent_dim=2", "seed=0"], "latent_dim-2_seed-0"),
            (vec!["model.hidden=[32, 8]"], "hidden-32-8"),
            (vec!["model.hidden=[]"], "hidden"),
            (
                vec!["optimizer={ sgd = { learning_rate = 0.1 } }"],
                "optimizer-sgd-learning_rate-0.1",
            ),
            (vec!["data.dataset=\"../../x\""], "dataset-..-..-x"),
        ] {
            let settings: Vec<String> = settings.into_iter().map(str::to_owned).collect();
            assert_eq!(label(&settings), expected);
            crate::run::id::check_name(&label(&settings)).unwrap();
        }
        assert_eq!(label(&["a=x".repeat(100)]).len(), LONGEST_LABEL);
    }

    #[test]
    fn keeps_a_trials_identity_whatever_else_varies() {
        let few = tasks_of("[sweep.over]\n\"model.latent_dim\" = [2, 4]\n");
        let more = tasks_of("[sweep.over]\nseed = [0, 1]\n\"model.latent_dim\" = [8, 4]\n");
        assert_eq!(few[1].id, more[1].id);
        assert_ne!(few[0].id, few[1].id);
        assert_ne!(few[1].folder, more[1].folder);
        let ids: std::collections::BTreeSet<_> = more.iter().map(|it| &it.id).collect();
        assert_eq!(ids.len(), 4);
    }

    #[test]
    fn identifies_a_trial_by_what_decides_its_numbers() {
        let sweep = "[sweep.over]\nseed = [0]\n";
        let id = |more: &str| tasks_of(&format!("{more}\n{sweep}")).remove(0).id;
        let plain = id("");
        let other = "[training]\nthreads = 3\ndevice = \"cpu\"\ncheckpoint_every = 2\n[figures]\nn = 3\n\
                     [expect]\nkl = { min = 1 }\n";
        assert_eq!(id(other), plain);
        for other in [
            "[training]\nepochs = 11",
            "[loss]\nkl_weight = 0.5",
            "limit = 100",
            "[optimizer.sgd]",
        ] {
            assert_ne!(id(other), plain, "{other}");
        }
        let loaded = |data: &str| {
            let text = format!("name = \"b\"\n[data]\ndataset = \"sprites\"\n{sweep}");
            let loaded = load_text(text, Path::new("x.toml"), Path::new("."), &[], &[]).unwrap();
            let sweep = loaded.sweep.unwrap();
            Task::new(&sweep.varied, &sweep.trials[0], data).id
        };
        assert_eq!(loaded("data"), plain);
        assert_ne!(loaded("other data"), plain);
    }

    #[test]
    fn keeps_the_identities_of_the_first_version() {
        let text = "[training]\ndevice = \"cpu\"\n[expect]\nloss = { max = 253.5 }\n[sweep.over]\nseed = [0, 1, 2]\n";
        let sweep = tempfile::tempdir().unwrap();
        let mut tasks = tasks_of(text);
        let before: Vec<String> = tasks.iter().map(|it| it.id.clone()).collect();
        SweepFolder::keep_first_ids(&sweep.path().join("none"), &mut tasks).unwrap();
        let run = |name: String| std::fs::create_dir(sweep.path().join(name)).unwrap();
        run(format!("seed-0_{}", tasks[0].first_id));
        // Run by both versions: this one's goes on.
        run(format!("seed-1_{}", tasks[1].first_id));
        run(format!("seed-1_{}", tasks[1].id));
        SweepFolder::keep_first_ids(sweep.path(), &mut tasks).unwrap();
        let after: Vec<&str> = tasks.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(after, [&tasks[0].first_id, &before[1], &before[2]]);
        assert_eq!(tasks[0].folder, format!("seed-0_{}", tasks[0].first_id));
        assert_ne!(tasks[0].id, before[0]);
    }
}
