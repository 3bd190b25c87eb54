//! The leading eigenvectors of a symmetric matrix.
//!
//! Up to `EXACT` rows all eigenvectors are found with Jacobi's rotations (Golub and Van Loan, Matrix Computations,
//! section 8.5), whose cost grows with the third power of the size. For larger matrices a block of vectors is iterated
//! (orthogonal iteration with Rayleigh and Ritz's step; the same book, section 8.2.4).

/// Largest matrix that is rotated as a whole.
const EXACT: usize = 128;

/// Sweeps over all pairs of axes after which the rotations stop; ten are enough for any matrix met
/// in practice.
const MAX_SWEEPS: usize = 60;

/// Vectors that are multiplied at once: the more beyond the wanted two, the faster these two converge.
const BLOCK: usize = 16;

/// Multiplications after which the vectors are taken as they are. They converge slowly only where many eigenvalues
/// are nearly the same, and then one direction is as good as another.
const MAX_PRODUCTS: usize = 400;

/// An eigenvalue and its vector, of length 1.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) value: f64,
    pub(crate) vector: Vec<f64>,
}

/// The two largest eigenvalues of a symmetric row-major matrix of `dim` rows, largest first; one
/// for a single row.
pub(crate) fn leading(matrix: Vec<f64>, dim: usize) -> Vec<Pair> {
    let mut pairs = if dim <= EXACT {
        all(matrix, dim)
    } else {
        iterate(&matrix, dim)
    };
    pairs.truncate(2);
    pairs
}

/// All eigenvalues, largest first.
fn all(mut matrix: Vec<f64>, dim: usize) -> Vec<Pair> {
    let mut vectors = identity(dim);
    diagonalize(&mut matrix, &mut vectors, dim);
    let pair = |column: usize| Pair {
        value: matrix[column * dim + column],
        vector: (0..dim).map(|row| vectors[row * dim + column]).collect(),
    };
    let mut pairs: Vec<Pair> = (0..dim).map(pair).collect();
    pairs.sort_by(|a, b| b.value.total_cmp(&a.value));
    pairs
}

/// The leading [`BLOCK`] eigenvalues by orthogonal iteration; the last ones are approximate.
fn iterate(matrix: &[f64], dim: usize) -> Vec<Pair> {
    let times = |vector: &[f64]| -> Vec<f64> {
        matrix
            .chunks_exact(dim)
            .map(|row| dot(row, vector))
            .collect()
    };
    let mut vectors = start(dim);
    let mut before = [f64::INFINITY; 2];
    let mut pairs = Vec::new();
    for _ in 0..MAX_PRODUCTS {
        orthonormalize(&mut vectors);
        let products: Vec<Vec<f64>> = vectors.iter().map(|vector| times(vector)).collect();
        // The matrix projected onto the vectors, V A V', and its eigenvectors in that basis.
        let seen = vectors
            .iter()
            .flat_map(|v| products.iter().map(|p| dot(v, p)))
            .collect();
        let mixes = all(seen, vectors.len());
        let mix = |of: &[Vec<f64>], weights: &[f64]| -> Vec<f64> {
            let mut sum = vec![0.0; dim];
            for (vector, weight) in of.iter().zip(weights) {
                for (sum, value) in sum.iter_mut().zip(vector) {
                    *sum += weight * value;
                }
            }
            sum
        };
        pairs = mixes
            .iter()
            .map(|found| Pair {
                value: found.value,
                vector: mix(&vectors, &found.vector),
            })
            .collect();
        // Eigenvalues converge twice as fast as their vectors, so the test is on the residual |A v - value v|.
        let worst = pairs.iter().zip(&mixes).take(2).map(|(pair, found)| {
            let product = mix(&products, &found.vector);
            let rest = product
                .iter()
                .zip(&pair.vector)
                .map(|(p, v)| p - pair.value * v);
            rest.map(|rest| rest * rest).sum::<f64>().sqrt()
        });
        let worst = worst.fold(0.0, f64::max);
        let size = pairs.first().map_or(0.0, |pair| pair.value.abs());
        let now = [size, worst];
        if worst <= 1e-12 * size || now == before {
            break;
        }
        before = now;
        vectors = mixes
            .iter()
            .map(|found| mix(&products, &found.vector))
            .collect();
    }
    pairs
}

/// The first vectors of the iteration: fixed pseudo-random numbers from the multiplier of Knuth's MMIX, which are not
/// orthogonal to the leading eigenvectors of any matrix met in practice.
fn start(dim: usize) -> Vec<Vec<f64>> {
    let mut state = 1_u64;
    let mut number = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
    };
    (0..BLOCK.min(dim))
        .map(|_| (0..dim).map(|_| number()).collect())
        .collect()
}

