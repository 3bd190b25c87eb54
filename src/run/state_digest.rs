//! One digest over everything that a run is but the clock.

use crate::fs::digest::Sha256Writer;
use crate::metric::facts::{GRAD_NORM, KL, LOSS, MEAN, SQUARE};
use crate::metric::{self, FIRST_FORMAT, METRICS, Reading, Row};
use crate::progress::Progress;

use super::checkpoint::Checkpoint;
use super::tensor_file::digest_tensors;

/// What stands for a number that is not there: no number has these bits, as all NaNs are one.
const ABSENT: u64 = u64::MAX;

/// One digest over everything that a run is but the clock: weights, optimizer state, counters, partial sums, best epoch
/// and the metrics of all epochs, without those that a clock decides. Two runs with the same digest are the same to the
/// bit. What a run is called, where it lies and how many threads it had is not in it.
///
/// What checkpoints of format 1 hold comes first, in the order of that time, so that their digests stay as they were;
/// then by name whatever other sums and metrics there are. It does not depend on the format of the file.
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
    let sums = &partial.sums;
    let terms = [LOSS, "reconstruction", "kl"];
    let first = terms.iter().filter_map(|name| sums.terms.scalar(name));
    let values: Vec<f64> = first
        .chain(sums.steps.scalar(GRAD_NORM))
        .chain(
            [KL, MEAN, SQUARE]
                .iter()
                .flat_map(|name| sums.axes.axes(name))
                .copied(),
        )
        .collect();
    for counter in [*step, partial.images, partial.steps] {
        digest.update_u64(counter);
    }
    digest_list(&mut digest, &values);
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
    digest_others(&mut digest, "terms", &sums.terms, |name| {
        terms.contains(&name)
    });
    digest_others(&mut digest, "steps", &sums.steps, |name| name == GRAD_NORM);
    digest_others(&mut digest, "axes", &sums.axes, |name| {
        [KL, MEAN, SQUARE].contains(&name)
    });
    for (row, epoch) in checkpoint.history.iter().zip(1..) {
        digest_others(&mut digest, &format!("epoch {epoch}"), row, |name| {
            let is_first = METRICS[..FIRST_FORMAT].iter().any(|it| it.name == name);
            is_first || metric::find(name).is_some_and(|it| it.is_wall_clock)
        });
    }
    digest.hex()
}

/// The metrics of format 1.
fn digest_row(digest: &mut Sha256Writer, row: &Row) {
    for name in ["epoch", "active_axes"] {
        digest.update_u64(match row.get(name) {
            Some(&Reading::Count(count)) => count.into(),
            _ => ABSENT,
        });
    }
    for name in [
        "loss",
        "reconstruction",
        "kl",
        "kl_nats",
        "elbo",
        "grad_norm",
        "learning_rate",
        "kl_weight",
    ] {
        digest.update_u64(row.scalar(name).map_or(ABSENT, bits));
    }
    for name in ["val_loss", "val_reconstruction", "val_kl"] {
        let value = row.scalar(name);
        digest.update_u64(value.is_some().into());
        digest.update_u64(value.map_or(0, bits));
    }
    digest_list(digest, row.axes("kl_per_axis"));
}

/// The other readings of a row, by name, each behind where it stands.
fn digest_others(
    digest: &mut Sha256Writer,
    place: &str,
    row: &Row,
    is_known: impl Fn(&str) -> bool,
) {
    let mut others: Vec<_> = row.iter().filter(|(name, _)| !is_known(name)).collect();
    others.sort_by_key(|(name, _)| *name);
    for (name, reading) in others {
        digest.update_text(place);
        digest.update_text(name);
        match reading {
            Reading::Count(count) => digest.update_u64((*count).into()),
            Reading::Real(value) => digest.update_u64(bits(*value)),
            Reading::PerAxis(values) => digest_list(digest, values),
        }
    }
}

fn digest_list(digest: &mut Sha256Writer, values: &[f64]) {
    digest.update_u64(values.len() as u64);
    for &value in values {
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
