//! The three products of a convolution and its transpose (see the [module](super)), threads over images.
//!
//! Batches are NHWC; kernels are (kh, kw, big channels, small channels). Where the big image has few channels
//! (gray or RGB), it is unfolded into planes first, since a register block over them would be mostly empty.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::activation::Activation;
use super::gather::{Gather, Packed, Store};
use super::geometry::Conv;
use super::outer::Outer;
use super::parallel::{add_pieces, piece_len};
use super::path::Path;
use super::planes::{fold_add, unfold};
use super::scratch::with_buffer;

/// Below so many big channels the products go through planes.
const PLANES_BELOW: usize = 8;

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

    /// Adds the bias and does ReLU, for values that came from elsewhere.
    fn bias_and_clip(&self, values: &mut [f32]) {
        for pixel in values.chunks_exact_mut(self.bias.len()) {
            for (v, b) in pixel.iter_mut().zip(self.bias) {
                *v += b;
            }
        }
        if self.activation == Activation::Relu {
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
    /// Added to, the input's layout; nothing where nobody needs it (the first layer).
    pub input: Option<&'a mut [f32]>,
}

/// A convolution ready to run: which pixels meet through which tap.
#[derive(Debug)]
pub struct Tables {
    conv: Conv,
    way: Way,
}

/// How the products are done.
#[derive(Debug)]
enum Way {
    /// Pixel by pixel, through tables of neighbours.
    Direct {
        to_small: Gather,
        to_big: Gather,
        to_kernel: Outer,
    },
    /// Through planes, image by image, for few big channels.
    Planes {
        /// (planes, pixels) and (planes, small channels) to (pixels, small channels)
        to_small: Outer,
        /// (planes, small channels) and (pixels, small channels) to (planes, pixels)
        to_planes: Gather,
        /// (planes, pixels) and (pixels, small channels) to (planes, small channels)
        to_kernel: Gather,
    },
}

/// A kernel ready for one of the products.
enum Ready<'a> {
    Packed(Packed),
    /// As it is, with the path to take.
    Plain(Path, &'a [f32]),
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
        let (pixels, channels) = (conv.small.pixels(), conv.small.channels);
        let way = if conv.big.channels < PLANES_BELOW {
            Way::Planes {
                to_small: Outer::rows(pixels, channels),
                to_planes: Gather::rows(channels, pixels),
                to_kernel: Gather::rows(pixels, channels),
            }
        } else {
            Way::Direct {
                to_small: Gather::to_small(conv),
                to_big: Gather::to_big(conv),
                to_kernel: Outer::new(conv),
            }
        };
        Self { conv: *conv, way }
    }

    /// Images that are worked on together: enough pixels for whole register blocks, few enough for the cache.
    fn group(&self) -> usize {
        match self.way {
            Way::Direct { .. } => (196 / self.conv.small.pixels().max(1)).max(1),
            Way::Planes { .. } => 1,
        }
    }

    fn ready_to_small<'a>(&self, path: Path, kernel: &'a [f32]) -> Ready<'a> {
        match &self.way {
            Way::Direct { to_small, .. } => Ready::Packed(to_small.pack(path, kernel)),
            Way::Planes { .. } => Ready::Plain(path, kernel),
        }
    }

    fn ready_to_big<'a>(&self, path: Path, kernel: &'a [f32]) -> Ready<'a> {
        match &self.way {
            Way::Direct { to_big, .. } => Ready::Packed(to_big.pack_transposed(path, kernel)),
            Way::Planes { .. } => Ready::Plain(path, kernel),
        }
    }

    /// big -> small for a group of images, on this thread: as a layer, or added to what is there.
    fn big_to_small(
        &self,
        kernel: &Ready,
        big: &[f32],
        small: &mut [f32],
        layer: Option<Epilogue>,
    ) {
        match (&self.way, kernel) {
            (Way::Direct { to_small, .. }, Ready::Packed(kernel)) => {
                to_small.run(
                    kernel,
                    big,
                    small,
                    layer.map_or(Store::Add, |layer| layer.in_store()),
                );
            }
            (Way::Planes { to_small, .. }, &Ready::Plain(path, kernel)) => {
                self.with_planes(|planes| {
                    unfold(&self.conv, big, planes);
                    if layer.is_some() {
                        small.fill(0.0);
                    }
                    to_small.add(path, planes, kernel, small);
                    if let Some(layer) = layer {
                        layer.bias_and_clip(small);
                    }
                })
            }
            _ => unreachable!("a kernel is made ready by the same tables"),
        }
    }

    /// small -> big for a group of images, on this thread: as a layer, or added to what is there.
    fn small_to_big(
        &self,
        kernel: &Ready,
        small: &[f32],
        big: &mut [f32],
        layer: Option<Epilogue>,
    ) {
        match (&self.way, kernel) {
            (Way::Direct { to_big, .. }, Ready::Packed(kernel)) => {
                to_big.run(
                    kernel,
                    small,
                    big,
                    layer.map_or(Store::Add, |layer| layer.in_store()),
                );
            }
            (Way::Planes { to_planes, .. }, &Ready::Plain(path, kernel)) => {
                self.with_planes(|planes| {
                    to_planes.run(
                        &to_planes.pack_transposed(path, small),
                        kernel,
                        planes,
                        Store::Set,
                    );
                    if layer.is_some() {
                        big.fill(0.0);
                    }
                    fold_add(&self.conv, planes, big);
                    if let Some(layer) = layer {
                        layer.bias_and_clip(big);
                    }
                })
            }
            _ => unreachable!("a kernel is made ready by the same tables"),
        }
    }

    /// (big, small) -> kernel for a group of images, on this thread; added to what is there.
    fn add_to_kernel(&self, path: Path, big: &[f32], small: &[f32], kernel: &mut [f32]) {
        match &self.way {
            Way::Direct { to_kernel, .. } => to_kernel.add(path, big, small, kernel),
            Way::Planes { to_kernel, .. } => self.with_planes(|planes| {
                unfold(&self.conv, big, planes);
                to_kernel.run(&to_kernel.pack(path, small), planes, kernel, Store::Add);
            }),
        }
    }

    fn with_planes(&self, f: impl FnOnce(&mut [f32])) {
        with_buffer(self.conv.patch_len() * self.conv.small.pixels(), f);
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
    let kernel = tables.ready_to_small(path, kernel);
    let (big_len, small_len) = (conv.big.len(), conv.small.len());
    for_each_piece(small, small_len, saved, |first, small, saved| {
        let big = &big[first * big_len..][..small.len() / small_len * big_len];
        let group = tables.group();
        for (big, small) in big
            .chunks(group * big_len)
            .zip(small.chunks_mut(group * small_len))
        {
            tables.big_to_small(&kernel, big, small, Some(epilogue));
        }
        epilogue.finish(small, saved);
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
    let kernel = tables.ready_to_big(path, kernel);
    let (big_len, small_len) = (conv.big.len(), conv.small.len());
    for_each_piece(big, big_len, saved, |first, big, saved| {
        let small = &small[first * small_len..][..big.len() / big_len * small_len];
        let group = tables.group();
        for (small, big) in small
            .chunks(group * small_len)
            .zip(big.chunks_mut(group * big_len))
        {
            tables.small_to_big(&kernel, small, big, Some(epilogue));
        }
        epilogue.finish(big, saved);
    });
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
    (activation, saved): (Activation, &[f32]),
    gradient: &mut [f32],
    out: Gradients,
) {
    let tables = Tables::of(conv);
    let packed = out
        .input
        .is_some()
        .then(|| tables.ready_to_big(path, kernel));
    let (big_len, small_len) = (conv.big.len(), conv.small.len());
    let task = |first: usize, gradient: &[f32], kernel: &mut [f32], input: Option<&mut [f32]>| {
        let big = &big[first * big_len..][..gradient.len() / small_len * big_len];
        let group = tables.group();
        let groups = || gradient.chunks(group * small_len);
        for (big, gradient) in big.chunks(group * big_len).zip(groups()) {
            tables.add_to_kernel(path, big, gradient, kernel);
        }
        if let (Some(input), Some(packed)) = (input, &packed) {
            for (input, gradient) in input.chunks_mut(group * big_len).zip(groups()) {
                tables.small_to_big(packed, gradient, input, None);
            }
        }
    };
    backward_pieces(
        conv,
        gradient,
        small_len,
        (activation, saved),
        big_len,
        out,
        task,
    );
}

/// A transposed convolution's backward pass; see [`backward`].
pub fn backward_transposed(
    path: Path,
    conv: &Conv,
    small: &[f32],
    kernel: &[f32],
    (activation, saved): (Activation, &[f32]),
    gradient: &mut [f32],
    out: Gradients,
) {
    let tables = Tables::of(conv);
    let packed = out
        .input
        .is_some()
        .then(|| tables.ready_to_small(path, kernel));
    let (big_len, small_len) = (conv.big.len(), conv.small.len());
    let task = |first: usize, gradient: &[f32], kernel: &mut [f32], input: Option<&mut [f32]>| {
        let small = &small[first * small_len..][..gradient.len() / big_len * small_len];
        let group = tables.group();
        let groups = || gradient.chunks(group * big_len);
        for (small, gradient) in small.chunks(group * small_len).zip(groups()) {
            tables.add_to_kernel(path, gradient, small, kernel);
        }
        if let (Some(input), Some(packed)) = (input, &packed) {
            for (input, gradient) in input.chunks_mut(group * small_len).zip(groups()) {
                tables.big_to_small(packed, gradient, input, None);
            }
        }
    };
    backward_pieces(
        conv,
        gradient,
        big_len,
        (activation, saved),
        small_len,
        out,
        task,
    );
}

/// Calls `f(first image, output, saved)` for each piece of the batch, on several threads.
fn for_each_piece(
    output: &mut [f32],
    image_len: usize,
    saved: Option<&mut [f32]>,
    f: impl Fn(usize, &mut [f32], Option<&mut [f32]>) + Sync,
) {
    let per_piece = piece_len(output.len() / image_len);
    let pieces = output.par_chunks_mut(per_piece * image_len).enumerate();
    match saved {
        None => pieces.for_each(|(i, output)| f(i * per_piece, output, None)),
        Some(saved) => pieces
            .zip(saved.par_chunks_mut(per_piece * image_len))
            .for_each(|((i, output), saved)| f(i * per_piece, output, Some(saved))),
    }
}

/// Turns the gradient into that before the activation, sums the bias' gradient and calls
/// `f(first image, gradient, kernel gradient of the piece, input gradient)` for each piece of the batch.
fn backward_pieces(
    conv: &Conv,
    gradient: &mut [f32],
    output_len: usize,
    (activation, saved): (Activation, &[f32]),
    input_len: usize,
    out: Gradients,
    f: impl Fn(usize, &[f32], &mut [f32], Option<&mut [f32]>) + Sync,
) {
    let images = gradient.len() / output_len;
    let per_piece = piece_len(images);
    let pieces = images.div_ceil(per_piece);
    let (kernel_len, bias_len) = (conv.kernel_len(), out.bias.len());
    let prepare = |i: usize, gradient: &mut [f32], sums: &mut [f32]| {
        sums.fill(0.0);
        activation.backward(
            gradient,
            &saved[i * per_piece * output_len..][..gradient.len()],
        );
        add_columns(gradient, &mut sums[kernel_len..]);
    };
    // Each piece sums into a kernel and a bias of its own, one behind the other.
    with_buffer(pieces * (kernel_len + bias_len), |sums| {
        let tasks = gradient
            .par_chunks_mut(per_piece * output_len)
            .zip(sums.par_chunks_mut(kernel_len + bias_len))
            .enumerate();
        match out.input {
            None => tasks.for_each(|(i, (gradient, sums))| {
                prepare(i, gradient, sums);
                f(i * per_piece, gradient, &mut sums[..kernel_len], None);
            }),
            Some(input) => tasks
                .zip(input.par_chunks_mut(per_piece * input_len))
                .for_each(|((i, (gradient, sums)), input)| {
                    prepare(i, gradient, sums);
                    f(
                        i * per_piece,
                        gradient,
                        &mut sums[..kernel_len],
                        Some(input),
                    );
                }),
        }
        let stride = kernel_len + bias_len;
        add_pieces(out.kernel, sums, stride);
        add_pieces(out.bias, &sums[kernel_len..], stride);
    });
}

/// Adds every row of a row-major matrix to `sums`: the gradient of a bias.
pub fn add_columns(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        for (s, v) in sums.iter_mut().zip(row) {
            *s += v;
        }
    }
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
