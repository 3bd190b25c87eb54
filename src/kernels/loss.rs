//! Reconstruction error and KL (Kullback-Leibler divergence), with their gradients.

use rayon::prelude::*;

use super::isa::{Isa, compiled_for};
use super::parallel::piece_len;
use super::simd::Lanes;
use crate::numeric::math::{exp, ln_1p_unit};

/// How far a reconstruction is from its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconstruction {
    /// Binary cross-entropy from logits, in nats.
    BinaryCrossEntropy,
    /// Squared error between the image and the logits' sigmoid.
    SquaredError,
}

/// Reconstruction error summed over the values of an image, mean over the batch; writes its gradient
/// with respect to the logits.
///
/// Binary cross-entropy of a logit l against a target x is max(l, 0) - l x + ln(1 + e^-|l|), with
/// the gradient sigmoid(l) - x (`tf.nn.sigmoid_cross_entropy_with_logits`).
pub fn reconstruction(
    kind: Reconstruction,
    logits: &[f32],
    targets: &[f32],
    images: usize,
    gradient: &mut [f32],
) -> f32 {
    assert!(logits.len() == targets.len() && logits.len() == gradient.len());
    let piece = piece_len(images) * (logits.len() / images.max(1)).max(1);
    let scale = 1.0 / images as f32;
    let sums: Vec<f64> = gradient
        .par_chunks_mut(piece)
        .zip(logits.par_chunks(piece).zip(targets.par_chunks(piece)))
        .map(|(gradient, (logits, targets))| {
            gradient.copy_from_slice(logits);
            compiled_for!(
                Isa::current(), terms, [1, 1, 1],
                (kind: Reconstruction, gradient: &mut [f32], targets: &[f32], scale: f32) -> f64
            )
        })
        .collect();
    (sums.iter().sum::<f64>() / images as f64) as f32
}

/// Reconstruction error of each image, summed over its values, with its gradient with respect to the image's logits: see
/// [`reconstruction`], which is their mean.
pub fn reconstruction_per_image(
    kind: Reconstruction,
    logits: &[f32],
    targets: &[f32],
    errors: &mut [f32],
    gradient: &mut [f32],
) {
    assert!(logits.len() == targets.len() && logits.len() == gradient.len());
    let (piece, scale) = (piece_len(errors.len()), 1.0);
    let values = (logits.len() / errors.len().max(1)).max(1);
    errors
        .par_chunks_mut(piece)
        .zip(gradient.par_chunks_mut(piece * values))
        .zip(
            logits
                .par_chunks(piece * values)
                .zip(targets.par_chunks(piece * values)),
        )
        .for_each(|((errors, gradient), (logits, targets))| {
            gradient.copy_from_slice(logits);
            let images = gradient.chunks_mut(values).zip(targets.chunks(values));
            for (error, (gradient, targets)) in errors.iter_mut().zip(images) {
                let sum = compiled_for!(
                    Isa::current(), terms, [1, 1, 1],
                    (kind: Reconstruction, gradient: &mut [f32], targets: &[f32], scale: f32) -> f64
                );
                *error = sum as f32;
            }
        });
}

/// The gradient of [`reconstruction_per_image`]: adds its `slopes`, those of each image times the gradient of its error, to
/// that of the logits.
pub fn reconstruction_per_image_backward(slopes: &[f32], derrors: &[f32], gradient: &mut [f32]) {
    let piece = piece_len(derrors.len());
    let values = (slopes.len() / derrors.len().max(1)).max(1);
    gradient
        .par_chunks_mut(piece * values)
        .zip(
            slopes
                .par_chunks(piece * values)
                .zip(derrors.par_chunks(piece)),
        )
        .for_each(|(gradient, (slopes, derrors))| {
            let rows = gradient.chunks_mut(values).zip(slopes.chunks(values));
            for ((gradient, slopes), derror) in rows.zip(derrors) {
                for (sum, slope) in gradient.iter_mut().zip(slopes) {
                    *sum += derror * slope;
                }
            }
        });
}

