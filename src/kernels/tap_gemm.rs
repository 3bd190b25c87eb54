//! Matrix products over the taps of a convolution, in register blocks: what [`direct_conv`](super::direct_conv) and
//! [`winograd`](super::winograd), which make the tables, have in common.

use std::ops::Range;

use rayon::prelude::*;

use super::buffer_pool::{Buffer, buffer};
use super::geometry::Extent;
use super::isa::{Isa, compiled_for};
use super::micro_kernel::{Block, MOST_COLS, MOST_VALUES, Run, copy_block};
use super::simd::{Lanes, prefetch};

/// Sums that go through the same taps, but for the edges.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Taps of the kernel, in the order of their input values.
    pub taps: Vec<usize>,
    pub parts: Vec<Part>,
}

/// Sums of a phase that go through the same of its taps.
#[derive(Clone, Debug)]
pub struct Part {
    pub runs: Vec<Run>,
    /// Sums in an image.
    pub pixels: usize,
    /// The place of each sum among the input values, (image of the group, sum).
    pub sources: Vec<usize>,
    /// Where the values of the output pixel start that a sum belongs to, (image of the group, sum); a sum that belongs
    /// to several pixels is in several of these.
    pub targets: Vec<Vec<usize>>,
    /// Whether no sum of an earlier part belongs to these pixels.
    pub begins: bool,
    /// Whether no sum of a later part belongs to these pixels.
    pub ends: bool,
}

/// A kernel rearranged for [`TapGemm`] and an [`Isa`]: (phase, block of output channels, tap, input channel,
/// output channel of the block), zeros behind the last channel.
#[derive(Debug)]
pub struct Packed {
    values: Buffer,
    isa: Isa,
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

/// Tables of a matrix product over taps: which input values each sum adds up, and which output pixel it belongs to.
#[derive(Clone, Debug)]
pub struct TapGemm {
    /// Channels of the input.
    inputs: usize,
    output: Extent,
    /// Images that the tables cover.
    group: usize,
    phases: Vec<Phase>,
}

impl TapGemm {
    /// From pixels of so many channels to output images, of which the tables cover a group.
    ///
    /// # Panics
    /// A table has another length than the sums of a group, or names a tap or an output pixel that is not there.
    pub fn new(inputs: usize, output: Extent, group: usize, phases: Vec<Phase>) -> Self {
        for phase in &phases {
            for part in &phase.parts {
                let rows = group * part.pixels;
                let panels = part.runs.iter().map(|run| run.panel + run.len);
                assert!(panels.max() <= Some(phase.taps.len() * inputs));
                assert_eq!(part.sources.len(), rows);
                for targets in &part.targets {
                    assert_eq!(targets.len(), rows);
                    // Each in its own image, since there may be fewer images than in a group.
                    for (image, targets) in targets.chunks(part.pixels.max(1)).enumerate() {
                        let (first, end) = (image * output.len(), (image + 1) * output.len());
                        let fits = |target| first <= target && target + output.channels <= end;
                        assert!(targets.iter().all(|&target| fits(target)));
                    }
                }
            }
        }
        Self {
            inputs,
            output,
            group,
            phases,
        }
    }

    /// Images that the tables cover.
    pub fn group(&self) -> usize {
        self.group
    }

    /// Rearranges a kernel that is stored as (tap, input channel, output channel).
    pub fn pack(&self, isa: Isa, kernel: &[f32]) -> Packed {
        let (inputs, outputs) = (self.inputs, self.output.channels);
        self.pack_with(isa, |tap, channels, rows, cols| {
            for (input, row) in rows.chunks_exact_mut(cols).enumerate() {
                let from = &kernel[(tap * inputs + input) * outputs..][channels.clone()];
                copy_block(from, row);
            }
        })
    }

    /// Rearranges a kernel that is stored as (tap, output channel, input channel).
    pub fn pack_transposed(&self, isa: Isa, kernel: &[f32]) -> Packed {
        let (inputs, outputs) = (self.inputs, self.output.channels);
        self.pack_with(isa, |tap, channels, rows, cols| {
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
        isa: Isa,
        copy: impl Fn(usize, Range<usize>, &mut [f32], usize) + Sync,
    ) -> Packed {
        let (cols, outputs) = (isa.block(), self.output.channels);
        let mut parts = vec![];
        for phase in &self.phases {
            for first in (0..outputs).step_by(cols) {
                parts.extend(phase.taps.iter().map(|&tap| (tap, first)));
            }
        }
        let mut values = buffer(parts.len() * self.inputs * cols);
        values
            .par_chunks_exact_mut((self.inputs * cols).max(1))
            .zip(parts)
            .with_min_len(4)
            .for_each(|(rows, (tap, first))| {
                copy(tap, first..outputs.min(first + cols), rows, cols);
            });
        Packed { values, isa }
    }

    /// Phases, one after the other.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Taps of some phases.
    pub fn taps(&self, phases: Range<usize>) -> usize {
        let taps = self.phases[phases].iter().map(|phase| phase.taps.len());
        taps.sum()
    }

    /// What some phases have for some output images, a group at most.
    ///
    /// # Safety
    /// The runs of these phases lie within the input, from each source of those images on.
    pub unsafe fn run(
        &self,
        kernel: &Packed,
        phases: Range<usize>,
        input: &[f32],
        output: &mut [f32],
        store: Store,
    ) {
        assert!(output.len() <= self.group * self.output.len());
        if let Store::Layer { bias, .. } = store {
            assert_eq!(bias.len(), self.output.channels);
        }
        let (isa, blocks) = (
            kernel.isa,
            self.output.channels.div_ceil(kernel.isa.block()),
        );
        let tap = blocks * self.inputs * isa.block();
        assert_eq!(kernel.values.len(), self.taps(0..self.phases.len()) * tap);
        let (tables, panels) = (self, &kernel.values[self.taps(0..phases.start) * tap..]);
        let phases = &self.phases[phases];
        compiled_for!(
            isa,
            body,
            [4, 6, 12],
            (tables: &TapGemm, phases: &[Phase], panels: &[f32], input: &[f32], output: &mut [f32], store: Store)
        );
    }
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    tables: &TapGemm,
    phases: &[Phase],
    panels: &[f32],
    input: &[f32],
    output: &mut [f32],
    store: Store,
) {
    let cols = Block::<V, ROWS, WIDTH>::COLS;
    let outputs = tables.output.channels;
    let images = output.len() / tables.output.len();
    let (clip, add) = match store {
        Store::Set => (false, false),
        Store::Add => (false, true),
        Store::Layer { clip, .. } => (clip, false),
    };
    let mut panels = panels;
    let mut aside = [0.0; MOST_VALUES];
    for phase in phases {
        for channel in (0..outputs).step_by(cols) {
            let (panel, rest) = panels.split_at(phase.taps.len() * tables.inputs * cols);
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

/// How many rows the next block takes of those that are left, so that few rows of the last ones are unused; a block of
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
    /// Where blocks go that are partly unused.
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
        // SAFETY: the runs from a source on lie in the input, as the caller of `TapGemm::run` sees to, and name rows of the
        // panel (`TapGemm::new`); `start` has room for a row of a block, by the assertion.
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
