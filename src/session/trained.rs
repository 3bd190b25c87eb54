//! A trained model, by its run folder alone: read, never written, so that a run under way is not disturbed.

use std::path::Path;

use super::checks::MOST_CLASSES;
use super::inputs::{self, load_data};
use super::process::on_threads;
use super::provenance::origin;
use crate::data::{Classes, DataSet};
use crate::draw::{DrawError, ImageBatch, Rendered};
use crate::experiment;
use crate::kernels::{Extent, Isa};
use crate::nn::Device;
use crate::plan::Plan;
use crate::run::{Checkpoint, LARGEST_FILE, Manifest, best_path, read_checkpoint, read_resolved};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::args::TrainedArgs;
use crate::terminal::{CliError, Outcome};
use crate::train::build_model;
use crate::vae::Model;
use crate::vae::inference::Inference;

/// A network with the weights of a run.
pub struct Trained {
    pub plan: Plan,
    model: Box<dyn Model>,
    /// Epochs that the weights have seen.
    epochs: u32,
}

/// Uses the network of a run alone, for which its data is not needed.
///
/// # Errors
/// What of the folder cannot be used; those of the use.
pub fn with_network(args: &TrainedArgs, work: impl FnOnce(&Trained) -> Outcome + Send) -> Outcome {
    let (checkpoint, resolved) = read(args)?;
    let image = image(&checkpoint).ok_or_else(|| {
        let text = format!(
            "{}: the checkpoint does not say how large an image is",
            args.run.display()
        );
        CliError::new(exit::INVALID_DATA, text)
    })?;
    // A network does not depend on the place of its images, and they may be gone.
    let (name, overrides) = request(args);
    let spec = experiment::read_back(&resolved, &name, &overrides)?;
    let plan = Plan::new(spec, image, 0, 0);
    let plan = match plan.is_conditional() {
        true => {
            let classes = classes(&checkpoint).ok_or_else(|| {
                let text = format!(
                    "{}: the checkpoint does not name the classes of its conditional network",
                    args.run.display()
                );
                CliError::new(exit::INVALID_DATA, text)
            })?;
            plan.with_classes(classes)
        }
        false => plan,
    };
    on_threads(plan.spec.training.threads, || {
        work(&Trained::build(args, &checkpoint, plan)?)
    })
}

/// Uses the network of a run and the data that it was trained on.
///
/// # Errors
/// What of the folder cannot be used; the data is gone, or another one; those of the use.
pub fn with_data(
    args: &TrainedArgs,
    work: impl FnOnce(&Trained, &DataSet) -> Outcome + Send,
) -> Outcome {
    let (checkpoint, resolved) = read(args)?;
    let (name, overrides) = request(args);
    let spec = experiment::parse(&resolved, &name, &args.run, &overrides)?;
    let data = load_data(&spec, args.quiet)?;
    if origin(&spec, &data).data_digest != checkpoint.origin.data_digest {
        let text = format!(
            "{}: the data is not the one that the run was trained on",
            args.run.display()
        );
        return Err(CliError::new(exit::INVALID_DATA, text).with_hint(format!(
            "its SHA-256 stand in {}/manifest.json",
            args.run.display()
        )));
    }
    let plan = inputs::plan(spec, &data);
    on_threads(plan.spec.training.threads, || {
        work(&Trained::build(args, &checkpoint, plan)?, &data)
    })
}

impl Trained {
    fn build(args: &TrainedArgs, checkpoint: &Checkpoint, plan: Plan) -> Result<Self, CliError> {
        let mut model = build_model(&plan, Device::Cpu)?;
        model.set_weights(&checkpoint.weights).map_err(|error| {
            let text = format!(
                "{}: the checkpoint does not fit the run: {error}",
                args.run.display()
            );
            CliError::new(exit::INVALID_DATA, text)
                .with_hint(format!("runner doctor {}", args.run.display()))
        })?;
        Ok(Self {
            plan,
            model,
            epochs: checkpoint.progress.epoch,
        })
    }

