//! Progress of a run on the terminal: a bar with loss and time left, and a line an epoch.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::metric::Row;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::sweep::{ChildMessage, Step};
use crate::sys::clock;
use crate::terminal::print::{duration, out, thousands};
use crate::train::StepView;

/// Who reads the output of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A person: a bar, a line an epoch, a summary.
    Person,
    /// A person who wants warnings and errors only.
    Quiet,
    /// The worker of a sweep: [`ChildMessage`]s.
    Worker,
}

impl Audience {
    /// That of a command with or without `--quiet`.
    pub fn of(quiet: bool) -> Self {
        match quiet {
            true => Self::Quiet,
            false => Self::Person,
        }
    }

    /// Whether it is a person who wants more than warnings and errors.
    pub fn is_person(self) -> bool {
        self == Self::Person
    }
}

/// Least time between two messages to a worker.
const EVERY: Duration = Duration::from_millis(100);

/// The bar goes to stderr, the lines to stdout.
#[derive(Debug)]
pub struct Reporter {
    bar: ProgressBar,
    audience: Audience,
    told: Option<Instant>,
    epochs: usize,
    steps_per_epoch: u64,
}

impl Reporter {
    /// Shows a run that has come so far.
    pub fn new(plan: &Plan, progress: &Progress, audience: Audience) -> Self {
        let epochs = plan.spec.training.epochs;
        let bar = ProgressBar::with_draw_target(
            Some(epochs as u64 * plan.steps_per_epoch),
            match audience {
                Audience::Person => ProgressDrawTarget::stderr_with_hz(8),
                Audience::Quiet | Audience::Worker => ProgressDrawTarget::hidden(),
            },
        );
        let style = ProgressStyle::with_template("{msg}  [{bar:32}] {percent:>3}%  {eta} left");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_position(progress.step);
        // So that the time left does not count the steps of an earlier process as done in an instant.
        bar.reset_eta();
        Self {
            bar,
            audience,
            told: None,
            epochs,
            steps_per_epoch: plan.steps_per_epoch,
        }
    }

    /// After a step.
    pub fn step(&mut self, view: StepView) {
        if self.audience == Audience::Worker {
            self.tell(view);
        }
        self.bar
            .set_position(u64::from(view.epoch - 1) * self.steps_per_epoch + view.step);
        if !self.bar.is_hidden() {
            self.bar.set_message(format!(
                "epoch {}/{}  loss {:.2}",
                view.epoch, self.epochs, view.loss
            ));
        }
    }

    fn tell(&mut self, view: StepView) {
        let is_last = view.step == self.steps_per_epoch;
        if !is_last && self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        self.told = Some(clock::monotonic());
        let word = ChildMessage::Step(Step {
            epoch: view.epoch,
            epochs: self.epochs as u32,
            step: view.step,
            steps: self.steps_per_epoch,
            loss: view.loss,
        });
        // The end of the worker is noticed by the trial's standard input.
        let _ = out(&word.line());
    }

    /// After an epoch.
    pub fn epoch(&mut self, metrics: &Row) {
        if self.audience.is_person() {
            // A closed stdout does not end a run.
            self.bar
                .suspend(|| out(&format!("{}\n", line(metrics, self.epochs))).ok());
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// An epoch in one line.
pub fn line(row: &Row, epochs: usize) -> String {
    let width = epochs.to_string().len();
    let mut text = format!("epoch {:>width$}/{epochs}", row.epoch());
    for (name, digits) in [
        ("loss", 2),
        ("reconstruction", 2),
        ("kl", 3),
        ("val_loss", 2),
    ] {
        if let Some(value) = row.scalar(name) {
            text += &format!("  {name} {value:.digits$}");
        }
    }
    let value = |name| row.scalar(name).unwrap_or(0.0);
    let seconds = Duration::try_from_secs_f64(value("seconds")).unwrap_or_default();
    text + &format!(
        "  {}  {} images/s",
        duration(seconds),
        thousands(value("images_per_second") as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_a_line_shows() {
        let mut row = Row::from_iter([
            ("loss", 261.044),
            ("reconstruction", 257.501),
            ("kl", 3.5432),
            ("kl_nats", 7.0864),
            ("val_loss", 262.0),
            ("val_kl", 4.0),
            ("images_per_second", 3456.7),
            ("seconds", 20.25),
        ]);
        row.set("epoch", 7);
        assert_eq!(
            line(&row, 100),
            "epoch   7/100  loss 261.04  reconstruction 257.50  kl 3.543  val_loss 262.00  20.2 s  3,456 images/s"
        );
        let row = Row::from_iter([("loss", 1.0), ("seconds", f64::NAN)]);
        assert_eq!(line(&row, 9), "epoch 0/9  loss 1.00  0.0 s  0 images/s");
    }
}
