//! dfdx's operations against our kernels: outputs and all gradients, on the CPU, and on a GPU where this is
//! built with CUDA and one answers.

use dfdx::tensor::{Cpu, Gradients, NoneTape, Trace};
use dfdx::tensor_ops::{Backward, TryMul};

use super::*;
use crate::config::{Members as _, Value};
use crate::kernels::Extent;
use crate::kernels::reference::numbers;

const ACTIVATIONS: [Activation; 7] = [
    Activation::Linear,
    Activation::Relu,
    Activation::LEAKY_RELU,
    Activation::Elu,
    Activation::Silu,
    Activation::Gelu,
    Activation::Tanh,
];

/// Writes each test once for the CPU and once for a GPU.
macro_rules! on_each_device {
    ($($name:ident),* $(,)?) => {
        mod on_cpu {
            $(#[test]
            fn $name() {
                super::$name(&dfdx::tensor::Cpu::default(), 1e-5);
            })*
        }
        #[cfg(feature = "cuda")]
        mod on_cuda {
            $(#[test]
            fn $name() {
                match crate::nn::device::open_cuda(0) {
                    // Sums are taken in another order.
                    Ok(device) => super::$name(&device, 1e-3),
                    Err(why) => println!("skipped: {why}"),
                }
            })*
        }
    };
}

on_each_device!(
    computes_convolutions,
    computes_transposed_convolutions,
    computes_dense_layers,
    appends_rows_to_maps,
    applies_activations,
    samples_points,
    samples_several_points_of_an_image,
    computes_reconstruction_errors,
    computes_reconstruction_errors_of_images,
    applies_rules,
    refuses_non_finite_steps,
    judges_groups_together,
    keeps_nan,
    keeps_values_that_dfdx_consumes,
);

/// A device that [`DfdxOps`] runs on.
trait Tested: Device<f32> + Cache + HasErr<Err: Debug + Display> {}
impl<D: Device<f32> + Cache + HasErr<Err: Debug + Display>> Tested for D {}

/// Both lists agree, each within a tolerance of its largest value.
fn assert_close(what: &str, got: &[Vec<f32>], want: &[Vec<f32>], tolerance: f32) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.len(), want.len(), "{what}: values of tensor {i}");
        let size = want.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        for (g, w) in got.iter().zip(want) {
            let close = (g - w).abs() <= tolerance * size.max(1e-3);
            assert!(
                close,
                "{what}, tensor {i}: {g} is not {w}, of at most {size}"
            );
        }
    }
}

fn gradient_of<S: Shape, C: Backend>(
    gradients: &Gradients<f32, C::Device>,
    tensor: &Tensor<S, f32, C::Device>,
) -> Vec<f32> {
    C::to_vec(&gradients.get(tensor))
}

/// Output and gradients of a layer for an upstream gradient of made-up numbers.
fn differentiate<C: Backend, S: Shape, K: Shape>(
    device: &C::Device,
    (x, kernel, bias): (S, K, usize),
    input_gradient: bool,
    layer: impl FnOnce(
        Features<S, C, dfdx::tensor::OwnedTape<f32, C::Device>>,
        &Tensor<K, f32, C::Device>,
        &Tensor<(usize,), f32, C::Device>,
    ) -> FeatureMaps<usize, C, dfdx::tensor::OwnedTape<f32, C::Device>>,
) -> Vec<Vec<f32>> {
    let made = |len, seed| numbers(len, seed);
    let x = C::tensor(device, &made(x.num_elements(), 1), x).unwrap();
    let kernel = C::tensor(device, &made(kernel.num_elements(), 2), kernel).unwrap();
    let bias = C::tensor(device, &made(bias, 3), (bias,)).unwrap();
    let output = layer(x.leaky_trace().into(), &kernel, &bias);
    let (output, tape) = output.into_tensor().split_tape();
    let upstream = numbers(output.shape().num_elements(), 4);
    let upstream = C::tensor(device, &upstream, *output.shape()).unwrap();
    let loss = output.clone().put_tape(tape).try_mul(upstream).unwrap();
    let gradients = loss.try_sum::<(), _>().unwrap().try_backward().unwrap();
    let mut all = vec![C::to_vec(&output)];
    if input_gradient {
        all.push(gradient_of::<_, C>(&gradients, &x));
    }
    all.push(gradient_of::<_, C>(&gradients, &kernel));
    all.push(gradient_of::<_, C>(&gradients, &bias));
    all
}

