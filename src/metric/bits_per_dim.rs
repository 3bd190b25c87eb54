//! Bits per dimension: the evidence lower bound by value of an image.

use super::description::{Better, Metric};
use super::loss::elbo;
use super::row::Reading;

/// Bits per dimension.
pub const BITS_PER_DIM: Metric = Metric {
    name: "bits_per_dim",
    doc: "`-elbo / (ln 2 * height * width * channels)`; an upper bound on the negative log-likelihood with `discretized_logistic`, and where `bce` meets pixels of 0 and 1 alone; with `bce` on gray pixels and with `mse` only comparable between runs; absent where the reconstruction error is a density's (`gaussian`, `laplace`, `continuous_bernoulli`), which has no bits",
    unit: "bits",
    better: Better::Lower,
    value: |facts, _| {
        if facts.is_density {
            return None;
        }
        let bits = -elbo(facts)? / std::f64::consts::LN_2;
        Some(Reading::Real(bits / facts.image_values as f64))
    },
    ..Metric::REAL
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{EpochFacts, Measurements, Row};

    fn value(training: &Measurements, is_density: bool) -> Option<Reading> {
        let facts = EpochFacts {
            epoch: 1,
            training,
            validation: None,
            learning_rate: 0.0,
            kl_weight: 0.5,
            images: 1,
            seconds: 1.0,
            image_values: 784,
            is_density,
        };
        (BITS_PER_DIM.value)(&facts, BITS_PER_DIM.name)
    }

    /// 80 nats of reconstruction and 1.5 + 0.25 of KL on 28 x 28 values: `81.75 / (math.log(2) * 784)` in Python.
    #[test]
    fn divides_the_bound_by_the_values_of_an_image() {
        let mut training = Measurements {
            terms: Row::from_iter([("reconstruction", 80.0)]),
            steps: Row::default(),
            axes: Row::from_iter([("kl", vec![1.5, 0.25])]),
        };
        let Some(Reading::Real(bits)) = value(&training, false) else {
            panic!("no bits");
        };
        assert!((bits - 0.150_434_081_113_103_02).abs() < 1e-15, "{bits}");
        assert_eq!(value(&training, true), None);
        training.terms = Row::default();
        assert_eq!(value(&training, false), None);
    }
}
