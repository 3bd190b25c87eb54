//! A checkpoint: the one file that is the truth about a run.
//!
//! It holds all that decides what comes next (weights, optimizer state, counters, partial sums) and
//! all that was (the metrics of every epoch). The table of metrics and the figures are made from it
//! and can be made again.
//!
//! **Format** `runner-checkpoint-2`: a safetensors file. Weights stand under their plain names
//! (`encoder.conv0.kernel`), so that any program that reads safetensors can use them; the optimizer's
//! under `optimizer.SLOT.PARAMETER`. The metadata have exactly these keys:
//!
//! | key | content |
//! | --- | --- |
//! | `format` | `runner-checkpoint-2` |
//! | `json` | description of the network, as `runner verify` reads it |
//! | `state` | seed, digests of spec and data, counters, partial sums, history (JSON, `checkpoint_json`) |
//! | `tensors` | SHA-256 over all tensors ([`digest_tensors`](super::tensor_file)) |
//! | `sha256` | SHA-256 over the keys above in order of their names: key and value, each behind its length as a little-endian `u64` |
//!
//! Both digests are checked before anything is used. Two of them, so that a report can trust a
//! history without reading the weights.
//!
//! **Versions.** Sums and metrics stand under their names. So a metric more or less is no new format: a program that does
//! not know a metric keeps it in the history and leaves the sum of an unfinished epoch out; one that misses a metric does
//! without. In format 1 sums were a list and the metrics fixed. It is read to the same bits and written no more: a run that
//! goes on has format 2 from its next checkpoint on, and the program of format 1 then says that a later version wrote the
//! file. A format to come gives another number to `format` and keeps `sha256` as it is, so that an older program can tell a
//! later file from a damaged one.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fs::digest::Sha256Writer;
use crate::metric::Row;
use crate::numeric::named_tensor::NamedTensor;
use crate::progress::Progress;

use super::checkpoint_json::{self, Origin};
use super::error::RunError;
use super::tensor_file::{Container, Encoded, digest_tensors};
use super::tensor_file_error::{Fault, short};

/// What `format` says in the files that this version writes.
pub const FORMAT: &str = "runner-checkpoint-2";
const FORMAT_1: &str = "runner-checkpoint-1";
const FAMILY: &str = "runner-checkpoint-";
/// The number of [`FORMAT`].
const NUMBER: u32 = 2;
/// Longest description of a network, in bytes. Taken apart, it may need many times its length.
const LONGEST_DESCRIPTION: usize = 1 << 20;
/// How the names of the optimizer's tensors begin, and no others.
pub const OPTIMIZER: &str = "optimizer.";

/// Everything that a run is at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Parameters of the network, in its order.
    pub weights: Vec<NamedTensor>,
    /// State of the optimizer, `optimizer.SLOT.PARAMETER`; empty for plain gradient descent.
    pub optimizer: Vec<NamedTensor>,
    /// Counters, partial sums of an unfinished epoch, best epoch.
    pub progress: Progress,
    /// Metrics of the finished epochs, in order.
    pub history: Vec<Row>,
    /// What the run was started from.
    pub origin: Origin,
    /// Description of the network. Numbers in it are for people and for `runner verify`: those with
    /// more than 15 digits may come back rounded.
    pub model: serde_json::Value,
}

impl Checkpoint {
    /// The resolved spec that the run was trained with, as its text.
    pub fn spec_text(&self) -> Option<&str> {
        self.model.get("spec")?.as_str()
    }

    /// Whether it was taken at the end of the best epoch.
    pub fn is_best(&self) -> bool {
        let Progress {
            best,
            epoch,
            step_in_epoch,
            ..
        } = &self.progress;
        *step_in_epoch == 0 && best.as_ref().is_some_and(|best| best.epoch == *epoch)
    }
}

/// A checkpoint without its tensors: what a report needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Counters, partial sums of an unfinished epoch, best epoch.
    pub progress: Progress,
    /// Metrics of the finished epochs, in order.
    pub history: Vec<Row>,
    /// What the run was started from.
    pub origin: Origin,
    /// Description of the network.
    pub model: serde_json::Value,
}

/// Reads a checkpoint of at most `limit` bytes, all of it or nothing.
///
/// # Errors
/// [`RunError::Damaged`] with what is wrong and where, [`RunError::Newer`], [`RunError::File`].
pub fn read_checkpoint(path: &Path, limit: u64) -> Result<Checkpoint, RunError> {
    let container = Container::open(path, limit)?;
    let (summary, expected) = check_metadata(&container)?;
    let mut weights = container.read_all()?;
    let found = digest_tensors(&weights);
    if found != expected {
        return Err(changed(path, "tensors", short(&expected), found));
    }
    let optimizer = weights
        .extract_if(.., |tensor| tensor.name.starts_with(OPTIMIZER))
        .collect();
    let Summary {
        progress,
        history,
        origin,
        model,
    } = summary;
    Ok(Checkpoint {
        weights,
        optimizer,
        progress,
        history,
        origin,
        model,
    })
}

/// Reads what is in a checkpoint beside the tensors. These are not read, and may be damaged.
///
/// # Errors
/// [`RunError::Damaged`] with what is wrong and where, [`RunError::Newer`], [`RunError::File`].
pub fn read_summary(path: &Path, limit: u64) -> Result<Summary, RunError> {
    Ok(check_metadata(&Container::open(path, limit)?)?.0)
}