/// Turns logits into their gradients; gives the sum of their errors.
#[inline(always)]
fn terms<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    kind: Reconstruction,
    logits: &mut [f32],
    targets: &[f32],
    scale: f32,
) -> f64 {
    let mut sum = 0.0;
    // 64 values at a time as vector code, added up in f64.
    for (logits, targets) in logits.chunks_mut(64).zip(targets.chunks(64)) {
        let mut terms = [0.0; 64];
        for ((g, &x), term) in logits.iter_mut().zip(targets).zip(&mut terms) {
            let l = *g;
            let e = exp(-l.abs());
            let small = e / (1.0 + e);
            let p = if l >= 0.0 { 1.0 - small } else { small };
            (*term, *g) = match kind {
                Reconstruction::BinaryCrossEntropy => {
                    let positive = if l < 0.0 { 0.0 } else { l };
                    (positive - l * x + ln_1p_unit(e), (p - x) * scale)
                }
                Reconstruction::SquaredError => {
                    ((p - x) * (p - x), 2.0 * (p - x) * (p * (1.0 - p)) * scale)
                }
            };
        }
        sum += terms.iter().map(|&t| f64::from(t)).sum::<f64>();
    }
    sum
}

/// The sum of all squares, for the norm of a gradient.
pub fn squares(values: &[f32]) -> f64 {
    compiled_for!(Isa::current(), sum_of_squares, [1, 1, 1], (values: &[f32]) -> f64)
}

