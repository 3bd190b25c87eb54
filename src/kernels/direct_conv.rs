//! Products in which each output pixel gathers runs of input values: convolution from big to small and from
//! small to big, and dense layers.
//!
//! From small to big with stride s, output pixels fall into s x s phases, each with the taps that reach it; no
//! inserted zero is ever multiplied. Nor is the padding: pixels at the edges, where some taps fall outside of the image,
//! are parts of a phase of their own. Within a part each tap is the same step from every output pixel's place (the
//! indirection of Dukhan, "The Indirect Convolution Algorithm", 2019, with one pointer an output pixel), and taps
//! that follow one another in memory are one run.

use super::geometry::{Conv, Extent};
use super::isa::Isa;
use super::micro_kernel::Run;
use super::tap_gemm::{Packed, Part, Phase, Store, TapGemm};

mod dots;

pub use dots::{Arranged, dots_suit};

/// Output pixels that a table covers at least, over several images where one has fewer: many enough that register
/// blocks at the end of a part, with unused rows, are rare.
const ROWS_OF_A_TABLE: usize = 784;

/// A direct convolution, or a matrix product: which input values each output pixel gathers.
#[derive(Clone, Debug)]
pub struct DirectConv {
    /// Of an input image.
    input: Extent,
    output: Extent,
    sums: TapGemm,
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

impl DirectConv {
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
        let group = (ROWS_OF_A_TABLE / pixels.max().unwrap_or(1).max(1)).max(1);
        let sides = Sides {
            input,
            output,
            group,
        };
        let phases = axes
            .iter()
            .map(|(rows, cols)| sides.phase(kernel, rows, cols));
        Self {
            input,
            output,
            sums: TapGemm::new(input.channels, output, group, phases.collect()),
        }
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
    pub fn pack(&self, isa: Isa, kernel: &[f32]) -> Packed {
        self.sums.pack(isa, kernel)
    }

    /// Rearranges a kernel that is stored as (tap, output channel, input channel).
    pub fn pack_transposed(&self, isa: Isa, kernel: &[f32]) -> Packed {
        self.sums.pack_transposed(isa, kernel)
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
        let (group, phases) = (self.sums.group(), self.sums.phases().len());
        let inputs = input.chunks(group * self.input_len());
        for (input, output) in inputs.zip(output.chunks_mut(group * self.output_len())) {
            // SAFETY: runs from a source on lie in its image (`Axis::classes`), one of those of the input (`check`).
            unsafe { self.sums.run(kernel, 0..phases, input, output, store) };
        }
    }
}

/// What the tables lie between.
struct Sides {
    input: Extent,
    output: Extent,
    /// Images that the tables cover.
    group: usize,
}

impl Sides {
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
}
