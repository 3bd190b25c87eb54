//! How a codebook is used: perplexity, and rows that are used at all.

use super::description::{Better, Metric, MetricKind};
use super::facts::{CODES, Measurements};
use super::row::Reading;

/// All metrics of codes.
pub const CODE_METRICS: [Metric; 4] = [PERPLEXITY, VAL_PERPLEXITY, CODES_USED, VAL_CODES_USED];

/// The perplexity of the codes.
pub const PERPLEXITY: Metric = Metric {
    name: "perplexity",
    doc: "perplexity of the codes of all training images of the epoch, `exp(-sum p log p)` with the share `p` of each row of the codebook; that many rows used alike would have it",
    unit: "codes",
    better: Better::Higher,
    value: |facts, _| perplexity(facts.training),
    ..Metric::REAL
};

/// The same on the validation part.
pub const VAL_PERPLEXITY: Metric = Metric {
    name: "val_perplexity",
    doc: "`perplexity` on the validation part",
    value: |facts, _| perplexity(facts.validation?),
    ..PERPLEXITY
};

/// Rows of the codebook that are used.
pub const CODES_USED: Metric = Metric {
    name: "codes_used",
    doc: "rows of the codebook that some place of some training image took in the epoch",
    unit: "codes",
    better: Better::Higher,
    kind: MetricKind::Count,
    value: |facts, _| codes_used(facts.training),
    ..Metric::REAL
};

/// The same on the validation part.
pub const VAL_CODES_USED: Metric = Metric {
    name: "val_codes_used",
    doc: "`codes_used` on the validation part",
    value: |facts, _| codes_used(facts.validation?),
    ..CODES_USED
};

/// The share of each row, where there is a codebook.
fn shares(of: &Measurements) -> Option<&[f64]> {
    of.axes.get(CODES)?;
    Some(of.axes.axes(CODES))
}

fn perplexity(of: &Measurements) -> Option<Reading> {
    Some(Reading::Real(exp_entropy(shares(of)?)))
}

fn codes_used(of: &Measurements) -> Option<Reading> {
    let used = shares(of)?.iter().filter(|share| **share > 0.0).count();
    Some(Reading::Count(used as u32))
}

/// `exp(-sum p log p)` of shares that add up to 1.
pub fn exp_entropy(shares: &[f64]) -> f64 {
    let used = shares.iter().filter(|share| **share > 0.0);
    used.map(|share| -share * share.ln()).sum::<f64>().exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rows_used_alike() {
        assert!((exp_entropy(&[0.25, 0.0, 0.25, 0.5]) - 8.0_f64.sqrt()).abs() < 1e-12);
        assert!((exp_entropy(&[0.0, 1.0]) - 1.0).abs() < 1e-12);
        let shares = [(CODES, vec![0.5, 0.0, 0.5])].into_iter().collect();
        let measurements = Measurements {
            axes: shares,
            ..Measurements::default()
        };
        assert_eq!(codes_used(&measurements), Some(Reading::Count(2)));
        assert_eq!(perplexity(&Measurements::default()), None);
    }
}
