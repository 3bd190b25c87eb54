//! The whole spec, as meant.

use crate::objective::AnyObjective;
use crate::slurm::Request;

use super::{Data, Expectation, Figures, Loss, Model, Optimizer, Schedule, Training};

/// An experiment as the program understands it: every default filled in, every value checked, every
/// path absolute. [`load`](super::load) and [`parse`](super::parse) make it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Name of the experiment, and part of the name of its run folders: ASCII letters, digits, `_`,
    /// `-` and `.`, at most 64, neither starting with `.` or `-` nor ending with `.`.
    pub name: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Where the images come from.
    pub data: Data,
    /// The shape of the network.
    pub model: Model,
    /// The terms that every objective has, and their weights.
    pub loss: Loss,
    /// What is made of the terms.
    pub objective: AnyObjective,
    /// The update rule.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// How long and where.
    pub training: Training,
    /// Which pictures.
    pub figures: Figures,
    /// Limits on the final metrics, in the order of the metrics.
    pub expect: Vec<Expectation>,
    /// What the trials of a sweep ask of a Slurm cluster; nothing where they run on this machine.
    pub launcher: Option<Request>,
}
