//! Metrics: the numbers that describe an epoch.
//!
//! | file | holds |
//! | --- | --- |
//! | [`description`] | [`Metric`]: what a metric is called and means, and how it is computed |
//! | [`facts`] | [`EpochFacts`]: what metrics are computed from |
//! | [`mod@row`], [`real_text`] | [`Row`]: the metrics of an epoch, names and values, also as JSON |
//! | the other files | the metrics, one or a few that belong together each |
//!
//! A metric is a constant in one of the files and a line of [`METRICS`]. Everything else follows from that: the row of
//! an epoch, the columns of `metrics.parquet` and of reports, `[expect]`, its documentation.
//!
//! Metrics of training are means over the epoch's images while the weights move, as Keras shows them; those that begin
//! with `val_` are taken after the epoch with the weights at rest. Nats are natural logarithms.
//!
//! The terms of an objective are metrics too, each with a twin on the validation part: their values come with every
//! step and need no line here. An objective that has more terms than `loss`, `reconstruction` and `kl` describes them by
//! [`Metric`]s of its own, which stand behind [`METRICS`] in [`objective::metrics`](crate::objective::metrics).

pub mod description;
pub mod facts;
pub mod real_text;
pub mod row;

mod active_axes;
mod bits_per_dim;
pub mod codes;
mod gradient;
mod kl;
mod loss;
mod schedule;
mod speed;

pub use active_axes::ACTIVE_VARIANCE;
pub use description::{Better, Comparable, Metric, MetricKind, VALIDATION};
pub use facts::{EpochFacts, Measured, Measurements};
pub use row::{Reading, Row};

/// The metrics that every run may have, in the order of their columns. A new one comes last.
pub const METRICS: &[Metric] = &[
    schedule::EPOCH,
    loss::LOSS,
    loss::RECONSTRUCTION,
    kl::KL,
    kl::KL_NATS,
    loss::ELBO,
    loss::VAL_LOSS,
    loss::VAL_RECONSTRUCTION,
    kl::VAL_KL,
    kl::KL_PER_AXIS,
    active_axes::ACTIVE_AXES,
    gradient::GRAD_NORM,
    schedule::LEARNING_RATE,
    schedule::KL_WEIGHT,
    speed::IMAGES_PER_SECOND,
    speed::SECONDS,
    bits_per_dim::BITS_PER_DIM,
    codes::PERPLEXITY,
    codes::VAL_PERPLEXITY,
    codes::CODES_USED,
    codes::VAL_CODES_USED,
];

/// How many of [`METRICS`] the first format of checkpoints had. A table of epochs always has these columns, so that the
/// tables of early runs stay the same to the byte.
pub const FIRST_FORMAT: usize = 16;

/// A metric of [`METRICS`] by its name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// [`METRICS`], then further terms, each before its twin on the validation part. Objectives may have terms of one name; the
/// first describes it.
pub fn with_terms<'a>(terms: impl Iterator<Item = &'a Metric>) -> Vec<Metric> {
    let mut metrics = METRICS.to_vec();
    for term in terms {
        if metrics.iter().any(|metric| metric.name == term.name) {
            continue;
        }
        // Once a process and term.
        let name = String::leak(format!("{VALIDATION}{}", term.name));
        let doc = String::leak(format!("`{}` on the validation part", term.name));
        metrics.extend([*term, term.on_validation(name, doc)]);
    }
    metrics
}

/// The metrics of an epoch: those of [`METRICS`] that it has, then the objective's other terms, then their twins on the
/// validation part.
pub fn row(facts: &EpochFacts) -> Row {
    let mut row = Row::default();
    for metric in METRICS {
        if let Some(reading) = (metric.value)(facts, metric.name) {
            row.set(metric.name, reading);
        }
    }
    for (name, reading) in facts.training.terms.iter() {
        row.set(name.clone(), reading.clone());
    }
    for (name, reading) in facts.validation.iter().flat_map(|it| it.terms.iter()) {
        row.set(format!("{VALIDATION}{name}"), reading.clone());
    }
    row
}

/// The most bytes that the row of an epoch with these metrics takes in a checkpoint's header, with so many latent axes.
pub fn row_bytes(metrics: &[Metric], axes: usize) -> u64 {
    // `\"NAME\":\"-1.2345678901234567e-300\",` as JSON within JSON; no `f64` has a longer text.
    const REAL: usize = 24 + 4;
    let bytes = |metric: &Metric| {
        let numbers = match metric.kind {
            MetricKind::PerAxis => 2 + axes * (REAL + 1),
            MetricKind::Count | MetricKind::Real => REAL,
        };
        metric.name.len() + 6 + numbers
    };
    let braces = 3;
    (braces + metrics.iter().map(bytes).sum::<usize>()) as u64
}

