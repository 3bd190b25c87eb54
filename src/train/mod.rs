//! Training in memory: batches, schedule, steps, evaluation. Knows neither folders nor progress bars.
//!
//! [`Trainer::advance`] takes a run to the end of an epoch, or to the step after which it is asked to
//! stop. Everything that decides what comes next is in the weights, the optimizer's state and [`crate::progress::Progress`];
//! put back with [`Trainer::restore`], they continue to the same bits.

mod batches;
#[cfg(test)]
mod conditional;
mod estimate;
#[cfg(test)]
mod final_form;
#[cfg(test)]
mod latents;
#[cfg(test)]
mod objectives;
mod setup;
mod sums;
#[cfg(test)]
mod testing;
mod timing;
mod trainer;

pub use estimate::{Basis, Estimate, estimate, whole_run};
pub use setup::{build, build_model, keep_images, setup};
pub use timing::{PartTime, TimedStep, Timing, time_steps};
pub use trainer::{Advance, Impossible, StepView, TrainError, Trainer};
