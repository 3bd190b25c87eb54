//! Products that sum over pixels: the gradient of a convolution's kernel, and of a dense layer's.
//!
//! For each tap, the kernel's gradient is the sum over pixels of (big channels) x (small channels), each pair of
//! pixels that the tap joins giving one outer product.

use std::ops::Range;

use super::buffer_pool::buffer;
use super::geometry::Conv;
use super::isa::{Isa, compiled_for};
use super::micro_kernel::{Block, MOST_VALUES, copy_block};
use super::padding::Padding;
use super::simd::Lanes;

/// Values of both sides that are worked on at a time: they stay in a first-level cache of 32 KiB, with room for
/// the sums. The same for all paths and any number of threads, since chunks decide the order of sums.
const CHUNK: usize = 6_400;

/// Rows of a matrix that take the place of a row of the small image.
const ROW: usize = 64;

/// The gradient of a kernel: which pixels each tap joins.
#[derive(Clone, Debug)]
pub struct WeightGrad {
    /// Values taken at a place on the big side: rows of the result.
    rows: usize,
    /// Channels on the small side: columns of the result.
    cols: usize,
    /// Values of a big image.
    big_len: usize,
    /// The padding of a big image.
    padding: Option<Padding>,
    small_pixels: usize,
    /// Rows and columns of the small image.
    small_height: usize,
    small_width: usize,
    /// Values on the big side from one small pixel to the next.
    step: usize,
    taps: Vec<Tap>,
}

/// Which pixels one tap joins: those of each row of the small image.
type Tap = Vec<Joined>;

/// Pixels of a row of the small image that follow one another, and those of the big image that a tap joins them
/// with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joined {
    /// Where the values on the big side start for the first one, within the image with its padding.
    pub big: usize,
    /// The first one.
    pub small: usize,
    /// How many.
    pub len: usize,
}

/// What is worked on at a time: some rows of some images.
#[derive(Clone, Debug)]
struct Chunk {
    images: Range<usize>,
    /// Rows of the small image.
    rows: Range<usize>,
}

impl WeightGrad {
    /// The gradient of a convolution's kernel.
    pub fn new(conv: &Conv) -> Self {
        let (k, big, small) = (conv.kernel, conv.big, conv.small);
        // Columns of the small image whose big one is inside.
        let cols = |kx: usize| {
            let first = conv.pad_left.saturating_sub(kx).div_ceil(conv.stride);
            let end = (big.width + conv.pad_left).saturating_sub(kx);
            let first = first.min(small.width);
            first..end.div_ceil(conv.stride).clamp(first, small.width)
        };
        let run = |tap: usize, y: usize| {
            let row = (y * conv.stride + tap / k).wrapping_sub(conv.pad_top);
            let cols = cols(tap % k);
            let first = cols.start * conv.stride + tap % k;
            if row < big.height && !cols.is_empty() {
                Joined {
                    big: (row * big.width + first - conv.pad_left) * big.channels,
                    small: y * small.width + cols.start,
                    len: cols.len(),
                }
            } else {
                Joined {
                    big: 0,
                    small: y * small.width,
                    len: 0,
                }
            }
        };
        let run = &run;
        let taps = (0..k * k).map(|tap| (0..small.height).map(|y| run(tap, y)).collect());
        Self::of(conv, big.channels, None, taps.collect())
    }

    /// The same for few big channels: the taps of a row of the kernel are taken together, since their values follow
    /// one another in memory.
    pub fn by_rows_of_the_kernel(conv: &Conv) -> Self {
        let padding = Padding::of_big(conv);
        let (row_len, small) = (padding.outside().width * conv.big.channels, conv.small);
        let run = |ky: usize, y: usize| Joined {
            big: (y * conv.stride + ky) * row_len,
            small: y * small.width,
            len: small.width,
        };
        let run = &run;
        let taps = (0..conv.kernel).map(|ky| (0..small.height).map(|y| run(ky, y)).collect());
        let rows = conv.kernel * conv.big.channels;
        Self::of(conv, rows, Some(padding), taps.collect())
    }

    fn of(conv: &Conv, rows: usize, padding: Option<Padding>, taps: Vec<Tap>) -> Self {
        Self {
            rows,
            cols: conv.small.channels,
            big_len: conv.big.len(),
            padding,
            small_pixels: conv.small.pixels(),
            small_height: conv.small.height,
            small_width: conv.small.width,
            step: conv.stride * conv.big.channels,
            taps,
        }
    }

    /// The gradient of a matrix: `out += left transposed times right`, for `count` rows of `rows` and of `cols`
    /// values.
    pub fn rows(rows: usize, cols: usize, count: usize) -> Self {
        // As rows of an image, so that chunks can be cut between them.
        let run = |y: usize| Joined {
            big: y * ROW * rows,
            small: y * ROW,
            len: ROW.min(count - y * ROW),
        };
        Self {
            rows,
            cols,
            big_len: count * rows,
            padding: None,
            small_pixels: count,
            small_height: count.div_ceil(ROW),
            small_width: ROW,
            step: rows,
            taps: vec![(0..count.div_ceil(ROW)).map(run).collect()],
        }
    }