/// Height, width, channels, small channels, kernel, stride.
const SHAPES: [(usize, usize, usize, usize, usize, usize); 12] = [
    (7, 7, 1, 4, 3, 2),
    (8, 8, 3, 5, 3, 2),
    (7, 9, 2, 3, 3, 1),
    (5, 6, 4, 2, 4, 2),
    (9, 4, 1, 1, 5, 3),
    (6, 6, 2, 2, 1, 1),
    (6, 5, 3, 2, 1, 2),
    (5, 5, 2, 3, 2, 4),
    (1, 1, 3, 2, 3, 2),
    (2, 11, 1, 7, 7, 2),
    (4, 4, 8, 16, 3, 2),
    (12, 12, 1, 2, 5, 1),
];

fn convs() -> impl Iterator<Item = Conv> {
    SHAPES
        .iter()
        .map(|&(height, width, channels, small, kernel, stride)| {
            let big = Extent {
                height,
                width,
                channels,
            };
            Conv::same(big, small, kernel, stride)
        })
}

fn convolution<C: Backend>(
    device: &C::Device,
    conv: &Conv,
    activation: Activation,
    input_gradient: bool,
) -> Vec<Vec<f32>> {
    let (big, small) = (conv.big, conv.small.channels);
    let x = (3, big.height, big.width, big.channels);
    let kernel = (conv.kernel, conv.kernel, big.channels, small);
    let route = C::to_small(device, conv).unwrap();
    differentiate::<C, _, _>(
        device,
        (x, kernel, small),
        input_gradient,
        |x, kernel, bias| {
            let weights = Weights {
                kernel,
                bias,
                activation,
            };
            C::conv2d(&route, x, weights, input_gradient).unwrap()
        },
    )
}

fn computes_convolutions<D: Tested>(device: &D, tolerance: f32) {
    let cpu = Cpu::default();
    for (i, conv) in convs().enumerate() {
        let activation = ACTIVATIONS[i % ACTIVATIONS.len()];
        for input_gradient in [true, false] {
            let got = convolution::<DfdxOps<D>>(device, &conv, activation, input_gradient);
            let want = convolution::<Cpu>(&cpu, &conv, activation, input_gradient);
            assert_close(&format!("{conv:?}, {activation:?}"), &got, &want, tolerance);
        }
    }
}

fn transposed<C: Backend>(
    device: &C::Device,
    conv: &Conv,
    activation: Activation,
) -> Vec<Vec<f32>> {
    let (big, small) = (conv.big.channels, conv.small);
    let x = (3, small.height, small.width, small.channels);
    let kernel = (conv.kernel, conv.kernel, big, small.channels);
    let route = C::to_big(device, conv).unwrap();
    differentiate::<C, _, _>(device, (x, kernel, big), true, |x, kernel, bias| {
        let weights = Weights {
            kernel,
            bias,
            activation,
        };
        C::conv_transpose2d(&route, x, weights).unwrap()
    })
}

fn computes_transposed_convolutions<D: Tested>(device: &D, tolerance: f32) {
    let cpu = Cpu::default();
    for (i, conv) in convs().enumerate() {
        let activation = ACTIVATIONS[i % ACTIVATIONS.len()];
        let got = transposed::<DfdxOps<D>>(device, &conv, activation);
        let want = transposed::<Cpu>(&cpu, &conv, activation);
        assert_close(&format!("{conv:?}, {activation:?}"), &got, &want, tolerance);
    }
}

