//! The three products of a convolution and its transpose (see the [module](super)), threads over images.
//!
//! Batches are NHWC; kernels are (kh, kw, big channels, small channels). Where the big image has few channels
//! (gray or RGB), products to it are sums along its inputs ([`dots_suit`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::activation::{Activation, backward_with_bias};
use super::buffer_pool::{Buffer, buffer};
use super::direct_conv::{Arranged, DirectConv, dots_suit};
use super::geometry::Conv;
use super::isa::Isa;
use super::parallel::{add_pieces, piece_len};
use super::tap_gemm::{Packed, Store};
use super::weight_grad::WeightGrad;
use super::winograd::Winograd;

/// With fewer big channels, the taps of a row of the kernel are taken together for its gradient.
const FEW_CHANNELS: usize = 8;

/// Bias and activation, which follow the products of a forward pass.
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
    /// The input's layout; nothing where it is not needed (the first layer).
    pub input: Option<&'a mut [f32]>,
    /// Whether the input's gradient is set or added to.
    pub store: Store<'static>,
}

/// A convolution ready to run: which pixels meet through which tap.
#[derive(Debug)]
pub struct Tables {
    conv: Conv,
    products: Products,
}

/// How the three products of a convolution are computed.
#[derive(Debug)]
enum Products {
    /// Directly, each tap by itself.
    Direct(Box<Direct>),
    /// By Winograd's F(2, 2), two taps at a time.
    Winograd(Box<Winograd>),
}

#[derive(Debug)]
struct Direct {
    to_small: DirectConv,
    to_big: DirectConv,
    to_kernel: WeightGrad,
}

/// A kernel ready for one kind of products.
#[derive(Debug)]
enum Ready {
    Blocks(Packed),
    Dots(Arranged),
}

impl Ready {
    fn blocks(&self) -> &Packed {
        match self {
            Self::Blocks(packed) => packed,
            Self::Dots(_) => {
                unreachable!("only products to few big channels are sums along the inputs")
            }
        }
    }
}

impl Products {
    /// Room for the sums of [`Tables::to_sums`], where they are not the kernel's gradient itself.
    fn points(&self) -> Option<Buffer> {
        match self {
            Self::Direct(_) => None,
            Self::Winograd(winograd) => Some(buffer(winograd.points_len())),
        }
    }
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
        let products = match Winograd::of(conv) {
            Some(winograd) => Products::Winograd(Box::new(winograd)),
            None => Products::Direct(Box::new(Direct {
                to_small: DirectConv::to_small(conv),
                to_big: DirectConv::to_big(conv),
                to_kernel: match conv.big.channels < FEW_CHANNELS {
                    true => WeightGrad::by_rows_of_the_kernel(conv),
                    false => WeightGrad::new(conv),
                },
            })),
        };
        Self {
            conv: *conv,
            products,
        }
    }

    /// Whether products to the big image are sums along the inputs.
    fn is_by_dots(&self) -> bool {
        dots_suit(self.conv.small.channels, self.conv.big.channels)
    }

    /// Images that are worked on together: enough pixels for whole register blocks, few enough for the cache.
    fn group(&self) -> usize {
        match &self.products {
            Products::Direct(_) => (196 / self.conv.small.pixels().max(1)).max(1),
            Products::Winograd(winograd) => winograd.group(),
        }
    }

    fn pack_to_small(&self, isa: Isa, kernel: &[f32]) -> Ready {
        Ready::Blocks(match &self.products {
            Products::Direct(direct) => direct.to_small.pack(isa, kernel),
            Products::Winograd(winograd) => winograd.pack_to_small(isa, kernel),
        })
    }

    fn pack_to_big(&self, isa: Isa, kernel: &[f32]) -> Ready {
        match &self.products {
            Products::Direct(direct) if self.is_by_dots() => {
                Ready::Dots(direct.to_big.arrange(isa, kernel))
            }
            Products::Direct(direct) => Ready::Blocks(direct.to_big.pack_transposed(isa, kernel)),
            Products::Winograd(winograd) => Ready::Blocks(winograd.pack_to_big(isa, kernel)),
        }
    }

    /// big -> small for a group of images at most, on this thread.
    fn to_small(&self, isa: Isa, kernel: &Ready, big: &[f32], small: &mut [f32], store: Store) {
        match &self.products {
            Products::Direct(direct) => direct.to_small.run(kernel.blocks(), big, small, store),
            Products::Winograd(winograd) => {
                winograd.to_small(isa, kernel.blocks(), big, small, store);
            }
        }
    }

    /// (big, small) -> sums for a group of images at most, on this thread, set or added to: the gradient of the kernel,
    /// or of its points where taps come in pairs. With it big -> another small image, if that is wanted.
    fn to_sums(
        &self,
        isa: Isa,
        big: &[f32],
        small: &[f32],
        (sums, add): (&mut [f32], bool),
        to_small: Option<(&Ready, &mut [f32], Store)>,
    ) {
        match &self.products {
            Products::Direct(direct) => {
                direct.to_kernel.run(isa, big, small, add, sums);
                if let Some((kernel, other, store)) = to_small {
                    direct.to_small.run(kernel.blocks(), big, other, store);
                }
            }
            Products::Winograd(winograd) => {
                let to_small =
                    to_small.map(|(kernel, other, store)| (kernel.blocks(), other, store));
                winograd.to_points(isa, (big, small), (sums, add), to_small);
            }
        }
    }

    /// small -> big for a group of images at most, on this thread.
    fn to_big(&self, isa: Isa, kernel: &Ready, small: &[f32], big: &mut [f32], store: Store) {
        match (&self.products, kernel) {
            (Products::Direct(direct), Ready::Dots(kernel)) => {
                direct.to_big.run_dots(kernel, small, big, store);
            }
            (Products::Direct(direct), Ready::Blocks(kernel)) => {
                direct.to_big.run(kernel, small, big, store);
            }
            (Products::Winograd(winograd), kernel) => {
                winograd.to_big(isa, kernel.blocks(), small, big, store);
            }
        }
    }
}

