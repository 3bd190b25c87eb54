//! Products to few channels: an image that is gray or RGB.
//!
//! A register block over so few output channels would be mostly empty. Here the lanes of a vector lie along the input
//! values of an output pixel instead, which follow one another in memory, and are added up in the end.

use super::DirectConv;
use crate::kernels::buffer_pool::{Buffer, buffer};
use crate::kernels::isa::{Isa, compiled_for};
use crate::kernels::micro_kernel::Run;
use crate::kernels::simd::Lanes;
use crate::kernels::tap_gemm::Store;

/// Whether [`DirectConv::run_dots`] is the faster way. A register block over few outputs is mostly empty; but adding up the
/// lanes of a vector costs a dozen instructions an output value, which takes some inputs to pay.
pub fn dots_suit(inputs: usize, outputs: usize) -> bool {
    outputs < 8 && inputs >= 4 * outputs
}

/// Most lanes of a vector of any path.
const MOST_LANES: usize = 16;

/// A kernel rearranged for [`DirectConv::run_dots`]: (phase, output channel, tap, input channel).
#[derive(Debug)]
pub struct Arranged {
    values: Buffer,
    isa: Isa,
}

impl DirectConv {
    /// Rearranges a kernel that is stored as (tap, output channel, input channel).
    pub fn arrange(&self, isa: Isa, kernel: &[f32]) -> Arranged {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let mut values = buffer(self.taps() * outputs * inputs);
        let mut rows = values.chunks_exact_mut(inputs.max(1));
        for phase in self.sums.phases() {
            for channel in 0..outputs {
                for (&tap, row) in phase.taps.iter().zip(&mut rows) {
                    row.copy_from_slice(&kernel[(tap * outputs + channel) * inputs..][..inputs]);
                }
            }
        }
        Arranged { values, isa }
    }

    /// Taps of all phases.
    fn taps(&self) -> usize {
        self.sums.taps(0..self.sums.phases().len())
    }

    /// [`DirectConv::run`] for few output channels.
    pub fn run_dots(&self, kernel: &Arranged, input: &[f32], output: &mut [f32], store: Store) {
        self.check(input, output);
        if let Store::Layer { bias, .. } = store {
            assert_eq!(bias.len(), self.output.channels);
        }
        assert_eq!(
            kernel.values.len(),
            self.taps() * self.output.channels * self.input.channels
        );
        let (conv, kernel, isa) = (self, &*kernel.values, kernel.isa);
        let group = self.sums.group();
        let inputs = input.chunks(group * self.input_len());
        for (input, output) in inputs.zip(output.chunks_mut(group * self.output_len())) {
            compiled_for!(
                isa,
                body,
                [2, 4, 8],
                (conv: &DirectConv, kernel: &[f32], input: &[f32], output: &mut [f32], store: Store)
            );
        }
    }
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    conv: &DirectConv,
    kernel: &[f32],
    input: &[f32],
    output: &mut [f32],
    store: Store,
) {
    let images = output.len() / conv.output_len();
    assert!(images <= conv.sums.group() && input.len() == images * conv.input_len());
    let mut kernel = kernel;
    for phase in conv.sums.phases() {
        for channel in 0..conv.output.channels {
            let (weights, rest) = kernel.split_at(phase.taps.len() * conv.input.channels);
            kernel = rest;
            for part in &phase.parts {
                let rows = images * part.pixels;
                let places = part.sources[..rows]
                    .chunks(ROWS)
                    .zip(part.targets[0][..rows].chunks(ROWS));
                for (sources, targets) in places {
                    // Behind the last row, that one is computed again.
                    let lefts = std::array::from_fn(|i| {
                        input
                            .as_ptr()
                            .wrapping_add(sources[i.min(sources.len() - 1)])
                    });
                    // SAFETY: the runs from a source on lie in its image (`Axis::classes`), one of the `images` of
                    // the input, and name values of the weights (`TapGemm::new`).
                    let sums =
                        unsafe { dots::<V, ROWS, WIDTH>(lefts, &part.runs, weights.as_ptr()) };
                    for (&sum, target) in sums.iter().zip(targets) {
                        let to = &mut output[target + channel];
                        *to = match store {
                            Store::Set => sum,
                            Store::Add => *to + sum,
                            Store::Layer { bias, clip } => {
                                let sum = bias[channel] + sum;
                                if clip && sum < 0.0 { 0.0 } else { sum }
                            }
                        };
                    }
                }
            }
        }
    }
}

/// The sum over runs and c of `lefts[i][run.start + c] * weights[run.panel + c]`, for each i.
///
/// # Safety
/// The runs behind each of `lefts`, and those of the weights, can be read.
#[inline(always)]
unsafe fn dots<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    lefts: [*const f32; ROWS],
    runs: &[Run],
    weights: *const f32,
) -> [f32; ROWS] {
    let mut sums = [[V::splat(0.0); WIDTH]; ROWS];
    for run in runs {
        let weights = weights.wrapping_add(run.panel);
        let lefts = lefts.map(|left| left.wrapping_offset(run.start));
        let mut at = 0;
        // SAFETY of all blocks: the caller's, since what is read ends at the end of the run.
        while at + WIDTH * V::N <= run.len {
            for j in 0..WIDTH {
                let weight = unsafe { V::load(weights.add(at + j * V::N)) };
                for (sums, left) in sums.iter_mut().zip(lefts) {
                    let value = unsafe { V::load(left.add(at + j * V::N)) };
                    sums[j] = sums[j].add_product(value, weight);
                }
            }
            at += WIDTH * V::N;
        }
        while at + V::N <= run.len {
            let weight = unsafe { V::load(weights.add(at)) };
            for (sums, left) in sums.iter_mut().zip(lefts) {
                let value = unsafe { V::load(left.add(at)) };
                sums[0] = sums[0].add_product(value, weight);
            }
            at += V::N;
        }
        if at < run.len {
            let weight = unsafe { V::load_some(weights.add(at), run.len - at) };
            for (sums, left) in sums.iter_mut().zip(lefts) {
                let value = unsafe { V::load_some(left.add(at), run.len - at) };
                sums[0] = sums[0].add_product(value, weight);
            }
        }
    }
    // Not by `map`: what it calls would not be inlined here, where the instructions may be used.
    let mut totals = [0.0; ROWS];
    for (total, sums) in totals.iter_mut().zip(sums) {
        *total = across(sums);
    }
    totals
}

/// The sum of all lanes, in an order that the number of lanes alone decides.
#[inline(always)]
fn across<V: Lanes, const WIDTH: usize>(sums: [V; WIDTH]) -> f32 {
    let one = sums[1..]
        .iter()
        .fold(sums[0], |sum, &other| sum.add_product(other, V::splat(1.0)));
    let mut lanes = [0.0; MOST_LANES];
    const { assert!(V::N <= MOST_LANES) };
    // SAFETY: there is room for all lanes, by the assertion.
    unsafe { one.store(lanes.as_mut_ptr()) };
    let mut half = V::N / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}
