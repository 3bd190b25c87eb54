//! The run folder: every file that a training run writes.
//!
//! ```text
//! runs/20261123-202815_fmnist_vae_3f9a/
//!   spec.toml            what was asked: the file as given, overrides as comments behind it
//!   resolved.toml        what ran: every default and override filled in; runnable again as it is
//!   manifest.json        what exactly ran, where, and how it ended
//!   metrics.parquet      a row an epoch
//!   checkpoints/         last.safetensors, previous.safetensors, best.safetensors
//!   figures/             PNG and SVG
//!   log.txt              what happened when
//!   lock                 held by the process that writes
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | [`id`] | the folder's name |
//! | [`folder`] | [`RunFolder`]: the folder for the one process that writes it |
//! | [`view`] | [`RunView`]: the folder for everybody else |
//! | [`inspect`] | what is whole in a folder and what is not |
//! | [`manifest`] | `manifest.json` |
//! | [`checkpoint`] | what a checkpoint is, its format and its digests |
//! | `state_digest` | one digest over everything that a run is |
//! | [`checkpoint_dir`] | which checkpoints are kept, and how one takes the place of another |
//! | [`tensor_file`], `header`, [`tensor_file_error`] | files of tensors (safetensors), and what can be wrong with one |
//! | `checkpoint_json`, `format_1` | counters and history as text, now and in format 1 |
//! | [`epoch_table`], [`metrics`] | epochs column by column, `metrics.parquet` |
//! | [`log`] | `log.txt` |
//! | [`error`] | what can go wrong, with exit codes |
//!
//! **Promises.** The checkpoint is authoritative; metrics and figures are made from it and can be made
//! again. Every file but the log and the lock's note is complete or absent, whatever the moment of a
//! crash or a power cut (`fs::files` says how). After a checkpoint is reported as saved, no crash
//! loses it ([`checkpoint_dir`]). A file that is damaged, or made to do harm, is refused
//! with the place in it, before memory is taken or anything of it used ([`tensor_file`]). One process
//! writes; readers neither wait nor disturb. All this holds on a local disk; on a network file system
//! it holds as far as its locks, renames and fsync do.

pub mod checkpoint;
pub mod checkpoint_dir;
mod checkpoint_json;
pub mod epoch_table;
pub mod error;
pub mod folder;
mod format_1;
mod header;
pub mod id;
pub mod inspect;
pub mod log;
pub mod manifest;
pub mod metrics;
mod state_digest;
pub mod tensor_file;
pub mod tensor_file_error;
pub mod view;

pub use checkpoint::{Checkpoint, Summary, read_checkpoint, read_summary};
pub use checkpoint_dir::{Loaded, best_path};
pub use checkpoint_json::Origin;
pub use error::RunError;
pub use folder::{LOCK, NewRun, RunFolder, read_resolved};
pub use header::LARGEST_HEADER;
pub use id::RunId;
pub use manifest::{
    Compute, DataSource, Machine, Manifest, Parameters, Session, SourceFile, Status,
};
pub use state_digest::state_digest;
pub use tensor_file::{LARGEST_FILE, read_tensors, write_tensors};
pub use view::{RunStatus, RunView, find_runs};
