//! Register blocks: the innermost loops, inlined into functions compiled for one
//! [`Path`](super::path::Path).
//!
//! A block has `ROWS` rows of `WIDTH` vectors, few enough that all of it stays in registers. Each sum runs over
//! its terms in order in one lane, so that the size of a block does not change bits.

use super::lanes::Lanes;

/// Sums of a block, in registers.
#[derive(Clone, Copy)]
pub struct Block<V, const ROWS: usize, const WIDTH: usize>([[V; WIDTH]; ROWS]);

/// Most columns of a block of any path.
const MOST_COLS: usize = 32;

impl<V: Lanes, const ROWS: usize, const WIDTH: usize> Block<V, ROWS, WIDTH> {
    /// Columns of the block: values in a row.
    pub const COLS: usize = WIDTH * V::N;

    /// All sums 0.
    #[inline(always)]
    pub fn zero() -> Self {
        Self([[V::splat(0.0); WIDTH]; ROWS])
    }

    /// Every row starts with the same values, zeros behind the last of them.
    #[inline(always)]
    pub fn filled(row: &[f32]) -> Self {
        let mut values = [0.0; MOST_COLS];
        for (to, from) in values.iter_mut().zip(row) {
            *to = *from;
        }
        let mut block = Self::zero();
        for j in 0..WIDTH {
            const { assert!(WIDTH * V::N <= MOST_COLS) };
            // SAFETY: `values` has room for a row, by the assertion.
            let vector = unsafe { V::load(values.as_ptr().add(j * V::N)) };
            for row in &mut block.0 {
                row[j] = vector;
            }
        }
        block
    }

    /// Replaces what is below 0 by 0; NaN stays NaN.
    #[inline(always)]
    pub fn clip_below_zero(&mut self) {
        for row in &mut self.0 {
            for vector in row {
                *vector = vector.or_zero();
            }
        }
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
        for (sums, value) in self.0.iter_mut().zip(left) {
            let value = V::splat(value);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = sum.add_product(value, weight);
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
    ///
    /// # Safety
    /// `ROWS` values behind each place, and the named rows of the panel, can be read.
    #[inline(always)]
    pub unsafe fn add_outer(
        &mut self,
        lefts: *const f32,
        panel: *const f32,
        terms: &[(usize, usize)],
    ) {
        for &(left, right) in terms {
            // SAFETY: the caller's.
            unsafe {
                let left = lefts.add(left).cast::<[f32; ROWS]>().read();
                self.add_term(left, panel.add(right * Self::COLS));
            }
        }
    }

    /// Writes row `i`, or adds it to what is there; fewer than `COLS` values where `to` is shorter.
    #[inline(always)]
    pub fn write_row(&self, i: usize, to: &mut [f32], add: bool) {
        let row = &self.0[i];
        if to.len() == Self::COLS {
            for (j, vector) in row.iter().enumerate() {
                // SAFETY: `to` has `COLS` = `WIDTH * N` values, and j < WIDTH.
                unsafe {
                    let at = to.as_mut_ptr().add(j * V::N);
                    let vector = if add {
                        V::load(at).add_product(*vector, V::splat(1.0))
                    } else {
                        *vector
                    };
                    vector.store(at);
                }
            }
            return;
        }
        let mut values = [0.0; MOST_COLS];
        for (j, vector) in row.iter().enumerate() {
            const { assert!(WIDTH * V::N <= MOST_COLS) };
            // SAFETY: `values` has room for a row, by the assertion.
            unsafe { vector.store(values.as_mut_ptr().add(j * V::N)) };
        }
        for (to, value) in to.iter_mut().zip(values) {
            *to = if add { *to + value } else { value };
        }
    }
}
