//! The products against their definition, on every path that this processor has.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::parallel::Threads;
use super::super::reference::{self, Case, Shape, assert_close, numbers};
use super::*;
use crate::numeric::random::{Purpose, Stream};

const SHAPES: [Shape; 17] = [
    [28, 28, 1, 32, 3, 2, 5],
    [14, 14, 32, 16, 3, 2, 3],
    [7, 7, 6, 10, 3, 2, 33],
    [9, 6, 3, 7, 5, 1, 2],
    [1, 1, 2, 3, 3, 2, 4],
    [5, 8, 2, 1, 4, 3, 17],
    [6, 6, 4, 4, 1, 1, 1],
    [4, 3, 1, 1, 2, 4, 7],
    [11, 11, 5, 3, 7, 2, 2],
    // More channels than two blocks of any path, and a few beyond.
    [3, 4, 67, 41, 3, 1, 2],
    // Several chunks of rows, and images that do not fill a table.
    [30, 21, 33, 9, 3, 1, 3],
    // A step beyond the kernel: pixels that no tap reaches.
    [10, 9, 9, 8, 2, 5, 5],
    [1, 64, 1, 7, 3, 2, 64],
    // By pairs of taps: several groups of images a piece, odd sizes, channels beyond a block.
    [28, 28, 16, 17, 3, 2, 37],
    [14, 14, 64, 16, 3, 2, 70],
    [13, 9, 40, 33, 3, 2, 5],
    [18, 28, 16, 17, 4, 2, 19],
];

/// Random shapes, the same in every run.
fn random_shapes() -> impl Iterator<Item = Shape> {
    let mut stream = Stream::new(11, Purpose::Sample, 0, 0);
    let mut below = move |most: usize| 1 + (stream.uniform() * most as f32) as usize % most;
    (0..40).map(move |_| {
        [
            below(13),
            below(13),
            below(40),
            below(40),
            below(6),
            below(4),
            below(9),
        ]
    })
}

/// Shapes with zeros on each side: pixels behind the last window, zeros beyond a kernel, and those of published models.
const PADDED: [(Shape, usize); 12] = [
    ([28, 28, 1, 32, 3, 2, 5], 0),
    ([13, 13, 32, 64, 3, 2, 3], 0),
    ([64, 64, 3, 32, 4, 2, 2], 0),
    ([31, 31, 32, 17, 4, 2, 3], 0),
    ([13, 13, 16, 20, 5, 2, 9], 0),
    ([5, 5, 20, 33, 5, 2, 7], 0),
    ([16, 16, 18, 16, 3, 2, 5], 1),
    ([15, 15, 17, 24, 5, 2, 3], 2),
    ([14, 12, 16, 16, 3, 2, 41], 1),
    ([9, 6, 16, 19, 4, 3, 5], 2),
    ([7, 5, 3, 4, 2, 3, 3], 4),
    ([12, 11, 24, 16, 3, 1, 6], 0),
];

/// Those of [`SHAPES`], of [`PADDED`] and of [`random_shapes`], these with both paddings, on every path.
fn cases() -> impl Iterator<Item = (Isa, Case)> {
    let padded = random_shapes().enumerate();
    let padded = padded.map(|(i, shape)| (shape, i % (shape[4] + 1)));
    reference::cases(SHAPES.into_iter().chain(random_shapes()))
        .chain(reference::padded_cases(PADDED.into_iter().chain(padded)))
}

#[test]
fn agrees_with_plain_sums_forward() {
    for (isa, case) in cases() {
        let bias = numbers(case.conv.small.channels, 4);
        let epilogue = Epilogue {
            bias: &bias,
            activation: Activation::LEAKY_RELU,
        };
        let mut got = vec![f32::NAN; case.small.len()];
        let mut saved = vec![f32::NAN; case.small.len()];
        forward(
            isa,
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
            isa,
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
fn agrees_with_plain_sums_transposed() {
    for (isa, case) in cases() {
        let bias = numbers(case.conv.big.channels, 4);
        let epilogue = Epilogue {
            bias: &bias,
            activation: Activation::Linear,
        };
        let mut got = vec![f32::NAN; case.big.len()];
        forward_transposed(
            isa,
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
fn adds_gradients_of_plain_sums() {
    for (isa, case) in cases() {
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
                    isa,
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

/// Memory of the pool holds what is no number, whatever size is asked for next.
fn spoil_memory() {
    let mut all: Vec<_> = (6..18).map(|n| buffer(1 << n)).collect();
    all.iter_mut().for_each(|buffer| buffer.fill(f32::NAN));
}

/// All that a layer computes, in either direction, one behind the other.
fn results(isa: Isa, case: &Case, transposed: bool, activation: Activation) -> Vec<f32> {
    let conv = &case.conv;
    let (input, channels, mut gradient) = match transposed {
        true => (&case.small, conv.big.channels, case.big.clone()),
        false => (&case.big, conv.small.channels, case.small.clone()),
    };
    let bias = numbers(channels, 5);
    let epilogue = Epilogue {
        bias: &bias,
        activation,
    };
    let mut output = vec![0.0; gradient.len()];
    let forward = match transposed {
        true => forward_transposed,
        false => forward,
    };
    forward(isa, conv, input, &case.kernel, epilogue, &mut output, None);
    let (mut kernel, mut bias) = (vec![0.0; conv.kernel_len()], vec![0.0; channels]);
    let mut to_input = vec![1.0; input.len()];
    let backward = match transposed {
        true => backward_transposed,
        false => backward,
    };
    for store in [Store::Set, Store::Add] {
        let out = Gradients {
            kernel: &mut kernel,
            bias: &mut bias,
            input: Some(&mut to_input),
            store,
        };
        let saved = (activation, output.as_slice());
        backward(isa, conv, input, &case.kernel, saved, &mut gradient, out);
    }
    [output, kernel, bias, gradient, to_input].concat()
}

#[test]
fn keeps_bits_across_threads_and_reused_memory() {
    let run = |threads: usize| {
        Threads::new(threads).unwrap().run(|| {
            let mut bits = vec![];
            for (isa, case) in cases() {
                for transposed in [false, true] {
                    for activation in [Activation::Relu, Activation::Tanh] {
                        spoil_memory();
                        let values = results(isa, &case, transposed, activation);
                        assert!(values.iter().all(|v| v.is_finite()));
                        let mut hasher = DefaultHasher::new();
                        values.iter().for_each(|v| v.to_bits().hash(&mut hasher));
                        bits.push((isa, case.conv, transposed, activation, hasher.finish()));
                    }
                }
            }
            bits
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        for (got, want) in run(threads).iter().zip(&one) {
            assert_eq!(got, want, "{threads} threads give other bits than one");
        }
    }
}
