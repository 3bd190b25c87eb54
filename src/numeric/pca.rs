//! Principal component analysis: the eigenvectors of the covariance matrix for its two largest eigenvalues.
//!
//! Figures show latent spaces of more than two axes along them. All sums are made in `f64` and in index order, so the
//! same points give the same bits.

use super::eigen::leading;

/// The first two principal components of a set of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// Coordinates of every point along the two components, (x - mean) . component; NaN for a point that is not finite.
    pub scores: Vec<[f32; 2]>,
    /// The components: unit vectors of length `dim`, the loading of largest magnitude positive.
    /// Zeros where there is none (a single axis has one component).
    pub components: [Vec<f64>; 2],
    /// Explained variance ratio of each, eigenvalue / total variance, 0..=1; zeros where the points do not vary.
    pub explained: [f64; 2],
}

/// Why no components could be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PcaError {
    /// The array is no matrix of this width.
    #[error("{found} values are no points of {dim} coordinates")]
    Length {
        /// Values that were given.
        found: usize,
        /// Coordinates of a point.
        dim: usize,
    },
    /// More coordinates than the limit.
    #[error("principal components of {dim} coordinates; at most {limit} are expected")]
    Dim {
        /// Coordinates of a point.
        dim: usize,
        /// Most coordinates.
        limit: usize,
    },
}

/// Beyond this the covariance matrix alone would take 128 MB.
const MAX_DIM: usize = 4_096;

/// The first two principal components of points of shape (count, `dim`), row-major.
///
/// Points with a coordinate that is not finite are left out of the mean and the covariance.
///
/// # Errors
///
/// [`PcaError::Length`] when the values do not divide into points, [`PcaError::Dim`] for a `dim` of
/// more than 4,096.
pub fn principal_components(points: &[f32], dim: usize) -> Result<Principal, PcaError> {
    if dim > MAX_DIM {
        return Err(PcaError::Dim {
            dim,
            limit: MAX_DIM,
        });
    }
    if dim == 0 || !points.len().is_multiple_of(dim) {
        return Err(PcaError::Length {
            found: points.len(),
            dim,
        });
    }
    let rows = || points.chunks_exact(dim);
    let is_finite = |row: &&[f32]| row.iter().all(|v| v.is_finite());
    let mean = mean(rows().filter(is_finite), dim);
    let covariance = covariance(rows().filter(is_finite), &mean);
    let total: f64 = (0..dim).map(|i| covariance[i * dim + i]).sum();

    let mut components = [vec![0.0; dim], vec![0.0; dim]];
    let mut explained = [0.0; 2];
    let found = leading(covariance, dim);
    for ((component, share), pair) in components.iter_mut().zip(&mut explained).zip(found) {
        *component = pair.vector;
        orient(component);
        if total > 0.0 {
            *share = (pair.value / total).clamp(0.0, 1.0);
        }
    }
    let scores = rows()
        .map(|row| {
            let along = |component: &[f64]| -> f32 {
                let terms = row.iter().zip(&mean).zip(component);
                terms
                    .map(|((&x, m), c)| (f64::from(x) - m) * c)
                    .sum::<f64>() as f32
            };
            if is_finite(&row) {
                [along(&components[0]), along(&components[1])]
            } else {
                [f32::NAN; 2]
            }
        })
        .collect();
    Ok(Principal {
        scores,
        components,
        explained,
    })
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, dim: usize) -> Vec<f64> {
    let mut sum = vec![0.0; dim];
    let mut count = 0_usize;
    for row in rows {
        for (sum, &value) in sum.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
        count += 1;
    }
    sum.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
    sum
}

/// The scatter matrix, the covariance matrix times the number of points, symmetric and row-major. Its scale changes
/// neither the eigenvectors nor the explained variance ratios.
fn covariance<'a>(rows: impl Iterator<Item = &'a [f32]>, mean: &[f64]) -> Vec<f64> {
    let dim = mean.len();
    let mut matrix = vec![0.0; dim * dim];
    let mut away = vec![0.0; dim];
    for row in rows {
        for ((away, &value), mean) in away.iter_mut().zip(row).zip(mean) {
            *away = f64::from(value) - mean;
        }
        for (i, (line, &a)) in matrix.chunks_exact_mut(dim).zip(&away).enumerate() {
            for (sum, &b) in line[i..].iter_mut().zip(&away[i..]) {
                *sum += a * b;
            }
        }
    }
    for i in 0..dim {
        for j in 0..i {
            matrix[i * dim + j] = matrix[j * dim + i];
        }
    }
    matrix
}

