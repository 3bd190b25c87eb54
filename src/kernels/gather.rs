//! Products in which each output pixel gathers runs of input values: convolution from big to small and from
//! small to big, and dense layers.
//!
//! From small to big with stride s, output pixels fall into s x s phases, each with the taps that reach it; no
//! inserted zero is ever multiplied. Nor is the padding: pixels at the edges, where some taps fall outside of the image,
//! are parts of a phase of their own. Within a part each tap is the same step from every output pixel's place (the
//! indirection of Dukhan, "The Indirect Convolution Algorithm", 2019, with one pointer an output pixel), and taps
//! that follow one another in memory are one run.

use std::ops::Range;

use rayon::prelude::*;

use super::block::{Block, MOST_COLS, MOST_VALUES, Run, copy_block};
use super::geometry::{Conv, Extent};
use super::lanes::{Lanes, prefetch};
use super::path::{Path, compiled_for};
use super::scratch::{Buffer, buffer};

mod dots;

pub use dots::{Arranged, FEW_OUTPUTS};

/// Output pixels that a table covers at least, over several images where one has fewer: many enough that register
/// blocks at the end of a part, with rows that are nobody's, are rare.
const ROWS_OF_A_TABLE: usize = 784;

/// Which input values each output pixel gathers.
#[derive(Clone, Debug)]
pub struct Gather {
    /// Of an input image.
    input: Extent,
    output: Extent,
    /// Images that the tables cover.
    group: usize,
    phases: Vec<Phase>,
}

/// Sums that go through the same taps, but for the edges.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    /// Taps of the kernel, in the order of their input values.
    pub taps: Vec<usize>,
    pub parts: Vec<Part>,
}

/// Sums of a phase that go through the same of its taps.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub runs: Vec<Run>,
    /// Sums in an image.
    pub pixels: usize,
    /// The place of each sum among the input values, (image of the group, sum).
    pub sources: Vec<usize>,
    /// Where the values of an output pixel start that a sum belongs to, (image of the group, sum); a sum that belongs
    /// to several pixels is in several of these.
    pub targets: Vec<Vec<usize>>,
    /// Whether no sum of an earlier part belongs to these pixels.
    pub begins: bool,
    /// Whether no sum of a later part belongs to these pixels.
    pub ends: bool,
}

/// A kernel rearranged for a [`Gather`] and a [`Path`]: (phase, block of output channels, tap, input channel,
/// output channel of the block), zeros behind the last channel.
#[derive(Debug)]
pub struct Packed {
    values: Buffer,
    path: Path,
}

/// What becomes of the sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Store<'a> {
    /// `out = sums`
    Set,
    /// `out += sums`
    Add,
    /// `out = sums + bias`, one value an output channel, and 0 where that is negative if `clip` (ReLU).
    Layer {
        /// Bias.
        bias: &'a [f32],
        /// Whether negative values become 0.
        clip: bool,
    },
}

/// Some output pixels along one axis, and the input pixels that each meets.
#[derive(Clone, Debug)]
struct Axis {
    /// Output pixels, first to last.
    targets: Vec<usize>,
    /// From one output pixel to the next, in input pixels.
    step: usize,
    /// For each tap that reaches them, the input pixel of the first output pixel.
    taps: Vec<(usize, isize)>,
}

/// Output pixels along one axis for which the same taps fall inside.
#[derive(Clone, Debug, Default)]
struct Class {
    /// Which of the axis' output pixels.
    pixels: Vec<usize>,
    /// Which of the axis' taps.
    taps: Vec<usize>,
}

impl Axis {
    /// All small pixels, from the big ones.
    fn to_small(small: usize, kernel: usize, stride: usize, pad: usize) -> Self {
        Self {
            targets: (0..small).collect(),
            step: stride,
            taps: (0..kernel)
                .map(|tap| (tap, tap as isize - pad as isize))
                .collect(),
        }
    }