    /// The sum over some images, on this thread; `out` is (tap, big channel, small channel), and is added to where
    /// `add` says so.
    pub fn run(&self, isa: Isa, big: &[f32], small: &[f32], add: bool, out: &mut [f32]) {
        self.run_rows(isa, (big, small), 0..self.rows, add, out);
    }

    /// [`WeightGrad::run`] for some of the big channels only; `out` is (tap, those channels, small channel).
    pub fn run_rows(
        &self,
        isa: Isa,
        (big, small): (&[f32], &[f32]),
        channels: Range<usize>,
        add: bool,
        out: &mut [f32],
    ) {
        let (big_len, small_len) = (self.big_len, self.small_len());
        assert!(big.len() * small_len == small.len() * big_len && channels.end <= self.rows);
        assert_eq!(out.len(), self.taps.len() * channels.len() * self.cols);
        if big.is_empty() || out.is_empty() {
            if !add {
                out.fill(0.0);
            }
            return;
        }
        let images = small.len() / small_len;
        let padded = self.padding.and_then(|padding| padding.around(big));
        let big = padded.as_deref().unwrap_or(big);
        // Each chunk reaches every value.
        for (i, chunk) in self.chunks(images).iter().enumerate() {
            let (grad, add) = (self, add || i > 0);
            let channels = (channels.start, channels.end);
            compiled_for!(
                isa,
                body,
                [4, 6, 12],
                (grad: &WeightGrad, big: &[f32], small: &[f32], chunk: &Chunk, channels: (usize, usize), add: bool, out: &mut [f32])
            );
        }
    }

    fn small_len(&self) -> usize {
        self.small_pixels * self.cols
    }

    /// Cuts some images into chunks.
    fn chunks(&self, images: usize) -> Vec<Chunk> {
        // Of a pixel, a block of small channels is used at a time, and more than 64 big channels are not needed
        // soon enough again.
        let values = 32 + self.rows.min(64);
        let most = (CHUNK / (values * self.small_width)).max(1);
        let parts = self.small_height.div_ceil(most);
        let rows = self.small_height.div_ceil(parts);
        let together = if parts == 1 { most / rows } else { 1 };
        let mut chunks = vec![];
        for first in (0..images).step_by(together) {
            for row in (0..self.small_height).step_by(rows) {
                chunks.push(Chunk {
                    images: first..images.min(first + together),
                    rows: row..self.small_height.min(row + rows),
                });
            }
        }
        chunks
    }
}

/// What the blocks of some runs and a block of small channels share.
pub(super) struct Product<'a> {
    pub runs: &'a [Joined],
    /// Each run is in all of them.
    pub images: usize,
    pub big: &'a [f32],
    /// Values on the big side from one image to the next.
    pub big_len: usize,
    /// Values on the big side from one pair to the next.
    pub step: usize,
    /// Rows of the small side, in each at least as many values as a block has columns.
    pub panel: &'a [f32],
    /// Values of the panel from one image to the next.
    pub panel_len: usize,
    /// Values from one row of the panel to the next.
    pub pitch: usize,
    /// The first channel of the panel among the small channels.
    pub col: usize,
    /// Small channels: values in a row of the result.
    pub cols: usize,
    /// Whether the sums are added to what is there.
    pub add: bool,
}

