//! What is checked once a spec's data is known: whether the batch fits the data, the history a checkpoint, the model
//! the machine's memory, and the run its disk.

use std::path::Path;

use crate::experiment::Loaded;
use crate::fs::disk;
use crate::plan::Plan;
use crate::run::LARGEST_HEADER;
use crate::sys::machine;
use crate::sys::printable::printable;
use crate::terminal::print::bytes;
use crate::terminal::{CliError, tell};

/// Refuses a batch larger than the data, a model larger than the machine, and a history larger than a checkpoint can
/// hold, which would end a run near its end.
///
/// # Errors
/// A diagnostic at the setting's place.
pub fn check_against_data(loaded: &Loaded, plan: &Plan) -> Result<(), CliError> {
    check_trial_against_data(loaded, None, plan)
}

/// The same for a trial of the spec's sweep, by its index.
///
/// # Errors
/// A diagnostic at the setting's place.
pub fn check_trial_against_data(
    loaded: &Loaded,
    trial: Option<usize>,
    plan: &Plan,
) -> Result<(), CliError> {
    if let Some(misfit) = plan.architecture.misfit() {
        let (key, message) = (misfit.key, misfit.message);
        let diagnostics = loaded.diagnostic_in(trial, key, message, Some(misfit.expected), None);
        return Err(diagnostics.into());
    }
    let (batch, images) = (plan.spec.training.batch_size, plan.train_images);
    if batch > images {
        let diagnostics = loaded.diagnostic_in(
            trial,
            "training.batch_size",
            format!(
                "a batch of {batch} is larger than the data, which has {images} training images"
            ),
            Some(format!("at most {images} images")),
            None,
        );
        return Err(diagnostics.into());
    }
    check_classes(plan).map_err(|(text, expected)| {
        let hint = "take `condition` out, or data with labels: the files that `data.labels` names, or one folder a class";
        loaded.diagnostic_in(
            trial,
            "model.condition",
            text,
            Some(expected),
            Some(hint.to_owned()),
        )
    })?;
    check_label(plan, trial.is_some()).map_err(|(text, expected)| {
        let key = "figures.label";
        loaded.diagnostic_in(trial, key, text, Some(expected), None)
    })?;
    check_history(plan).map_err(|(text, expected)| {
        let hint = "train on a larger part of the data an epoch";
        loaded.diagnostic_in(
            trial,
            "training.epochs",
            text,
            Some(expected),
            Some(hint.to_owned()),
        )
    })?;
    check_final_epoch(plan).map_err(|(text, hint)| {
        loaded.diagnostic_in(trial, "training.epochs", text, None, Some(hint.to_owned()))
    })?;
    check_memory(plan.memory_bytes()).map_err(|text| {
        let hint = "take fewer or smaller layers, a smaller batch or smaller images";
        let key = "model.conv_filters";
        loaded
            .diagnostic_in(trial, key, text, None, Some(hint.to_owned()))
            .into()
    })
}

/// Most classes that a conditional network is told.
pub const MOST_CLASSES: usize = 1000;

/// Most bytes of their names, which stand in each checkpoint.
const MOST_NAMES: usize = 100_000;

/// Whether a conditional network has classes to be told; says in words that it has not, and what it needs.
pub fn check_classes(plan: &Plan) -> Result<(), (String, String)> {
    if !plan.is_conditional() {
        return Ok(());
    }
    let names = &plan.classes.names;
    let expected = format!("data of 2 to {MOST_CLASSES} classes");
    match names.as_slice() {
        [] => Err(("the data has no labels".to_owned(), expected)),
        [name] => {
            let text = format!(
                "all images of the data are of one class, `{}`",
                printable(name)
            );
            Err((text, expected))
        }
        names if names.len() > MOST_CLASSES => {
            Err((format!("the data has {} classes", names.len()), expected))
        }
        names if names.iter().map(String::len).sum::<usize>() > MOST_NAMES => {
            let expected = format!("names of at most {MOST_NAMES} bytes in all");
            Err(("the names of the classes are too long".to_owned(), expected))
        }
        _ => Ok(()),
    }
}

/// Whether there is the class that figures are to show; says in words that there is not, and which there are.
fn check_label(plan: &Plan, is_trial: bool) -> Result<(), (String, String)> {
    let Some(label) = &plan.spec.figures.label else {
        return Ok(());
    };
    // Another trial of the sweep may be conditional.
    if !plan.is_conditional() && is_trial {
        return Ok(());
    }
    if !plan.is_conditional() {
        let expected = "with `condition = \"label\"` in `[model]` only";
        return Err((
            "the model is not told of classes".to_owned(),
            expected.to_owned(),
        ));
    }
    match plan.classes.find(label) {
        Some(_) => Ok(()),
        None => {
            let expected = format!("one of: {}", printable(&plan.classes.list()));
            Err((
                format!("there is no class `{}`", printable(label)),
                expected,
            ))
        }
    }
}

/// Warns of classes of which a conditional network sees no image.
pub fn warn_of_missing_classes(plan: &Plan) {
    if let Some(missing) = plan.classes.missing() {
        tell!(
            "warning: {}; what the network makes of them is left to chance",
            printable(&missing)
        );
    }
}

/// Whether a checkpoint can hold the metrics of all epochs; says in words that it cannot, and what it can.
pub fn check_history(plan: &Plan) -> Result<(), (String, String)> {
    let (history, most) = (plan.history_bytes(), LARGEST_HEADER);
    let epochs = plan.spec.training.epochs as u64;
    if history <= most {
        return Ok(());
    }
    Err((
        format!("the metrics of {epochs} epochs do not fit into a checkpoint"),
        format!(
            "at most {} epochs with {} latent axes",
            most / (history / epochs),
            plan.architecture.latent
        ),
    ))
}

/// Whether an epoch ends with the objective in its final form; says in words that none does, and the way out.
pub fn check_final_epoch(plan: &Plan) -> Result<(), (String, &'static str)> {
    if plan.has_final_epoch() {
        return Ok(());
    }
    let (epochs, steps) = (plan.spec.training.epochs as u64, plan.steps_per_epoch);
    Err((
        format!(
            "the objective does not have its final form at the end of any of {epochs} epochs of {steps} steps, among \
             which the best epoch is chosen"
        ),
        "train for more epochs, or shorten what grows in `[kl_schedule]` or `[objective]`",
    ))
}

/// Whether the machine has so much memory at all, in bytes; says in words that it has not.
pub fn check_memory(needed: u64) -> Result<(), String> {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    match machine::memory_bytes() {
        Some(there) if needed > there => Err(format!(
            "this model takes about {:.1} GB to train, the machine has {:.1} GB",
            gigabytes(needed),
            gigabytes(there)
        )),
        _ => Ok(()),
    }
}

/// Warns where a disk has less room than what will be written; runs on all the same, since others may
/// make room meanwhile, and since a full disk costs no more than the time since the last checkpoint.
pub fn warn_of_little_room(folder: &Path, needed: u64) {
    if let Some(free) = disk::free_bytes(folder).filter(|&free| free < needed) {
        tell!(
            "warning: the disk of `{}` has {} free, the run needs about {}; when the disk is full the run stops \
             and can be resumed",
            folder.display(),
            bytes(free),
            bytes(needed)
        );
    }
}
