//! What `run` and `resume` share: from a plan and its data to a trained model in a run folder.

use crate::terminal::tell;
use std::path::Path;
use std::time::Duration;

use super::figures::Album;
use super::reporter::{Reporter, Tone};
use crate::data::{self, DataSet};
use crate::experiment::{self, Fingerprint, Loaded, Spec};
use crate::figures::{self, Published};
use crate::fs::{disk, files};
use crate::kernels::parallel::{self, Threads};
use crate::kernels::{Extent, Isa};
use crate::nn::Device;
use crate::plan::Plan;
use crate::run::{
    Checkpoint, Compute, DataSource, LARGEST_HEADER, Origin, RunError, RunFolder, SourceFile,
    Status,
};
use crate::sys::stop::Stop;
use crate::sys::{clock, exit};
use crate::terminal::cli_error::with_causes;
use crate::terminal::print::bytes;
use crate::terminal::{CliError, Outcome};
use crate::train::{Advance, TrainError, Trainer};
use crate::vae::ModelError;

/// Largest CSV of a published curve, in bytes.
const LARGEST_CURVE: u64 = 16 << 20;

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        Self::new(error.exit_code(), with_causes(&error))
    }
}

impl From<ModelError> for CliError {
    fn from(error: ModelError) -> Self {
        Self::new(exit::FAILED, error)
    }
}

/// The size of an image.
pub fn extent(height: usize, width: usize, channels: usize) -> Extent {
    Extent {
        height,
        width,
        channels,
    }
}

/// What only the data can tell: a batch larger than it, a model larger than the machine. And a history larger
/// than a checkpoint can hold, which would end a run near its end.
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
    check_memory(plan.memory_bytes()).map_err(|text| {
        let hint = "take fewer or smaller layers, a smaller batch or smaller images";
        let key = "model.conv_filters";
        loaded
            .diagnostic_in(trial, key, text, None, Some(hint.to_owned()))
            .into()
    })
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

/// Whether the machine has so much memory at all, in bytes; says in words that it has not.
pub fn check_memory(needed: u64) -> Result<(), String> {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    match crate::sys::machine::memory_bytes() {
        Some(there) if needed > there => Err(format!(
            "this model takes about {:.1} GB to train, the machine has {:.1} GB",
            gigabytes(needed),
            gigabytes(there)
        )),
        _ => Ok(()),
    }
}

/// Loads a plan's data, showing what takes long.
///
/// # Errors
/// See [`crate::data::DataError`].
pub fn load_data(spec: &Spec, quiet: bool) -> Result<DataSet, CliError> {
    let mut loading = crate::terminal::loading::Loading::new(quiet);
    let data = data::load(&spec.data, spec.seed, &mut |progress| {
        loading.show(progress)
    })?;
    loading.finish();
    Ok(data)
}

/// Works on the threads that a spec asks for: whatever builds or uses a network does.
///
/// # Errors
/// The operating system cannot start them; those of the work.
pub fn on_threads<R: Send>(
    wanted: Option<usize>,
    work: impl FnOnce() -> Result<R, CliError> + Send,
) -> Result<R, CliError> {
    Threads::new(wanted.unwrap_or(0))
        .map_err(|e| CliError::new(exit::FAILED, format!("cannot start threads: {e}")))?
        .run(work)
}

/// How a run computes on the caller's threads, for its manifest.
pub fn compute(device: Device) -> Compute {
    Compute {
        device: device.to_string(),
        threads: parallel::count(),
        kernel_path: kernels(device).to_owned(),
    }
}

/// Whose kernels compute on a device.
pub fn kernels(device: Device) -> &'static str {
    match device {
        Device::Cpu => Isa::current().name(),
        Device::CpuDfdx | Device::Cuda(_) => "dfdx",
    }
}

/// What a run is started from: its seed, and digests of the settings and of the data that decide its numbers.
pub fn origin(spec: &Spec, data: &DataSet) -> Origin {
    Origin {
        seed: spec.seed,
        spec_digest: Fingerprint::of_run(spec).digest(),
        data_digest: data.checksum(),
    }
}

