//! `runner rebuild RUN`: makes again what is made from a run's newest checkpoint: metrics, figures, and where they
//! are gone `resolved.toml` and `best.safetensors`.

use std::path::{Path, PathBuf};

use crate::experiment;
use crate::kernels::Isa;
use crate::nn::Device;
use crate::run::{Loaded, RunFolder, read_resolved};
use crate::session::figures::RunFigures;
use crate::session::inputs::{self, load_data, read_published};
use crate::session::process::on_threads;
use crate::session::provenance::origin;
use crate::session::resume_checks::{Present, check_origin};
use crate::sys::exit;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome, tell};
use crate::train::build_model;

/// Make metrics and figures of a run again from its checkpoint
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Override the number of threads (results do not depend on it)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,
}

/// Needs the folder's lock, and for the figures the data.
pub fn main(args: &Args) -> Outcome {
    let run = &args.run;
    let mut folder = RunFolder::open_for_resume(run)?;
    let Some(loaded) = folder.load_latest()? else {
        let text = format!(
            "{} has no checkpoint yet: there is nothing to rebuild from",
            run.display()
        );
        return Err(CliError::new(exit::INVALID_DATA, text)
            .with_hint(format!("train it with: runner resume {}", run.display())));
    };
    if let Some(warning) = &loaded.warning {
        tell!("warning: {warning}");
    }
    let checkpoint = &loaded.checkpoint;
    let say = |text: &str| {
        if !args.quiet {
            let _ = out(&format!("{text}\n"));
        }
    };
    let text = resolved(run, &folder, &loaded)?;
    if folder.restore_best(checkpoint)? {
        say("checkpoints/best.safetensors");
    }
    folder.write_metrics(&checkpoint.history)?;
    say(&format!(
        "metrics.parquet, epochs: {}",
        checkpoint.history.len()
    ));

    // The figures need more than the checkpoint; what stands above is done whether or not that is there.
    let name = run.join("resolved.toml").display().to_string();
    let threads = args.threads.map(|n| format!("training.threads={n}"));
    let overrides: Vec<String> = threads.into_iter().collect();
    let spec = experiment::parse(&text, &name, run, &overrides)?;
    // Other kernels draw the same figures but for a bit here and there.
    Isa::from_name(&folder.manifest().compute.kernel_path).map(Isa::choose);
    let published = read_published(&spec, args.quiet)?;
    let data = load_data(&spec, args.quiet)?;
    let plan = inputs::plan(spec, &data);
    let origin = origin(&plan.spec, &data);
    let present = Present {
        spec: &plan.spec,
        data: &data,
        origin: &origin,
    };
    check_origin(run, folder.manifest(), Some(&loaded), present)?;
    let errors = on_threads(plan.spec.training.threads, || {
        let mut model = build_model(&plan, Device::Cpu)?;
        model.set_weights(&checkpoint.weights)?;
        let figures = RunFigures {
            plan: &plan,
            data: &data,
            model: model.as_ref(),
            history: &checkpoint.history,
            published: published.as_ref(),
        };
        let errors = figures.write(&folder);
        for error in &errors {
            tell!("warning: {error}");
        }
        for name in figures.names() {
            say(&format!("figures/{name}.png, figures/{name}.svg"));
        }
        Ok(errors)
    })?;
    folder.log("rebuilt from the checkpoint")?;
    Ok(if errors.is_empty() {
        exit::DONE
    } else {
        exit::FAILED
    })
}

/// The text of `resolved.toml`, which is written again from the checkpoint where it is gone.
fn resolved(run: &Path, folder: &RunFolder, loaded: &Loaded) -> Result<String, CliError> {
    match read_resolved(run) {
        Err(error) if error.is_not_found() => {
            let Some(text) = loaded.checkpoint.spec_text() else {
                return Err(error.into());
            };
            folder.write_resolved(text)?;
            Ok(text.to_owned())
        }
        other => Ok(other?),
    }
}
