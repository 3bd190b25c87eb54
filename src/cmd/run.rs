//! `runner SPEC.toml`: the whole job, once or, where the spec has a sweep, for each of its trials.

use std::path::Path;

use crate::cli::RunArgs;
use crate::data::DataSet;
use crate::experiment::{self, Loaded};
use crate::figures::Published;
use crate::launch;
use crate::plan::Plan;
use crate::run::{NewRun, Parameters, RunFolder};
use crate::session::device;
use crate::session::device::Found;
use crate::session::drive::{
    Session, check_against_data, compute, data_source, extent, listen, load_data, on_threads,
    origin, read_published, warn_of_little_room,
};
use crate::session::reporter::Tone;
use crate::sys::stop::Stop;
use crate::terminal::Outcome;
use crate::train::{Trainer, build_model, keep_images};

/// Checks everything, makes the run folder, trains.
pub fn main(args: &RunArgs) -> Outcome {
    let stop = listen()?;
    let overrides = args.spec.overrides();
    let loaded = experiment::load_with_sweep(&args.spec.spec, &overrides, &args.sweeping.sweep)?;
    if loaded.sweep.is_some() {
        return launch::main(args, &loaded, &stop);
    }
    launch::refuse_without(&args.sweeping)?;
    start(
        &New {
            loaded: &loaded,
            place: Place::In(&args.runs_dir),
            spec_text: &loaded.text,
            overrides: &loaded.overrides,
            command_line: command_line(),
            threads: None,
            tone: Tone::of(args.quiet),
            until: None,
        },
        &stop,
    )
}

/// The words that the program was started with.
pub fn command_line() -> Vec<String> {
    let words = std::env::args_os();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Where a run's folder is made.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Under a name of its own in this folder.
    In(&'a Path),
    /// Exactly here.
    At(&'a Path),
}

/// A run that is to begin.
#[derive(Debug)]
pub struct New<'a> {
    /// What is run.
    pub loaded: &'a Loaded,
    /// Where its folder is made.
    pub place: Place<'a>,
    /// What was asked for, for its folder.
    pub spec_text: &'a str,
    /// Settings given beside it.
    pub overrides: &'a [String],
    /// The words that the program, or that of the sweep, was started with.
    pub command_line: Vec<String>,
    /// Threads, where the spec does not say; nothing for every core.
    pub threads: Option<usize>,
    /// Whom it speaks to.
    pub tone: Tone,
    /// After so many epochs it is left.
    pub until: Option<u32>,
}

/// Checks a spec against its data, makes the run folder, trains.
pub fn start(new: &New, stop: &Stop) -> Outcome {
    let loaded = new.loaded;
    let found = device::find(loaded.spec.training.device)?;
    let published = read_published(&loaded.spec)?;
    let data = load_data(&loaded.spec, !new.tone.is_for_a_person())?;
    let image = extent(data.images.height, data.images.width, data.images.channels);
    let plan = Plan::new(
        loaded.spec.clone(),
        image,
        data.train.len(),
        data.validation.len(),
    );
    check_against_data(loaded, &plan)?;
    on_threads(plan.spec.training.threads.or(new.threads), || {
        train(new, stop, (&plan, &data), published, &found)
    })
}

/// Makes the run folder, trains.
fn train(
    new: &New,
    stop: &Stop,
    (plan, data): (&Plan, &DataSet),
    published: Option<Published>,
    found: &Found,
) -> Outcome {
    let mut model = build_model(plan, found.device)?;
    keep_images(model.as_mut(), &data.images)?;
    let (encoder, decoder) = plan.architecture.parameters();
    let (Place::In(folder) | Place::At(folder)) = new.place;
    warn_of_little_room(folder, plan.disk_bytes());
    let origin = origin(&plan.spec, data);
    let run = NewRun {
        name: &plan.spec.name,
        spec_text: new.spec_text,
        overrides: new.overrides.to_vec(),
        resolved_text: &experiment::resolved_toml(&plan.spec),
        command_line: new.command_line.clone(),
        git_commit: option_env!("RUNNER_GIT_COMMIT").map(str::to_owned),
        compute: compute(found.device),
        data: data_source(data),
        spec_digest: origin.spec_digest.clone(),
        parameters: Parameters {
            encoder,
            decoder,
            total: encoder + decoder,
        },
        epochs: plan.spec.training.epochs as u32,
        device_note: &found.why,
    };
    let folder = match new.place {
        Place::In(runs_dir) => RunFolder::create(runs_dir, &run)?,
        Place::At(path) => RunFolder::create_at(path, &run)?,
    };
    let trainer = Trainer::new(plan, data, model);
    found.tell(!new.tone.is_for_a_person());
    Session {
        folder,
        plan,
        data,
        trainer,
        origin,
        published,
        stop,
        tone: new.tone,
        until: new.until,
    }
    .drive()
}