fn dense<C: Backend>(device: &C::Device, activation: Activation) -> Vec<Vec<f32>> {
    let (x, kernel) = ((5, 2, 3, 4), (24, 6));
    differentiate::<C, _, _>(device, (x, kernel, 6), true, |x, kernel, bias| {
        let weights = Weights {
            kernel,
            bias,
            activation,
        };
        C::dense(x, weights, (5, 1, 2, 3)).unwrap()
    })
}

fn computes_dense_layers<D: Tested>(device: &D, tolerance: f32) {
    for activation in ACTIVATIONS {
        let got = dense::<DfdxOps<D>>(device, activation);
        let want = dense::<Cpu>(&Cpu::default(), activation);
        assert_close(&format!("{activation:?}"), &got, &want, tolerance);
    }
}

/// Maps of two by one places with rows behind their channels, and the gradient of the maps.
fn append<C: Backend>(device: &C::Device, images: usize, rows: usize) -> Vec<Vec<f32>> {
    let maps = C::tensor(device, &numbers(images * 6, 1), (images, 2, 1, 3)).unwrap();
    let rows = C::tensor(device, &numbers(rows * 2, 2), (rows, 2)).unwrap();
    let output = C::append(maps.leaky_trace(), &rows).unwrap();
    let (output, tape) = output.split_tape();
    let upstream = C::tensor(device, &numbers(images * 10, 3), *output.shape()).unwrap();
    let loss = output.clone().put_tape(tape).try_mul(upstream).unwrap();
    let gradients = loss.try_sum::<(), _>().unwrap().try_backward().unwrap();
    vec![C::to_vec(&output), gradient_of::<_, C>(&gradients, &maps)]
}

/// To the last bit, and also where a batch stands twice.
fn appends_rows_to_maps<D: Tested>(device: &D, _: f32) {
    for (images, rows) in [(1, 1), (4, 4), (6, 3), (5, 2)] {
        let got = append::<DfdxOps<D>>(device, images, rows);
        let (maps, all) = (numbers(images * 6, 1), numbers(rows * 2, 2));
        let place = |i: usize| {
            let row = i / 2 % rows;
            [&maps[3 * i..3 * i + 3], &all[2 * row..2 * row + 2]].concat()
        };
        let places: Vec<f32> = (0..2 * images).flat_map(place).collect();
        let upstream = numbers(images * 10, 3);
        let gradient: Vec<f32> = upstream.chunks(5).flat_map(|it| it[..3].to_vec()).collect();
        assert_eq!(got, [places, gradient]);
        assert_eq!(got, append::<Cpu>(&Cpu::default(), images, rows));
    }
    let maps = |count: usize| vec![0.0; 6 * count];
    let none = <DfdxOps<D> as Backend>::tensor(device, &[], (0, 2)).unwrap();
    let maps = <DfdxOps<D> as Backend>::tensor(device, &maps(1), (1, 2, 1, 3)).unwrap();
    assert!(DfdxOps::<D>::append(maps, &none).is_err());
}

/// Derivatives at 0 and far from it count too: a convolution of kernel 1 with the weight 1 shows them.
fn activation_alone<C: Backend>(device: &C::Device, activation: Activation) -> Vec<Vec<f32>> {
    let values = [-100.0, -8.0, -1.5, -0.3, 0.0, 0.2, 1.0, 3.0, 9.0, 100.0];
    let x = C::tensor(device, &values, (values.len(), 1)).unwrap();
    let kernel = C::tensor(device, &[1.0], (1, 1)).unwrap();
    let bias = C::tensor(device, &[0.0], (1,)).unwrap();
    let weights = Weights {
        kernel: &kernel,
        bias: &bias,
        activation,
    };
    let x_: Features<_, C, _> = x.leaky_trace().into();
    let output = C::dense(x_, weights, (values.len(), 1)).unwrap();
    let (output, tape) = output.into_tensor().split_tape();
    let sum = output.clone().put_tape(tape).try_sum::<(), _>().unwrap();
    let gradients = sum.try_backward().unwrap();
    vec![C::to_vec(&output), gradient_of::<_, C>(&gradients, &x)]
}

