//! `runner resume RUN`: goes on with a run that was stopped, to the same bits as if it had not been.

use std::path::Path;

use super::session::{
    Session, check_memory, compute, extent, load_data, origin, read_published, start_threads,
};
use super::{Failure, Outcome, device};
use crate::cli::ResumeArgs;
use crate::ground::exit;
use crate::ground::printable::printable;
use crate::kernels::Path as KernelPath;
use crate::plan::Plan;
use crate::run::{Origin, RunFolder, Status, read_resolved};
use crate::spec;
use crate::train::{Trainer, build_model};

/// Loads the newest whole checkpoint and trains on.
pub fn main(args: &ResumeArgs) -> Outcome {
    let mut folder = RunFolder::open_for_resume(&args.run)?;
    match folder.manifest().status {
        Status::Completed => {
            if !args.quiet {
                println!("{} is already complete", args.run.display());
            }
            return Ok(exit::DONE);
        }
        Status::Diverged => {
            let why = printable(folder.manifest().why.as_deref().unwrap_or_default());
            let text = format!(
                "{} has diverged ({why}) and would do so again",
                args.run.display()
            );
            return Err(Failure::new(exit::FAILED, text)
                .with_hint("start a new run with a lower learning rate, or with `clip_norm`"));
        }
        Status::Running | Status::Interrupted | Status::Failed => {}
    }
    let spec = read_spec(&args.run, args.threads)?;
    let device = device::find(spec.training.device)?;
    keep_kernel_path(&folder);
    let published = read_published(&spec)?;
    let data = load_data(&spec, args.quiet)?;
    let image = extent(data.images.height, data.images.width, data.images.channels);
    let plan = Plan::new(spec, image, data.train.len(), data.validation.len());
    check_memory(plan.memory_bytes())
        .map_err(|text| Failure::new(exit::USAGE, format!("{}: {text}", args.run.display())))?;
    let threads = start_threads(plan.spec.training.threads)?;
    let origin = origin(&plan.spec, &data);
    let mut trainer = Trainer::new(&plan, &data, &threads, build_model(&plan)?);
    if let Some(loaded) = folder.load_latest()? {
        if let Some(warning) = &loaded.warning {
            eprintln!("warning: {warning}");
        }
        let checkpoint = loaded.checkpoint;
        check_origin(&args.run, &checkpoint.origin, &origin)?;
        let unfit = |error: &dyn std::fmt::Display| {
            let text = format!("`{}` does not fit the run: {error}", loaded.path.display());
            Failure::new(exit::INVALID_DATA, text)
        };
        let model = trainer.model_mut();
        model
            .set_weights(&checkpoint.weights)
            .and_then(|()| model.set_optimizer_state(&checkpoint.optimizer))
            .map_err(|error| unfit(&error))?;
        trainer
            .restore(checkpoint.progress, checkpoint.history)
            .map_err(|error| unfit(&error))?;
    }
    let (epoch, epochs) = (trainer.progress().epoch, plan.spec.training.epochs as u32);
    folder.begin_session(compute(device, &threads), epoch, epochs)?;
    folder.log(&format!(
        "resumed at epoch {}, step {}",
        epoch + 1,
        trainer.progress().step_in_epoch
    ))?;
    folder.write_metrics(trainer.history())?;
    let quiet = args.quiet;
    Session {
        folder,
        plan: &plan,
        data: &data,
        threads: &threads,
        trainer,
        origin,
        published,
        quiet,
    }
    .drive()
}

fn read_spec(run: &Path, threads: Option<usize>) -> Result<spec::Spec, Failure> {
    let text = read_resolved(run)?;
    let name = run.join("resolved.toml").display().to_string();
    let overrides: Vec<String> = threads
        .iter()
        .map(|n| format!("training.threads={n}"))
        .collect();
    Ok(spec::parse(&text, &name, run, &overrides)?)
}

/// Takes the kernels that the run was started with, so that its bits stay the same.
fn keep_kernel_path(folder: &RunFolder) {
    let recorded = &folder.manifest().compute.kernel_path;
    if !KernelPath::from_name(recorded).is_some_and(KernelPath::choose) {
        eprintln!(
            "warning: this processor has no `{}` kernels, which the run was started with; its last bits will \
             differ from those of an undisturbed run",
            printable(recorded)
        );
    }
}

fn check_origin(run: &Path, recorded: &Origin, now: &Origin) -> Result<(), Failure> {
    let refuse = |what: &str, hint: &str| {
        Err(Failure::new(exit::INVALID_DATA, format!("{}: {what}", run.display())).with_hint(hint))
    };
    if recorded.data_digest != now.data_digest {
        return refuse(
            "the data is not the one that the run was trained on",
            "put the original files back, or start a new run",
        );
    }
    if recorded.spec_digest != now.spec_digest || recorded.seed != now.seed {
        return refuse(
            "`resolved.toml` was changed since the last checkpoint, in settings that decide the numbers",
            "undo the change, or start a new run from it",
        );
    }
    Ok(())
}
