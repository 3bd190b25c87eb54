//! Running sums over the images of an epoch, and the metrics that come of them.

use crate::progress::Partial;
use crate::vae::{StepMetrics, StepReport};

/// An axis is active if its mean varies over the images with more than this variance (Burda et al. 2016).
const ACTIVE_VARIANCE: f64 = 0.01;

const LOSS: usize = 0;
const RECONSTRUCTION: usize = 1;
const KL: usize = 2;
const GRAD_NORM: usize = 3;
/// Behind the scalars: divergence, mean and squared mean of each axis.
const SCALARS: usize = 4;

/// Sums in f64 over what a part of an epoch has seen. They stand in a checkpoint, so that an epoch goes on
/// where it was left.
#[derive(Debug)]
pub struct Sums<'a> {
    partial: &'a mut Partial,
    axes: usize,
}

/// Means over an epoch.
#[derive(Debug)]
pub struct Means {
    pub loss: f64,
    pub reconstruction: f64,
    pub kl: f64,
    pub kl_per_axis: Vec<f64>,
    pub active_axes: u32,
    pub grad_norm: f64,
}

impl<'a> Sums<'a> {
    /// How many sums there are with so many latent axes.
    pub fn count(axes: usize) -> usize {
        SCALARS + 3 * axes
    }

    /// Goes on with the sums of `partial`, which are empty at the start of an epoch.
    pub fn new(partial: &'a mut Partial, axes: usize) -> Self {
        partial.sums.resize(Self::count(axes), 0.0);
        Self { partial, axes }
    }

    /// Adds a step on `images` images.
    pub fn add_step(&mut self, report: &StepReport, images: usize) {
        self.add(&report.losses, images);
        self.partial.sums[GRAD_NORM] += report.grad_norm;
        self.partial.steps += 1;
    }

    /// Adds the losses of `images` images.
    pub fn add(&mut self, losses: &StepMetrics, images: usize) {
        let n = images as f64;
        self.partial.images += images as u64;
        let sums = &mut self.partial.sums;
        sums[LOSS] += losses.term("loss") * n;
        sums[RECONSTRUCTION] += losses.term("reconstruction") * n;
        sums[KL] += losses.term("kl") * n;
        let (kl, rest) = sums[SCALARS..].split_at_mut(self.axes);
        let (mean, square) = rest.split_at_mut(self.axes);
        for (sum, value) in kl.iter_mut().zip(&losses.kl_per_axis) {
            *sum += value * n;
        }
        for point in losses.means.chunks_exact(self.axes) {
            for (axis, &m) in point.iter().enumerate() {
                mean[axis] += f64::from(m);
                square[axis] += f64::from(m) * f64::from(m);
            }
        }
    }

    /// The means so far.
    pub fn means(&self) -> Means {
        let n = self.partial.images.max(1) as f64;
        let sums = &self.partial.sums;
        let axis = |block: usize, i: usize| sums[SCALARS + block * self.axes + i] / n;
        let active = |&i: &usize| axis(2, i) - axis(1, i).powi(2) > ACTIVE_VARIANCE;
        Means {
            loss: sums[LOSS] / n,
            reconstruction: sums[RECONSTRUCTION] / n,
            kl: sums[KL] / n,
            kl_per_axis: (0..self.axes).map(|i| axis(0, i)).collect(),
            active_axes: (0..self.axes).filter(active).count() as u32,
            grad_norm: sums[GRAD_NORM] / self.partial.steps.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(loss: f64, means: &[f32]) -> StepMetrics {
        StepMetrics {
            terms: vec![
                ("loss", loss),
                ("reconstruction", loss * 0.5),
                ("kl", loss * 0.25),
            ],
            kl_per_axis: vec![loss, 0.0],
            means: means.to_vec(),
        }
    }

    #[test]
    fn means_are_over_images_and_norms_over_steps() {
        let mut partial = Partial::default();
        let mut sums = Sums::new(&mut partial, 2);
        let first = StepReport {
            losses: losses(8.0, &[1.0, 5.0, -1.0, 5.0, 3.0, 5.0]),
            grad_norm: 2.0,
        };
        sums.add_step(&first, 3);
        sums.add_step(
            &StepReport {
                losses: losses(4.0, &[1.0, 5.1]),
                grad_norm: 4.0,
            },
            1,
        );
        let means = sums.means();
        assert_eq!(
            (means.loss, means.reconstruction, means.kl),
            (7.0, 3.5, 1.75)
        );
        assert_eq!(means.kl_per_axis, [7.0, 0.0]);
        assert_eq!(means.grad_norm, 3.0);
        // Axis 0 has the means 1, -1, 3, 1 (variance 2), axis 1 has 5, 5, 5, 5.1 (variance 0.0019).
        assert_eq!(means.active_axes, 1);
    }
}