    /// The big pixels `first`, `first + stride`, ..., from the small ones: y meets tap t at (y + pad - t) / stride,
    /// where that divides.
    fn to_big(big: usize, kernel: usize, stride: usize, pad: usize, first: usize) -> Self {
        let meets = |tap: usize| {
            let at = (first + pad) as isize - tap as isize;
            (at.rem_euclid(stride as isize) == 0).then(|| (tap, at.div_euclid(stride as isize)))
        };
        Self {
            targets: (first..big).step_by(stride).collect(),
            step: 1,
            taps: (0..kernel).rev().filter_map(meets).collect(),
        }
    }

    /// The classes of an input of so many pixels.
    fn classes(&self, size: usize) -> Vec<Class> {
        let mut classes = Vec::<Class>::new();
        for pixel in 0..self.targets.len() {
            let inside = |tap: &usize| {
                let at = self.taps[*tap].1 + (pixel * self.step) as isize;
                (0..size as isize).contains(&at)
            };
            let taps: Vec<usize> = (0..self.taps.len()).filter(inside).collect();
            match classes.iter_mut().find(|class| class.taps == taps) {
                Some(class) => class.pixels.push(pixel),
                None => classes.push(Class {
                    pixels: vec![pixel],
                    taps,
                }),
            }
        }
        classes
    }
}

impl Gather {
    /// From the big image to the small one: a convolution.
    pub fn to_small(conv: &Conv) -> Self {
        let (k, stride, small) = (conv.kernel, conv.stride, conv.small);
        let rows = Axis::to_small(small.height, k, stride, conv.pad_top);
        let cols = Axis::to_small(small.width, k, stride, conv.pad_left);
        Self::new(conv.big, small, k, vec![(rows, cols)])
    }

    /// From the small image to the big one: a transposed convolution.
    pub fn to_big(conv: &Conv) -> Self {
        let (k, stride, big) = (conv.kernel, conv.stride, conv.big);
        let phase = |(y, x)| {
            let rows = Axis::to_big(big.height, k, stride, conv.pad_top, y);
            (rows, Axis::to_big(big.width, k, stride, conv.pad_left, x))
        };
        let firsts = (0..stride).flat_map(|y| (0..stride).map(move |x| (y, x)));
        Self::new(conv.small, big, k, firsts.map(phase).collect())
    }

    /// From rows of `inputs` values to rows of `outputs` values: a matrix product.
    pub fn rows(inputs: usize, outputs: usize) -> Self {
        let pixel = |channels| Extent {
            height: 1,
            width: 1,
            channels,
        };
        let axis = Axis::to_small(1, 1, 1, 0);
        let phases = vec![(axis.clone(), axis)];
        Self::new(pixel(inputs), pixel(outputs), 1, phases)
    }

    /// The tables of phases, each with its rows and columns.
    fn new(input: Extent, output: Extent, kernel: usize, axes: Vec<(Axis, Axis)>) -> Self {
        let pixels = axes
            .iter()
            .map(|(rows, cols)| rows.targets.len() * cols.targets.len());
        let mut gather = Self {
            input,
            output,
            group: (ROWS_OF_A_TABLE / pixels.max().unwrap_or(1).max(1)).max(1),
            phases: vec![],
        };
        let phases = axes
            .iter()
            .map(|(rows, cols)| gather.phase(kernel, rows, cols));
        gather.phases = phases.collect();
        gather
    }

    /// Phases of somebody else's making, for [`Gather::run_phases`].
    pub(super) fn of_phases(
        channels: usize,
        output: Extent,
        group: usize,
        phases: Vec<Phase>,
    ) -> Self {
        for phase in &phases {
            for part in &phase.parts {
                let rows = group * part.pixels;
                let panels = part.runs.iter().map(|run| run.panel + run.len);
                assert!(panels.max() <= Some(phase.taps.len() * channels));
                assert_eq!(part.sources.len(), rows);
                for targets in &part.targets {
                    // Each in its own image, since there may be fewer images than in a group.
                    let fits = |(row, target): (usize, &usize)| {
                        let image = row / part.pixels * output.len();
                        image <= *target && target + output.channels <= image + output.len()
                    };
                    assert!(targets.len() == rows && targets.iter().enumerate().all(fits));
                }
            }
        }
        // No image that [`Gather::run`] would take.
        let input = Extent {
            height: 0,
            width: 0,
            channels,
        };
        Self {
            input,
            output,
            group,
            phases,
        }
    }