/// Gives an eigenvector the sign that makes its largest loading positive. Without this its sign would be arbitrary.
fn orient(component: &mut [f64]) {
    let largest = component.iter().fold(0.0_f64, |largest, &value| {
        if value.abs() > largest.abs() {
            value
        } else {
            largest
        }
    });
    if largest < 0.0 {
        component.iter_mut().for_each(|value| *value = -*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected numbers: `numpy.linalg.svd` of the centred points, signs as described.
    const POINTS: [f32; 24] = [
        1.4, -2.1, 1.3, 10.1, -0.6, -1.6, 2.6, 10.5, -1.1, -3.3, -1.2, 10.0, -6.0, -2.2, -2.5, 9.6,
        -0.6, -2.3, 0.8, 10.5, 0.6, -0.6, -1.3, 10.2,
    ];

    fn near(found: impl IntoIterator<Item = f64>, expected: &[f64], within: f64) {
        let found: Vec<f64> = found.into_iter().collect();
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= within, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn matches_the_components_of_numpys_svd() {
        let found = principal_components(&POINTS, 4).unwrap();
        let [first, second] = &found.components;
        let expected = [
            0.845_679_951_367_176_7,
            0.080_562_237_369_400_82,
            0.519_548_923_412_592,
            0.091_673_670_955_530_21,
        ];
        near(first.iter().copied(), &expected, 1e-12);
        let expected = [
            -0.511_128_532_324_464_4,
            -0.151_213_353_869_206_76,
            0.843_308_906_646_141_1,
            0.068_645_706_542_757_7,
        ];
        near(second.iter().copied(), &expected, 1e-12);
        near(
            found.explained,
            &[0.768_028_904_746_055_1, 0.166_234_229_492_607_63],
            1e-12,
        );
        let scores = [
            [2.762_009_733_258_028_5, -0.104_629_060_793_442_49],
            [1.823_013_948_678_436, 1.965_781_139_805_644_6],
            [-0.756_904_544_442_464_6, -0.760_488_561_584_707_2],
            [-5.524_200_841_629_55, 0.453_946_764_924_890_5],
            [0.831_432_381_881_002_4, 0.553_674_535_212_643_2],
            [0.864_649_322_254_548_3, -2.108_284_817_565_028_4],
        ];
        let flat: Vec<f64> = scores.into_iter().flatten().collect();
        near(
            found.scores.iter().flatten().map(|&v| f64::from(v)),
            &flat,
            1e-6,
        );
    }

    #[test]
    fn separates_forty_axes_of_nearly_equal_variance() {
        let value = |i: usize, j: usize| {
            let n = (i * 7_919 + j * 104_729 + i * j * 31) % 1_009;
            ((n as f64 / 1_009.0 - 0.5) * (1 + j % 5) as f64) as f32
        };
        let points: Vec<f32> = (0..500)
            .flat_map(|i| (0..40).map(move |j| value(i, j)))
            .collect();
        let found = principal_components(&points, 40).unwrap();
        near(
            found.explained,
            &[0.064_710_813_617_893_62, 0.061_479_735_341_431_75],
            1e-12,
        );
        near(
            found.components[0][..4].iter().copied(),
            &[
                -0.003_944_551_538_039_839,
                -0.008_036_145_866_066_324,
                -0.047_778_046_785_915_02,
                -0.049_258_239_905_143_164,
            ],
            1e-11,
        );
        let last = found.scores[499].map(f64::from);
        near(
            last,
            &[-3.571_339_586_095_841_7, 0.712_288_169_176_376_8],
            1e-5,
        );
    }

    #[test]
    fn ignores_non_finite_points() {
        let mut points = POINTS.to_vec();
        points.extend([f32::NAN, 1e30, 0.0, 0.0, 1.0, f32::INFINITY, 0.0, 0.0]);
        let found = principal_components(&points, 4).unwrap();
        let without = principal_components(&POINTS, 4).unwrap();
        assert_eq!(found.components, without.components);
        assert_eq!(found.scores[..6], without.scores[..]);
        assert!(found.scores[6..].iter().flatten().all(|v| v.is_nan()));
    }

    #[test]
    fn makes_the_largest_loading_positive() {
        // Spread along (1, -2): of its two directions the one with a positive second loading.
        let found = principal_components(&[0.0, 0.0, 1.0, -2.0, -1.0, 2.0], 2).unwrap();
        let root = 5_f64.sqrt();
        near(
            found.components[0].iter().copied(),
            &[-1.0 / root, 2.0 / root],
            1e-12,
        );
        near(found.explained, &[1.0, 0.0], 1e-12);
    }

    #[test]
    fn handles_one_axis_one_point_and_no_point() {
        let one = principal_components(&[1.0, 3.0], 1).unwrap();
        assert_eq!(one.scores, [[-1.0, 0.0], [1.0, 0.0]]);
        assert_eq!(
            (one.explained, &one.components[1][..]),
            ([1.0, 0.0], &[0.0][..])
        );
        let equal = principal_components(&[2.0; 6], 3).unwrap();
        assert_eq!(
            (equal.explained, equal.scores),
            ([0.0; 2], vec![[0.0; 2]; 2])
        );
        let none = principal_components(&[], 3).unwrap();
        assert_eq!((none.explained, none.scores.len()), ([0.0; 2], 0));
        let huge = principal_components(&[f32::MAX, 0.0, f32::MIN, 1.0], 2).unwrap();
        near(huge.explained, &[1.0, 0.0], 1e-12);
    }

    #[test]
    fn refuses_arrays_that_are_no_points() {
        for (found, dim) in [(5, 2), (3, 0), (0, 0)] {
            let error = principal_components(&vec![0.0; found], dim).unwrap_err();
            assert_eq!(error, PcaError::Length { found, dim });
        }
        assert!(matches!(
            principal_components(&[], 1 << 40),
            Err(PcaError::Dim { .. })
        ));
    }
}
