//! The products of a dense layer: matrices of (batch, inputs), (inputs, outputs) and (batch, outputs), row-major.

use rayon::prelude::*;

use super::activation::{Activation, backward_with_bias};
use super::buffer_pool::buffer;
use super::conv::Epilogue;
use super::direct_conv::DirectConv;
use super::isa::Isa;
use super::parallel::{add_pieces, piece_len};
use super::tap_gemm::{Packed, Store};
use super::weight_grad::WeightGrad;

/// Threads take so many rows, or a multiple of it: whole register blocks, or most of one.
const ROWS: usize = 4;

/// Values of an output that are worth a second thread, where a value costs no more than reading it.
const WORTH_A_THREAD: usize = 1 << 16;

/// `out = activation(x kernel + bias)`; `saved`, where given, receives the weighted sum before the activation.
pub fn forward(
    isa: Isa,
    x: &[f32],
    kernel: &[f32],
    (inputs, outputs): (usize, usize),
    epilogue: Epilogue,
    out: &mut [f32],
    saved: Option<&mut [f32]>,
) {
    let conv = DirectConv::rows(inputs, outputs);
    run(&conv, &conv.pack(isa, kernel), x, out, epilogue.in_store());
    epilogue.finish(out, saved);
}

/// The gradient of the weighted sum from that of the output, and adds its rows to the bias' gradient; see
/// [`backward_with_bias`].
pub fn backward_activation(
    isa: Isa,
    activation: Activation,
    gradient: &mut [f32],
    saved: &[f32],
    bias: &mut [f32],
) {
    if gradient.len() < WORTH_A_THREAD {
        return backward_with_bias(isa, activation, gradient, saved, bias);
    }
    let outputs = bias.len();
    let rows = gradient.len() / outputs;
    let piece = piece_len(rows);
    let mut sums = buffer(rows.div_ceil(piece) * outputs);
    gradient
        .par_chunks_mut(piece * outputs)
        .zip(saved.par_chunks(piece * outputs))
        .zip(sums.par_chunks_mut(outputs))
        .for_each(|((gradient, saved), sums)| {
            sums.fill(0.0);
            backward_with_bias(isa, activation, gradient, saved, sums);
        });
    add_pieces(bias, &sums, outputs);
}

/// `input = gradient kernel^T`, or added to what is there
pub fn backward_input(
    isa: Isa,
    gradient: &[f32],
    kernel: &[f32],
    (inputs, outputs): (usize, usize),
    input: &mut [f32],
    store: Store,
) {
    let conv = DirectConv::rows(outputs, inputs);
    run(
        &conv,
        &conv.pack_transposed(isa, kernel),
        gradient,
        input,
        store,
    );
}

/// `kernel += x^T gradient`
pub fn backward_kernel(
    isa: Isa,
    x: &[f32],
    gradient: &[f32],
    (inputs, outputs): (usize, usize),
    kernel: &mut [f32],
) {
    let grad = WeightGrad::rows(inputs, outputs, gradient.len() / outputs);
    // Rows of the kernel are independent sums over the batch, so that this cut changes no bits either.
    let rows = inputs
        .div_ceil(rayon::current_num_threads())
        .next_multiple_of(ROWS);
    kernel
        .par_chunks_mut(rows * outputs)
        .enumerate()
        .for_each(|(i, kernel)| {
            let first = i * rows;
            let rows = first..first + kernel.len() / outputs;
            grad.run_rows(isa, (x, gradient), rows, true, kernel);
        });
}

/// One share of rows a thread: each reads the whole kernel, and no sum depends on the cut.
fn run(conv: &DirectConv, kernel: &Packed, input: &[f32], output: &mut [f32], store: Store) {
    let rows = output.len() / conv.output_len();
    let share = rows
        .div_ceil(rayon::current_num_threads())
        .next_multiple_of(ROWS);
    output
        .par_chunks_mut(share * conv.output_len())
        .zip(input.par_chunks(share * conv.input_len()))
        .for_each(|(output, input)| conv.run(kernel, input, output, store));
}

#[cfg(test)]
mod tests {
    use super::super::activation::Activation;
    use super::super::parallel::Threads;
    use super::super::reference::numbers;
    use super::*;

    /// Batch, inputs, outputs.
    const SHAPES: [(usize, usize, usize); 7] = [
        (1, 1, 1),
        (3, 5, 7),
        (64, 33, 16),
        (16, 64, 200),
        (48, 200, 3),
        (1, 9, 130),
        (97, 41, 33),
    ];

