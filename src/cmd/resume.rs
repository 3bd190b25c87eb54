//! `runner resume RUN`: goes on with a run that was stopped, to the same bits as if it had not been.

use crate::terminal::tell;
use std::path::Path;

use crate::cli::ResumeArgs;
use crate::data::DataSet;
use crate::experiment::{self, Fingerprint, Spec};
use crate::kernels::Isa;
use crate::nn::Device;
use crate::plan::Plan;
use crate::run::{
    Loaded, Manifest, Origin, RunFolder, RunStatus, RunView, Status, find_runs, read_resolved,
};
use crate::session::device;
use crate::session::drive::{
    Session, check_history, check_memory, compute, data_source, extent, listen, load_data,
    on_threads, origin, read_published, warn_of_little_room,
};
use crate::session::reporter::Tone;
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::sys::stop::Stop;
use crate::terminal::{CliError, Outcome};
use crate::train::{Trainer, build_model, keep_images};

/// Loads the newest whole checkpoint and trains on; with `--all`, for every run below a folder.
pub fn main(args: &ResumeArgs) -> Outcome {
    let stop = listen()?;
    match args.all {
        true => all(args, &stop),
        false => one(&args.run, args, &stop, Tone::of(args.quiet), (None, None)),
    }
}

/// Every run that was stopped, killed or failed, one after the other.
fn all(args: &ResumeArgs, stop: &Stop) -> Outcome {
    if !args.run.is_dir() {
        let text = format!("`{}` is no folder", args.run.display());
        return Err(CliError::new(exit::USAGE, text));
    }
    let (mut resumed, mut failed) = (0, 0);
    for run in find_runs(&args.run) {
        let view = RunView::open(&run);
        match view.status() {
            RunStatus::Interrupted | RunStatus::Failed => {}
            RunStatus::Broken => {
                let why = view.why().unwrap_or_default();
                tell!("warning: {} is left out: {why}", run.display());
                // Killed before there was anything to lose, or damaged?
                failed += u32::from(view.manifest().is_some() || view.summary().is_some());
                continue;
            }
            RunStatus::Running | RunStatus::Completed | RunStatus::Diverged => continue,
        }
        if !args.quiet {
            say(&format!("{}\n", run.display()));
        }
        match one(&run, args, stop, Tone::of(args.quiet), (None, None)) {
            Ok(code) if stop.requested() => return Ok(code),
            Ok(exit::DONE) => resumed += 1,
            Ok(_) => failed += 1,
            Err(failure) if failure.code() == exit::LOCKED => eprint!("{}", failure.render()),
            Err(failure) => {
                eprint!("{}", failure.render());
                failed += 1;
            }
        }
    }
    if !args.quiet {
        say(&format!("{resumed} resumed to their end, {failed} not\n"));
    }
    Ok(match failed {
        0 => exit::DONE,
        _ => exit::PARTLY_FAILED,
    })
}

/// Goes on with one run. A sweep leaves it after so many epochs, and says on how many threads where the spec does not.
pub fn one(
    run: &Path,
    args: &ResumeArgs,
    stop: &Stop,
    tone: Tone,
    (until, share): (Option<u32>, Option<usize>),
) -> Outcome {
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
        if tone.is_for_a_person() {
            say(&format!("{} is already complete\n", run.display()));
        }
        return Ok(exit::DONE);
    }
    let found = device::find(spec.training.device)?;
    if folder.manifest().compute.device == Device::Cpu.to_string() && found.device == Device::Cpu {
        keep_kernels(&folder, args.allow_other_bits)?;
    }
    let published = read_published(&spec)?;
    let data = load_data(&spec, !tone.is_for_a_person())?;
    let image = extent(data.images.height, data.images.width, data.images.channels);
    let plan = Plan::new(spec, image, data.train.len(), data.validation.len());
    check_history(&plan).map_err(|(text, expected)| {
        CliError::new(exit::USAGE, format!("{}: {text}", run.display())).with_hint(expected)
    })?;
    check_memory(plan.memory_bytes())
        .map_err(|text| CliError::new(exit::USAGE, format!("{}: {text}", run.display())))?;
    let origin = origin(&plan.spec, &data);
    check_past(
        run,
        folder.manifest(),
        loaded.as_ref(),
        (&plan.spec, &data, &origin),
    )?;
    on_threads(plan.spec.training.threads.or(share), || {
        let compute = compute(found.device);
        check_device(&folder, &compute.device, args.allow_other_bits)?;
        warn_of_little_room(run, plan.checkpoint_bytes());
        let mut model = build_model(&plan, found.device)?;
        keep_images(model.as_mut(), &data.images)?;
        let mut trainer = Trainer::new(&plan, &data, model);
        if let Some(loaded) = loaded {
            put_back(&mut trainer, loaded)?;
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
            tone,
            until,
        }
        .drive()
    })
}