fn applies_activations<D: Tested>(device: &D, tolerance: f32) {
    for activation in ACTIVATIONS {
        let got = activation_alone::<DfdxOps<D>>(device, activation);
        let want = activation_alone::<Cpu>(&Cpu::default(), activation);
        // Each value by itself, so that the small ones count.
        for (got, want) in got.iter().flatten().zip(want.iter().flatten()) {
            let close = (got - want).abs() <= tolerance * want.abs() + 1e-6;
            assert!(close, "{activation:?}: {got} is not {want}");
        }
    }
}

fn sample<C: Backend>(device: &C::Device) -> Vec<Vec<f32>> {
    let shape = (6, 3);
    let rows = |seed| C::tensor(device, &numbers(18, seed), shape).unwrap();
    let (mean, log_var, eps) = (rows(1), rows(2), rows(3));
    let sample = C::reparameterise(mean.leaky_trace(), log_var.clone(), eps, 0.7).unwrap();
    let (kl, tape) = sample.kl.split_tape();
    let (weighted, tape) = kl.clone().put_tape(tape).try_mul(1.3).unwrap().split_tape();
    let z = sample.z.clone().put_tape(tape).try_mul(rows(4)).unwrap();
    let loss = z.try_sum::<(), _>().unwrap().try_add(weighted).unwrap();
    let gradients = loss.try_backward().unwrap();
    vec![
        C::to_vec(&sample.z),
        vec![C::scalar(&kl)],
        C::to_vec(&sample.kl_per_axis),
        gradient_of::<_, C>(&gradients, &mean),
        gradient_of::<_, C>(&gradients, &log_var),
    ]
}

fn samples_points<D: Tested>(device: &D, tolerance: f32) {
    let (got, want) = (sample::<DfdxOps<D>>(device), sample::<Cpu>(&Cpu::default()));
    assert_close("sampling", &got, &want, tolerance);
}

/// Three points of each of four images, whose gradients are multiplied by factors that are known later, or are left as they
/// are.
fn points<C: Backend>(device: &C::Device, is_scaled: bool) -> Vec<Vec<f32>> {
    let rows = |count, seed| C::tensor(device, &numbers(count * 5, seed), (count, 5)).unwrap();
    let (mean, log_var, eps) = (rows(4, 1), rows(4, 2), rows(12, 3));
    let sample = C::reparameterise(mean.leaky_trace(), log_var.clone(), eps, 0.7).unwrap();
    let (kl, tape) = sample.kl.split_tape();
    let factors = RowFactors::<C>::default();
    let z = C::scale_gradient(sample.z.put_tape(tape), factors.clone()).unwrap();
    let (z, tape) = z.split_tape();
    let (weighted, tape) = kl.clone().put_tape(tape).try_mul(1.3).unwrap().split_tape();
    let products = z.clone().put_tape(tape).try_mul(rows(12, 4)).unwrap();
    let loss = products.try_sum::<(), _>().unwrap();
    let loss = loss.try_add(weighted).unwrap();
    if is_scaled {
        let made = C::tensor(device, &numbers(12, 5), (12,)).unwrap();
        factors.set(made).unwrap();
    }
    let gradients = loss.try_backward().unwrap();
    vec![
        C::to_vec(&z),
        vec![C::scalar(&kl)],
        C::to_vec(&sample.kl_per_axis),
        gradient_of::<_, C>(&gradients, &mean),
        gradient_of::<_, C>(&gradients, &log_var),
    ]
}

