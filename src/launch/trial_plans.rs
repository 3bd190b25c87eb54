//! Every trial against its data, before any of them starts.

use std::collections::HashMap;
use std::path::Path;

use super::disk_room::refuse_little_room;
use crate::data;
use crate::experiment::{DeviceChoice, Loaded, Spec};
use crate::plan::Plan;
use crate::session::checks::check_trial_against_data;
use crate::session::device;
use crate::session::inputs::plan_of_survey;
use crate::sweep::{self, Task};
use crate::terminal::CliError;
use crate::terminal::loading::Loading;

/// The plan of every trial.
///
/// # Errors
/// A device that is not there, data that cannot be read, a trial that does not fit its data.
pub fn plans(loaded: &Loaded) -> Result<Vec<Plan>, CliError> {
    let mut surveys = HashMap::new();
    let mut plans = vec![];
    let trials = loaded.sweep.iter().flat_map(|sweep| &sweep.trials);
    for (i, trial) in trials.enumerate() {
        let spec = trial.spec.clone();
        let key = format!("{:?}", spec.data);
        let survey = match surveys.get(&key) {
            Some(survey) => survey,
            None => {
                let survey = data::survey(&spec.data)?;
                surveys.entry(key).or_insert(survey)
            }
        };
        let plan = plan_of_survey(spec, survey)?;
        check_trial_against_data(loaded, Some(i), &plan)?;
        plans.push(plan);
    }
    Ok(plans)
}

/// The trials with their identities, for which each data set is read once.
///
/// # Errors
/// A device that is not there, data that cannot be read.
pub fn tasks(loaded: &Loaded, quiet: bool) -> Result<Vec<Task>, CliError> {
    let mut known: HashMap<String, String> = HashMap::new();
    let mut loading = Loading::new(quiet);
    let fingerprint = |spec: &Spec| {
        let choice: DeviceChoice = spec.training.device;
        device::find(choice)?;
        let key = format!("{:?}", spec.data.without_division());
        if let Some(digest) = known.get(&key) {
            return Ok::<_, CliError>(digest.clone());
        }
        let digest = data::fingerprint(&spec.data, &mut |progress| loading.show(progress))?;
        known.insert(key, digest.clone());
        Ok(digest)
    };
    let tasks = match &loaded.sweep {
        Some(sweep) => sweep::tasks(sweep, fingerprint)?,
        None => vec![],
    };
    loading.finish();
    Ok(tasks)
}

/// Refuses a sweep whose trials that have no folder yet need more room than the disk has.
///
/// # Errors
/// The disk has too little room (exit code 74).
pub fn check_room(folder: &Path, plans: &[Plan], tasks: &[Task]) -> Result<(), CliError> {
    let is_new = |task: &Task| !folder.join(&task.folder).exists();
    let new = plans.iter().zip(tasks).filter(|(_, task)| is_new(task));
    let needed = new.fold(0_u64, |all, (plan, _)| {
        all.saturating_add(plan.disk_bytes())
    });
    refuse_little_room(folder, needed)
}
