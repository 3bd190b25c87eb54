//! The three products of a convolution and its transpose (see the [module](super)), threads over images.
//!
//! Batches are NHWC; kernels are (kh, kw, big channels, small channels). Where the big image has few channels
//! (gray or RGB), products to it go through patches, since a register block over them would be mostly empty.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::activation::{Activation, backward_with_bias};
use super::gather::{Gather, Packed, Store};
use super::geometry::Conv;
use super::outer::Outer;
use super::parallel::{add_pieces, piece_len};
use super::patches::Patches;
use super::path::Path;
use super::scratch::buffer;

/// Below so many big channels a register block over them would be mostly empty.
const FEW_CHANNELS: usize = 8;

/// Patches of an image have at most so many values; larger ones are not worth their memory.
const MOST_PATCHES: usize = 1 << 24;

/// What comes after the products of a forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// One value an output channel.
    pub bias: &'a [f32],
    /// Applied after the bias.
    pub activation: Activation,
}

impl<'a> Epilogue<'a> {
    /// The part that a product does on its way out: the bias, and ReLU.
    pub fn in_store(&self) -> Store<'a> {
        Store::Layer {
            bias: self.bias,
            clip: self.activation == Activation::Relu,
        }
    }

    /// The part that is left after [`Epilogue::in_store`]; `saved`, where given, receives the weighted sum before
    /// the activation.
    pub fn finish(&self, values: &mut [f32], saved: Option<&mut [f32]>) {
        if let Some(saved) = saved {
            saved.copy_from_slice(values);
        }
        if self.activation != Activation::Relu {
            self.activation.apply(values);
        }
    }
}

/// The gradients that a layer's backward pass leaves behind.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Added to, the kernel's layout.
    pub kernel: &'a mut [f32],
    /// Added to, one value an output channel.
    pub bias: &'a mut [f32],
    /// The input's layout; nothing where nobody needs it (the first layer).
    pub input: Option<&'a mut [f32]>,
    /// Whether the input's gradient is set or added to.
    pub store: Store<'static>,
}

/// A convolution ready to run: which pixels meet through which tap.
#[derive(Debug)]
pub struct Tables {
    conv: Conv,
    to_small: Gather,
    /// To the big image, or to its patches.
    to_big: Gather,
    patches: Option<Patches>,
    to_kernel: Outer,
}

impl Tables {
    /// The tables of a convolution, made once in the life of the program.
    pub fn of(conv: &Conv) -> Arc<Self> {
        static KNOWN: Mutex<Option<HashMap<Conv, Arc<Tables>>>> = Mutex::new(None);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = known.get_or_insert_with(HashMap::new).entry(*conv);
        tables.or_insert_with(|| Arc::new(Self::new(conv))).clone()
    }

    fn new(conv: &Conv) -> Self {
        let few = conv.big.channels < FEW_CHANNELS;
        let width = conv.patch_len().next_multiple_of(16);
        let patches = few && conv.small.pixels() * width <= MOST_PATCHES;
        Self {
            conv: *conv,
            to_small: Gather::to_small(conv),
            to_big: match patches {
                true => Gather::rows(conv.small.channels, width),
                false => Gather::to_big(conv),
            },
            patches: patches.then(|| Patches::new(conv, width)),
            to_kernel: match few {
                true => Outer::by_rows_of_the_kernel(conv),
                false => Outer::new(conv),
            },
        }
    }

    /// Images that are worked on together: enough pixels for whole register blocks, few enough for the cache.
    fn group(&self) -> usize {
        (196 / self.conv.small.pixels().max(1)).max(1)
    }

    fn pack_to_small(&self, path: Path, kernel: &[f32]) -> Packed {
        self.to_small.pack(path, kernel)
    }

    fn pack_to_big(&self, path: Path, kernel: &[f32]) -> Packed {
        let Some(patches) = &self.patches else {
            return self.to_big.pack_transposed(path, kernel);
        };
        // Patches end in values that count for nothing.
        let mut padded = kernel.to_vec();
        padded.resize(patches.stride() * self.conv.small.channels, 0.0);
        self.to_big.pack_transposed(path, &padded)
    }