fn samples_several_points_of_an_image<D: Tested>(device: &D, tolerance: f32) {
    for is_scaled in [false, true] {
        let want = points::<Cpu>(&Cpu::default(), is_scaled);
        let got = points::<DfdxOps<D>>(device, is_scaled);
        assert_close("several points", &got, &want, tolerance);
    }
}

fn errors<C: Backend>(device: &C::Device, kind: Reconstruction) -> Vec<Vec<f32>> {
    let shape = (4, 3, 5, 2);
    let logits: Vec<f32> = numbers(120, 1).iter().map(|v| v * 20.0).collect();
    let images: Vec<f32> = numbers(120, 2).iter().map(|v| v * 0.5 + 0.5).collect();
    let logits = C::tensor(device, &logits, shape).unwrap();
    let images = C::tensor(device, &images, shape).unwrap();
    let errors = C::reconstruction_per_image(kind, logits.leaky_trace(), images);
    let (errors, tape) = errors.unwrap().split_tape();
    let weights = C::tensor(device, &numbers(4, 3), (4,)).unwrap();
    let loss = errors.clone().put_tape(tape).try_mul(weights).unwrap();
    let gradients = loss.try_sum::<(), _>().unwrap().try_backward().unwrap();
    vec![C::to_vec(&errors), gradient_of::<_, C>(&gradients, &logits)]
}

fn computes_reconstruction_errors_of_images<D: Tested>(device: &D, tolerance: f32) {
    for kind in [
        Reconstruction::BinaryCrossEntropy,
        Reconstruction::SquaredError,
    ] {
        let want = errors::<Cpu>(&Cpu::default(), kind);
        let got = errors::<DfdxOps<D>>(device, kind);
        assert_close(&format!("{kind:?}"), &got, &want, tolerance);
    }
}

fn error<C: Backend>(device: &C::Device, kind: Reconstruction) -> Vec<Vec<f32>> {
    let shape = (4, 3, 5, 2);
    let logits: Vec<f32> = numbers(120, 1).iter().map(|v| v * 20.0).collect();
    let images: Vec<f32> = numbers(120, 2).iter().map(|v| v * 0.5 + 0.5).collect();
    let logits = C::tensor(device, &logits, shape).unwrap();
    let images = C::tensor(device, &images, shape).unwrap();
    let (error, tape) = C::reconstruction(kind, logits.leaky_trace(), images)
        .unwrap()
        .split_tape();
    let loss = error.clone().put_tape(tape).try_mul(1.5).unwrap();
    let gradients = loss.try_backward().unwrap();
    vec![
        vec![C::scalar(&error)],
        gradient_of::<_, C>(&gradients, &logits),
    ]
}

fn computes_reconstruction_errors<D: Tested>(device: &D, tolerance: f32) {
    for kind in [
        Reconstruction::BinaryCrossEntropy,
        Reconstruction::SquaredError,
    ] {
        let (got, want) = (
            error::<DfdxOps<D>>(device, kind),
            error::<Cpu>(&Cpu::default(), kind),
        );
        assert_close(&format!("{kind:?}"), &got, &want, tolerance);
    }
}

/// Every rule with every slot that it can have.
fn all_rules() -> Vec<Rule> {
    let number = |name, value| (name, Value::Number(value));
    let switch = |name, value| (name, Value::Switch(value));
    let mut rules: Vec<Rule> = Rule::MEMBERS
        .iter()
        .filter_map(|it| Rule::given(it.name, &[]))
        .collect();
    for (momentum, centered) in [(0.9, false), (0.0, true), (0.9, true)] {
        let given = [number("momentum", momentum), switch("centered", centered)];
        rules.extend(Rule::given("rmsprop", &given));
    }
    for nesterov in [false, true] {
        let given = [number("momentum", 0.9), switch("nesterov", nesterov)];
        rules.extend(Rule::given("sgd", &given));
    }
    rules
}

