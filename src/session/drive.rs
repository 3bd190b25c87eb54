//! Trains a run to its end, or until a stop is asked for: checkpoints, metrics, figures, output.

use std::time::Duration;

use super::figures::{RunFigures, left_out};
use super::provenance::describe_model;
use super::reporter::{self, Audience, Reporter};
use crate::data::DataSet;
use crate::experiment::expect;
use crate::figures::Published;
use crate::plan::Plan;
use crate::run::{Checkpoint, Origin, RunFolder, Status};
use crate::sys::stop::Stop;
use crate::sys::{clock, exit};
use crate::terminal::print::{duration, out};
use crate::terminal::{CliError, Outcome, tell};
use crate::train::{Advance, Trainer};

/// A run that is about to train.
pub struct Session<'a> {
    pub folder: RunFolder,
    pub plan: &'a Plan,
    pub data: &'a DataSet,
    pub trainer: Trainer<'a>,
    pub origin: Origin,
    pub published: Option<Published>,
    pub stop: &'a Stop,
    pub audience: Audience,
    /// After so many epochs it is left as by a stop, to go on later.
    pub until: Option<u32>,
}

impl Session<'_> {
    /// Trains to the end, or until a stop is asked for; leaves the folder complete either way.
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
        let missed = expect::missed(&self.plan.spec.expect, self.trainer.history());
        self.folder
            .finish(Status::Completed, self.end_note(&missed))?;
        self.summarise(started.elapsed());
        for line in missed.iter().chain(&self.unused_codes()) {
            tell!("{line}");
        }
        Ok(if missed.is_empty() {
            exit::DONE
        } else {
            exit::EXPECTATION_MISSED
        })
    }

    /// Gives the exit code of the signal that stopped it, or nothing when all epochs are done.
    fn train(&mut self, stop: &Stop) -> Result<Option<u8>, CliError> {
        let mut reporter = Reporter::new(self.plan, self.trainer.progress(), self.audience);
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
                        crate::fs::fault_injection::told(metrics.epoch());
                        self.folder
                            .log(&reporter::line(metrics, self.plan.spec.training.epochs))?;
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
        let figures = RunFigures {
            plan: self.plan,
            data: self.data,
            model: self.trainer.model(),
            history: self.trainer.history(),
            published: self.published.as_ref(),
        };
        let channels = self.plan.architecture.image.channels;
        for line in left_out(&self.plan.spec, channels) {
            if self.audience.is_person() {
                tell!("{line}");
            }
            let _ = self.folder.log(&line);
        }
        for error in figures.write(&self.folder) {
            tell!("warning: {error}");
            let _ = self.folder.log(&format!("warning: {error}"));
        }
    }

    /// Tells of rows of a codebook that the last epoch did not use.
    fn unused_codes(&self) -> Option<String> {
        let all = self.plan.spec.latent.codes() as f64;
        let used = self.trainer.history().last()?.scalar("codes_used")?;
        let line = format!(
            "warning: {} of {all} rows of the codebook were used by no place in the last epoch; fewer `codes` would do",
            all - used
        );
        (used < all).then_some(line)
    }

    fn end_note(&self, missed: &[String]) -> Option<String> {
        let mut notes = vec![];
        if self.trainer.stops_early() {
            let patience = self.trainer.progress().epochs_since_best;
            notes.push(format!("stopped early: no better epoch in {patience}"));
        }
        notes.extend(missed.iter().cloned());
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    fn summarise(&self, elapsed: Duration) {
        if !self.audience.is_person() {
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
        text += &format!("done in  {}\n", duration(elapsed));
        text += &format!("folder   {}\n", self.folder.path().display());
        // A closed stdout does not end a run.
        let _ = out(&text);
    }
}
