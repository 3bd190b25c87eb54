//! A new run: its spec is checked against its data, its folder made, and it trains.

use std::path::Path;

use super::checks::{check_against_data, warn_of_little_room, warn_of_missing_classes};
use super::device::{self, Found};
use super::drive::Session;
use super::inputs::{self, load_data, read_published};
use super::process::on_threads;
use super::provenance::{compute, data_source, origin};
use super::reporter::Audience;
use crate::data::DataSet;
use crate::experiment::{self, Loaded};
use crate::figures::Published;
use crate::plan::Plan;
use crate::run::{NewRun, Parameters, RunFolder};
use crate::sys::stop::Stop;
use crate::terminal::Outcome;
use crate::train::{Trainer, build_model, keep_images};

/// Where a run's folder is made.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Under a name of its own in this folder.
    In(&'a Path),
    /// Exactly here.
    At(&'a Path),
}

/// What a new run is made of.
#[derive(Debug)]
pub struct StartRequest<'a> {
    /// The spec.
    pub loaded: &'a Loaded,
    /// Where the run's folder is made.
    pub place: Place<'a>,
    /// What was asked for, for the folder.
    pub spec_text: &'a str,
    /// Settings given beside it.
    pub overrides: &'a [String],
    /// The command line of the program, or of the sweep.
    pub command_line: Vec<String>,
    /// Threads, where the spec does not say; nothing for every core.
    pub threads: Option<usize>,
    /// Who reads its output.
    pub audience: Audience,
    /// After so many epochs it is left.
    pub until: Option<u32>,
}

/// Checks a spec against its data, makes the run folder, trains.
///
/// # Errors
/// The spec does not fit its data or the machine; what is read or written fails; training fails.
pub fn start(request: &StartRequest, stop: &Stop) -> Outcome {
    let loaded = request.loaded;
    let found = device::find(loaded.spec.training.device)?;
    let published = read_published(&loaded.spec, !request.audience.is_person())?;
    let data = load_data(&loaded.spec, !request.audience.is_person())?;
    let plan = inputs::plan(loaded.spec.clone(), &data);
    check_against_data(loaded, &plan)?;
    warn_of_missing_classes(&plan);
    on_threads(plan.spec.training.threads.or(request.threads), || {
        request.train(stop, (&plan, &data), published, &found)
    })
}

impl StartRequest<'_> {
    /// Makes the run folder, trains.
    fn train(
        &self,
        stop: &Stop,
        (plan, data): (&Plan, &DataSet),
        published: Option<Published>,
        found: &Found,
    ) -> Outcome {
        let mut model = build_model(plan, found.device)?;
        keep_images(model.as_mut(), &data.images)?;
        let (encoder, decoder) = plan.architecture.parameters();
        let (Place::In(folder) | Place::At(folder)) = self.place;
        warn_of_little_room(folder, plan.disk_bytes());
        let origin = origin(&plan.spec, data);
        let run = NewRun {
            name: &plan.spec.name,
            spec_text: self.spec_text,
            overrides: self.overrides.to_vec(),
            resolved_text: &experiment::resolved_toml(&plan.spec),
            command_line: self.command_line.clone(),
            git_commit: option_env!("RUNNER_GIT_COMMIT").map(str::to_owned),
            compute: compute(found.device),
            data: data_source(data),
            spec_digest: origin.spec_digest.clone(),
            parameters: Parameters {
                encoder,
                decoder,
                total: plan.parameters(),
            },
            epochs: plan.spec.training.epochs as u32,
            device_note: &found.why,
        };
        let folder = match self.place {
            Place::In(runs_dir) => RunFolder::create(runs_dir, &run)?,
            Place::At(path) => RunFolder::create_at(path, &run)?,
        };
        let trainer = Trainer::new(plan, data, model);
        found.tell(!self.audience.is_person());
        Session {
            folder,
            plan,
            data,
            trainer,
            origin,
            published,
            stop,
            audience: self.audience,
            until: self.until,
        }
        .drive()
    }
}
