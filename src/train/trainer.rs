//! The training loop, one epoch at a time.

use std::borrow::Cow;

use crate::data::DataSet;
use crate::kernels::profile::{self, part};
use crate::metric::{self, EpochFacts, Measurements, Row, VALIDATION};
use crate::numeric::named_tensor::NamedTensor;
use crate::numeric::random::{Purpose, Stream};
use crate::objective::At;
use crate::optim::Step;
use crate::optim::schedule::{Position, learning_rate};
use crate::plan::Plan;
use crate::progress::{Best, Partial, Progress};
use crate::sys::clock;
use crate::sys::stop::Stop;
use crate::vae::{Model, ModelError};

use super::batches::Batches;
use super::sums::Sums;

/// A run in memory.
pub struct Trainer<'a> {
    plan: &'a Plan,
    data: &'a DataSet,
    model: Box<dyn Model>,
    progress: Progress,
    history: Vec<Row>,
    reads_each_step: bool,
}

/// Where [`Trainer::advance`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// An epoch is complete; its metrics are the last of the history.
    Epoch,
    /// It was asked to stop within an epoch.
    Stopped,
}

/// What a progress bar may show after a step.
#[derive(Clone, Copy, Debug)]
pub struct StepView {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Steps taken in it.
    pub step: u64,
    /// Mean loss over the epoch so far, as far as it is read from the device.
    pub loss: f64,
}

