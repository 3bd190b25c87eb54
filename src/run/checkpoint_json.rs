//! Counters and history of a run as the text that stands in a checkpoint's metadata under `state`.
//!
//! A JSON object with exactly the keys `seed`, `spec_digest`, `data_digest`, `progress` ([`Progress`]) and `history`, a
//! list of objects, one for each epoch ([`Row`]). An unknown or missing key is an error: a change of them is a new format
//! of the checkpoint. The names in a row of `history` and among the sums of `progress` are open: one that this version
//! does not know is kept, one that it knows may be missing. Floating-point numbers are texts
//! ([`real_text`](crate::metric::real_text)).

use serde::{Deserialize, Serialize, de::Error as _};

use crate::metric::{self, MetricKind, Reading, Row};
use crate::progress::Progress;

use super::format_1;

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

/// The text's object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State<P, H> {
    seed: u64,
    spec_digest: String,
    data_digest: String,
    progress: P,
    history: H,
}

/// The text of counters and history.
pub(super) fn to_text(
    origin: &Origin,
    progress: &Progress,
    history: &[Row],
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&State {
        seed: origin.seed,
        spec_digest: origin.spec_digest.clone(),
        data_digest: origin.data_digest.clone(),
        progress,
        history,
    })
}

/// Counters and history of a text.
pub(super) fn from_text(text: &str) -> Result<(Origin, Progress, Vec<Row>), serde_json::Error> {
    let state: State<Progress, Vec<Row>> = serde_json::from_str(text)?;
    understood(state)
}

/// Counters and history of a text of format 1.
pub(super) fn from_text_1(text: &str) -> Result<(Origin, Progress, Vec<Row>), serde_json::Error> {
    let state: State<format_1::Counters, Vec<Row>> = serde_json::from_str(text)?;
    let wrong = state.history.iter().find_map(format_1::wrong);
    match wrong {
        Some(wrong) => Err(serde_json::Error::custom(wrong)),
        None => understood(state),
    }
}

fn understood<P: Into<Progress>>(
    state: State<P, Vec<Row>>,
) -> Result<(Origin, Progress, Vec<Row>), serde_json::Error> {
    for (name, reading) in state.history.iter().flat_map(Row::iter) {
        let kind = match reading {
            Reading::Count(_) => MetricKind::Count,
            Reading::Real(_) => MetricKind::Real,
            Reading::PerAxis(_) => MetricKind::PerAxis,
        };
        if metric::find(name).is_some_and(|metric| metric.kind != kind) {
            let text = format!("`{name}` is of another type than the metric");
            return Err(serde_json::Error::custom(text));
        }
    }
    let origin = Origin {
        seed: state.seed,
        spec_digest: state.spec_digest,
        data_digest: state.data_digest,
    };
    Ok((origin, state.progress.into(), state.history))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_other_keys() {
        let (origin, progress) = (Origin::default(), Progress::default());
        let text = to_text(&origin, &progress, &[]).unwrap();
        assert_eq!(from_text(&text).unwrap(), (origin, progress, vec![]));
        for (from, to) in [
            ("\"seed\":0,", ""),
            ("\"seed\":0,", "\"seed\":0,\"more\":1,"),
            ("\"seed\":0,", "\"seed\":-1,"),
            ("\"seed\":0,", "\"seed\":0,\"seed\":0,"),
            ("\"terms\":{},", ""),
            ("\"terms\":{},", "\"terms\":{},\"sums\":[],"),
            ("\"terms\":{},", "\"terms\":[],"),
            ("\"0.0\"", "0.0"),
            ("\"0.0\"", "\"zero\""),
            ("\"history\":[]", "\"history\":[[]]"),
            ("\"history\":[]", "\"history\":[{\"loss\":1}]"),
            ("\"history\":[]", "\"history\":[{\"epoch\":\"1.0\"}]"),
            ("\"history\":[]", "\"history\":[{\"kl_per_axis\":\"1.0\"}]"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(
                from_text(&text.replacen(from, to, 1)).is_err(),
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn keeps_unknown_metrics() {
        let (origin, progress) = (Origin::default(), Progress::default());
        let mut row = Row::from_iter([("epoch", Reading::Count(1))]);
        row.set("of_a_later_version", vec![0.5]);
        let text = to_text(&origin, &progress, std::slice::from_ref(&row)).unwrap();
        let (_, _, history) = from_text(&text).unwrap();
        assert_eq!(to_text(&origin, &progress, &history).unwrap(), text);
        assert_eq!(history, [row]);
    }
}