#[inline(always)]
fn sum_of_squares<V: Lanes, const ROWS: usize, const WIDTH: usize>(values: &[f32]) -> f64 {
    // Sixteen sums side by side, added in a fixed order, let the compiler use vectors.
    let mut sums = [0.0_f64; 16];
    let blocks = values.chunks_exact(16);
    let rest = blocks.remainder();
    for block in blocks.chain(std::iter::once(rest)) {
        for (sum, &value) in sums.iter_mut().zip(block) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    sums.iter().sum()
}

/// z = mean + e^(log_var / 2) eps, the reparameterisation of Kingma and Welling (2014), and the
/// KL of N(mean, e^log_var) from N(0, 1) an axis, mean over the batch:
/// (e^log_var + mean^2 - 1 - log_var) / 2 nats.
///
/// Mean and log variance are (batch, latent), the KL is (latent). Noise and z are the same, or (sample, batch, latent): so
/// many points of each image.
pub fn sample(mean: &[f32], log_var: &[f32], eps: &[f32], z: &mut [f32], kl_per_axis: &mut [f32]) {
    let axes = kl_per_axis.len();
    let mut sums = vec![0.0_f64; axes];
    let (z, further) = z.split_at_mut(mean.len());
    for (i, z) in z.iter_mut().enumerate() {
        let (m, v) = (mean[i], log_var[i]);
        let deviation = exp(0.5 * v);
        *z = m + deviation * eps[i];
        sums[i % axes] +=
            0.5 * (f64::from(deviation).powi(2) + f64::from(m).powi(2) - 1.0 - f64::from(v));
    }
    let points = further.chunks_mut(mean.len());
    for (z, eps) in points.zip(eps[mean.len()..].chunks(mean.len())) {
        let normal = mean.iter().zip(log_var);
        for ((z, eps), (mean, log_var)) in z.iter_mut().zip(eps).zip(normal) {
            *z = mean + exp(0.5 * log_var) * eps;
        }
    }
    let batch = (mean.len() / axes) as f64;
    for (kl, sum) in kl_per_axis.iter_mut().zip(sums) {
        *kl = (sum / batch) as f32;
    }
}

/// The gradient of [`sample`]: `dz` is that of z, `dkl` that of the KL of each axis. Adds to
/// `dmean` and `dlog_var`.
pub fn sample_backward(
    (mean, log_var, eps): (&[f32], &[f32], &[f32]),
    (dz, dkl): (&[f32], &[f32]),
    mut dmean: Option<&mut [f32]>,
    mut dlog_var: Option<&mut [f32]>,
) {
    let axes = dkl.len();
    let scale = axes as f32 / mean.len() as f32;
    for i in 0..mean.len() {
        let kl = dkl[i % axes] * scale;
        let deviation = exp(0.5 * log_var[i]);
        let further = (i + mean.len()..dz.len()).step_by(mean.len());
        if let Some(dmean) = &mut dmean {
            let sum = further.clone().fold(dz[i], |sum, j| sum + dz[j]);
            dmean[i] += sum + kl * mean[i];
        }
        if let Some(dlog_var) = &mut dlog_var {
            let sum = further.fold(dz[i] * eps[i], |sum, j| sum + dz[j] * eps[j]);
            dlog_var[i] += 0.5 * (sum * deviation + kl * (deviation * deviation - 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::numbers;
    use super::*;

    /// Values worked out in double precision from the formulas' other forms: -x ln p - (1-x) ln(1-p)
    /// and (p - x)^2 with p = 1 / (1 + e^-l).
    #[test]
    fn agrees_with_the_textbook_form_of_the_reconstruction_error() {
        let logits: Vec<f32> = numbers(6 * 100, 1).iter().map(|v| v * 8.0).collect();
        let targets: Vec<f32> = numbers(6 * 100, 2).iter().map(|v| v * 0.5 + 0.5).collect();
        for kind in [
            Reconstruction::BinaryCrossEntropy,
            Reconstruction::SquaredError,
        ] {
            let mut gradient = vec![0.0; 600];
            let got = reconstruction(kind, &logits, &targets, 6, &mut gradient);
            let mut want = 0.0;
            for ((&l, &x), &g) in logits.iter().zip(&targets).zip(&gradient) {
                let (l, x) = (f64::from(l), f64::from(x));
                let p = 1.0 / (1.0 + (-l).exp());
                let slope = match kind {
                    Reconstruction::BinaryCrossEntropy => {
                        want -= x * p.ln() + (1.0 - x) * (1.0 - p).ln();
                        p - x
                    }
                    Reconstruction::SquaredError => {
                        want += (p - x).powi(2);
                        2.0 * (p - x) * p * (1.0 - p)
                    }
                };
                assert!(
                    (f64::from(g) - slope / 6.0).abs() < 1e-7,
                    "{kind:?} at {l}, {x}"
                );
            }
            want /= 6.0;
            assert!(
                (f64::from(got) - want).abs() < 1e-6 * want,
                "{kind:?}: {got} is not {want}"
            );
        }
    }

    /// More images than pieces, of more values than a block.
    #[test]
    fn splits_the_reconstruction_error_into_those_of_images() {
        let (images, values) = (37, 70);
        let logits = numbers(images * values, 1);
        let targets: Vec<f32> = numbers(images * values, 2)
            .iter()
            .map(|v| v.abs())
            .collect();
        for kind in [
            Reconstruction::BinaryCrossEntropy,
            Reconstruction::SquaredError,
        ] {
            let (mut errors, mut slopes) = (vec![0.0; images], vec![0.0; logits.len()]);
            reconstruction_per_image(kind, &logits, &targets, &mut errors, &mut slopes);
            let rows = logits.chunks(values).zip(targets.chunks(values));
            for ((logits, targets), (&error, slopes)) in
                rows.zip(errors.iter().zip(slopes.chunks(values)))
            {
                let mut gradient = vec![0.0; values];
                let alone = reconstruction(kind, logits, targets, 1, &mut gradient);
                assert_eq!((alone, gradient.as_slice()), (error, slopes));
            }
            let factors = numbers(images, 3);
            let mut gradient = vec![1.0; logits.len()];
            reconstruction_per_image_backward(&slopes, &factors, &mut gradient);
            for (i, (gradient, slope)) in gradient.iter().zip(&slopes).enumerate() {
                assert_eq!(*gradient, 1.0 + factors[i / values] * slope);
            }
        }
    }

    #[test]
    fn keeps_extreme_logits_finite_and_shows_nan() {
        let mut gradient = [0.0; 4];
        let kind = Reconstruction::BinaryCrossEntropy;
        let loss = reconstruction(
            kind,
            &[300.0, -300.0, 300.0, -300.0],
            &[1.0, 0.0, 0.0, 1.0],
            1,
            &mut gradient,
        );
        assert_eq!(loss, 600.0);
        assert_eq!(gradient, [0.0, 0.0, 1.0, -1.0]);
        assert!(reconstruction(kind, &[f32::NAN; 4], &[0.0; 4], 1, &mut gradient).is_nan());
    }

    /// Literal values from NumPy in double precision.
    #[test]
    fn samples_and_measures_kl_of_two_images_and_two_axes() {
        let (mean, log_var) = ([0.5, -1.0, 0.0, 2.0], [0.0, -2.0, 0.4, 1.0]);
        let eps = [1.0, -0.5, 2.0, 0.25];
        let (mut z, mut kl) = ([0.0; 4], [0.0; 2]);
        sample(&mean, &log_var, &eps, &mut z, &mut kl);
        let close = |got: &[f32], want: &[f32]| {
            got.iter()
                .zip(want)
                .for_each(|(g, w)| assert!((g - w).abs() < 1e-6, "{got:?}, {want:?}"));
        };
        close(&z, &[1.5, -1.183_939_7, 2.442_805_5, 2.412_180_3]);
        close(&kl, &[0.085_456_17, 1.713_404_3]);

        let (mut dmean, mut dlog_var) = ([0.0; 4], [0.0; 4]);
        let dz = [1.0, 2.0, -1.0, 0.5];
        sample_backward(
            (&mean, &log_var, &eps),
            (&dz, &[2.0, 3.0]),
            Some(&mut dmean),
            Some(&mut dlog_var),
        );
        close(&dmean, &[1.5, 0.5, -1.0, 3.5]);
        close(&dlog_var, &[0.5, -0.832_438_36, -0.975_490_4, 1.391_756_5]);
    }

    /// Two points of each image are as two batches of one, whose gradients add up.
    #[test]
    fn samples_several_points_of_an_image() {
        let (mean, log_var) = ([0.5, -1.0, 0.0, 2.0], [0.0, -2.0, 0.4, 1.0]);
        let eps = [1.0, -0.5, 2.0, 0.25, -0.75, 0.5, 1.5, -2.0];
        let dz = [1.0, 2.0, -1.0, 0.5, 0.25, -3.0, 0.75, 1.25];
        let (mut z, mut kl) = ([0.0; 8], [0.0; 2]);
        sample(&mean, &log_var, &eps, &mut z, &mut kl);
        let (mut dmean, mut dlog_var) = ([0.0; 4], [0.0; 4]);
        sample_backward(
            (&mean, &log_var, &eps),
            (&dz, &[0.0; 2]),
            Some(&mut dmean),
            Some(&mut dlog_var),
        );
        let (mut sum_mean, mut sum_log_var) = ([0.0; 4], [0.0; 4]);
        for part in [0..4, 4..8] {
            let (mut alone, mut kl_alone) = ([0.0; 4], [0.0; 2]);
            sample(
                &mean,
                &log_var,
                &eps[part.clone()],
                &mut alone,
                &mut kl_alone,
            );
            assert_eq!((&z[part.clone()], kl), (&alone[..], kl_alone));
            sample_backward(
                (&mean, &log_var, &eps[part.clone()]),
                (&dz[part], &[0.0; 2]),
                Some(&mut sum_mean),
                Some(&mut sum_log_var),
            );
        }
        let close = |got: &[f32], want: &[f32]| {
            got.iter()
                .zip(want)
                .for_each(|(g, w)| assert!((g - w).abs() < 1e-6, "{got:?}, {want:?}"));
        };
        close(&dmean, &sum_mean);
        close(&dlog_var, &sum_log_var);
    }
}
