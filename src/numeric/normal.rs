//! The standard normal distribution: distribution function and quantiles.

/// Phi(x), the probability of a value up to x: `1/2 + phi(x) (x + x^3 / 3 + x^5 / 15 + ...)` (Marsaglia, "Evaluating the
/// Normal Distribution", 2004), to about 1e-15.
pub fn cdf(x: f64) -> f64 {
    /// Beyond it nothing is left of the distribution in a double.
    const END: f64 = 9.0;
    if x.is_nan() {
        return x;
    }
    let x = x.clamp(-END, END);
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while f64::abs(term) > 1e-17 * f64::abs(sum) {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    (0.5 + density * sum).clamp(0.0, 1.0)
}

/// The x with Phi(x) = p, by bisection; within -9 to 9.
pub fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    // Halves the interval to less than a double tells apart.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match cdf(middle) < p {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.special.ndtri`
    #[test]
    fn has_the_quantiles_of_scipy() {
        for (p, x) in [
            (0.5, 0.0),
            (0.05, -1.644_853_626_951_472_7),
            (0.95, 1.644_853_626_951_472_2),
            (0.25, -0.674_489_750_196_081_7),
            (0.999, 3.090_232_306_167_813_5),
        ] {
            assert!((quantile(p) - x).abs() < 1e-12, "{p}: {}", quantile(p));
            assert!((cdf(x) - p).abs() < 1e-14, "{x}: {}", cdf(x));
        }
        assert_eq!((cdf(-50.0), cdf(50.0)), (cdf(-9.0), 1.0));
        assert!(quantile(0.0) <= -8.0 && quantile(1.0) >= 8.0 && cdf(f64::NAN).is_nan());
    }
}