    fn no_epilogue(bias: &[f32]) -> Epilogue<'_> {
        Epilogue {
            bias,
            activation: Activation::Linear,
        }
    }

    /// `a` is (m, k), `b` is (k, n).
    fn product(
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
        (m, n, k): (usize, usize, usize),
    ) -> Vec<f32> {
        let at = |i, j| {
            (0..k)
                .map(|l| f64::from(a(i, l)) * f64::from(b(l, j)))
                .sum::<f64>() as f32
        };
        (0..m * n).map(|ij| at(ij / n, ij % n)).collect()
    }

    fn assert_close(got: &[f32], want: &[f32], terms: usize) {
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() < 2e-7 * terms as f32 + 1e-6, "{g} is not {w}");
        }
    }

    #[test]
    fn agrees_with_plain_sums_on_all_paths() {
        for (batch, inputs, outputs) in SHAPES {
            let (x, w) = (numbers(batch * inputs, 1), numbers(inputs * outputs, 2));
            let g = numbers(batch * outputs, 3);
            let sizes = (inputs, outputs);
            for isa in Isa::available() {
                let mut out = vec![f32::NAN; batch * outputs];
                forward(
                    isa,
                    &x,
                    &w,
                    sizes,
                    no_epilogue(&vec![0.0; outputs]),
                    &mut out,
                    None,
                );
                let xw = product(
                    |i, l| x[i * inputs + l],
                    |l, j| w[l * outputs + j],
                    (batch, outputs, inputs),
                );
                assert_close(&out, &xw, inputs);

                let mut dx = vec![1.0; batch * inputs];
                backward_input(isa, &g, &w, sizes, &mut dx, Store::Add);
                dx.iter_mut().for_each(|v| *v -= 1.0);
                let gw = product(
                    |i, l| g[i * outputs + l],
                    |l, j| w[j * outputs + l],
                    (batch, inputs, outputs),
                );
                assert_close(&dx, &gw, outputs);

                let mut dw = vec![1.0; inputs * outputs];
                backward_kernel(isa, &x, &g, sizes, &mut dw);
                dw.iter_mut().for_each(|v| *v -= 1.0);
                let xg = product(
                    |i, l| x[l * inputs + i],
                    |l, j| g[l * outputs + j],
                    (inputs, outputs, batch),
                );
                assert_close(&dw, &xg, batch);
            }
        }
    }

    #[test]
    fn keeps_activation_gradients_across_threads() {
        // Both below and above what is worth a thread.
        for (rows, outputs) in [(9, 30), (75, 1_001)] {
            let (given, saved) = (numbers(rows * outputs, 1), numbers(rows * outputs, 2));
            let mut want = given.clone();
            Activation::Relu.backward(&mut want, &saved);
            let sums: Vec<f32> = (0..outputs)
                .map(|o| want[o..].iter().step_by(outputs).sum::<f32>() + 1.0)
                .collect();
            let run = |threads: usize| {
                let (mut gradient, mut bias) = (given.clone(), vec![1.0; outputs]);
                Threads::new(threads).unwrap().run(|| {
                    // Sums do not begin with what an earlier use of the memory has left.
                    buffer(16 * outputs).fill(f32::NAN);
                    let isa = Isa::current();
                    backward_activation(isa, Activation::Relu, &mut gradient, &saved, &mut bias);
                });
                (gradient, bias)
            };
            let (gradient, bias) = run(1);
            assert_eq!(gradient, want);
            assert_close(&bias, &sums, rows);
            assert!([2, 3].into_iter().all(|threads| run(threads).1 == bias));
        }
    }

    #[test]
    fn keeps_bits_across_threads() {
        let run = |threads: usize| {
            Threads::new(threads).unwrap().run(|| {
                let (x, w, g) = (
                    numbers(50 * 70, 1),
                    numbers(70 * 40, 2),
                    numbers(50 * 40, 3),
                );
                let (mut out, mut dx, mut dw) =
                    (vec![0.0; 50 * 40], vec![0.0; 50 * 70], vec![0.0; 70 * 40]);
                forward(
                    Isa::current(),
                    &x,
                    &w,
                    (70, 40),
                    no_epilogue(&[0.0; 40]),
                    &mut out,
                    None,
                );
                backward_input(Isa::current(), &g, &w, (70, 40), &mut dx, Store::Set);
                backward_kernel(Isa::current(), &x, &g, (70, 40), &mut dw);
                [out, dx, dw]
                    .concat()
                    .iter()
                    .map(|v| v.to_bits())
                    .collect::<Vec<_>>()
            })
        };
        let one = run(1);
        assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
    }
}
