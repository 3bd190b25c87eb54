//! Goes on with a run that was stopped, to the same bits as if it had not been.

use std::path::Path;

use super::checks::{check_final_epoch, check_history, check_memory, warn_of_little_room};
use super::device;
use super::drive::Session;
use super::inputs::{self, load_data, read_published};
use super::process::on_threads;
use super::provenance::{compute, origin};
use super::reporter::Audience;
use super::resume_checks::{Present, check_device, check_origin, keep_kernels};
use crate::experiment::{self, Spec};
use crate::nn::Device;
use crate::run::{Loaded, RunFolder, Status, read_resolved};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::sys::stop::Stop;
use crate::terminal::args::ResumeArgs;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome, tell};
use crate::train::{Trainer, build_model, keep_images};

/// A run that is to go on.
#[derive(Clone, Copy, Debug)]
pub struct ResumeRequest<'a> {
    /// Its folder.
    pub run: &'a Path,
    /// What is changed.
    pub args: &'a ResumeArgs,
    /// Who reads its output.
    pub audience: Audience,
    /// After so many epochs it is left.
    pub until: Option<u32>,
    /// Threads, where the spec does not say; nothing for every core.
    pub threads: Option<usize>,
}

/// Loads the newest whole checkpoint and trains on.
///
/// # Errors
/// The folder cannot be read, or locked; settings or data are others than those of the checkpoint; training fails.
pub fn resume(request: &ResumeRequest, stop: &Stop) -> Outcome {
    let ResumeRequest {
        run,
        args,
        audience,
        ..
    } = *request;
    let mut folder = RunFolder::open_for_resume(run)?;
    if folder.manifest().status == Status::Diverged {
        let why = printable(folder.manifest().why.as_deref().unwrap_or_default());
        let text = format!(
            "{} has diverged ({why}) and would do so again",
            run.display()
        );
        return Err(CliError::new(exit::FAILED, text)
            .with_hint("start a new run with a lower learning rate, or with `clip_norm`"));
    }
    let loaded = folder.load_latest()?;
    let spec = read_spec(run, args)?;
    let done = loaded.as_ref().map_or(0, |it| it.checkpoint.progress.epoch);
    check_epochs(&spec, args, done)?;
    if folder.manifest().status == Status::Completed && is_complete(loaded.as_ref(), args, done) {
        if audience.is_person() {
            // A closed stdout does not end a run.
            let _ = out(&format!("{} is already complete\n", run.display()));
        }
        return Ok(exit::DONE);
    }
    let found = device::find(spec.training.device)?;
    if folder.manifest().compute.device == Device::Cpu.to_string() && found.device == Device::Cpu {
        keep_kernels(&folder, args.allow_other_bits)?;
    }
    let published = read_published(&spec, !audience.is_person())?;
    let data = load_data(&spec, !audience.is_person())?;
    let plan = inputs::plan(spec, &data);
    check_history(&plan).map_err(|(text, expected)| {
        CliError::new(exit::USAGE, format!("{}: {text}", run.display())).with_hint(expected)
    })?;
    check_final_epoch(&plan).map_err(|(text, hint)| {
        CliError::new(exit::USAGE, format!("{}: {text}", run.display())).with_hint(hint)
    })?;
    check_memory(plan.memory_bytes())
        .map_err(|text| CliError::new(exit::USAGE, format!("{}: {text}", run.display())))?;
    let origin = origin(&plan.spec, &data);
    let present = Present {
        spec: &plan.spec,
        data: &data,
        origin: &origin,
    };
    check_origin(run, folder.manifest(), loaded.as_ref(), present)?;
    on_threads(plan.spec.training.threads.or(request.threads), || {
        let compute = compute(found.device);
        check_device(&folder, &compute.device, args.allow_other_bits)?;
        warn_of_little_room(run, plan.checkpoint_bytes());
        let mut model = build_model(&plan, found.device)?;
        keep_images(model.as_mut(), &data.images)?;
        let mut trainer = Trainer::new(&plan, &data, model);
        if let Some(loaded) = loaded {
            restore(&mut trainer, loaded)?;
        }
        if args.epochs.is_some() {
            folder.write_resolved(&experiment::resolved_toml(&plan.spec))?;
        }
        let (epoch, epochs) = (trainer.progress().epoch, plan.spec.training.epochs as u32);
        folder.begin_session(compute, epoch, epochs)?;
        folder.log(&format!(
            "resumed at epoch {}, step {}; {}",
            epoch + 1,
            trainer.progress().step_in_epoch,
            found.why
        ))?;
        found.tell(args.quiet);
        folder.write_metrics(trainer.history())?;
        Session {
            folder,
            plan: &plan,
            data: &data,
            trainer,
            origin,
            published,
            stop,
            audience,
            until: request.until,
        }
        .drive()
    })
}

/// Weights, optimizer state, counters and history of a checkpoint.
fn restore(trainer: &mut Trainer, loaded: Loaded) -> Result<(), CliError> {
    if let Some(warning) = &loaded.warning {
        tell!("warning: {warning}");
    }
    let checkpoint = loaded.checkpoint;
    let unfit = |error: &dyn std::fmt::Display| {
        let text = format!("`{}` does not fit the run: {error}", loaded.path.display());
        CliError::new(exit::INVALID_DATA, text)
    };
    let model = trainer.model_mut();
    model
        .set_weights(&checkpoint.weights)
        .and_then(|()| model.set_optimizer_state(&checkpoint.optimizer))
        .map_err(|error| unfit(&error))?;
    trainer
        .restore(checkpoint.progress, checkpoint.history)
        .map_err(|error| unfit(&error))
}

/// Whether nothing is left to do: no more epochs are asked for, and the last checkpoint is whole.
fn is_complete(loaded: Option<&Loaded>, args: &ResumeArgs, done: u32) -> bool {
    let more = args
        .epochs
        .is_some_and(|epochs| epochs as u64 > done.into());
    loaded.is_some_and(|loaded| loaded.warning.is_none()) && !more
}

fn read_spec(run: &Path, args: &ResumeArgs) -> Result<Spec, CliError> {
    let text = read_resolved(run)?;
    let name = run.join("resolved.toml").display().to_string();
    let threads = args.threads.map(|n| format!("training.threads={n}"));
    let epochs = args.epochs.map(|n| format!("training.epochs={n}"));
    let device = args.device.as_ref();
    let device =
        device.map(|name| format!("training.device={}", toml::Value::String(name.clone())));
    let overrides: Vec<String> = threads.into_iter().chain(epochs).chain(device).collect();
    Ok(experiment::parse(&text, &name, run, &overrides)?)
}

fn check_epochs(spec: &Spec, args: &ResumeArgs, done: u32) -> Result<(), CliError> {
    if args.epochs.is_none() || spec.training.epochs as u64 >= done.into() {
        return Ok(());
    }
    let asked = spec.training.epochs;
    let text = format!("`--epochs {asked}`: the run has finished {done} epochs already");
    Err(CliError::new(exit::USAGE, text).with_hint(format!("ask for at least {done}")))
}
