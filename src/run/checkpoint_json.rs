//! Counters and history of a run as the text that stands in a checkpoint's metadata.
//!
//! Floating-point numbers are written as JSON strings that hold the shortest decimal number which
//! reads back as the same bits: `"252.49"`, `"NaN"`, `"-inf"`. JSON itself knows no NaN, which the
//! history of a diverged run may hold, and JSON readers differ in the last bit of long numbers. In
//! Python, `float(text)` reads each of them. All NaNs are one.
//!
//! These structs are what is written; [`Progress`] and [`EpochMetrics`] are what is meant. An unknown
//! or missing key is an error: a change of these structs is a new format of the checkpoint.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::metrics::EpochMetrics;
use crate::progress::{Best, Partial, Progress};

use super::checkpoint::Origin;
use super::tensor_file_error::short;

/// The text of counters and history.
pub(super) fn to_text(
    origin: &Origin,
    progress: &Progress,
    history: &[EpochMetrics],
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&State {
        seed: origin.seed,
        spec_digest: origin.spec_digest.clone(),
        data_digest: origin.data_digest.clone(),
        progress: progress.into(),
        history: history.iter().map(Row::from).collect(),
    })
}

/// Counters and history of a text.
pub(super) fn from_text(
    text: &str,
) -> Result<(Origin, Progress, Vec<EpochMetrics>), serde_json::Error> {
    let state: State = serde_json::from_str(text)?;
    let origin = Origin {
        seed: state.seed,
        spec_digest: state.spec_digest,
        data_digest: state.data_digest,
    };
    let history = state.history.into_iter().map(EpochMetrics::from).collect();
    Ok((origin, state.progress.into(), history))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    seed: u64,
    spec_digest: String,
    data_digest: String,
    progress: Counters,
    history: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counters {
    epoch: u32,
    step_in_epoch: u32,
    step: u64,
    partial: Sums,
    best: Option<BestEpoch>,
    epochs_since_best: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    images: u64,
    steps: u64,
    sums: Vec<Real>,
    seconds: Real,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BestEpoch {
    epoch: u32,
    metric: String,
    value: Real,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    epoch: u32,
    loss: Real,
    reconstruction: Real,
    kl: Real,
    kl_nats: Real,
    elbo: Real,
    val_loss: Option<Real>,
    val_reconstruction: Option<Real>,
    val_kl: Option<Real>,
    kl_per_axis: Vec<Real>,
    active_axes: u32,
    grad_norm: Real,
    learning_rate: Real,
    kl_weight: Real,
    images_per_second: Real,
    seconds: Real,
}

impl From<&Progress> for Counters {
    fn from(progress: &Progress) -> Self {
        let Progress {
            epoch,
            step_in_epoch,
            step,
            ref partial,
            ref best,
            epochs_since_best,
        } = *progress;
        let Partial {
            images,
            steps,
            ref sums,
            seconds,
        } = *partial;
        let sums = sums.iter().copied().map(Real).collect();
        let best = best.as_ref().map(
            |Best {
                 epoch,
                 metric,
                 value,
             }| BestEpoch {
                epoch: *epoch,
                metric: metric.clone(),
                value: Real(*value),
            },
        );
        let partial = Sums {
            images,
            steps,
            sums,
            seconds: Real(seconds),
        };
        Self {
            epoch,
            step_in_epoch,
            step,
            partial,
            best,
            epochs_since_best,
        }
    }
}

impl From<Counters> for Progress {
    fn from(counters: Counters) -> Self {
        let Counters {
            epoch,
            step_in_epoch,
            step,
            partial,
            best,
            epochs_since_best,
        } = counters;
        let Sums {
            images,
            steps,
            sums,
            seconds,
        } = partial;
        let sums = reals(sums);
        let best = best.map(
            |BestEpoch {
                 epoch,
                 metric,
                 value,
             }| Best {
                epoch,
                metric,
                value: value.0,
            },
        );
        let partial = Partial {
            images,
            steps,
            sums,
            seconds: seconds.0,
        };
        Self {
            epoch,
            step_in_epoch,
            step,
            partial,
            best,
            epochs_since_best,
        }
    }
}

impl From<&EpochMetrics> for Row {
    fn from(metrics: &EpochMetrics) -> Self {
        Self {
            epoch: metrics.epoch,
            loss: Real(metrics.loss),
            reconstruction: Real(metrics.reconstruction),
            kl: Real(metrics.kl),
            kl_nats: Real(metrics.kl_nats),
            elbo: Real(metrics.elbo),
            val_loss: metrics.val_loss.map(Real),
            val_reconstruction: metrics.val_reconstruction.map(Real),
            val_kl: metrics.val_kl.map(Real),
            kl_per_axis: metrics.kl_per_axis.iter().copied().map(Real).collect(),
            active_axes: metrics.active_axes,
            grad_norm: Real(metrics.grad_norm),
            learning_rate: Real(metrics.learning_rate),
            kl_weight: Real(metrics.kl_weight),
            images_per_second: Real(metrics.images_per_second),
            seconds: Real(metrics.seconds),
        }
    }
}

impl From<Row> for EpochMetrics {
    fn from(row: Row) -> Self {
        Self {
            epoch: row.epoch,
            loss: row.loss.0,
            reconstruction: row.reconstruction.0,
            kl: row.kl.0,
            kl_nats: row.kl_nats.0,
            elbo: row.elbo.0,
            val_loss: row.val_loss.map(|value| value.0),
            val_reconstruction: row.val_reconstruction.map(|value| value.0),
            val_kl: row.val_kl.map(|value| value.0),
            kl_per_axis: reals(row.kl_per_axis),
            active_axes: row.active_axes,
            grad_norm: row.grad_norm.0,
            learning_rate: row.learning_rate.0,
            kl_weight: row.kl_weight.0,
            images_per_second: row.images_per_second.0,
            seconds: row.seconds.0,
        }
    }
}

fn reals(values: Vec<Real>) -> Vec<f64> {
    values.into_iter().map(|value| value.0).collect()
}

/// A number that reads back as the same bits.
struct Real(f64);

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // `{:?}` is the shortest text that reads back the same, with an exponent where that is shorter.
        to.collect_str(&format_args!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom(format!("{:?} is no number", short(&text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: f64) -> f64 {
        let text = serde_json::to_string(&Real(value)).unwrap();
        serde_json::from_str::<Real>(&text).unwrap().0
    }

    #[test]
    fn numbers_come_back_with_the_same_bits() {
        let special = [
            0.0,
            -0.0,
            0.1,
            1.0 / 3.0,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::MIN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            9_007_199_254_740_993.0,
            252.489_990_234_375,
            1e22,
            1e23,
        ];
        // Weyl's sequence: bit patterns spread over all exponents, NaNs left out.
        let spread = (1..20_000_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        for value in special
            .into_iter()
            .chain(spread.filter(|value| !value.is_nan()))
        {
            assert_eq!(round_trip(value).to_bits(), value.to_bits(), "{value:?}");
        }
        assert!(round_trip(f64::NAN).is_nan());
        assert!(round_trip(-f64::NAN).is_nan());
    }

    #[test]
    fn numbers_are_written_as_python_reads_them() {
        let text = |value| serde_json::to_string(&Real(value)).unwrap();
        assert_eq!(text(252.49), r#""252.49""#);
        assert_eq!(text(1e-7), r#""1e-7""#);
        assert_eq!(text(f64::NAN), r#""NaN""#);
        assert_eq!(text(f64::NEG_INFINITY), r#""-inf""#);
    }

    #[test]
    fn a_text_with_other_keys_is_refused() {
        let (origin, progress) = (Origin::default(), Progress::default());
        let text = to_text(&origin, &progress, &[]).unwrap();
        assert_eq!(from_text(&text).unwrap(), (origin, progress, vec![]));
        for (from, to) in [
            ("\"seed\":0,", ""),
            ("\"seed\":0,", "\"seed\":0,\"more\":1,"),
            ("\"seed\":0,", "\"seed\":-1,"),
            ("\"seed\":0,", "\"seed\":0,\"seed\":0,"),
            ("\"0.0\"", "0.0"),
            ("\"0.0\"", "\"zero\""),
            ("\"history\":[]", "\"history\":[{}]"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(
                from_text(&text.replacen(from, to, 1)).is_err(),
                "{from} -> {to}"
            );
        }
    }
}