    /// Runs many images through the network.
    pub fn inference(&self) -> Inference<'_> {
        Inference {
            model: self.model.as_ref(),
            plan: &self.plan,
        }
    }

    /// The label of a class that was asked for with `--label`, by its name or its number.
    ///
    /// # Errors
    /// There is no such class, or the model is told of none.
    pub fn label(&self, asked: Option<&str>) -> Result<Option<u16>, CliError> {
        let Some(asked) = asked else {
            return Ok(None);
        };
        if !self.plan.is_conditional() {
            let text = "--label: the model is not told the class of an image";
            return Err(CliError::new(exit::USAGE, text)
                .with_hint("leave it out, or train with `condition = \"label\"` in `[model]`"));
        }
        let classes = &self.plan.classes;
        match classes.find(asked) {
            Some(label) => Ok(Some(label)),
            None => {
                let text = format!("--label {}: there is no such class", printable(asked));
                let hint = format!("classes: {}", printable(&classes.list()));
                Err(CliError::new(exit::USAGE, text).with_hint(hint))
            }
        }
    }

    /// What a picture of it is called.
    pub fn title(&self, what: &str) -> String {
        format!("{}: {what}, epoch {}", self.plan.spec.name, self.epochs)
    }

    /// Pixel values as images.
    pub fn images<'a>(&self, pixels: &'a [f32]) -> Result<ImageBatch<'a>, DrawError> {
        let Extent {
            height,
            width,
            channels,
        } = self.plan.architecture.image;
        ImageBatch::new(
            pixels,
            pixels.len() / self.plan.architecture.image.len(),
            height,
            width,
            channels,
        )
    }
}

/// The checkpoint and the text of the spec.
fn read(args: &TrainedArgs) -> Result<(Checkpoint, String), CliError> {
    let run = &args.run;
    let manifest = Manifest::read(run)?;
    let path = match args.best {
        true => best_path(run),
        false => run.join("checkpoints/last.safetensors"),
    };
    let checkpoint = read_checkpoint(&path, LARGEST_FILE).map_err(|error| match error {
        error if error.is_not_found() => {
            let text = format!(
                "{} has no `{}` yet",
                run.display(),
                path.strip_prefix(run).unwrap_or(&path).display()
            );
            CliError::new(exit::INVALID_DATA, text)
                .with_hint(format!("runner doctor {}", run.display()))
        }
        error => CliError::from(error).with_hint(format!("runner doctor {}", run.display())),
    })?;
    // Other kernels give the same pictures but for a bit here and there.
    Isa::from_name(&manifest.compute.kernel_path).map(Isa::choose);
    let resolved = match read_resolved(run) {
        Err(error) if error.is_not_found() => {
            checkpoint.spec_text().map(str::to_owned).ok_or(error)?
        }
        other => other?,
    };
    Ok((checkpoint, resolved))
}

/// What diagnostics call the run's spec, and what is asked for beside it.
fn request(args: &TrainedArgs) -> (String, Vec<String>) {
    let name = args.run.join("resolved.toml").display().to_string();
    let threads = args.threads.map(|n| format!("training.threads={n}"));
    (name, threads.into_iter().collect())
}

/// Height, width and channels of an image, as the checkpoint describes its network.
fn image(checkpoint: &Checkpoint) -> Option<Extent> {
    /// No picture that the program reads has a longer side.
    const LONGEST: u64 = 1 << 14;
    let sizes = checkpoint.model.get("image")?.as_array()?;
    let size = |at: usize| {
        let size = sizes
            .get(at)?
            .as_u64()
            .filter(|size| (1..=LONGEST).contains(size))?;
        usize::try_from(size).ok()
    };
    Some(Extent {
        height: size(0)?,
        width: size(1)?,
        channels: size(2)?,
    })
}

/// The classes of a conditional network, as the checkpoint describes it.
fn classes(checkpoint: &Checkpoint) -> Option<Classes> {
    let names = checkpoint.model.get("class_names")?.as_array()?;
    let names: Vec<String> = names
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<_>>()?;
    let without_images = vec![];
    (2..=MOST_CLASSES)
        .contains(&names.len())
        .then_some(Classes {
            names,
            without_images,
        })
}

/// Writes a picture as PNG, or as SVG where the file is called so, and says so.
///
/// # Errors
/// It cannot be drawn or written.
pub fn write_picture(rendered: &Rendered, out: &Path, quiet: bool) -> Outcome {
    let bytes = match out
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("svg"))
    {
        true => rendered.svg.as_bytes(),
        false => rendered.png.as_slice(),
    };
    crate::terminal::output::write(std::iter::once(bytes), Some(out))?;
    if !quiet {
        let line = format!("{}\n", printable(&out.display().to_string()));
        crate::terminal::print::out(&line)?;
    }
    Ok(exit::DONE)
}