/// The gradients of a parameter whose loss is its product with `upstream`.
fn made_gradients<C: Backend>(
    device: &C::Device,
    param: &Tensor<(usize, usize), f32, C::Device>,
    seed: u64,
) -> Gradients<f32, C::Device> {
    let upstream = numbers(param.shape().num_elements(), seed);
    let upstream = C::tensor(device, &upstream, *param.shape()).unwrap();
    let product = param.leaky_trace().try_mul(upstream).unwrap();
    product.try_sum::<(), _>().unwrap().try_backward().unwrap()
}

fn three_steps<C: Backend>(device: &C::Device, rule: &Rule) -> Vec<Vec<f32>> {
    let mut param = C::tensor(device, &numbers(12, 1), (3, 4)).unwrap();
    let zeros = || C::tensor(device, &[0.0; 12], (12,)).unwrap();
    let mut state: Vec<_> = rule.slots().iter().map(|_| zeros()).collect();
    let mut seen = vec![];
    for number in 1..=3 {
        let mut gradients = made_gradients::<C>(device, &param, 10 + number);
        let step = Step {
            learning_rate: 0.1,
            number,
            gradient_scale: 0.5,
        };
        let mut squares = C::Squares::default();
        C::add_squares(&mut squares, &mut gradients, &param).unwrap();
        let loss = C::tensor(device, &[1.0], ()).unwrap();
        let judged = C::judge(step, &[&loss], vec![squares], Some(1.5), None).unwrap();
        let [(_, gate)] = &judged[..] else {
            panic!("one group")
        };
        C::update(rule, step, gate, &mut gradients, &mut param, &mut state).unwrap();
        seen.push(C::to_vec(&param));
        seen.extend(state.iter().map(C::to_vec));
    }
    seen
}

fn applies_rules<D: Tested>(device: &D, tolerance: f32) {
    for rule in all_rules() {
        let got = three_steps::<DfdxOps<D>>(device, &rule);
        let want = three_steps::<Cpu>(&Cpu::default(), &rule);
        assert_close(&format!("{rule:?}"), &got, &want, tolerance);
    }
}

/// The norm of two parameters' gradients, whether they are scaled down, and what an update does.
fn judged<C: Backend>(device: &C::Device, clip_norm: Option<f64>) -> Vec<Vec<f32>> {
    let step = Step {
        learning_rate: 0.5,
        number: 1,
        gradient_scale: 1.0,
    };
    let rule = Rule::given("sgd", &[("momentum", Value::Number(0.9))]).unwrap();
    let mut squares = C::Squares::default();
    let mut param = C::tensor(device, &numbers(12, 1), (3, 4)).unwrap();
    for seed in [5, 6] {
        let mut gradients = made_gradients::<C>(device, &param, seed);
        C::add_squares(&mut squares, &mut gradients, &param).unwrap();
    }
    let loss = |value| C::tensor(device, &[value], ()).unwrap();
    let [good, bad, infinite] = [3.0, f32::NAN, f32::INFINITY].map(loss);
    let judge = |terms: &[&Tensor<(), f32, C::Device>], squares, clip_norm, before| {
        let judged = C::judge(step, terms, vec![squares], clip_norm, before);
        judged.unwrap().remove(0)
    };
    let (norm, first) = judge(&[&good; 3], squares, clip_norm, None);
    let mut seen = vec![vec![C::norm(&norm) as f32]];
    let refused = |terms: [&Tensor<(), f32, C::Device>; 3], before| {
        judge(&terms, C::Squares::default(), None, before).1
    };
    let second = refused([&good, &bad, &good], Some(&first));
    // Its own losses are fine.
    let third = refused([&good; 3], Some(&second));
    let fourth = refused([&infinite, &good, &good], None);
    let mut state = [C::tensor(device, &[0.0; 12], (12,)).unwrap()];
    for gate in [first, second, third, fourth] {
        let mut gradients = made_gradients::<C>(device, &param, 7);
        C::update(&rule, step, &gate, &mut gradients, &mut param, &mut state).unwrap();
        seen.push(C::to_vec(&param));
        seen.push(C::to_vec(&state[0]));
    }
    seen
}

