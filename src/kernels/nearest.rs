//! The nearest row of a table for each of many points.

use rayon::prelude::*;

/// Points that a thread takes at a time. Each is found by itself, so that how they are cut changes nothing.
const SHARE: usize = 64;

/// For each point, (point, axis), the row of the table, (row, axis), with the smallest squared distance; of equal ones the
/// first.
pub fn nearest(points: &[f32], table: &[f32], axes: usize) -> Vec<usize> {
    let axes = axes.max(1);
    let rows = table.len() / axes;
    // Row by row within an axis, so that many rows are compared at once.
    let mut by_axis = vec![0.0; rows * axes];
    for (row, values) in table.chunks_exact(axes).enumerate() {
        for (axis, &value) in values.iter().enumerate() {
            by_axis[axis * rows + row] = value;
        }
    }
    let of_share = |points: &[f32]| {
        let mut distances = vec![0.0_f32; rows];
        let of_point = |point: &[f32]| {
            distances.fill(0.0);
            for (value, column) in point.iter().zip(by_axis.chunks_exact(rows.max(1))) {
                for (distance, other) in distances.iter_mut().zip(column) {
                    let difference = value - other;
                    *distance += difference * difference;
                }
            }
            first_smallest(&distances)
        };
        points.chunks_exact(axes).map(of_point).collect::<Vec<_>>()
    };
    let shares = points.par_chunks(SHARE * axes).map(of_share);
    shares.collect::<Vec<_>>().concat()
}

fn first_smallest(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value < values[best] {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_of_equal_rows() {
        let table = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, -1.0, 0.0];
        let points = [0.9, 0.1, -0.1, 2.0, 0.0, 0.0, -0.7, 0.1];
        assert_eq!(nearest(&points, &table, 2), [0, 1, 0, 3]);
        assert_eq!(nearest(&[0.5, 0.5], &table, 2), [0]);
        assert!(nearest(&[], &table, 2).is_empty());
    }

    #[test]
    fn finds_each_point_by_itself() {
        let points = crate::kernels::reference::numbers(300 * 5, 1);
        let table = crate::kernels::reference::numbers(17 * 5, 2);
        let all = nearest(&points, &table, 5);
        for (point, &row) in points.chunks(5).zip(&all) {
            assert_eq!(nearest(point, &table, 5), [row]);
        }
        assert!(all.iter().any(|row| *row != all[0]));
    }
}
