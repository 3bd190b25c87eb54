//! Products in which each output pixel gathers rows of input channels: convolution from big to small and from
//! small to big, and dense layers.
//!
//! For every output pixel a table names the input pixel under each tap of the kernel (Dukhan, "The Indirect
//! Convolution Algorithm", 2019). From small to big with stride s, output pixels fall into s x s phases, each
//! with the taps that reach it; no inserted zero is ever multiplied.

use std::ops::Range;

use super::block::Block;
use super::geometry::Conv;
use super::lanes::Lanes;
use super::outer::copy_block;
use super::path::{Path, compiled_for};

/// An input pixel outside of the image.
const PADDING: usize = usize::MAX;

/// Which input pixels each output pixel gathers.
#[derive(Clone, Debug)]
pub struct Gather {
    /// Channels of an input pixel.
    inputs: usize,
    /// Channels of an output pixel.
    outputs: usize,
    input_pixels: usize,
    output_pixels: usize,
    phases: Vec<Phase>,
}

/// Output pixels that gather through the same taps.
#[derive(Clone, Debug)]
struct Phase {
    /// Taps of the kernel.
    taps: Vec<usize>,
    /// Where the input pixel's values start within an image, (tap, output pixel of this phase).
    sources: Vec<usize>,
    /// Where the output pixel's values start within an image.
    targets: Vec<usize>,
}

/// A kernel rearranged for a [`Gather`] and a [`Path`]: (phase, block of output channels, tap, input channel,
/// output channel of the block), zeros behind the last channel.
#[derive(Clone, Debug)]
pub struct Packed {
    values: Vec<f32>,
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

impl Gather {
    /// From the big image to the small one: a convolution.
    pub fn to_small(conv: &Conv) -> Self {
        let k = conv.kernel;
        let (big, small) = (conv.big, conv.small);
        let source = |tap: usize, pixel: usize| {
            let row = (pixel / small.width * conv.stride + tap / k).checked_sub(conv.pad_top);
            let col = (pixel % small.width * conv.stride + tap % k).checked_sub(conv.pad_left);
            inside(row, col, big.height, big.width)
        };
        let channels = (big.channels, small.channels);
        let phase = Phase::new(
            (0..k * k).collect(),
            (0..small.pixels()).collect(),
            channels,
            source,
        );
        Self {
            inputs: big.channels,
            outputs: small.channels,
            input_pixels: big.pixels(),
            output_pixels: small.pixels(),
            phases: vec![phase],
        }
    }

    /// From the small image to the big one: a transposed convolution.
    pub fn to_big(conv: &Conv) -> Self {
        let (k, stride) = (conv.kernel, conv.stride);
        let (big, small) = (conv.big, conv.small);
        // The big row y meets kernel row ky at small row (y + pad - ky) / stride, where that divides.
        let meets = |at: usize, pad: usize, tap: usize| {
            let shifted = (at + pad).checked_sub(tap)?;
            shifted.is_multiple_of(stride).then_some(shifted / stride)
        };
        let source = |tap: usize, pixel: usize| {
            let row = meets(pixel / big.width, conv.pad_top, tap / k);
            let col = meets(pixel % big.width, conv.pad_left, tap % k);
            inside(row, col, small.height, small.width)
        };
        let mut phases = vec![];
        for (y, x) in (0..stride).flat_map(|y| (0..stride).map(move |x| (y, x))) {
            let rows = (y..big.height).step_by(stride);
            let targets: Vec<usize> = rows
                .flat_map(|row| {
                    (x..big.width)
                        .step_by(stride)
                        .map(move |col| row * big.width + col)
                })
                .collect();
            let divides = |at: usize, pad: usize, tap: usize| {
                (at + pad + k * stride - tap).is_multiple_of(stride)
            };
            let taps = (0..k * k)
                .filter(|tap| {
                    divides(y, conv.pad_top, tap / k) && divides(x, conv.pad_left, tap % k)
                })
                .collect();
            if !targets.is_empty() {
                let channels = (small.channels, big.channels);
                phases.push(Phase::new(taps, targets, channels, source));
            }
        }
        Self {
            inputs: small.channels,
            outputs: big.channels,
            input_pixels: small.pixels(),
            output_pixels: big.pixels(),
            phases,
        }
    }

    /// From rows of `inputs` values to rows of `outputs` values: a matrix product.
    pub fn rows(inputs: usize, outputs: usize) -> Self {
        let phase = Phase {
            taps: vec![0],
            sources: vec![0],
            targets: vec![0],
        };
        Self {
            inputs,
            outputs,
            input_pixels: 1,
            output_pixels: 1,
            phases: vec![phase],
        }
    }

    /// Values of an output image.
    pub fn output_len(&self) -> usize {
        self.output_pixels * self.outputs
    }

    /// Values of an input image.
    pub fn input_len(&self) -> usize {
        self.input_pixels * self.inputs
    }

    /// Rearranges a kernel that is stored as (tap, input channel, output channel).
    pub fn pack(&self, path: Path, kernel: &[f32]) -> Packed {
        let (inputs, outputs) = (self.inputs, self.outputs);
        self.pack_with(path, |tap, input, channels, block| {
            copy_block(&kernel[(tap * inputs + input) * outputs..][channels], block);
        })
    }

