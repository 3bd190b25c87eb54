//! Active axes: latent axes that the encoder uses.

use super::description::{Better, Metric, MetricKind};
use super::facts::{MEAN, SQUARE};
use super::row::Reading;

/// An axis is active if its latent mean varies over the images with more than this variance.
pub const ACTIVE_VARIANCE: f64 = 0.01;

/// How many latent axes are active.
pub const ACTIVE_AXES: Metric = Metric {
    name: "active_axes",
    doc: "latent axes whose mean varies over the images with a variance above 0.01: the active units of Burda, Grosse and Salakhutdinov, \"Importance Weighted Autoencoders\", 2016",
    unit: "axes",
    better: Better::Higher,
    kind: MetricKind::Count,
    value: |facts, _| {
        let axes = &facts.training.axes;
        axes.get(MEAN)?;
        Some(Reading::Count(active(axes.axes(MEAN), axes.axes(SQUARE))))
    },
    ..Metric::REAL
};

/// Counts axes by E[m^2] - E[m]^2, given E[m] and E[m^2] of each.
fn active(means: &[f64], squares: &[f64]) -> u32 {
    let pairs = means.iter().zip(squares);
    pairs
        .filter(|(mean, square)| *square - mean.powi(2) > ACTIVE_VARIANCE)
        .count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_axes_whose_mean_varies() {
        // 1, -1, 3, 1 have the variance 2; 5, 5, 5, 5.1 have 0.0019; 0 never varies; 0.2 and 0 have 0.01, which is not above.
        let means = [1.0, 5.025, 0.0, 0.1];
        let squares = [3.0, 25.2525, 0.0, 0.02];
        assert_eq!(active(&means, &squares), 1);
        assert_eq!(active(&[], &[]), 0);
    }
}