fn refuses_non_finite_steps<D: Tested>(device: &D, tolerance: f32) {
    for clip_norm in [None, Some(0.3), Some(100.0)] {
        let got = judged::<DfdxOps<D>>(device, clip_norm);
        let want = judged::<Cpu>(&Cpu::default(), clip_norm);
        assert_close(&format!("{clip_norm:?}"), &got, &want, tolerance);
        // The update after the first step is the last one.
        for values in [&got, &want] {
            assert!(
                values[3..].chunks(2).all(|after| after == &values[1..3]),
                "{values:?}"
            );
            assert_ne!(values[1], numbers(12, 1));
        }
        let squares = [5, 6].map(|seed| numbers(12, seed).iter().map(|g| g * g).sum::<f32>());
        let norm = squares.iter().sum::<f32>().sqrt();
        assert_close("norm", &[got[0].clone()], &[vec![norm]], tolerance);
    }
}

/// Two groups of six values in one step; every gradient of a group is its slope. What becomes of the values.
fn groups_of_slopes<C: Backend>(device: &C::Device, slopes: [f32; 2]) -> [Vec<f32>; 2] {
    let step = Step {
        learning_rate: 1.0,
        number: 1,
        gradient_scale: 1.0,
    };
    let rule = Rule::given("sgd", &[]).unwrap();
    let mut groups = slopes.map(|slope| {
        let param = C::tensor(device, &[1.0; 6], (2, 3)).unwrap();
        let product = param.leaky_trace().try_mul(slope).unwrap();
        let gradients = product.try_sum::<(), _>().unwrap().try_backward().unwrap();
        (param, gradients)
    });
    let squares = groups.iter_mut().map(|(param, gradients)| {
        let mut squares = C::Squares::default();
        C::add_squares(&mut squares, gradients, param).unwrap();
        squares
    });
    let squares = squares.collect();
    let loss = C::tensor(device, &[1.0], ()).unwrap();
    let judged = C::judge(step, &[&loss], squares, Some(3.0), None).unwrap();
    for ((param, gradients), (_, gate)) in groups.iter_mut().zip(&judged) {
        C::update(&rule, step, gate, gradients, param, &mut []).unwrap();
    }
    groups.map(|(param, _)| C::to_vec(&param))
}

/// Each group is scaled down by its own norm, and none is updated where one has no finite norm.
fn judges_groups_together<D: Tested>(device: &D, tolerance: f32) {
    let both = |slopes| {
        [
            groups_of_slopes::<DfdxOps<D>>(device, slopes),
            groups_of_slopes::<Cpu>(&Cpu::default(), slopes),
        ]
    };
    // The norm of six equal gradients is sqrt(6) times theirs: 24.5 becomes 3, 2.4 stays.
    let clipped = 1.0 - 3.0 / 6.0_f32.sqrt();
    for got in both([10.0, 1.0]) {
        assert_close("norms", &got, &[vec![clipped; 6], vec![0.0; 6]], tolerance);
    }
    for got in both([1.0, f32::INFINITY])
        .into_iter()
        .chain(both([f32::NAN, 1.0]))
    {
        assert_eq!(got, [[1.0; 6]; 2]);
    }
}

fn keeps_nan<D: Tested>(device: &D, _: f32) {
    for activation in ACTIVATIONS {
        let x: Tensor<(usize,), f32, D, NoneTape> = device
            .try_tensor_from_vec(vec![f32::NAN, 1.0], (2,))
            .unwrap();
        let values = DfdxOps::<D>::to_vec(&activation::apply(activation, x).unwrap());
        assert!(
            values[0].is_nan() && !values[1].is_nan(),
            "{activation:?}: {values:?}"
        );
    }
}

