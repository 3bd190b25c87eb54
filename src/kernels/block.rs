//! Register blocks: the innermost loops. Everything is inlined into functions compiled for one
//! [`Path`](super::path::Path), where the compiler keeps a block in vector registers.
//!
//! Each sum runs over its terms in order in one accumulator, so that the size of a block does not change bits.

/// a b + c, rounded once where `FUSED`.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `block[i] += sum over c of rows[i][c] * panel[c]`; every row is as long as the panel.
#[inline(always)]
pub fn add_rows<const ROWS: usize, const COLS: usize, const FUSED: bool>(
    block: &mut [[f32; COLS]; ROWS],
    rows: [&[f32]; ROWS],
    panel: &[[f32; COLS]],
) {
    // Slices of one length, and a block of its own, spare the checks and the memory traffic inside.
    let rows = rows.map(|row| &row[..panel.len()]);
    let mut sums = *block;
    for (c, weights) in panel.iter().enumerate() {
        for i in 0..ROWS {
            let value = rows[i][c];
            for j in 0..COLS {
                sums[i][j] = multiply_add::<FUSED>(value, weights[j], sums[i][j]);
            }
        }
    }
    *block = sums;
}

/// `block[i] += sum over terms of left[i] * right`.
#[inline(always)]
pub fn add_outer<'a, const ROWS: usize, const COLS: usize, const FUSED: bool>(
    block: &mut [[f32; COLS]; ROWS],
    terms: impl Iterator<Item = ([f32; ROWS], &'a [f32; COLS])>,
) {
    let mut sums = *block;
    for (left, right) in terms {
        for i in 0..ROWS {
            for j in 0..COLS {
                sums[i][j] = multiply_add::<FUSED>(left[i], right[j], sums[i][j]);
            }
        }
    }
    *block = sums;
}