    /// small -> big for some images, on this thread.
    fn small_to_big(&self, kernel: &Packed, small: &[f32], big: &mut [f32], store: Store) {
        let Some(patches) = &self.patches else {
            return self.to_big.run(kernel, small, big, store);
        };
        let (small_len, big_len) = (self.conv.small.len(), self.conv.big.len());
        let mut values = buffer(patches.len());
        for (small, big) in small
            .chunks_exact(small_len)
            .zip(big.chunks_exact_mut(big_len))
        {
            self.to_big.run(kernel, small, &mut values, Store::Set);
            patches.fold(&values, big, store);
        }
    }
}

/// A convolution's forward pass: `small = activation(big * kernel + bias)`.
pub fn forward(
    path: Path,
    conv: &Conv,
    big: &[f32],
    kernel: &[f32],
    epilogue: Epilogue,
    small: &mut [f32],
    saved: Option<&mut [f32]>,
) {
    let tables = Tables::of(conv);
    let kernel = tables.pack_to_small(path, kernel);
    let lens = (conv.big.len(), conv.small.len());
    for_each_group(&tables, big, small, lens, epilogue, saved, |big, small| {
        tables
            .to_small
            .run(&kernel, big, small, epilogue.in_store());
    });
}

/// A transposed convolution's forward pass: `big = activation(kernel transposed onto small + bias)`.
pub fn forward_transposed(
    path: Path,
    conv: &Conv,
    small: &[f32],
    kernel: &[f32],
    epilogue: Epilogue,
    big: &mut [f32],
    saved: Option<&mut [f32]>,
) {
    let tables = Tables::of(conv);
    let kernel = tables.pack_to_big(path, kernel);
    let lens = (conv.small.len(), conv.big.len());
    for_each_group(&tables, small, big, lens, epilogue, saved, |small, big| {
        tables.small_to_big(&kernel, small, big, epilogue.in_store());
    });
}

/// Calls `f(input, output)` for each group of images, on several threads, and does what is left of the layer.
fn for_each_group(
    tables: &Tables,
    input: &[f32],
    output: &mut [f32],
    (input_len, output_len): (usize, usize),
    epilogue: Epilogue,
    saved: Option<&mut [f32]>,
    f: impl Fn(&[f32], &mut [f32]) + Sync,
) {
    let (per_piece, group) = (piece_len(output.len() / output_len), tables.group());
    let piece = |input: &[f32], output: &mut [f32], mut saved: Option<&mut [f32]>| {
        let groups = input.chunks(group * input_len);
        for (i, (input, output)) in groups
            .zip(output.chunks_mut(group * output_len))
            .enumerate()
        {
            f(input, output);
            let start = i * group * output_len;
            let saved = saved.as_deref_mut();
            epilogue.finish(
                output,
                saved.map(|saved| &mut saved[start..][..output.len()]),
            );
        }
    };
    let pieces = input
        .par_chunks(per_piece * input_len)
        .zip(output.par_chunks_mut(per_piece * output_len));
    match saved {
        None => pieces.for_each(|(input, output)| piece(input, output, None)),
        Some(saved) => pieces
            .zip(saved.par_chunks_mut(per_piece * output_len))
            .for_each(|((input, output), saved)| piece(input, output, Some(saved))),
    }
}

/// A convolution's backward pass.
///
/// `gradient` is that of the output after the activation, and is overwritten with that before it;
/// `saved` is what [`Activation::backward`] asks for.
pub fn backward(
    path: Path,
    conv: &Conv,
    big: &[f32],
    kernel: &[f32],
    activation: (Activation, &[f32]),
    gradient: &mut [f32],
    out: Gradients,
) {
    let tables = Tables::of(conv);
    let store = out.store;
    let packed = out
        .input
        .is_some()
        .then(|| tables.pack_to_big(path, kernel));
    let lens = (conv.big.len(), conv.small.len());
    let products =
        |big: &[f32], gradient: &[f32], kernel: &mut [f32], input: Option<&mut [f32]>| {
            tables.to_kernel.add(path, big, gradient, kernel);
            if let (Some(input), Some(packed)) = (input, &packed) {
                tables.small_to_big(packed, gradient, input, store);
            }
        };
    backward_groups(
        (path, &tables),
        big,
        lens,
        activation,
        gradient,
        out,
        products,
    );
}

