//! Products that sum over pixels: the gradient of a convolution's kernel, and of a dense layer's.
//!
//! For each tap, the kernel's gradient is the sum over pixels of (big channels) x (small channels), each pair of
//! pixels that the tap joins giving one outer product.

use super::block::Block;
use super::geometry::Conv;
use super::lanes::Lanes;
use super::path::{Path, compiled_for};
use super::scratch::with_buffer;

/// Which pixels each tap joins.
#[derive(Clone, Debug)]
pub struct Outer {
    /// Channels on the big side: rows of the result.
    rows: usize,
    /// Channels on the small side: columns of the result.
    cols: usize,
    big_pixels: usize,
    small_pixels: usize,
    /// For each tap, pairs of where a big pixel's values start within an image, and a small pixel.
    taps: Vec<Vec<(usize, usize)>>,
}

impl Outer {
    /// The gradient of a convolution's kernel.
    pub fn new(conv: &Conv) -> Self {
        let (k, big, small) = (conv.kernel, conv.big, conv.small);
        let pair = |tap: usize, pixel: usize| {
            let row = (pixel / small.width * conv.stride + tap / k).checked_sub(conv.pad_top)?;
            let col = (pixel % small.width * conv.stride + tap % k).checked_sub(conv.pad_left)?;
            let inside = row < big.height && col < big.width;
            inside.then_some(((row * big.width + col) * big.channels, pixel))
        };
        let pairs = |tap| {
            (0..small.pixels())
                .filter_map(|pixel| pair(tap, pixel))
                .collect()
        };
        Self {
            rows: big.channels,
            cols: small.channels,
            big_pixels: big.pixels(),
            small_pixels: small.pixels(),
            taps: (0..k * k).map(pairs).collect(),
        }
    }

    /// The gradient of a matrix: `out += left transposed times right`, for rows of `rows` and of `cols` values.
    pub fn rows(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            big_pixels: 1,
            small_pixels: 1,
            taps: vec![vec![(0, 0)]],
        }
    }

    /// Adds the sum over some images to `out`, (tap, big channel, small channel), on this thread.
    pub fn add(&self, path: Path, big: &[f32], small: &[f32], out: &mut [f32]) {
        self.add_rows_of(path, big, small, 0..self.rows, out);
    }

    /// [`Outer::add`] for some of the big channels only; `out` is (tap, those channels, small channel).
    pub fn add_rows_of(
        &self,
        path: Path,
        big: &[f32],
        small: &[f32],
        channels: std::ops::Range<usize>,
        out: &mut [f32],
    ) {
        assert_eq!(
            big.len() * self.small_pixels * self.cols,
            small.len() * self.big_pixels * self.rows
        );
        assert!(channels.end <= self.rows);
        assert_eq!(out.len(), self.taps.len() * channels.len() * self.cols);
        if big.is_empty() || out.is_empty() {
            return;
        }
        with_packed(small, self.cols, path.block(), |panels| {
            let outer = self;
            let channels = (channels.start, channels.end);
            compiled_for!(
                path,
                body,
                [4, 6, 12],
                (outer: &Outer, big: &[f32], panels: &[f32], channels: (usize, usize), out: &mut [f32])
            );
        });
    }
}

/// Rows of `cols` values rearranged as (block of columns, row, column of the block), zeros behind the last.
fn with_packed(rows: &[f32], cols: usize, block: usize, f: impl FnOnce(&[f32])) {
    let count = rows.len() / cols;
    with_buffer(count * cols.next_multiple_of(block), |packed| {
        for (first, panel) in (0..cols)
            .step_by(block)
            .zip(packed.chunks_exact_mut(count * block))
        {
            let width = block.min(cols - first);
            for (row, to) in rows.chunks_exact(cols).zip(panel.chunks_exact_mut(block)) {
                copy_block(&row[first..first + width], to);
            }
        }
        f(packed);
    });
}

/// Copies a run into a block, zeros behind it. Whole blocks have a size that the compiler knows, which spares a
/// call of `memcpy` each.
#[inline(always)]
pub(super) fn copy_block(from: &[f32], to: &mut [f32]) {
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

/// What the blocks of one tap share.
struct Tap<'a> {
    outer: &'a Outer,
    pairs: &'a [(usize, usize)],
    big: &'a [f32],
    panels: &'a [f32],
    images: usize,
}

impl Tap<'_> {
    /// Sums `ROWS` big channels from `first` on, against all small channels; `out` has a row a big channel.
    #[inline(always)]
    fn add<V: Lanes, const ROWS: usize, const WIDTH: usize>(&self, first: usize, out: &mut [f32]) {
        let outer = self.outer;
        let cols = Block::<V, ROWS, WIDTH>::COLS;
        let (big_len, small_pixels) = (outer.big_pixels * outer.rows, outer.small_pixels);
        let panels = self.panels.chunks_exact(self.images * small_pixels * cols);
        for (panel, col) in panels.zip((0..outer.cols).step_by(cols)) {
            let mut block = Block::<V, ROWS, WIDTH>::zero();
            let images = self
                .big
                .chunks_exact(big_len)
                .zip(panel.chunks_exact(small_pixels * cols));
            for (big, panel) in images {
                assert!(first + ROWS <= outer.rows);
                // SAFETY: a pair's places are within an image (`Outer::new`), the big one a multiple of the
                // channels, behind which `first + ROWS` values follow.
                unsafe { block.add_outer(big[first..].as_ptr(), panel.as_ptr(), self.pairs) };
            }
            let width = cols.min(outer.cols - col);
            for i in 0..ROWS {
                block.write_row(i, &mut out[i * outer.cols + col..][..width], true);
            }
        }
    }
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    outer: &Outer,
    big: &[f32],
    panels: &[f32],
    (start, end): (usize, usize),
    out: &mut [f32],
) {
    let images = big.len() / (outer.big_pixels * outer.rows);
    for (pairs, out) in outer
        .taps
        .iter()
        .zip(out.chunks_exact_mut((end - start) * outer.cols))
    {
        let tap = Tap {
            outer,
            pairs,
            big,
            panels,
            images,
        };
        let mut first = start;
        while first < end {
            let out = &mut out[(first - start) * outer.cols..];
            // The largest block that fits.
            first += match end - first {
                left if left >= ROWS => {
                    tap.add::<V, ROWS, WIDTH>(first, out);
                    ROWS
                }
                4.. => {
                    tap.add::<V, 4, WIDTH>(first, out);
                    4
                }
                2.. => {
                    tap.add::<V, 2, WIDTH>(first, out);
                    2
                }
                _ => {
                    tap.add::<V, 1, WIDTH>(first, out);
                    1
                }
            };
        }
    }
}
