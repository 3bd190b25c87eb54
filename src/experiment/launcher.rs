//! `[launcher]`: where the trials of a sweep are run.

use crate::config::members::members;
use crate::slurm::Request;

members! {
    /// Where the trials of a sweep are run: at most one table, none for this machine. It changes no trial
    pub enum Launcher {
        Slurm(Request) = "slurm",
    }
}