    fn phase(&self, kernel: usize, rows: &Axis, cols: &Axis) -> Phase {
        let tap = |&(ky, _): &(usize, isize)| cols.taps.iter().map(move |(kx, _)| ky * kernel + kx);
        let mut parts = vec![];
        for row_class in rows.classes(self.input.height) {
            for col_class in cols.classes(self.input.width) {
                parts.push(self.part((rows, &row_class), (cols, &col_class)));
            }
        }
        Phase {
            taps: rows.taps.iter().flat_map(tap).collect(),
            parts,
        }
    }

    fn part(&self, (rows, row_class): (&Axis, &Class), (cols, col_class): (&Axis, &Class)) -> Part {
        let (input, output) = (self.input, self.output);
        let mut runs = Vec::<Run>::new();
        for &row in &row_class.taps {
            for &col in &col_class.taps {
                let pixel = rows.taps[row].1 * input.width as isize + cols.taps[col].1;
                let start = pixel * input.channels as isize;
                let panel = (row * cols.taps.len() + col) * input.channels;
                match runs.last_mut() {
                    Some(run) if run.continues(start, panel) => run.len += input.channels,
                    _ => runs.push(Run {
                        start,
                        panel,
                        len: input.channels,
                    }),
                }
            }
        }
        let (mut sources, mut targets) = (vec![], vec![]);
        for image in 0..self.group {
            for &y in &row_class.pixels {
                for &x in &col_class.pixels {
                    let place = y * rows.step * input.width + x * cols.step;
                    sources.push(image * input.len() + place * input.channels);
                    let pixel = rows.targets[y] * output.width + cols.targets[x];
                    targets.push(image * output.len() + pixel * output.channels);
                }
            }
        }
        Part {
            runs,
            pixels: row_class.pixels.len() * col_class.pixels.len(),
            sources,
            targets: vec![targets],
            begins: true,
            ends: true,
        }
    }

    /// Images that the tables cover.
    pub(super) fn group(&self) -> usize {
        self.group
    }

    /// Values of an output image.
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Values of an input image.
    pub fn input_len(&self) -> usize {
        self.input.len()
    }

    /// Rearranges a kernel that is stored as (tap, input channel, output channel).
    pub fn pack(&self, path: Path, kernel: &[f32]) -> Packed {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        self.pack_with(path, |tap, channels, rows, cols| {
            for (input, row) in rows.chunks_exact_mut(cols).enumerate() {
                let from = &kernel[(tap * inputs + input) * outputs..][channels.clone()];
                copy_block(from, row);
            }
        })
    }

    /// Rearranges a kernel that is stored as (tap, output channel, input channel).
    pub fn pack_transposed(&self, path: Path, kernel: &[f32]) -> Packed {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        self.pack_with(path, |tap, channels, rows, cols| {
            if channels.len() < cols {
                rows.fill(0.0);
            }
            for (col, channel) in channels.enumerate() {
                let from = &kernel[(tap * outputs + channel) * inputs..][..inputs];
                for (row, value) in rows.chunks_exact_mut(cols).zip(from) {
                    row[col] = *value;
                }
            }
        })
    }

    /// `copy` fills the rows of one tap and one block of channels.
    fn pack_with(
        &self,
        path: Path,
        copy: impl Fn(usize, Range<usize>, &mut [f32], usize) + Sync,
    ) -> Packed {
        let (cols, outputs) = (path.block(), self.output.channels);
        let mut parts = vec![];
        for phase in &self.phases {
            for first in (0..outputs).step_by(cols) {
                parts.extend(phase.taps.iter().map(|&tap| (tap, first)));
            }
        }
        let mut values = buffer(parts.len() * self.input.channels * cols);
        values
            .par_chunks_exact_mut((self.input.channels * cols).max(1))
            .zip(parts)
            .with_min_len(4)
            .for_each(|(rows, (tap, first))| {
                copy(tap, first..outputs.min(first + cols), rows, cols);
            });
        Packed { values, path }
    }

