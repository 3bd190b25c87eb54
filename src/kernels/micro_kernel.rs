//! Register blocks: the innermost loops, inlined into functions compiled for one
//! [`Isa`](super::isa::Isa).
//!
//! A block has `ROWS` rows of `WIDTH` vectors, few enough that all of it stays in registers. Each sum runs over
//! its terms in order in one lane, so that the size of a block does not change bits.

use super::simd::Lanes;

/// Input values that follow one another, and the rows of a panel that they meet.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Where they start, from an output pixel's place among the input values.
    pub start: isize,
    /// The first row of the panel.
    pub panel: usize,
    /// How many.
    pub len: usize,
}

impl Run {
    /// Whether what starts there comes right behind this run.
    pub fn continues(&self, start: isize, panel: usize) -> bool {
        self.start + self.len as isize == start && self.panel + self.len == panel
    }
}

/// Sums of a block, in registers.
#[derive(Clone, Copy)]
pub struct Block<V, const ROWS: usize, const WIDTH: usize>([[V; WIDTH]; ROWS]);

/// Most columns of a block of any path.
pub const MOST_COLS: usize = 32;

/// Most values of a block of any path.
pub const MOST_VALUES: usize = 12 * 32;

impl<V: Lanes, const ROWS: usize, const WIDTH: usize> Block<V, ROWS, WIDTH> {
    /// Columns of the block: values in a row.
    pub const COLS: usize = WIDTH * V::N;

    /// All sums 0.
    #[inline(always)]
    pub fn zero() -> Self {
        Self([[V::splat(0.0); WIDTH]; ROWS])
    }

    /// Every row starts with the same values.
    ///
    /// # Safety
    /// `COLS` values behind `row` can be read.
    #[inline(always)]
    pub unsafe fn filled(row: *const f32) -> Self {
        let mut values = [V::splat(0.0); WIDTH];
        for (j, value) in values.iter_mut().enumerate() {
            // SAFETY: the caller's, since j < WIDTH.
            *value = unsafe { V::load(row.add(j * V::N)) };
        }
        Self([values; ROWS])
    }

    /// `self[i] += left[i] * right` for a row of `COLS` values.
    ///
    /// # Safety
    /// A value behind each of `left` and `COLS` values behind `right` can be read.
    #[inline(always)]
    unsafe fn add_term(&mut self, left: impl Fn(usize) -> *const f32, right: *const f32) {
        let mut weights = [V::splat(0.0); WIDTH];
        for (j, weight) in weights.iter_mut().enumerate() {
            // SAFETY: the caller's, since j < WIDTH.
            *weight = unsafe { V::load(right.add(j * V::N)) };
        }
        for (i, sums) in self.0.iter_mut().enumerate() {
            // SAFETY: the caller's.
            let value = V::splat(unsafe { *left(i) });
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = sum.add_product(value, weight);
            }
        }
    }

    /// `self[i] += sum over runs and c of lefts[i][run.start + c] * panel[run.panel + c]`. The panel has rows of
    /// `COLS` values.
    ///
    /// # Safety
    /// The runs behind each of `lefts`, and those of the panel, can be read.
    #[inline(always)]
    pub unsafe fn add_runs(&mut self, lefts: [*const f32; ROWS], runs: &[Run], panel: *const f32) {
        for run in runs {
            let mut panel = panel.wrapping_add(run.panel * Self::COLS);
            let mut at = run.start;
            let end = at + run.len as isize;
            // Two terms a turn, since a turn's jump costs some of a term.
            while at + 1 < end {
                // SAFETY: the caller's.
                unsafe {
                    self.add_term(|i| lefts[i].offset(at), panel);
                    self.add_term(|i| lefts[i].offset(at + 1), panel.add(Self::COLS));
                }
                panel = panel.wrapping_add(2 * Self::COLS);
                at += 2;
            }
            if at < end {
                // SAFETY: the caller's.
                unsafe { self.add_term(|i| lefts[i].offset(at), panel) };
            }
        }
    }

    /// `self += sum over pairs of left * right`: from a pair to the next one it is `step` values on the left, of
    /// which the first `ROWS` are taken, and `pitch` values in `panel`, of which the first `COLS` are taken.
    ///
    /// # Safety
    /// `ROWS` values at each place on the left, and `COLS` in the panel, can be read.
    #[inline(always)]
    pub unsafe fn add_outer(
        &mut self,
        mut left: *const f32,
        step: usize,
        mut panel: *const f32,
        pitch: usize,
        pairs: usize,
    ) {
        for _ in 0..pairs {
            // SAFETY: the caller's.
            unsafe { self.add_term(|i| left.add(i), panel) };
            left = left.wrapping_add(step);
            panel = panel.wrapping_add(pitch);
        }
    }

    /// Writes each row, or adds it to what is there; negative results become 0 if `clip`.
    ///
    /// # Safety
    /// `COLS` values behind each of `to` can be read and written.
    #[inline(always)]
    pub unsafe fn write(&self, to: [*mut f32; ROWS], add: bool, clip: bool) {
        for (row, to) in self.0.iter().zip(to) {
            for (j, &vector) in row.iter().enumerate() {
                // SAFETY: the caller's, since j < WIDTH.
                unsafe {
                    let at = to.add(j * V::N);
                    let vector = if add {
                        V::load(at).add_product(vector, V::splat(1.0))
                    } else {
                        vector
                    };
                    let vector = if clip { vector.or_zero() } else { vector };
                    vector.store(at);
                }
            }
        }
    }
}

/// Copies a run into a block, zeros behind it. Whole blocks have a size that the compiler knows, which spares a
/// call of `memcpy` each.
#[inline(always)]
pub fn copy_block(from: &[f32], to: &mut [f32]) {
    fn fixed<const N: usize>(from: &[f32], to: &mut [f32]) {
        if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
            *to = *from;
        }
    }
    match (from.len(), to.len()) {
        (16, 16) => fixed::<16>(from, to),
        (32, 32) => fixed::<32>(from, to),
        (8, 8) => fixed::<8>(from, to),
        (n, _) => {
            to[..n].copy_from_slice(from);
            to[n..].fill(0.0);
        }
    }
}
