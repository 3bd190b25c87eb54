//! A checkpoint: the one file that is the truth about a run.
//!
//! It holds all that decides what comes next (weights, optimizer state, counters, partial sums) and
//! all that was (the metrics of every epoch). The table of metrics and the figures are made from it
//! and can be made again.
//!
//! **Format** `runner-checkpoint-1`: a safetensors file. Weights stand under their plain names
//! (`encoder.conv0.kernel`), so that any program that reads safetensors can use them; the optimizer's
//! under `optimizer.SLOT.PARAMETER`. The metadata have exactly these keys:
//!
//! | key | content |
//! | --- | --- |
//! | `format` | `runner-checkpoint-1` |
//! | `json` | description of the network, as `runner verify` reads it |
//! | `checkpoint_json` | seed, digests of spec and data, counters, partial sums, history (JSON) |
//! | `tensors` | SHA-256 over all tensors ([`digest_tensors`](super::tensor_file)) |
//! | `sha256` | SHA-256 over the keys above in order of their names: key and value, each behind its length as a little-endian `u64` |
//!
//! Both digests are checked before anything is used. Two of them, so that a report can trust a
//! history without reading the weights. A later version gives another number to `format` and keeps
//! `sha256` as it is: an older program can then tell a later file from a damaged one.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fs::digest::Sha256Writer;
use crate::metrics::EpochMetrics;
use crate::numeric::named_tensor::NamedTensor;
use crate::progress::Progress;

use super::checkpoint_json;
use super::error::RunError;
use super::tensor_file::{Container, Encoded, digest_tensors};
use super::tensor_file_error::{Fault, short};

/// What `format` says in the files that this version writes.
pub const FORMAT: &str = "runner-checkpoint-1";
const FAMILY: &str = "runner-checkpoint-";
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
    pub history: Vec<EpochMetrics>,
    /// What the run was started from.
    pub origin: Origin,
    /// Description of the network. Numbers in it are for people and for `runner verify`: those with
    /// more than 15 digits may come back rounded.
    pub model: serde_json::Value,
}

/// What a run was started from: a resume compares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Seed of all random numbers.
    pub seed: u64,
    /// SHA-256 over those settings that decide the numbers.
    pub spec_digest: String,
    /// SHA-256 over the data set.
    pub data_digest: String,
}

/// A checkpoint without its tensors: what a report needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Counters, partial sums of an unfinished epoch, best epoch.
    pub progress: Progress,
    /// Metrics of the finished epochs, in order.
    pub history: Vec<EpochMetrics>,
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

/// One digest over everything that a run is but the clock: weights, optimizer state, counters,
/// partial sums, best epoch and the metrics of all epochs, without the columns `images_per_second`
/// and `seconds`. Two runs with the same digest are the same to the bit. What a run is called, where
/// it lies and how many threads it had is not in it.
pub fn state_digest(checkpoint: &Checkpoint) -> String {
    let Progress {
        epoch,
        step_in_epoch,
        step,
        partial,
        best,
        epochs_since_best,
    } = &checkpoint.progress;
    let mut digest = Sha256Writer::new();
    digest.update_text("runner-state-1");
    digest.update_text(&digest_tensors(
        checkpoint.weights.iter().chain(&checkpoint.optimizer),
    ));
    digest.update_u64(checkpoint.origin.seed);
    for counter in [*epoch, *step_in_epoch, *epochs_since_best] {
        digest.update_u64(counter.into());
    }
    for counter in [
        *step,
        partial.images,
        partial.steps,
        partial.sums.len() as u64,
    ] {
        digest.update_u64(counter);
    }
    for &sum in &partial.sums {
        digest.update_u64(bits(sum));
    }
    digest.update_u64(best.is_some().into());
    if let Some(best) = best {
        digest.update_u64(best.epoch.into());
        digest.update_text(&best.metric);
        digest.update_u64(bits(best.value));
    }
    digest.update_u64(checkpoint.history.len() as u64);
    for row in &checkpoint.history {
        digest_row(&mut digest, row);
    }
    digest.hex()
}

fn digest_row(digest: &mut Sha256Writer, row: &EpochMetrics) {
    let EpochMetrics {
        epoch,
        loss,
        reconstruction,
        kl,
        kl_nats,
        elbo,
        val_loss,
        val_reconstruction,
        val_kl,
        kl_per_axis,
        active_axes,
        grad_norm,
        learning_rate,
        kl_weight,
        images_per_second: _,
        seconds: _,
    } = row;
    digest.update_u64((*epoch).into());
    digest.update_u64((*active_axes).into());
    for &value in [
        loss,
        reconstruction,
        kl,
        kl_nats,
        elbo,
        grad_norm,
        learning_rate,
        kl_weight,
    ] {
        digest.update_u64(bits(value));
    }
    for value in [val_loss, val_reconstruction, val_kl] {
        digest.update_u64(value.is_some().into());
        digest.update_u64(value.map_or(0, bits));
    }
    digest.update_u64(kl_per_axis.len() as u64);
    for &value in kl_per_axis {
        digest.update_u64(bits(value));
    }
}

/// All NaNs are one: a text does not keep which it was.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
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
    if format != FORMAT {
        let number = format
            .strip_prefix(FAMILY)
            .and_then(|number| number.parse::<u32>().ok());
        return Err(if number.is_some_and(|number| number > 1) {
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
    let (origin, progress, history) =
        checkpoint_json::from_text(value("state")?).map_err(wrong("state"))?;
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
fn check_history(progress: &Progress, history: &[EpochMetrics]) -> Result<(), Fault> {
    let in_order = (1..)
        .zip(history)
        .all(|(epoch, row): (u32, _)| row.epoch == epoch);
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