    /// Taps of some phases.
    fn taps(&self, phases: Range<usize>) -> usize {
        let taps = self.phases[phases].iter().map(|phase| phase.taps.len());
        taps.sum()
    }

    /// As many images on both sides.
    fn check(&self, input: &[f32], output: &[f32]) {
        assert_eq!(
            input.len() * self.output_len(),
            output.len() * self.input_len()
        );
    }

    /// Computes some output images from as many input images on this thread.
    pub fn run(&self, kernel: &Packed, input: &[f32], output: &mut [f32], store: Store) {
        self.check(input, output);
        let inputs = input.chunks(self.group * self.input_len());
        for (input, output) in inputs.zip(output.chunks_mut(self.group * self.output_len())) {
            self.run_group(kernel, input, output, store);
        }
    }

    fn run_group(&self, kernel: &Packed, input: &[f32], output: &mut [f32], store: Store) {
        // SAFETY: runs from a source on lie in its image (`Axis::classes`).
        unsafe { self.run_phases(kernel, 0..self.phases.len(), input, output, store) };
    }

    /// What some phases have for some output images, a group at most.
    ///
    /// # Safety
    /// The runs of these phases lie within the input, from each source of those images on.
    pub(super) unsafe fn run_phases(
        &self,
        kernel: &Packed,
        phases: Range<usize>,
        input: &[f32],
        output: &mut [f32],
        store: Store,
    ) {
        assert!(output.len() <= self.group * self.output_len());
        if let Store::Layer { bias, .. } = store {
            assert_eq!(bias.len(), self.output.channels);
        }
        let (path, blocks) = (
            kernel.path,
            self.output.channels.div_ceil(kernel.path.block()),
        );
        let tap = blocks * self.input.channels * path.block();
        assert_eq!(kernel.values.len(), self.taps(0..self.phases.len()) * tap);
        let (gather, panels) = (self, &kernel.values[self.taps(0..phases.start) * tap..]);
        let phases = &self.phases[phases];
        compiled_for!(
            path,
            body,
            [4, 6, 12],
            (gather: &Gather, phases: &[Phase], panels: &[f32], input: &[f32], output: &mut [f32], store: Store)
        );
    }
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    gather: &Gather,
    phases: &[Phase],
    panels: &[f32],
    input: &[f32],
    output: &mut [f32],
    store: Store,
) {
    let cols = Block::<V, ROWS, WIDTH>::COLS;
    let outputs = gather.output.channels;
    let images = output.len() / gather.output_len();
    let (clip, add) = match store {
        Store::Set => (false, false),
        Store::Add => (false, true),
        Store::Layer { clip, .. } => (clip, false),
    };
    let mut panels = panels;
    let mut aside = [0.0; MOST_VALUES];
    for phase in phases {
        for channel in (0..outputs).step_by(cols) {
            let (panel, rest) = panels.split_at(phase.taps.len() * gather.input.channels * cols);
            panels = rest;
            let width = cols.min(outputs - channel);
            let mut bias_block = [0.0; MOST_COLS];
            if let Store::Layer { bias, .. } = store {
                bias_block[..width].copy_from_slice(&bias[channel..channel + width]);
            }
            for part in &phase.parts {
                let mut sums = Sums {
                    part,
                    rows: images * part.pixels,
                    input,
                    panel,
                    start: if part.begins {
                        &bias_block
                    } else {
                        &[0.0; MOST_COLS]
                    },
                    add: add || !part.begins,
                    clip: clip && part.ends,
                    output,
                    aside: &mut aside,
                    channel,
                    width,
                };
                let mut first = 0;
                while first < sums.rows {
                    first += match rows_of_a_block(ROWS, sums.rows - first) {
                        4 => sums.run::<V, 4, WIDTH>(first),
                        5 => sums.run::<V, 5, WIDTH>(first),
                        6 => sums.run::<V, 6, WIDTH>(first),
                        _ => sums.run::<V, ROWS, WIDTH>(first),
                    };
                }
            }
        }
    }
}