    /// Rearranges a kernel that is stored as (tap, output channel, input channel).
    pub fn pack_transposed(&self, path: Path, kernel: &[f32]) -> Packed {
        let (inputs, outputs) = (self.inputs, self.outputs);
        self.pack_with(path, |tap, input, channels, block| {
            for (value, channel) in block.iter_mut().zip(channels) {
                *value = kernel[(tap * outputs + channel) * inputs + input];
            }
        })
    }

    fn pack_with(
        &self,
        path: Path,
        copy: impl Fn(usize, usize, Range<usize>, &mut [f32]),
    ) -> Packed {
        let cols = path.block();
        let taps: usize = self.phases.iter().map(|phase| phase.taps.len()).sum();
        let mut values = vec![0.0; taps * self.inputs * self.outputs.next_multiple_of(cols)];
        let mut blocks = values.chunks_exact_mut(cols);
        for phase in &self.phases {
            for first in (0..self.outputs).step_by(cols) {
                let channels = first..self.outputs.min(first + cols);
                for &tap in &phase.taps {
                    for (input, block) in blocks.by_ref().take(self.inputs).enumerate() {
                        copy(tap, input, channels.clone(), &mut block[..channels.len()]);
                    }
                }
            }
        }
        Packed { values, path }
    }

    /// Computes some output images from as many input images on this thread.
    pub fn run(&self, kernel: &Packed, input: &[f32], output: &mut [f32], store: Store) {
        assert_eq!(
            input.len() * self.output_len(),
            output.len() * self.input_len()
        );
        if output.is_empty() {
            return;
        }
        let gather = self;
        let panels = kernel.values.as_slice();
        compiled_for!(
            kernel.path,
            body,
            [4, 6, 12],
            (gather: &Gather, panels: &[f32], input: &[f32], output: &mut [f32], store: Store)
        );
    }
}

/// The index of a pixel, if it lies inside.
fn inside(row: Option<usize>, col: Option<usize>, height: usize, width: usize) -> Option<usize> {
    match (row, col) {
        (Some(row), Some(col)) if row < height && col < width => Some(row * width + col),
        _ => None,
    }
}

impl Phase {
    fn new(
        taps: Vec<usize>,
        targets: Vec<usize>,
        (inputs, outputs): (usize, usize),
        source: impl Fn(usize, usize) -> Option<usize>,
    ) -> Self {
        let each = |&tap: &usize| targets.iter().map(move |&target| (tap, target));
        let start = |(tap, target)| source(tap, target).map_or(PADDING, |pixel| pixel * inputs);
        let sources = taps.iter().flat_map(each).map(start).collect();
        Self {
            taps,
            sources,
            targets: targets.iter().map(|target| target * outputs).collect(),
        }
    }
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    gather: &Gather,
    panels: &[f32],
    input: &[f32],
    output: &mut [f32],
    store: Store,
) {
    let cols = Block::<V, ROWS, WIDTH>::COLS;
    let (inputs, outputs) = (gather.inputs, gather.outputs);
    let (input_len, output_len) = (gather.input_len(), gather.output_len());
    let images = output.len() / output_len;
    let zeros = vec![0.0; inputs];
    let mut panels = panels;
    for phase in &gather.phases {
        let pixels = phase.targets.len();
        let rows = images * pixels;
        for channel in (0..outputs).step_by(cols) {
            let (panel, rest) = panels.split_at(phase.taps.len() * inputs * cols);
            panels = rest;
            let width = cols.min(outputs - channel);
            let start = match store {
                Store::Layer { bias, .. } => {
                    Block::<V, ROWS, WIDTH>::filled(&bias[channel..channel + width])
                }
                Store::Set | Store::Add => Block::zero(),
            };
            // Image and pixel of each row of a block; behind the last row, that one is computed again.
            let (mut image, mut pixel) = (0, 0);
            let mut places = [(0, 0); ROWS];
            for first in (0..rows).step_by(ROWS) {
                for place in &mut places {
                    *place = (image, pixel);
                    if pixel + 1 < pixels {
                        pixel += 1;
                    } else if image + 1 < images {
                        (image, pixel) = (image + 1, 0);
                    }
                }
                let mut block = start;
                let taps = panel
                    .chunks_exact(inputs * cols)
                    .zip(phase.sources.chunks_exact(pixels));
                for (panel, sources) in taps {
                    let mut rows = [zeros.as_slice(); ROWS];
                    for (row, (image, pixel)) in rows.iter_mut().zip(places) {
                        let source = sources[pixel];
                        if source != PADDING {
                            *row = &input[image * input_len + source..][..inputs];
                        }
                    }
                    block.add_rows(rows, panel);
                }
                if let Store::Layer { clip: true, .. } = store {
                    block.clip_below_zero();
                }
                for (i, (image, pixel)) in places.iter().enumerate().take(rows - first) {
                    let start = image * output_len + phase.targets[*pixel] + channel;
                    block.write_row(i, &mut output[start..start + width], store == Store::Add);
                }
            }
        }
    }
}
