//! How the images of a manifold are spaced.

use crate::config::choice::choices;

choices! {
    /// How the images of a manifold are spaced on each axis.
    pub enum Grid {
        /// evenly, from `-scale` to `scale`
        Linear = "linear",
        /// at the quantiles of the prior from 0.05 to 0.95, in equal steps of probability; without `scale`
        Quantile = "quantile",
    }
}