impl Product<'_> {
    /// Sums some of the big channels; `out` has a row each.
    ///
    /// # Safety
    /// In each image, all those channels follow where a big pixel of a run starts, and a block's columns where a row of the
    /// panel does.
    #[inline(always)]
    pub unsafe fn run_rows<V: Lanes, const ROWS: usize, const WIDTH: usize>(
        &self,
        channels: Range<usize>,
        out: &mut [f32],
    ) {
        let (start, end) = (channels.start, channels.end);
        let mut first = start;
        while first < end {
            let out = &mut out[(first - start) * self.cols..];
            // The largest block that fits, unless it would leave a thin one: a block of few rows has too few
            // sums to keep the processor's multipliers busy.
            let left = end - first;
            first += match left {
                _ if left >= ROWS && !(left > ROWS && left < ROWS + 4 && left >= 8) => {
                    self.run::<V, ROWS, WIDTH>(first, out);
                    ROWS
                }
                8.. if ROWS > 8 => {
                    self.run::<V, 8, WIDTH>(first, out);
                    8
                }
                4.. => {
                    self.run::<V, 4, WIDTH>(first, out);
                    4
                }
                3 => {
                    self.run::<V, 3, WIDTH>(first, out);
                    3
                }
                2 => {
                    self.run::<V, 2, WIDTH>(first, out);
                    2
                }
                _ => {
                    self.run::<V, 1, WIDTH>(first, out);
                    1
                }
            };
        }
    }

    /// Sums `ROWS` big channels from `first` on.
    #[inline(always)]
    fn run<V: Lanes, const ROWS: usize, const WIDTH: usize>(&self, first: usize, out: &mut [f32]) {
        let block_cols = Block::<V, ROWS, WIDTH>::COLS;
        let mut block = Block::<V, ROWS, WIDTH>::zero();
        for image in 0..self.images {
            let big = self.big.as_ptr().wrapping_add(image * self.big_len + first);
            let panel = self.panel.as_ptr().wrapping_add(image * self.panel_len);
            for run in self.runs {
                let left = big.wrapping_add(run.big);
                let panel = panel.wrapping_add(run.small * self.pitch);
                // SAFETY: the caller's (`run_rows`).
                unsafe { block.add_outer(left, self.step, panel, self.pitch, run.len) };
            }
        }
        let width = block_cols.min(self.cols - self.col);
        let out = &mut out[..ROWS * self.cols];
        if width == block_cols {
            let out = out.as_mut_ptr();
            let to = std::array::from_fn(|i| out.wrapping_add(i * self.cols + self.col));
            // SAFETY: `block_cols` values follow in each row of `out`.
            unsafe { block.write(to, self.add, false) };
            return;
        }
        let mut aside = [0.0; MOST_VALUES];
        const { assert!(ROWS * WIDTH * V::N <= MOST_VALUES) };
        let start = aside.as_mut_ptr();
        let to = std::array::from_fn(|i| start.wrapping_add(i * block_cols));
        // SAFETY: each row of `aside` has `block_cols` values, by the assertion.
        unsafe { block.write(to, false, false) };
        for (out, row) in out
            .chunks_exact_mut(self.cols)
            .zip(aside.chunks_exact(block_cols))
        {
            for (to, value) in out[self.col..].iter_mut().zip(row) {
                *to = if self.add { *to + value } else { *value };
            }
        }
    }
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    grad: &WeightGrad,
    big: &[f32],
    small: &[f32],
    chunk: &Chunk,
    (start, end): (usize, usize),
    add: bool,
    out: &mut [f32],
) {
    let block_cols = Block::<V, ROWS, WIDTH>::COLS;
    let (big_len, small_len) = (
        big.len() / (small.len() / grad.small_len()),
        grad.small_len(),
    );
    let big = &big[chunk.images.start * big_len..chunk.images.end * big_len];
    let first_pixel = chunk.rows.start * grad.small_width;
    let end_pixel = grad.small_pixels.min(chunk.rows.end * grad.small_width);
    let pixels = end_pixel - first_pixel;
    // Pixels that are whole blocks serve as they are, others are copied block by block, zeros behind the last channel.
    let is_copied = !grad.cols.is_multiple_of(block_cols);
    let copied_len = if is_copied { pixels * block_cols } else { 0 };
    let mut copied = buffer(chunk.images.len() * copied_len);
    let mut runs = vec![];
    for col in (0..grad.cols).step_by(block_cols) {
        if is_copied {
            let width = block_cols.min(grad.cols - col);
            let images = chunk.images.clone();
            for (image, copied) in images.zip(copied.chunks_exact_mut(copied_len)) {
                let first = image * small_len + first_pixel * grad.cols;
                let rows = small[first..].chunks_exact(grad.cols);
                for (to, row) in copied.chunks_exact_mut(block_cols).zip(rows) {
                    copy_block(&row[col..col + width], to);
                }
            }
        }
        let (panel, panel_len, pitch) = if is_copied {
            (&*copied, copied_len, block_cols)
        } else {
            let first = chunk.images.start * small_len + first_pixel * grad.cols;
            (&small[first + col..], small_len, grad.cols)
        };
        let taps = out.chunks_exact_mut((end - start) * grad.cols);
        for (tap, out) in grad.taps.iter().zip(taps) {
            // Within an image (`WeightGrad::new`), and from the first pixel of the chunk on, which is the panel's first
            // row.
            let inside = |run: &Joined| Joined {
                small: run.small - first_pixel,
                ..*run
            };
            runs.clear();
            runs.extend(tap[chunk.rows.clone()].iter().map(inside));
            let product = Product {
                runs: &runs,
                images: chunk.images.len(),
                big,
                big_len,
                step: grad.step,
                panel,
                panel_len,
                pitch,
                col,
                cols: grad.cols,
                add,
            };
            // SAFETY: a run's pixels are within an image (`WeightGrad::new`), with all `rows` channels behind each; the small
            // ones are in the rows of the chunk, hence in the panel, with a block of channels from `col` on behind each.
            unsafe { product.run_rows::<V, ROWS, WIDTH>(start..end, out) };
        }
    }
}