/// A transposed convolution's backward pass; see [`backward`].
pub fn backward_transposed(
    path: Path,
    conv: &Conv,
    small: &[f32],
    kernel: &[f32],
    activation: (Activation, &[f32]),
    gradient: &mut [f32],
    out: Gradients,
) {
    let tables = Tables::of(conv);
    let store = out.store;
    let packed = out
        .input
        .is_some()
        .then(|| tables.pack_to_small(path, kernel));
    let lens = (conv.small.len(), conv.big.len());
    let products =
        |small: &[f32], gradient: &[f32], kernel: &mut [f32], input: Option<&mut [f32]>| {
            tables.to_kernel.add(path, gradient, small, kernel);
            if let (Some(input), Some(packed)) = (input, &packed) {
                tables.to_small.run(packed, gradient, input, store);
            }
        };
    backward_groups(
        (path, &tables),
        small,
        lens,
        activation,
        gradient,
        out,
        products,
    );
}

/// Turns the gradient into that before the activation, sums the bias' gradient and calls
/// `f(input, gradient, kernel gradient of the piece, input gradient)` for each group of images, on several threads.
fn backward_groups(
    (path, tables): (Path, &Tables),
    input: &[f32],
    (input_len, output_len): (usize, usize),
    (activation, saved): (Activation, &[f32]),
    gradient: &mut [f32],
    out: Gradients,
    f: impl Fn(&[f32], &[f32], &mut [f32], Option<&mut [f32]>) + Sync,
) {
    let images = gradient.len() / output_len;
    let (per_piece, group) = (piece_len(images), tables.group());
    let (kernel_len, bias_len) = (tables.conv.kernel_len(), out.bias.len());
    let piece = |i: usize,
                 gradient: &mut [f32],
                 sums: &mut [f32],
                 mut input_gradient: Option<&mut [f32]>| {
        sums.fill(0.0);
        let (kernel, bias) = sums.split_at_mut(kernel_len);
        let first = i * per_piece;
        let inputs = input[first * input_len..].chunks(group * input_len);
        let saved = saved[first * output_len..].chunks(group * output_len);
        let groups = gradient
            .chunks_mut(group * output_len)
            .zip(inputs)
            .zip(saved);
        for (i, ((gradient, input), saved)) in groups.enumerate() {
            // The last group of this piece may be shorter than what follows in the batch.
            let images = gradient.len() / output_len;
            backward_with_bias(path, activation, gradient, &saved[..gradient.len()], bias);
            let start = i * group * input_len;
            let input_gradient = input_gradient.as_deref_mut();
            let input_gradient = input_gradient.map(|g| &mut g[start..][..images * input_len]);
            f(
                &input[..images * input_len],
                gradient,
                kernel,
                input_gradient,
            );
        }
    };
    // Each piece sums into a kernel and a bias of its own, one behind the other.
    let stride = (kernel_len + bias_len).next_multiple_of(16);
    let mut sums = buffer(images.div_ceil(per_piece) * stride);
    let tasks = gradient
        .par_chunks_mut(per_piece * output_len)
        .zip(sums.par_chunks_mut(stride))
        .enumerate();
    match out.input {
        None => tasks.for_each(|(i, (gradient, sums))| {
            piece(i, gradient, &mut sums[..kernel_len + bias_len], None)
        }),
        Some(input) => tasks
            .zip(input.par_chunks_mut(per_piece * input_len))
            .for_each(|((i, (gradient, sums)), input)| {
                piece(i, gradient, &mut sums[..kernel_len + bias_len], Some(input));
            }),
    }
    add_pieces(out.kernel, &sums, stride);
    add_pieces(out.bias, &sums[kernel_len..], stride);
}

