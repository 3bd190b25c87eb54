//! `runner SPEC.toml`: the whole job.

use super::session::{
    Session, check_against_data, compute, data_source, extent, listen, load_data, origin,
    read_published, start_threads, warn_of_little_room,
};
use super::{Outcome, device};
use crate::cli::RunArgs;
use crate::plan::Plan;
use crate::run::{NewRun, Parameters, RunFolder};
use crate::spec;
use crate::train::{Trainer, build_model, keep_images};

/// Checks everything, makes the run folder, trains.
pub fn main(args: &RunArgs) -> Outcome {
    let stop = listen()?;
    let loaded = spec::load(&args.spec.spec, &args.spec.overrides())?;
    let found = device::find(loaded.spec.training.device)?;
    let published = read_published(&loaded.spec)?;
    let data = load_data(&loaded.spec, args.quiet)?;
    let image = extent(data.images.height, data.images.width, data.images.channels);
    let plan = Plan::new(
        loaded.spec.clone(),
        image,
        data.train.len(),
        data.validation.len(),
    );
    check_against_data(&loaded, &plan)?;
    let threads = start_threads(plan.spec.training.threads)?;
    let mut model = build_model(&plan, found.device)?;
    keep_images(model.as_mut(), &data.images)?;
    let (encoder, decoder) = plan.architecture.parameters();
    warn_of_little_room(&args.runs_dir, plan.disk_bytes());
    let origin = origin(&plan.spec, &data);
    let folder = RunFolder::create(
        &args.runs_dir,
        &NewRun {
            name: &plan.spec.name,
            spec_text: &loaded.text,
            overrides: loaded.overrides.clone(),
            resolved_text: &spec::resolved_toml(&plan.spec),
            command_line: std::env::args_os()
                .map(|a| a.to_string_lossy().into_owned())
                .collect(),
            git_commit: option_env!("RUNNER_GIT_COMMIT").map(str::to_owned),
            compute: compute(found.device, &threads),
            device_note: &found.why,
            data: data_source(&data),
            spec_digest: origin.spec_digest.clone(),
            parameters: Parameters {
                encoder,
                decoder,
                total: encoder + decoder,
            },
            epochs: plan.spec.training.epochs as u32,
        },
    )?;
    let trainer = Trainer::new(&plan, &data, &threads, model);
    let quiet = args.quiet;
    found.tell(quiet);
    Session {
        folder,
        plan: &plan,
        data: &data,
        threads: &threads,
        trainer,
        origin,
        published,
        stop: &stop,
        quiet,
    }
    .drive()
}