/// Weights, optimizer state, counters and history of a checkpoint.
fn put_back(trainer: &mut Trainer, loaded: Loaded) -> Result<(), CliError> {
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

/// A reader of stdout that has gone away does not end a run.
fn say(text: &str) {
    let _ = crate::terminal::print::out(text);
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

/// Takes the kernels that the run was started with, so that its bits stay the same.
fn keep_kernels(folder: &RunFolder, allowed: bool) -> Result<(), CliError> {
    let recorded = &folder.manifest().compute.kernel_path;
    if Isa::from_name(recorded).is_some_and(Isa::choose) {
        return Ok(());
    }
    other_bits(
        folder,
        allowed,
        &format!(
            "this processor has no `{}` kernels, which the run was started with",
            printable(recorded)
        ),
    )
}

fn check_device(folder: &RunFolder, now: &str, allowed: bool) -> Result<(), CliError> {
    let recorded = &folder.manifest().compute.device;
    if recorded == now {
        return Ok(());
    }
    other_bits(
        folder,
        allowed,
        &format!("the run was started on the device `{recorded}`, this one is `{now}`"),
    )
}

/// Refuses to go on with other bits than those of an undisturbed run, or says that it does.
fn other_bits(folder: &RunFolder, allowed: bool, why: &str) -> Result<(), CliError> {
    if !allowed {
        let text = format!(
            "{}: {why}; its last bits would differ from those of an undisturbed run",
            folder.path().display()
        );
        return Err(CliError::new(exit::NO_DEVICE, text).with_hint(
            "resume it where it was started, or go on all the same with `--allow-other-bits`",
        ));
    }
    let warning = format!("{why}; the last bits will differ from those of an undisturbed run");
    tell!("warning: {warning}");
    folder.log(&format!("warning: {warning}"))?;
    Ok(())
}

/// Refuses what would make another past than the one that the checkpoint comes from.
pub fn check_past(
    run: &Path,
    manifest: &Manifest,
    loaded: Option<&Loaded>,
    (spec, data, now): (&Spec, &DataSet, &Origin),
) -> Result<(), CliError> {
    let recorded = loaded.map(|loaded| &loaded.checkpoint.origin);
    let spec_digest = recorded.map_or(&manifest.spec_digest, |origin| &origin.spec_digest);
    let other_seed = recorded.is_some_and(|origin| origin.seed != now.seed);
    let other_spec =
        *spec_digest != now.spec_digest && !(recorded.is_none() && spec_digest.is_empty());
    if other_spec || other_seed {
        let old = loaded
            .and_then(|loaded| loaded.checkpoint.model.get("spec")?.as_str())
            .and_then(experiment::read_back);
        let changes = old.map(|old| Fingerprint::of_run(&old).changes(&Fingerprint::of_run(spec)));
        if changes.as_ref().is_some_and(Vec::is_empty) {
            let text = format!(
                "{}: the checkpoint says itself that it comes from another spec or seed",
                run.display()
            );
            return Err(CliError::new(exit::INVALID_DATA, text)
                .with_hint("put the run's own checkpoint back, or start a new run"));
        }
        let mut text = format!(
            "{}: settings that decide the numbers are not those that the run was started with",
            run.display()
        );
        for change in changes.unwrap_or_default() {
            text += &format!("\n  {change}");
        }
        return Err(CliError::new(exit::USAGE, text).with_hint(
            "take them back, also in `resolved.toml`, or start a new run with a spec of its own",
        ));
    }
    let data_digest = recorded.map_or(&manifest.data.checksum, |origin| &origin.data_digest);
    if *data_digest != now.data_digest && !(recorded.is_none() && data_digest.is_empty()) {
        let mut text = format!(
            "{}: the data is not the one that the run was started with",
            run.display()
        );
        for (old, new) in manifest.data.sources.iter().zip(&data_source(data).sources) {
            if old.sha256 != new.sha256 {
                text += &format!(
                    "\n  SHA-256 of {}: {} -> {}",
                    new.name, old.sha256, new.sha256
                );
            }
        }
        return Err(CliError::new(exit::INVALID_DATA, text)
            .with_hint("put the original files back, or start a new run"));
    }
    Ok(())
}