/// The files of a data set, for the manifest.
pub fn data_source(data: &DataSet) -> DataSource {
    let source = |source: &data::Source| SourceFile {
        name: source
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        sha256: source.sha256.clone(),
    };
    DataSource {
        name: data.name.clone(),
        place: data.place.clone(),
        sources: data.sources.iter().map(source).collect(),
        checksum: data.checksum(),
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

/// Listens for the signals that ask to stop.
///
/// # Errors
/// The operating system refuses.
pub fn listen() -> Result<Stop, CliError> {
    Stop::on_signals()
        .map_err(|e| CliError::new(exit::FAILED, format!("cannot listen for signals: {e}")))
}

/// A run that is about to train.
pub struct Session<'a> {
    pub folder: RunFolder,
    pub plan: &'a Plan,
    pub data: &'a DataSet,
    pub trainer: Trainer<'a>,
    pub origin: Origin,
    pub published: Option<Published>,
    pub stop: &'a Stop,
    pub tone: Tone,
    /// After so many epochs it is left as by a stop, to go on later.
    pub until: Option<u32>,
}

impl Session<'_> {
    /// Trains to the end, or until somebody asks to stop; leaves the folder complete either way.
    pub fn drive(mut self) -> Outcome {
        let (stop, started) = (self.stop, clock::monotonic());
        stop.hold();
        let result = self.train(stop);
        if let Err(failure) = &result {
            let status = if failure.is_non_finite() {
                Status::Diverged
            } else {
                Status::Failed
            };
            // The failure that ended the run is the one to report.
            let _ = self.folder.finish(status, Some(failure.text().to_owned()));
        }
        let stopped = result?;
        // All is saved; what follows can be done again.
        stop.release();
        if let Some(code) = stopped {
            return Ok(code);
        }
        // Figures need memory too, but not at the same time.
        self.trainer.model().release_memory()?;
        self.draw();
        let missed = self.missed_expectations();
        self.folder
            .finish(Status::Completed, self.end_note(&missed))?;
        self.summarise(started.elapsed());
        for line in &missed {
            tell!("expected: {line}");
        }
        Ok(if missed.is_empty() {
            exit::DONE
        } else {
            exit::EXPECTATION_MISSED
        })
    }

    /// Gives the exit code of the signal that stopped it, or nothing when all epochs are done.
    fn train(&mut self, stop: &Stop) -> Result<Option<u8>, CliError> {
        let mut reporter = Reporter::new(self.plan, self.trainer.progress(), self.tone);
        let every = self.plan.spec.training.checkpoint_every as u32;
        while !self.trainer.is_finished() {
            if self.is_far_enough() {
                reporter.finish();
                return self.pause().map(Some);
            }
            let advance = self
                .trainer
                .advance(stop, &mut |view| reporter.step(view))
                .map_err(CliError::from)?;
            match advance {
                Advance::Stopped => {
                    self.commit(false)?;
                    let progress = self.trainer.progress();
                    let place = format!(
                        "in epoch {}, step {}",
                        progress.epoch + 1,
                        progress.step_in_epoch
                    );
                    reporter.finish();
                    return self.leave(stop, &place).map(Some);
                }
                Advance::Epoch => {
                    let progress = self.trainer.progress();
                    let epoch = progress.epoch;
                    let is_best = progress
                        .best
                        .as_ref()
                        .is_some_and(|best| best.epoch == epoch);
                    let is_due = epoch.is_multiple_of(every.max(1)) || self.is_far_enough();
                    if is_due || is_best || self.trainer.is_finished() {
                        self.commit(is_best)?;
                    }
                    self.folder.write_metrics(self.trainer.history())?;
                    if let Some(metrics) = self.trainer.history().last() {
                        reporter.epoch(metrics);
                        #[cfg(feature = "faults")]
                        crate::sys::fault_injection::told(metrics.epoch);
                        self.folder.log(&super::reporter::line(
                            metrics,
                            self.plan.spec.training.epochs,
                        ))?;
                    }
                }
            }
        }
        reporter.finish();
        if stop.requested() {
            return self.leave(stop, "after the last epoch").map(Some);
        }
        Ok(None)
    }

    /// Whether the epoch is reached after which the run was to be left.
    fn is_far_enough(&self) -> bool {
        let epoch = self.trainer.progress().epoch;
        self.until.is_some_and(|until| epoch >= until)
    }

    /// Notes that the run was left where it was to be.
    fn pause(&mut self) -> Outcome {
        let epoch = self.trainer.progress().epoch;
        let why = format!("left after epoch {epoch}, where its sweep compares trials");
        self.folder.finish(Status::Interrupted, Some(why))?;
        Ok(exit::DONE)
    }

    /// Notes that a signal stopped the run; gives its exit code.
    fn leave(&mut self, stop: &Stop, place: &str) -> Result<u8, CliError> {
        let why = format!("stopped by a signal {place}");
        self.folder.finish(Status::Interrupted, Some(why))?;
        tell!("stopped {place}; everything is saved");
        tell!("go on with: runner resume {}", self.folder.path().display());
        Ok(stop.exit_code().unwrap_or(exit::INTERRUPTED))
    }

    fn commit(&mut self, is_best: bool) -> Result<(), CliError> {
        let model = self.trainer.model();
        let checkpoint = Checkpoint {
            weights: model.weights(),
            optimizer: model.optimizer_state(),
            progress: self.trainer.progress().clone(),
            history: self.trainer.history().to_vec(),
            origin: self.origin.clone(),
            model: describe_model(self.plan),
        };
        Ok(self.folder.commit(&checkpoint, is_best)?)
    }

    /// Draws the figures; one that fails is named and does not fail the run.
    fn draw(&self) {
        let album = Album {
            plan: self.plan,
            data: self.data,
            model: self.trainer.model(),
            history: self.trainer.history(),
            published: self.published.as_ref(),
        };
        for error in album.write(&self.folder) {
            tell!("warning: {error}");
            let _ = self.folder.log(&format!("warning: {error}"));
        }
    }

    /// What `[expect]` limits and the last epoch misses, a line each.
    fn missed_expectations(&self) -> Vec<String> {
        let Some(last) = self.trainer.history().last() else {
            return vec![];
        };
        let mut missed = vec![];
        for expectation in &self.plan.spec.expect {
            let name = &expectation.metric;
            let Some(value) = last.scalar(name) else {
                missed.push(format!("`{name}` has no value"));
                continue;
            };
            // A value that is not a number satisfies no limit.
            if let Some(max) = expectation.max.filter(|&max| value.is_nan() || value > max) {
                missed.push(format!("`{name}` at most {max}, found {value}"));
            }
            if let Some(min) = expectation.min.filter(|&min| value.is_nan() || value < min) {
                missed.push(format!("`{name}` at least {min}, found {value}"));
            }
        }
        missed
    }

    fn end_note(&self, missed: &[String]) -> Option<String> {
        let mut notes = vec![];
        if self.trainer.stops_early() {
            let patience = self.trainer.progress().epochs_since_best;
            notes.push(format!("stopped early: no better epoch in {patience}"));
        }
        notes.extend(missed.iter().map(|line| format!("expected {line}")));
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    fn summarise(&self, elapsed: Duration) {
        if !self.tone.is_for_a_person() {
            return;
        }
        let mut text = String::new();
        if self.trainer.stops_early() {
            text += &format!(
                "no better epoch in {}: stopped early\n",
                self.trainer.progress().epochs_since_best
            );
        }
        if let Some(best) = &self.trainer.progress().best {
            text += &format!(
                "best     {} {:.3} in epoch {}\n",
                best.metric, best.value, best.epoch
            );
        }
        text += &format!("done in  {}\n", crate::terminal::print::duration(elapsed));
        text += &format!("folder   {}\n", self.folder.path().display());
        // Nothing is lost when nobody reads it any more.
        let _ = crate::terminal::print::out(&text);
    }
}

/// The network and its training in the words of a reference file (see `verify`).
fn describe_model(plan: &Plan) -> serde_json::Value {
    let a = &plan.architecture;
    let spec = &plan.spec;
    serde_json::json!({
        "image": [a.image.height, a.image.width, a.image.channels],
        "filters": a.filters,
        "kernel": a.kernel,
        "stride": a.stride,
        "hidden": a.hidden,
        "latent": a.latent,
        "activation": spec.model.activation.name(),
        "optimizer": spec.optimizer.name(),
        "learning_rate": spec.optimizer.learning_rate(),
        "recon": spec.loss.reconstruction.name(),
        "kl": spec.loss.kl_reduction.name(),
        "klw": spec.loss.kl_weight,
        // A resume compares it with what is asked for then.
        "spec": experiment::resolved_toml(spec),
        "layout": "images NHWC; conv kernels (kh, kw, in, out); transposed (kh, kw, out, in); dense (in, out)",
    })
}

/// Reads the published curve that a spec names.
///
/// # Errors
/// It cannot be read, or is no such table.
pub fn read_published(spec: &Spec) -> Result<Option<Published>, CliError> {
    let Some(path) = &spec.figures.published else {
        return Ok(None);
    };
    let text = files::read_text(path, LARGEST_CURVE)
        .map_err(|e| CliError::new(exit::IO, with_causes(&e)))?;
    let published = figures::read_published(&text).map_err(|e| {
        CliError::new(
            exit::USAGE,
            format!("{}: {}", path.display(), with_causes(&e)),
        )
    })?;
    Ok(Some(Published {
        name: spec.figures.published_name.clone(),
        ..published
    }))
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        let divergence = matches!(error, TrainError::Diverged { .. });
        let failure = Self::new(exit::FAILED, &error);
        if !divergence {
            return failure;
        }
        failure.as_non_finite().with_hint(
            "the weights before that step are kept; try a lower learning rate, or `clip_norm`",
        )
    }
}