#[cfg(test)]
mod tests {
    use super::super::geometry::Extent;
    use super::super::parallel::Threads;
    use super::super::reference::{self, numbers};
    use super::*;

    /// Height, width, big channels, small channels, kernel, stride, images.
    const SHAPES: [[usize; 7]; 9] = [
        [28, 28, 1, 32, 3, 2, 5],
        [14, 14, 32, 16, 3, 2, 3],
        [7, 7, 6, 10, 3, 2, 33],
        [9, 6, 3, 7, 5, 1, 2],
        [1, 1, 2, 3, 3, 2, 4],
        [5, 8, 2, 1, 4, 3, 17],
        [6, 6, 4, 4, 1, 1, 1],
        [4, 3, 1, 1, 2, 4, 7],
        [11, 11, 5, 3, 7, 2, 2],
    ];

    #[derive(Clone)]
    struct Case {
        conv: Conv,
        images: usize,
        big: Vec<f32>,
        small: Vec<f32>,
        kernel: Vec<f32>,
    }

    fn cases() -> impl Iterator<Item = Case> {
        SHAPES
            .into_iter()
            .map(|[height, width, channels, small, kernel, stride, images]| {
                let conv = Conv::same(
                    Extent {
                        height,
                        width,
                        channels,
                    },
                    small,
                    kernel,
                    stride,
                );
                Case {
                    big: numbers(images * conv.big.len(), 1),
                    small: numbers(images * conv.small.len(), 2),
                    kernel: numbers(conv.kernel_len(), 3),
                    conv,
                    images,
                }
            })
    }

    fn on_every_path(cases: impl Iterator<Item = Case>) -> impl Iterator<Item = (Path, Case)> {
        let paths = || Path::ALL.into_iter().filter(|path| path.is_available());
        cases.flat_map(move |case| paths().map(move |path| (path, case.clone())))
    }

    fn assert_close(got: &[f32], want: &[f32], what: &str) {
        let norm = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let difference: Vec<f32> = got.iter().zip(want).map(|(a, b)| a - b).collect();
        let error = norm(&difference) / norm(want).max(1e-30);
        assert!(error <= 2e-6, "{what} is off by {error:e}");
    }

    #[test]
    fn forward_agrees_with_the_plain_sum() {
        for (path, case) in on_every_path(cases()) {
            let bias = numbers(case.conv.small.channels, 4);
            let epilogue = Epilogue {
                bias: &bias,
                activation: Activation::LeakyRelu,
            };
            let mut got = vec![f32::NAN; case.small.len()];
            let mut saved = vec![f32::NAN; case.small.len()];
            forward(
                path,
                &case.conv,
                &case.big,
                &case.kernel,
                epilogue,
                &mut got,
                Some(&mut saved),
            );
            let mut want = reference::big_to_small(&case.conv, &case.big, &case.kernel);
            for (i, v) in want.iter_mut().enumerate() {
                *v += bias[i % bias.len()];
            }
            assert_close(&saved, &want, "weighted sum");
            let leaky: Vec<f32> = want.iter().map(|&v| v.max(0.2 * v)).collect();
            assert_close(&got, &leaky, "output");
            let epilogue = Epilogue {
                activation: Activation::Relu,
                ..epilogue
            };
            forward(
                path,
                &case.conv,
                &case.big,
                &case.kernel,
                epilogue,
                &mut got,
                None,
            );
            want.iter_mut().for_each(|v| *v = v.max(0.0));
            assert_close(&got, &want, "output of ReLU");
        }
    }