/// Gram and Schmidt's method, twice, which is enough for orthogonality to the last digit. A vector
/// that the others already span becomes zero.
fn orthonormalize(vectors: &mut [Vec<f64>]) {
    for i in 0..vectors.len() {
        let (done, rest) = vectors.split_at_mut(i);
        let Some(vector) = rest.first_mut() else {
            return;
        };
        let length = dot(vector, vector).sqrt();
        for _ in 0..2 {
            for other in done.iter() {
                let along = dot(vector, other);
                vector
                    .iter_mut()
                    .zip(other)
                    .for_each(|(v, o)| *v -= along * o);
            }
        }
        let left = dot(vector, vector).sqrt();
        let scale = if left > 1e-14 * length {
            1.0 / left
        } else {
            0.0
        };
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn identity(dim: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; dim * dim];
    matrix
        .iter_mut()
        .step_by(dim + 1)
        .for_each(|value| *value = 1.0);
    matrix
}

/// Rotates a symmetric matrix until only its diagonal is left, and `vectors` (columns) along with
/// it.
fn diagonalize(matrix: &mut [f64], vectors: &mut [f64], dim: usize) {
    let size: f64 = matrix.iter().map(|value| value * value).sum::<f64>().sqrt();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..dim)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| matrix[i * dim + j] * matrix[i * dim + j])
            .sum();
        if off.sqrt() <= 1e-14 * size {
            return;
        }
        for p in 0..dim {
            for q in p + 1..dim {
                rotate(matrix, vectors, dim, (p, q));
            }
        }
    }
}

/// The rotation in the plane of axes `p` and `q` that makes their off-diagonal entry zero.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], dim: usize, (p, q): (usize, usize)) {
    let off = matrix[p * dim + q];
    if off == 0.0 {
        return;
    }
    let tau = (matrix[q * dim + q] - matrix[p * dim + p]) / (2.0 * off);
    // The smaller of the two angles; `hypot` keeps a huge tau from overflowing.
    let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |values: &mut [f64], a: usize, b: usize| {
        let (x, y) = (values[a], values[b]);
        values[a] = cosine * x - sine * y;
        values[b] = sine * x + cosine * y;
    };
    for k in 0..dim {
        turn(matrix, k * dim + p, k * dim + q);
    }
    for k in 0..dim {
        turn(matrix, p * dim + k, q * dim + k);
    }
    for k in 0..dim {
        turn(vectors, k * dim + p, k * dim + q);
    }
    // Zero by construction, up to rounding.
    matrix[p * dim + q] = 0.0;
    matrix[q * dim + p] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A covariance without a pattern, of rank `dim`.
    fn covariance(dim: usize) -> Vec<f64> {
        let value = |i: usize, j: usize| {
            let n = (i * 7_919 + j * 104_729 + i * j * 31) % 1_009;
            (n as f64 / 1_009.0 - 0.5) * (1 + j % 5) as f64
        };
        let rows = 2 * dim;
        let entry = |a: usize, b: usize| (0..rows).map(|i| value(i, a) * value(i, b)).sum();
        (0..dim * dim).map(|k| entry(k / dim, k % dim)).collect()
    }

    #[test]
    fn finds_the_same_vectors_by_both_methods() {
        let dim = 60;
        let exact = all(covariance(dim), dim);
        let near = iterate(&covariance(dim), dim);
        for (a, b) in exact.iter().zip(&near).take(2) {
            assert!(
                (a.value - b.value).abs() < 1e-10 * a.value,
                "{} {}",
                a.value,
                b.value
            );
            assert!((dot(&a.vector, &b.vector).abs() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn finds_the_largest_pairs_of_large_matrices() {
        // Diagonal, so its eigenvectors are the axes.
        let dim = EXACT + 72;
        let mut matrix = vec![0.0; dim * dim];
        for i in 0..dim {
            matrix[i * dim + i] = ((i * 37) % dim) as f64;
        }
        let pairs = leading(matrix, dim);
        for (pair, value) in pairs.iter().zip([199.0, 198.0]) {
            assert!((pair.value - value).abs() < 1e-9, "{}", pair.value);
            let axis = (0..dim).find(|i| ((i * 37) % dim) as f64 == value).unwrap();
            assert!((pair.vector[axis].abs() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn converges_for_low_rank_and_equal_eigenvalues() {
        let dim = EXACT + 1;
        let zero = leading(vec![0.0; dim * dim], dim);
        assert!(zero.iter().all(|pair| pair.value == 0.0));
        let one = leading(identity(dim), dim);
        assert!(one.iter().all(|pair| (pair.value - 1.0).abs() < 1e-12));
        // All ones: one eigenvalue is the size, all others are 0.
        let ones = leading(vec![1.0; dim * dim], dim);
        assert!((ones[0].value - dim as f64).abs() < 1e-9 && ones[1].value.abs() < 1e-9);
        assert!(
            ones.iter()
                .all(|pair| pair.vector.iter().all(|v| v.is_finite()))
        );
    }
}
