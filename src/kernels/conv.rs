//! The three products of a convolution and its transpose (see the [module](super)), threads over images.
//!
//! Batches are NHWC; kernels are (kh, kw, big channels, small channels). Where the big image has few channels
//! (gray or RGB), products to it are sums along its inputs, since a register block over them would be mostly empty.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::activation::{Activation, backward_with_bias};
use super::gather::{Arranged, FEW_OUTPUTS, Gather, Packed, Store};
use super::geometry::Conv;
use super::outer::Outer;
use super::parallel::{add_pieces, piece_len};
use super::path::Path;
use super::scratch::buffer;

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
    to_big: Gather,
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
        Self {
            conv: *conv,
            to_small: Gather::to_small(conv),
            to_big: Gather::to_big(conv),
            to_kernel: match has_few_channels(conv) {
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

    fn pack_to_big(&self, path: Path, kernel: &[f32]) -> ToBig {
        match has_few_channels(&self.conv) {
            true => ToBig::Dots(self.to_big.arrange(path, kernel)),
            false => ToBig::Blocks(self.to_big.pack_transposed(path, kernel)),
        }
    }

    /// small -> big for some images, on this thread.
    fn small_to_big(&self, kernel: &ToBig, small: &[f32], big: &mut [f32], store: Store) {
        match kernel {
            ToBig::Dots(kernel) => self.to_big.run_dots(kernel, small, big, store),
            ToBig::Blocks(kernel) => self.to_big.run(kernel, small, big, store),
        }
    }
}

/// A kernel ready for products to the big image.
#[derive(Debug)]
enum ToBig {
    Blocks(Packed),
    Dots(Arranged),
}

fn has_few_channels(conv: &Conv) -> bool {
    conv.big.channels < FEW_OUTPUTS
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
    let products = |big: &[f32],
                    gradient: &[f32],
                    (kernel, add): (&mut [f32], bool),
                    input: Option<&mut [f32]>| {
        tables.to_kernel.run(path, big, gradient, add, kernel);
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
    let products = |small: &[f32],
                    gradient: &[f32],
                    (kernel, add): (&mut [f32], bool),
                    input: Option<&mut [f32]>| {
        tables.to_kernel.run(path, gradient, small, add, kernel);
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
/// `f(input, gradient, (kernel gradient of the piece, whether to add to it), input gradient)` for each group of images,
/// on several threads.
fn backward_groups(
    (path, tables): (Path, &Tables),
    input: &[f32],
    (input_len, output_len): (usize, usize),
    (activation, saved): (Activation, &[f32]),
    gradient: &mut [f32],
    out: Gradients,
    f: impl Fn(&[f32], &[f32], (&mut [f32], bool), Option<&mut [f32]>) + Sync,
) {
    let images = gradient.len() / output_len;
    let (per_piece, group) = (piece_len(images), tables.group());
    let (kernel_len, bias_len) = (tables.conv.kernel_len(), out.bias.len());
    let piece = |i: usize,
                 gradient: &mut [f32],
                 sums: &mut [f32],
                 mut input_gradient: Option<&mut [f32]>| {
        let (kernel, bias) = sums.split_at_mut(kernel_len);
        bias.fill(0.0);
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
                (&mut *kernel, i > 0),
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
mod tests;
