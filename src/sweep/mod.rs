//! The folder of a sweep, and the work in it.
//!
//! ```text
//! runs/NAME.sweep/
//!   spec.toml                         the file as it was given
//!   sweep.json                        the sweep's definition: text, overrides, lists, and every trial with its folder
//!   latent_dim-2_seed-0_9f3a12cd4e5b/ the run folder of a trial, as any other
//!   claims/9f3a12cd4e5b               who is working on that trial
//!   slurm/                            on a cluster: numbers of the jobs, their logs
//!   halving.json                      which trials were stopped early, and by which numbers
//!   log.txt                           what workers did, and what trials had to say besides
//!   lock                              held for the moment in which the definition is written
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | [`task`] | [`Task`]: a trial with its identity and the place of its run folder |
//! | [`definition`] | `sweep.json` |
//! | [`folder`] | [`SweepFolder`]: the folder, its claims, and how each trial stands |
//! | [`worker`] | claims and runs trials until none is left |
//! | [`child`] | one trial as a process of its own, with its job and its messages |
//! | [`halving`] | which trials go on |
//! | [`jobs`], [`cluster`] | the jobs of a sweep on a Slurm cluster; which of them are at work |
//! | [`error`] | what can go wrong, with exit codes |
//!
//! **Identity.** A trial is what decides its numbers: the settings of [`experiment::Fingerprint`](crate::experiment::Fingerprint)
//! and the digests of its data.
//! Twelve digits of a hash over both end the name of its run folder. What stands in that run folder is the only record
//! of how far the trial has come: nothing else could disagree with it. So a sweep that is started again skips, resumes
//! and adds by looking, and a list with another value makes new trials beside the old ones.
//!
//! **Claims.** A trial is worked on by the process that holds its claim ([`crate::fs::claim`]), and the trial's state is read again once the claim is held. Any number of workers, on any number of
//! machines that share the folder, may so work on one sweep. A worker knows of no other; what starts some of them on
//! this machine, and shows how far they are, stands in `launch`.

pub mod child;
pub mod cluster;
pub mod definition;
pub mod error;
pub mod folder;
pub mod halving;
pub mod jobs;
pub mod task;
pub mod worker;

pub use child::{ChildMessage, Ended, Job, Step};
pub use definition::Definition;
pub use error::SweepError;
pub use folder::{State, SweepFolder};
pub use halving::Decision;
pub use task::{Task, tasks};
pub use worker::{TrialResult, Watch, Work, WorkerPool};