/// Whether a checkpoint is whole, without taking memory for its tensors.
///
/// # Errors
/// Those of [`read_checkpoint`].
pub fn verify(path: &Path, limit: u64) -> Result<(), RunError> {
    let mut container = Container::open(path, limit)?;
    let (_, expected) = check_metadata(&container)?;
    let found = container.digest()?;
    if found == expected {
        Ok(())
    } else {
        Err(changed(path, "tensors", short(&expected), found))
    }
}

/// Header and tensors of a checkpoint, ready to be written; `path` is for messages alone.
pub(super) fn encode<'a>(path: &Path, checkpoint: &'a Checkpoint) -> Result<Encoded<'a>, RunError> {
    let Checkpoint {
        weights,
        optimizer,
        progress,
        history,
        origin,
        model,
    } = checkpoint;
    let unwritable = |fault| RunError::Unwritable {
        path: path.to_owned(),
        fault,
    };
    let misnamed = weights
        .iter()
        .find(|tensor| tensor.name.starts_with(OPTIMIZER))
        .or_else(|| {
            optimizer
                .iter()
                .find(|tensor| !tensor.name.starts_with(OPTIMIZER))
        });
    if let Some(tensor) = misnamed {
        return Err(unwritable(Fault::Name {
            name: tensor.name.clone(),
        }));
    }
    check_history(progress, history).map_err(unwritable)?;
    let value = |key| {
        move |error: serde_json::Error| Fault::Value {
            key,
            message: error.to_string(),
        }
    };
    let state = checkpoint_json::to_text(origin, progress, history)
        .map_err(value("state"))
        .map_err(unwritable)?;
    let model = serde_json::to_string(model)
        .map_err(value("json"))
        .map_err(unwritable)?;
    check_description(&model).map_err(unwritable)?;
    let tensors: Vec<_> = weights.iter().chain(optimizer).collect();
    let mut metadata = BTreeMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("json".to_owned(), model),
        ("state".to_owned(), state),
        (
            "tensors".to_owned(),
            digest_tensors(tensors.iter().copied()),
        ),
    ]);
    metadata.insert(SHA256.to_owned(), digest_metadata(&metadata));
    Encoded::new(path, &metadata, tensors)
}

const SHA256: &str = "sha256";

fn digest_metadata(metadata: &BTreeMap<String, String>) -> String {
    let mut digest = Sha256Writer::new();
    for (key, value) in metadata.iter().filter(|(key, _)| *key != SHA256) {
        digest.update_text(key);
        digest.update_text(value);
    }
    digest.hex()
}

/// Checks the metadata's digest, then takes them apart; also gives the digest of the tensors.
fn check_metadata(container: &Container) -> Result<(Summary, String), RunError> {
    let Container { path, metadata, .. } = container;
    let damaged = |fault| RunError::Damaged {
        path: path.clone(),
        fault,
    };
    let value = |key: &'static str| {
        metadata
            .get(key)
            .ok_or_else(|| damaged(Fault::NoKey { key }))
    };

    let format = value("format")?;
    let expected = value(SHA256)?;
    let found = digest_metadata(metadata);
    if found != *expected {
        return Err(changed(path, "metadata", short(expected), found));
    }
    if ![FORMAT, FORMAT_1].contains(&format.as_str()) {
        let number = format
            .strip_prefix(FAMILY)
            .and_then(|number| number.parse::<u32>().ok());
        return Err(if number.is_some_and(|number| number > NUMBER) {
            RunError::Newer {
                path: path.clone(),
                found: format!("the format `{}`", short(format)),
            }
        } else {
            damaged(Fault::Format {
                found: short(format),
                expected: FORMAT,
            })
        });
    }
    let wrong = |key| {
        move |error: serde_json::Error| {
            damaged(Fault::Value {
                key,
                message: short(&error.to_string()),
            })
        }
    };
    let model = value("json")?;
    check_description(model).map_err(damaged)?;
    let model = serde_json::from_str(model).map_err(wrong("json"))?;
    let state = value("state")?;
    let state = match format == FORMAT_1 {
        true => checkpoint_json::from_text_1(state),
        false => checkpoint_json::from_text(state),
    };
    let (origin, progress, history) = state.map_err(wrong("state"))?;
    check_history(&progress, &history).map_err(damaged)?;
    Ok((
        Summary {
            progress,
            history,
            origin,
            model,
        },
        value("tensors")?.clone(),
    ))
}

fn check_description(text: &str) -> Result<(), Fault> {
    if text.len() <= LONGEST_DESCRIPTION {
        return Ok(());
    }
    let message = format!("{} bytes, more than {LONGEST_DESCRIPTION}", text.len());
    Err(Fault::Value {
        key: "json",
        message,
    })
}

/// Whether there is one row an epoch, in order.
fn check_history(progress: &Progress, history: &[Row]) -> Result<(), Fault> {
    let in_order = (1..)
        .zip(history)
        .all(|(epoch, row): (u32, _)| row.epoch() == epoch);
    if in_order && u32::try_from(history.len()) == Ok(progress.epoch) {
        return Ok(());
    }
    let (rows, epochs) = (history.len(), progress.epoch);
    let message =
        format!("a history of {rows} epochs where {epochs} are finished, or not in their order");
    Err(Fault::Value {
        key: "state",
        message,
    })
}

fn changed(path: &Path, part: &'static str, expected: String, found: String) -> RunError {
    RunError::Damaged {
        path: path.to_owned(),
        fault: Fault::Digest {
            part,
            expected,
            found,
        },
    }
}

#[cfg(test)]
pub(super) mod tests;
