//! Register blocks: the innermost loops, inlined into functions compiled for one
//! [`Path`](super::path::Path).
//!
//! A block has `ROWS` rows of `WIDTH` vectors, few enough that all of it stays in registers. Each sum runs over
//! its terms in order in one lane, so that the size of a block does not change bits.

use super::lanes::Lanes;

/// Sums of a block, in registers.
#[derive(Clone, Copy)]
pub struct Block<V, const ROWS: usize, const WIDTH: usize>([[V; WIDTH]; ROWS]);

/// Most values of a block of any path.
pub const LARGEST: usize = 12 * 32;

impl<V: Lanes, const ROWS: usize, const WIDTH: usize> Block<V, ROWS, WIDTH> {
    /// Columns of the block: values in a row.
    pub const COLS: usize = WIDTH * V::N;

    /// All sums 0.
    #[inline(always)]
    pub fn zero() -> Self {
        Self([[V::splat(0.0); WIDTH]; ROWS])
    }

    /// `self[i] += left[i] * right` for a row of `COLS` values.
    ///
    /// # Safety
    /// `COLS` values behind `right` can be read.
    #[inline(always)]
    unsafe fn add_term(&mut self, left: [f32; ROWS], right: *const f32) {
        let mut weights = [V::splat(0.0); WIDTH];
        for (j, weight) in weights.iter_mut().enumerate() {
            // SAFETY: the caller's, since j < WIDTH.
            *weight = unsafe { V::load(right.add(j * V::N)) };
        }
        for i in 0..ROWS {
            let value = V::splat(left[i]);
            for j in 0..WIDTH {
                self.0[i][j] = self.0[i][j].add_product(value, weights[j]);
            }
        }
    }

    /// `self[i] += sum over c of rows[i][c] * panel[c]`; the panel has a row of `COLS` values for each value of
    /// a row.
    #[inline(always)]
    pub fn add_rows(&mut self, rows: [&[f32]; ROWS], panel: &[f32]) {
        let len = panel.len() / Self::COLS;
        assert!(rows.iter().all(|row| row.len() >= len));
        let rows = rows.map(<[f32]>::as_ptr);
        for c in 0..len {
            let mut left = [0.0; ROWS];
            for (value, row) in left.iter_mut().zip(rows) {
                // SAFETY: every row has `len` values.
                *value = unsafe { *row.add(c) };
            }
            // SAFETY: the panel has `len` rows of `COLS` values.
            unsafe { self.add_term(left, panel.as_ptr().add(c * Self::COLS)) };
        }
    }

    /// `self += sum over terms of left * right`. A term names a place in `lefts`, from which `ROWS` values are
    /// taken, and a row of `COLS` values in `panel`.
    #[inline(always)]
    pub fn add_outer(
        &mut self,
        lefts: &[f32],
        panel: &[f32],
        terms: impl Iterator<Item = (usize, usize)>,
    ) {
        let rights = panel.len() / Self::COLS;
        for (left, right) in terms {
            assert!(right < rights);
            // A fixed-size chunk is one check for all of its values.
            let Some(left) = lefts[left..].first_chunk::<ROWS>() else {
                return;
            };
            // SAFETY: by the assertion.
            unsafe { self.add_term(*left, panel.as_ptr().add(right * Self::COLS)) };
        }
    }

    /// The sums, row by row, each of `COLS` values.
    #[inline(always)]
    pub fn store(&self, to: &mut [f32; LARGEST]) {
        const { assert!(ROWS * WIDTH * V::N <= LARGEST) };
        for (i, row) in self.0.iter().enumerate() {
            for (j, vector) in row.iter().enumerate() {
                // SAFETY: (i, j) is within the block, which fits by the assertion.
                unsafe { vector.store(to.as_mut_ptr().add(i * Self::COLS + j * V::N)) };
            }
        }
    }
}