/// Metrics as a table of Markdown.
pub fn metrics_markdown(metrics: &[Metric]) -> String {
    let mut text =
        String::from("| metric | unit | better | meaning |\n| --- | --- | --- | --- |\n");
    for metric in metrics {
        let better = match metric.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "",
        };
        let name = format!("`{}`", metric.name);
        text.push('|');
        for cell in [name.as_str(), metric.unit, better, metric.doc] {
            let space = if cell.is_empty() { "" } else { " " };
            text += &format!("{space}{cell} |");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns of the first format, which no later one may move.
    const FIRST: [&str; FIRST_FORMAT] = [
        "epoch",
        "loss",
        "reconstruction",
        "kl",
        "kl_nats",
        "elbo",
        "val_loss",
        "val_reconstruction",
        "val_kl",
        "kl_per_axis",
        "active_axes",
        "grad_norm",
        "learning_rate",
        "kl_weight",
        "images_per_second",
        "seconds",
    ];

    fn names(metrics: &[Metric]) -> Vec<&'static str> {
        metrics.iter().map(|metric| metric.name).collect()
    }

    fn means(terms: &[(&'static str, f64)]) -> Measurements {
        Measurements {
            terms: terms.iter().copied().collect(),
            steps: Row::from_iter([("grad_norm", 3.5)]),
            axes: Row::from_iter([
                ("kl", vec![1.5, 0.25]),
                ("mean", vec![0.5, 0.0]),
                ("square", vec![1.0, 0.0]),
            ]),
        }
    }

    fn facts<'a>(
        training: &'a Measurements,
        validation: Option<&'a Measurements>,
    ) -> EpochFacts<'a> {
        EpochFacts {
            epoch: 4,
            training,
            validation,
            learning_rate: 1e-3,
            kl_weight: 0.5,
            images: 600,
            seconds: 1.5,
            image_values: 784,
            is_density: false,
        }
    }

    #[test]
    fn keeps_the_columns_of_the_first_format_in_place() {
        assert_eq!(names(&METRICS[..FIRST_FORMAT]), FIRST);
    }

    /// By hand from the facts: kl_nats = 1.5 + 0.25, elbo = -(80 + 1.75), 600 images in 1.5 s; axis 0 has the variance
    /// 1 - 0.25, axis 1 none.
    #[test]
    fn computes_the_row_of_an_epoch() {
        let training = means(&[("loss", 90.0), ("reconstruction", 80.0), ("kl", 0.875)]);
        let validation = means(&[("loss", 91.0), ("reconstruction", 81.0), ("kl", 1.0)]);
        let with = row(&facts(&training, Some(&validation)));
        let mut expected = Row::from_iter([
            ("loss", 90.0),
            ("reconstruction", 80.0),
            ("kl", 0.875),
            ("kl_nats", 1.75),
            ("elbo", -81.75),
            ("val_loss", 91.0),
            ("val_reconstruction", 81.0),
            ("val_kl", 1.0),
            ("grad_norm", 3.5),
            ("learning_rate", 1e-3),
            ("kl_weight", 0.5),
            ("images_per_second", 400.0),
            ("seconds", 1.5),
        ]);
        expected.set("epoch", 4);
        expected.set("active_axes", 1);
        expected.set("kl_per_axis", vec![1.5, 0.25]);
        for name in FIRST {
            assert_eq!(with.get(name), expected.get(name), "{name}");
        }
        let order: Vec<_> = with.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(order[..FIRST_FORMAT], FIRST);
        let without = row(&facts(&training, None));
        assert!(
            ["val_loss", "val_kl"]
                .iter()
                .all(|name| without.get(name).is_none())
        );
        assert_eq!(without.scalar("elbo"), Some(-81.75));
        let no_time = EpochFacts {
            seconds: 0.0,
            ..facts(&training, None)
        };
        assert_eq!(row(&no_time).scalar("images_per_second"), Some(0.0));
    }

    #[test]
    fn adds_further_terms_of_an_objective_with_their_twins() {
        let terms = [
            ("loss", 9.0),
            ("reconstruction", 8.0),
            ("kl", 1.0),
            ("total_correlation", 0.5),
        ];
        let (training, validation) = (means(&terms), means(&terms));
        let row = row(&facts(&training, Some(&validation)));
        let order: Vec<_> = row.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(
            order[order.len() - 2..],
            ["total_correlation", "val_total_correlation"]
        );
        assert_eq!(row.scalar("val_total_correlation"), Some(0.5));

        let term = Metric {
            name: "total_correlation",
            doc: "dependence of the axes",
            ..Metric::TERM
        };
        let all = with_terms([term, term].iter());
        let added = &all[METRICS.len()..];
        assert_eq!(names(added), ["total_correlation", "val_total_correlation"]);
        assert_eq!(added[1].doc, "`total_correlation` on the validation part");
        for metric in added {
            let value = (metric.value)(&facts(&training, Some(&validation)), metric.name);
            assert_eq!(value, Some(Reading::Real(0.5)));
            assert_eq!((metric.better, metric.unit), (Better::Lower, "nats"));
        }
    }

    #[test]
    fn lacks_what_the_objective_does_not_give() {
        let training = means(&[("loss", 9.0)]);
        let row = row(&facts(&training, None));
        assert_eq!(row.scalar("loss"), Some(9.0));
        assert!(
            ["reconstruction", "kl", "elbo"]
                .iter()
                .all(|name| row.get(name).is_none())
        );
    }

    #[test]
    fn writes_a_line_a_metric() {
        let text = metrics_markdown(METRICS);
        assert_eq!(text.lines().count(), 2 + METRICS.len());
        assert!(text.contains("\n| `elbo` | nats | higher | `-(reconstruction + kl_nats)`"));
        assert!(text.contains("\n| `epoch` | | | the epoch, from 1 |\n"));
    }
}