/// The gradients of a small autoencoder's weights where features, mean, log variance and z are consumed by the
/// backend's operations and by dfdx's own: an objective may look at them in its own way.
fn mixed<C: Backend>(device: &C::Device) -> Vec<Vec<f32>> {
    let made = |len, seed| numbers(len, seed);
    let x = C::tensor(device, &made(5 * 4, 1), (5, 4)).unwrap();
    let layers = [(4, 6, 2), (6, 3, 3), (6, 3, 4), (3, 4, 5)].map(|(inputs, outputs, seed)| {
        let kernel = C::tensor(device, &made(inputs * outputs, seed), (inputs, outputs)).unwrap();
        let bias = C::tensor(device, &made(outputs, seed + 10), (outputs,)).unwrap();
        (kernel, bias)
    });
    let weights = |i: usize, activation| Weights {
        kernel: &layers[i].0,
        bias: &layers[i].1,
        activation,
    };
    let x_: Features<_, C, _> = x.leaky_trace().into();
    let features = C::dense(x_, weights(0, Activation::Silu), (5, 6)).unwrap();
    let (features, tape) = features.split_tape();
    let log_var = weights(1, Activation::Linear);
    let log_var = C::dense(features.clone().put_tape(tape), log_var, (5, 3)).unwrap();
    let (log_var, tape) = log_var.into_tensor().split_tape();
    let mean = weights(2, Activation::Linear);
    let mean = C::dense(features.clone().put_tape(tape), mean, (5, 3)).unwrap();
    let (mean, tape) = mean.into_tensor().split_tape();
    // Before the backend's next operation, and after it.
    let early = mean.clone().put_tape(tape).try_square().unwrap();
    let (early, tape) = early.try_sum::<(), _>().unwrap().split_tape();
    let eps = C::tensor(device, &made(15, 6), (5, 3)).unwrap();
    let sample = C::reparameterise(mean.put_tape(tape), log_var.clone(), eps, 0.7).unwrap();
    let (kl, tape) = sample.kl.split_tape();
    let z: Tensor<(usize, usize), f32, C::Device> = sample.z;
    let out = weights(3, Activation::Tanh);
    let z_: Features<_, C, _> = z.clone().put_tape(tape).into();
    let out = C::dense(z_, out, (5, 4)).unwrap().into_tensor();
    let upstream = C::tensor(device, &made(20, 7), (5, 4)).unwrap();
    let out = out.try_mul(upstream).unwrap().try_sum::<(), _>().unwrap();
    let (out, tape) = out.split_tape();
    let z = z.put_tape(tape).try_square().unwrap();
    let (z, tape) = z.try_sum::<(), _>().unwrap().split_tape();
    let variance = log_var.put_tape(tape).try_exp().unwrap();
    let (variance, tape) = variance.try_sum::<(), _>().unwrap().split_tape();
    let squares = features.into_tensor().put_tape(tape).try_square().unwrap();
    let mut loss = squares.try_sum::<(), _>().unwrap();
    for term in [early, kl, out, z, variance] {
        loss = loss.try_add(term).unwrap();
    }
    let (value, tape) = loss.split_tape();
    let gradients = value.clone().put_tape(tape).try_backward().unwrap();
    let mut all = vec![vec![C::scalar(&value)], gradient_of::<_, C>(&gradients, &x)];
    for (kernel, bias) in &layers {
        all.push(gradient_of::<_, C>(&gradients, kernel));
        all.push(gradient_of::<_, C>(&gradients, bias));
    }
    all
}

fn keeps_values_that_dfdx_consumes<D: Tested>(device: &D, tolerance: f32) {
    let (got, want) = (mixed::<DfdxOps<D>>(device), mixed::<Cpu>(&Cpu::default()));
    assert_close("mixed use", &got, &want, tolerance);
}
