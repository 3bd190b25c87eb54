//! Products that sum over pixels: the gradient of a convolution's kernel, and of a dense layer's.
//!
//! For each tap, the kernel's gradient is the sum over pixels of (big channels) x (small channels), each pair of
//! pixels that the tap joins giving one outer product.

use std::cell::RefCell;

use super::block::{Block, LARGEST};
use super::geometry::Conv;
use super::lanes::Lanes;
use super::path::{Path, compiled_for};

/// Which pixels each tap joins.
#[derive(Clone, Debug)]
pub struct Outer {
    /// Channels on the big side: rows of the result.
    rows: usize,
    /// Channels on the small side: columns of the result.
    cols: usize,
    big_pixels: usize,
    small_pixels: usize,
    /// For each tap, pairs of a big and a small pixel.
    taps: Vec<Vec<(u32, u32)>>,
}

impl Outer {
    /// The gradient of a convolution's kernel.
    pub fn new(conv: &Conv) -> Self {
        let (k, big, small) = (conv.kernel, conv.big, conv.small);
        let pair = |tap: usize, pixel: usize| {
            let row = (pixel / small.width * conv.stride + tap / k).checked_sub(conv.pad_top)?;
            let col = (pixel % small.width * conv.stride + tap % k).checked_sub(conv.pad_left)?;
            (row < big.height && col < big.width)
                .then_some(((row * big.width + col) as u32, pixel as u32))
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
                [4, 4, 8],
                (outer: &Outer, big: &[f32], panels: &[f32], channels: (usize, usize), out: &mut [f32])
            );
        });
    }
}

/// Rows of `cols` values rearranged as (block of columns, row, column of the block), zeros behind the last.
fn with_packed(rows: &[f32], cols: usize, block: usize, f: impl FnOnce(&[f32])) {
    thread_local!(static PACKED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) });
    let mut packed = PACKED.take();
    packed.clear();
    for first in (0..cols).step_by(block) {
        let width = block.min(cols - first);
        for row in rows.chunks_exact(cols) {
            packed.extend_from_slice(&row[first..first + width]);
            packed.resize(packed.len() + block - width, 0.0);
        }
    }
    f(&packed);
    PACKED.set(packed);
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    outer: &Outer,
    big: &[f32],
    panels: &[f32],
    (start, end): (usize, usize),
    out: &mut [f32],
) {
    let cols = Block::<V, ROWS, WIDTH>::COLS;
    let images = big.len() / (outer.big_pixels * outer.rows);
    let small_rows = images * outer.small_pixels;
    let mut tile = [0.0; LARGEST];
    // The last rows of a block that hangs over are read from here, zeros behind them.
    let mut edge = vec![];
    for (pairs, out) in outer
        .taps
        .iter()
        .zip(out.chunks_exact_mut((end - start) * outer.cols))
    {
        for first in (start..end).step_by(ROWS) {
            let count = ROWS.min(end - first);
            let whole = count == ROWS;
            if !whole {
                edge.clear();
                for pixel in big.chunks_exact(outer.rows) {
                    edge.extend_from_slice(&pixel[first..first + count]);
                    edge.resize(edge.len() + ROWS - count, 0.0);
                }
            }
            for (panel, first_col) in panels
                .chunks_exact(small_rows * cols)
                .zip((0..outer.cols).step_by(cols))
            {
                let width = cols.min(outer.cols - first_col);
                let mut block = Block::<V, ROWS, WIDTH>::zero();
                for image in 0..images {
                    let (b0, s0) = (image * outer.big_pixels, image * outer.small_pixels);
                    let terms = pairs
                        .iter()
                        .map(|&(b, s)| (b0 + b as usize, s0 + s as usize));
                    if whole {
                        block.add_outer(
                            big,
                            panel,
                            terms.map(|(b, s)| (b * outer.rows + first, s)),
                        );
                    } else {
                        block.add_outer(&edge, panel, terms.map(|(b, s)| (b * ROWS, s)));
                    }
                }
                block.store(&mut tile);
                for (i, sums) in tile.chunks_exact(cols).enumerate().take(count) {
                    let row = &mut out[(first - start + i) * outer.cols + first_col..][..width];
                    row.iter_mut().zip(sums).for_each(|(o, s)| *o += s);
                }
            }
        }
    }
}