/// How many rows the next block takes of those that are left, so that few rows of the last ones are nobody's; a block of
/// fewer than four rows takes as long as one of four.
#[inline(always)]
fn rows_of_a_block(most: usize, left: usize) -> usize {
    match left {
        0..=4 => 4,
        // 6 and then 1, 2 or 3 would cost more.
        7 | 8 if most <= 6 => 4,
        5 | 9 | 13 if most == 6 => 5,
        5..=6 => 6.min(most),
        _ => most,
    }
}

/// The sums of a part, and one block of channels.
struct Sums<'a> {
    part: &'a Part,
    /// Those that are wanted.
    rows: usize,
    input: &'a [f32],
    /// The phase's kernel for these channels.
    panel: &'a [f32],
    /// What each row of sums starts with.
    start: &'a [f32; MOST_COLS],
    /// Whether sums are added to what is there.
    add: bool,
    /// Whether negative results become 0.
    clip: bool,
    output: &'a mut [f32],
    /// Where blocks go of which a part is nobody's.
    aside: &'a mut [f32; MOST_VALUES],
    /// The first channel.
    channel: usize,
    /// Channels, as many as the block has columns or fewer.
    width: usize,
}

impl Sums<'_> {
    /// Computes `ROWS` sums, or what is left of them, from `first` on; gives `ROWS`.
    #[inline(always)]
    fn run<V: Lanes, const ROWS: usize, const WIDTH: usize>(&mut self, first: usize) -> usize {
        let (cols, channel) = (Block::<V, ROWS, WIDTH>::COLS, self.channel);
        let count = ROWS.min(self.rows - first);
        // Behind the last row, that one is computed again.
        let rows = std::array::from_fn::<_, ROWS, _>(|i| first + i.min(count - 1));
        let sources = &self.part.sources[..self.rows];
        let (input, output) = (self.input.as_ptr(), self.output.as_mut_ptr());
        let to = |targets: &[usize]| {
            let targets = &targets[..self.rows];
            // SAFETY: rows are below `self.rows`.
            rows.map(|row| unsafe { output.wrapping_add(targets.get_unchecked(row) + channel) })
        };
        for targets in &self.part.targets {
            // What is written is not needed before the block has been computed: time to bring it near.
            for to in to(targets) {
                prefetch(to);
                prefetch(to.wrapping_add(cols - 1));
            }
        }
        // SAFETY: rows are below `self.rows`.
        let lefts = rows.map(|row| input.wrapping_add(unsafe { *sources.get_unchecked(row) }));
        const { assert!(WIDTH * V::N <= MOST_COLS) };
        // SAFETY: the runs from a source on lie in the input, as the caller of `Gather::run_phases` sees to, and name rows
        // of the panel (`Gather::part`, `Gather::of_phases`); `start` has room for a row of a block, by the assertion.
        let block = unsafe {
            let mut block = Block::<V, ROWS, WIDTH>::filled(self.start.as_ptr());
            block.add_runs(lefts, &self.part.runs, self.panel.as_ptr());
            block
        };
        if self.width == cols && count == ROWS {
            for targets in &self.part.targets {
                // SAFETY: as above; a target has all output channels behind it, of which the block ends at
                // `channel + cols <= outputs`.
                unsafe { block.write(to(targets), self.add, self.clip) };
            }
        } else {
            let aside = &mut *self.aside;
            const { assert!(ROWS * WIDTH * V::N <= MOST_VALUES) };
            let start = aside.as_mut_ptr();
            let to = std::array::from_fn(|i| start.wrapping_add(i * cols));
            // SAFETY: each row of `aside` has `cols` values, by the assertion.
            unsafe { block.write(to, false, false) };
            for targets in &self.part.targets {
                let places = &targets[first..first + count];
                for (row, target) in aside.chunks_exact(cols).zip(places) {
                    let to = &mut self.output[target + channel..][..self.width];
                    for (to, value) in to.iter_mut().zip(row) {
                        let sum = if self.add { *to + value } else { *value };
                        *to = if self.clip && sum < 0.0 { 0.0 } else { sum };
                    }
                }
            }
        }
        ROWS
    }
}
