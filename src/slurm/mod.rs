//! Slurm: batch scripts of job arrays, and queries to the cluster.
//!
//! | file | holds |
//! | --- | --- |
//! | [`mod@script`] | the batch script of an array of workers |
//! | [`client`] | `sbatch`, `squeue`, `scancel`, `scontrol`: one call each, with their errors in words |
//! | [`history`] | tasks that failed |
//! | [`task`] | what a process knows of the job that it runs in |
//!
//! Nothing here knows what the workers do. There is no daemon, no database and no port: the cluster has the
//! queue, and the workers have their files.

pub mod client;
pub mod history;
pub mod script;
pub mod task;

pub use client::{
    Listed, SlurmError, cancel, cancel_waiting, cluster_name, largest_array, queue, submit,
};
pub use history::{Failed, failed};
pub use script::{Request, Workers, script};
pub use task::Task;