/// A state that no run can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {0} cannot be those of this run")]
pub struct Impossible(&'static str);

/// Why training failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A term of the loss, the gradient or a weight is not finite.
    #[error("{term} is not finite at step {step} of epoch {epoch}")]
    Diverged {
        /// Which.
        term: Cow<'static, str>,
        /// The epoch, from 1.
        epoch: u32,
        /// The step in it, from 1.
        step: u32,
    },
    /// The network failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl<'a> Trainer<'a> {
    /// A run at its beginning. It uses the threads of where it is advanced.
    pub fn new(plan: &'a Plan, data: &'a DataSet, model: Box<dyn Model>) -> Self {
        Self {
            plan,
            data,
            model,
            progress: Progress::default(),
            history: vec![],
            reads_each_step: false,
        }
    }

    /// Waits for the device after each step, so that a step's time is its own.
    pub fn read_each_step(&mut self) {
        self.reads_each_step = true;
    }

    /// Goes on from a checkpoint: weights and optimizer state are already in the model.
    ///
    /// # Errors
    /// Counters, sums and history that no run on this data with this network can have. Everything stays
    /// as it was then.
    pub fn restore(&mut self, progress: Progress, history: Vec<Row>) -> Result<(), Impossible> {
        self.check(&progress, &history)?;
        self.progress = progress;
        self.history = history;
        Ok(())
    }

    fn check(&self, progress: &Progress, history: &[Row]) -> Result<(), Impossible> {
        let Progress {
            epoch,
            step_in_epoch,
            step,
            partial,
            best,
            epochs_since_best,
        } = progress;
        let (steps, measured) = (self.plan.steps_per_epoch, self.plan.measured());
        let taken = u64::from(*step_in_epoch);
        if taken > steps
            || *step
                != u64::from(*epoch)
                    .saturating_mul(steps)
                    .saturating_add(taken)
        {
            return Err(Impossible("steps"));
        }
        let images = taken.saturating_mul(self.plan.spec.training.batch_size as u64);
        let expected = (taken, images.min(self.plan.train_images as u64));
        let fit = match taken {
            // Before the first step of an epoch there are none yet.
            0 => partial.sums == Measurements::default(),
            _ => Sums::fit(&partial.sums, measured),
        };
        if (partial.steps, partial.images) != expected || !fit {
            return Err(Impossible("sums of the unfinished epoch"));
        }
        let axes = if measured.kl { measured.axes } else { 0 };
        if history
            .iter()
            .any(|row| row.axes("kl_per_axis").len() != axes)
        {
            return Err(Impossible("history"));
        }
        let is_possible = |best: &Best| (1..=*epoch).contains(&best.epoch);
        if best.as_ref().is_some_and(|best| !is_possible(best)) || epochs_since_best > epoch {
            return Err(Impossible("best epoch"));
        }
        Ok(())
    }

    /// Counts from the first epoch again, with the weights as they are.
    pub fn begin_anew(&mut self) {
        self.progress = Progress::default();
        self.history.clear();
    }

    /// The network.
    pub fn model(&self) -> &dyn Model {
        self.model.as_ref()
    }

    /// The network, to put weights back.
    pub fn model_mut(&mut self) -> &mut dyn Model {
        self.model.as_mut()
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Metrics of the epochs so far.
    pub fn history(&self) -> &[Row] {
        &self.history
    }

    /// Whether no epoch is left, by their number or by early stopping.
    pub fn is_finished(&self) -> bool {
        self.progress.epoch as usize >= self.plan.spec.training.epochs || self.stops_early()
    }

    /// Whether `early_stopping` ended the run.
    pub fn stops_early(&self) -> bool {
        let patience = self.plan.spec.training.early_stopping;
        self.progress.step_in_epoch == 0
            && patience.is_some_and(|epochs| self.progress.epochs_since_best as usize >= epochs)
    }

    /// Trains to the end of the epoch, or to the step after which `stop` is set.
    ///
    /// # Errors
    /// [`TrainError::Diverged`]: the weights are those before the step that failed.
    pub fn advance(
        &mut self,
        stop: &Stop,
        on_step: &mut dyn FnMut(StepView),
    ) -> Result<Advance, TrainError> {
        let spec = &self.plan.spec;
        let epoch = self.progress.epoch;
        let started = clock::monotonic();
        let before = self.progress.partial.seconds;
        let mut order = self.data.train.clone();
        Stream::new(spec.seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        let mut batches = Batches::new(self.plan, self.data);
        let steps = self.plan.steps_per_epoch as u32;
        let first = self.progress.step_in_epoch;
        // Images of the steps that are not reported yet.
        let mut unread = vec![];
        for step in self.progress.step_in_epoch..steps {
            let position = self.plan.position(self.progress.step);
            let rate = learning_rate(
                spec.optimizer.learning_rate(),
                spec.schedule.as_ref(),
                position,
            );
            // Faults are made in a batch's values.
            let kept = self.model.keeps_images() && !cfg!(feature = "faults");
            let at = At::Step { epoch, step };
            let images = batches.places(&order, at).len();
            let batch = part(
                || profile::BATCH.into(),
                || batches.take(&order, at, position, kept),
            );
            #[cfg(feature = "faults")]
            let spoilt = Spoilt::new(batch, rate, self.progress.step + 1);
            #[cfg(feature = "faults")]
            let (batch, rate) = spoilt.batch(batch);
            if !rate.is_finite() {
                return Err(diverged(
                    ModelError::NotFinite("learning rate"),
                    epoch,
                    step,
                ));
            }
            let optimizer_step = Step {
                learning_rate: rate,
                number: self.progress.step + 1,
                gradient_scale: 1.0,
            };
            let model = &mut self.model;
            model
                .begin_step(batch, optimizer_step, spec.optimizer.clip_norm())
                .map_err(|error| diverged(error, epoch, step))?;
            unread.push(images);
            let progress = &mut self.progress;
            let mut sums = Sums::new(&mut progress.partial, self.plan.measured());
            let due = unread.len() >= model.most_unread() || step == first || step + 1 == steps;
            if due || self.reads_each_step || stop.requested() {
                let oldest = step + 1 - unread.len() as u32;
                for ((images, report), step) in unread.drain(..).zip(model.reports()).zip(oldest..)
                {
                    let report = report.map_err(|error| diverged(error, epoch, step))?;
                    sums.add_step(&report, images);
                }
            }
            let loss = sums.loss();
            progress.step_in_epoch = step + 1;
            progress.step += 1;
            progress.partial.seconds = before + started.elapsed().as_secs_f64();
            on_step(StepView {
                epoch: epoch + 1,
                step: u64::from(step) + 1,
                loss,
            });
            #[cfg(feature = "faults")]
            crate::fs::fault_injection::after_step(self.progress.step);
            // A signal between the check above and this one waits for the next step.
            if unread.is_empty() && stop.requested() {
                self.check_weights()?;
                return Ok(Advance::Stopped);
            }
        }
        self.finish_epoch(stop)
    }

    /// Terms and gradients are checked in each step, but the last step's update shows in no loss: weights
    /// that are no numbers must not be saved, least of all as the best ones.
    fn check_weights(&self) -> Result<(), TrainError> {
        let finite = |tensor: &NamedTensor| tensor.data.iter().all(|value| value.is_finite());
        if self.model.weights().iter().all(finite) {
            return Ok(());
        }
        Err(TrainError::Diverged {
            term: "a weight".into(),
            epoch: self.progress.epoch + 1,
            step: self.progress.step_in_epoch,
        })
    }

    fn finish_epoch(&mut self, stop: &Stop) -> Result<Advance, TrainError> {
        self.check_weights()?;
        let spec = &self.plan.spec;
        let last = self.plan.position(self.progress.step.saturating_sub(1));
        let learning_rate =
            learning_rate(spec.optimizer.learning_rate(), spec.schedule.as_ref(), last);
        let validation = match self.validate(last, stop)? {
            Validation::None => None,
            Validation::Means(means) => Some(means),
            Validation::Stopped => return Ok(Advance::Stopped),
        };
        let progress = &mut self.progress;
        let mut partial = std::mem::take(&mut progress.partial);
        let training = Sums::new(&mut partial, self.plan.measured()).means();
        let epoch = progress.epoch + 1;
        let row = metric::row(&EpochFacts {
            epoch,
            training: &training,
            validation: validation.as_ref(),
            learning_rate,
            kl_weight: spec.kl_weight_at(last),
            images: partial.images,
            seconds: partial.seconds,
            image_values: self.plan.architecture.image.len(),
            is_density: self.plan.has_density(),
        });
        let name = match validation {
            Some(_) => "val_loss",
            None => "loss",
        };
        if spec.is_final(last)
            && let Some(value) = row.scalar(name)
        {
            if progress.best.as_ref().is_none_or(|best| value < best.value) {
                progress.best = Some(Best {
                    epoch,
                    metric: name.to_owned(),
                    value,
                });
                progress.epochs_since_best = 0;
            } else {
                progress.epochs_since_best += 1;
            }
        }
        progress.epoch = epoch;
        progress.step_in_epoch = 0;
        self.history.push(row);
        Ok(Advance::Epoch)
    }

    /// Means over the validation part with the weights at rest. Where a stop is requested it is left
    /// undone, and the epoch unfinished.
    ///
    /// The noise is the same in every epoch, so that two epochs differ by their weights alone, once the objective has its
    /// final form: it is that of the training step `last`.
    fn validate(&self, last: Position, stop: &Stop) -> Result<Validation, TrainError> {
        if self.data.validation.is_empty() {
            return Ok(Validation::None);
        }
        let spec = &self.plan.spec;
        let mut batches = Batches::new(self.plan, self.data);
        let mut partial = Partial::default();
        let mut sums = Sums::new(&mut partial, self.plan.measured());
        let part = &self.data.validation;
        for i in 0..part.len().div_ceil(spec.training.batch_size) {
            if stop.requested() {
                return Ok(Validation::Stopped);
            }
            let (at, model) = (At::Validation(i as u32), &self.model);
            let images = batches.places(part, at).len();
            let batch = batches.take(part, at, last, model.keeps_images());
            let losses = model.evaluate(batch).map_err(TrainError::Model)?;
            if let Some(term) = losses.non_finite() {
                let term = format!("{VALIDATION}{term}").into();
                let (epoch, step) = (self.progress.epoch + 1, self.progress.step_in_epoch);
                return Err(TrainError::Diverged { term, epoch, step });
            }
            sums.add(&losses, images);
        }
        Ok(Validation::Means(sums.means()))
    }
}

/// What came of the validation part.
enum Validation {
    /// There is none.
    None,
    /// A stop was requested before its end.
    Stopped,
    /// Its means.
    Means(Measurements),
}

fn diverged(error: ModelError, epoch: u32, step: u32) -> TrainError {
    match error {
        ModelError::NotFinite(term) => TrainError::Diverged {
            term: term.into(),
            epoch: epoch + 1,
            step: step + 1,
        },
        other => TrainError::Model(other),
    }
}

/// A batch that faults were made in.
#[cfg(feature = "faults")]
struct Spoilt {
    ingredients: crate::fs::fault_injection::Ingredients,
    noise: Vec<crate::objective::Drawn>,
}

#[cfg(feature = "faults")]
impl Spoilt {
    fn new(batch: crate::vae::Batch, learning_rate: f64, step: u64) -> Self {
        let mut noise = batch.noise.to_vec();
        let mut ingredients = crate::fs::fault_injection::Ingredients {
            images: match batch.images {
                crate::vae::Images::Values(values) => values.to_vec(),
                crate::vae::Images::Kept(_) => vec![],
            },
            noise: noise
                .first_mut()
                .map_or(vec![], |it| std::mem::take(&mut it.values)),
            learning_rate,
        };
        crate::fs::fault_injection::spoil(step, &mut ingredients);
        if let Some(first) = noise.first_mut() {
            first.values = std::mem::take(&mut ingredients.noise);
        }
        Self { ingredients, noise }
    }

    fn batch<'a>(&'a self, batch: crate::vae::Batch<'a>) -> (crate::vae::Batch<'a>, f64) {
        let spoilt = crate::vae::Batch {
            images: crate::vae::Images::Values(&self.ingredients.images),
            noise: &self.noise,
            ..batch
        };
        (spoilt, self.ingredients.learning_rate)
    }
}