/// A convolution's forward pass: `small = activation(big * kernel + bias)`.
pub fn forward(
    isa: Isa,
    conv: &Conv,
    big: &[f32],
    kernel: &[f32],
    epilogue: Epilogue,
    small: &mut [f32],
    saved: Option<&mut [f32]>,
) {
    let tables = Tables::of(conv);
    let kernel = tables.pack_to_small(isa, kernel);
    let lens = (conv.big.len(), conv.small.len());
    for_each_group(&tables, big, small, lens, epilogue, saved, |big, small| {
        tables.to_small(isa, &kernel, big, small, epilogue.in_store());
    });
}

/// A transposed convolution's forward pass: `big = activation(kernel transposed onto small + bias)`.
pub fn forward_transposed(
    isa: Isa,
    conv: &Conv,
    small: &[f32],
    kernel: &[f32],
    epilogue: Epilogue,
    big: &mut [f32],
    saved: Option<&mut [f32]>,
) {
    let tables = Tables::of(conv);
    let kernel = tables.pack_to_big(isa, kernel);
    let lens = (conv.small.len(), conv.big.len());
    for_each_group(&tables, small, big, lens, epilogue, saved, |small, big| {
        tables.to_big(isa, &kernel, small, big, epilogue.in_store());
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
    isa: Isa,
    conv: &Conv,
    big: &[f32],
    kernel: &[f32],
    activation: (Activation, &[f32]),
    gradient: &mut [f32],
    out: Gradients,
) {
    let tables = Tables::of(conv);
    let store = out.store;
    let packed = out.input.is_some().then(|| tables.pack_to_big(isa, kernel));
    let lens = (conv.big.len(), conv.small.len());
    let products =
        |big: &[f32], gradient: &[f32], sums: (&mut [f32], bool), input: Option<&mut [f32]>| {
            tables.to_sums(isa, big, gradient, sums, None);
            if let (Some(input), Some(packed)) = (input, &packed) {
                tables.to_big(isa, packed, gradient, input, store);
            }
        };
    backward_groups(
        (isa, &tables),
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
    isa: Isa,
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
        .then(|| tables.pack_to_small(isa, kernel));
    let lens = (conv.small.len(), conv.big.len());
    let products =
        |small: &[f32], gradient: &[f32], sums: (&mut [f32], bool), input: Option<&mut [f32]>| {
            let to_small = packed.as_ref().zip(input);
            let to_small = to_small.map(|(packed, input)| (packed, input, store));
            tables.to_sums(isa, gradient, small, sums, to_small);
        };
    backward_groups(
        (isa, &tables),
        small,
        lens,
        activation,
        gradient,
        out,
        products,
    );
}

/// Turns the gradient into that before the activation, sums the bias' gradient and calls
/// `f(input, gradient, (sums of the piece, whether to add to them), input gradient)` for each group of images, on
/// several threads; see [`Tables::to_sums`].
fn backward_groups(
    (isa, tables): (Isa, &Tables),
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
        let mut points = tables.products.points();
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
            backward_with_bias(isa, activation, gradient, &saved[..gradient.len()], bias);
            let start = i * group * input_len;
            let input_gradient = input_gradient.as_deref_mut();
            let input_gradient = input_gradient.map(|g| &mut g[start..][..images * input_len]);
            let sums = points.as_deref_mut().unwrap_or(&mut *kernel);
            let input = &input[..images * input_len];
            f(input, gradient, (sums, i > 0), input_gradient);
        }
        if let (Products::Winograd(winograd), Some(points)) = (&tables.products, &points) {
            winograd.to_kernel(isa, points, kernel);
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