    #[test]
    fn forward_transposed_agrees_with_the_plain_sum() {
        for (path, case) in on_every_path(cases()) {
            let bias = numbers(case.conv.big.channels, 4);
            let epilogue = Epilogue {
                bias: &bias,
                activation: Activation::Linear,
            };
            let mut got = vec![f32::NAN; case.big.len()];
            forward_transposed(
                path,
                &case.conv,
                &case.small,
                &case.kernel,
                epilogue,
                &mut got,
                None,
            );
            let mut want = reference::small_to_big(&case.conv, &case.small, &case.kernel);
            for (i, v) in want.iter_mut().enumerate() {
                *v += bias[i % bias.len()];
            }
            assert_close(&got, &want, "output");
        }
    }

    #[test]
    fn gradients_agree_with_the_plain_sums_and_are_added() {
        for (path, case) in on_every_path(cases()) {
            let conv = &case.conv;
            let want_kernel = reference::to_kernel(conv, &case.big, &case.small);
            for transposed in [false, true] {
                let (input, output) = if transposed {
                    (&case.small, &case.big)
                } else {
                    (&case.big, &case.small)
                };
                let channels = output.len()
                    / case.images
                    / if transposed {
                        conv.big.pixels()
                    } else {
                        conv.small.pixels()
                    };
                let (mut kernel, mut bias) = (vec![0.0; conv.kernel_len()], vec![0.0; channels]);
                let mut input_gradient = vec![0.0; input.len()];
                let run = if transposed {
                    backward_transposed
                } else {
                    backward
                };
                for _ in 0..2 {
                    let out = Gradients {
                        kernel: &mut kernel,
                        bias: &mut bias,
                        input: Some(&mut input_gradient),
                        store: Store::Add,
                    };
                    let linear = (Activation::Linear, output.as_slice());
                    run(
                        path,
                        conv,
                        input,
                        &case.kernel,
                        linear,
                        &mut output.clone(),
                        out,
                    );
                }
                let halve = |v: &[f32]| v.iter().map(|x| x / 2.0).collect::<Vec<_>>();
                assert_close(&halve(&kernel), &want_kernel, "kernel");
                for (channel, got) in bias.iter().enumerate() {
                    let terms = output
                        .iter()
                        .skip(channel)
                        .step_by(channels)
                        .map(|&v| f64::from(v));
                    let size: f64 = terms.clone().map(f64::abs).sum();
                    let error = f64::from(got / 2.0) - terms.sum::<f64>();
                    assert!(
                        error.abs() <= 1e-6 * size,
                        "bias {channel} is off by {error}"
                    );
                }
                let want_input = if transposed {
                    reference::big_to_small(conv, output, &case.kernel)
                } else {
                    reference::small_to_big(conv, output, &case.kernel)
                };
                assert_close(&halve(&input_gradient), &want_input, "input");
            }
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let run = |threads: usize| {
            Threads::new(threads).unwrap().run(|| {
                let mut bits = vec![];
                for (path, case) in on_every_path(cases()) {
                    let conv = &case.conv;
                    let bias = numbers(conv.small.channels, 5);
                    let epilogue = Epilogue {
                        bias: &bias,
                        activation: Activation::Tanh,
                    };
                    let mut output = vec![0.0; case.small.len()];
                    forward(
                        path,
                        conv,
                        &case.big,
                        &case.kernel,
                        epilogue,
                        &mut output,
                        None,
                    );
                    let mut gradient = case.small.clone();
                    let (mut kernel, mut bias) =
                        (vec![0.0; conv.kernel_len()], vec![0.0; bias.len()]);
                    let mut input = vec![0.0; case.big.len()];
                    let out = Gradients {
                        kernel: &mut kernel,
                        bias: &mut bias,
                        input: Some(&mut input),
                        store: Store::Set,
                    };
                    backward(
                        path,
                        conv,
                        &case.big,
                        &case.kernel,
                        (Activation::Tanh, &output),
                        &mut gradient,
                        out,
                    );
                    bits.extend(
                        [output, kernel, bias, input]
                            .concat()
                            .iter()
                            .map(|v| v.to_bits()),
                    );
                }
                bits
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert!(
                run(threads) == one,
                "{threads} threads give other bits than one"
            );
        }
    }
}
