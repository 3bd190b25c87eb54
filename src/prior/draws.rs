//! Points drawn from a prior.

use crate::numeric::math;
use crate::numeric::random::{Purpose, Stream};

/// A mixture of normal distributions with diagonal covariances, as plain values.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// Logarithms of weights that add up to 1.
    pub log_weights: Vec<f32>,
    /// (component, latent axis)
    pub mean: Vec<f32>,
    /// (component, latent axis)
    pub log_var: Vec<f32>,
}

/// So many points, (point, latent axis): of the mixture, or of the standard normal distribution where there is none. The
/// standard normal deviates are the same for every prior; the components come from a stream of their own.
pub fn draw(prior: Option<&Mixture>, seed: u64, points: usize, axes: usize) -> Vec<f32> {
    let mut z = vec![0.0; points * axes];
    Stream::new(seed, Purpose::Sample, 0, 0).fill_normal(&mut z);
    let Some(prior) = prior else {
        return z;
    };
    let mut stream = Stream::new(seed, Purpose::Component, 0, 0);
    for point in z.chunks_mut(axes.max(1)) {
        let component = prior.component(stream.uniform());
        let of = |values: &[f32], axis: usize| {
            let value = values.get(component * axes + axis);
            value.copied().unwrap_or(0.0)
        };
        for (axis, value) in point.iter_mut().enumerate() {
            let deviation = math::exp(0.5 * of(&prior.log_var, axis));
            *value = of(&prior.mean, axis) + deviation * *value;
        }
    }
    z
}

impl Mixture {
    /// The component of a number from 0 to 1: the first at which the sum of weights exceeds it.
    fn component(&self, uniform: f32) -> usize {
        let mut sum = 0.0;
        let exceeds = |log_weight: &f32| {
            sum += math::exp(*log_weight);
            sum > uniform
        };
        let last = self.log_weights.len().saturating_sub(1);
        self.log_weights.iter().position(exceeds).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_components_by_their_weights() {
        let mixture = Mixture {
            log_weights: [0.25_f32, 0.0, 0.75].map(f32::ln).to_vec(),
            mean: vec![-50.0, 5.0, 0.0, 0.0, 50.0, -5.0],
            log_var: vec![0.0, 0.0, 0.0, 0.0, 1.0, -2.0],
        };
        let count = 4000;
        let z = draw(Some(&mixture), 3, count, 2);
        let eps = draw(None, 3, count, 2);
        let first = z.chunks(2).filter(|z| z[0] < 0.0).count();
        // Standard deviation 27; five of them.
        assert!(first.abs_diff(1000) < 137, "{first}");
        for (z, eps) in z.chunks(2).zip(eps.chunks(2)) {
            let expected = match z[0] < 0.0 {
                true => [eps[0] - 50.0, eps[1] + 5.0],
                false => {
                    let deviations = [0.5_f32.exp(), (-1.0_f32).exp()];
                    [50.0 + deviations[0] * eps[0], -5.0 + deviations[1] * eps[1]]
                }
            };
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
            assert!(z.iter().zip(&expected).all(near), "{z:?} {expected:?}");
        }
        // Rounding may leave the sum below 1.
        assert_eq!(mixture.component(1.0), 2);
    }
}
