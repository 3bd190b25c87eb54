//! Limits on the final metrics.

/// One line of the `[expect]` table. A run whose last epoch misses one ends with exit code 4.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// One of [`crate::metric::scalar_names`].
    pub metric: String,
    /// The least allowed value. Either this or `max` is there.
    pub min: Option<f64>,
    /// The greatest allowed value.
    pub max: Option<f64>,
}
