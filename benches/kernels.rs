//! Roofline of the kernels: every product of a layer, and the whole step, beside the peak that is measured first.
//!
//! `cargo bench --bench kernels`, with a part of a name behind it for some of them. `thrpt` reads as GFLOP/s and share of
//! the peak; what does a few operations a value is bound by memory and reads as bytes a second, each value that is
//! read or written counted once.

mod common;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use runner::config::Members as _;
use runner::kernels::conv::{self, Epilogue, Gradients};
use runner::kernels::loss::{self, Reconstruction};
use runner::kernels::parallel::Threads;
use runner::kernels::tap_gemm::Store;
use runner::kernels::{Activation, Conv, Isa, dense};
use runner::nn::layers::LayerConfig;
use runner::optim::{Rule, Step};
use runner::plan::Plan;

use common::{BesidePeak, LARGE, REFERENCE, STEPS, Training, criterion, numbers, plan};

fn main() {
    let threads = Threads::new(0).expect("threads");
    let measurement = threads.run(BesidePeak::measure);
    let models = [
        ("reference", plan(REFERENCE, (28, 1), &[])),
        ("large", plan(LARGE, (64, 3), &[])),
    ];
    for (name, plan) in &models {
        let flops = plan.flops_per_step();
        println!(
            "{name}: batch {}, {:.3} GFLOP a step, floor {:.2?}",
            plan.spec.training.batch_size,
            flops as f64 / 1e9,
            measurement.floor(flops)
        );
    }
    println!();
    // Kernels use the threads of the pool that they are called in, as in training.
    threads.run(|| {
        let mut criterion = criterion(measurement);
        for (name, plan) in &models {
            step(&mut criterion, name, plan);
            layers(&mut criterion, name, plan);
            elementwise(&mut criterion, name, plan);
        }
        criterion.final_summary();
    });
}

type Group<'a> = BenchmarkGroup<'a, BesidePeak>;
type Forward = fn(Isa, &Conv, &[f32], &[f32], Epilogue, &mut [f32], Option<&mut [f32]>);
type Backward = fn(Isa, &Conv, &[f32], &[f32], (Activation, &[f32]), &mut [f32], Gradients);

fn group<'a>(criterion: &'a mut Criterion<BesidePeak>, model: &str, part: &str) -> Group<'a> {
    let mut group = criterion.benchmark_group(format!("{model}/{part}"));
    // The same number of calls in every sample, or slow ones would take minutes.
    group.sampling_mode(SamplingMode::Flat);
    group
}

fn step(criterion: &mut Criterion<BesidePeak>, name: &str, plan: &Plan) {
    let mut group = group(criterion, name, "step");
    group.measurement_time(STEPS);
    group.throughput(Throughput::Elements(plan.flops_per_step()));
    let mut training = Training::new(plan);
    group.bench_function("whole", |b| b.iter(|| training.step()));
}

fn layers(criterion: &mut Criterion<BesidePeak>, name: &str, plan: &Plan) {
    let batch = plan.spec.training.batch_size;
    for layer in plan.architecture.layers() {
        let mut group = group(criterion, name, &layer.name);
        match &layer.config {
            LayerConfig::Conv2d(it) => convolution(&mut group, &it.conv, batch, false),
            LayerConfig::ConvTranspose2d(it) => convolution(&mut group, &it.conv, batch, true),
            LayerConfig::Dense(it) => dense_layer(&mut group, (it.inputs, it.units()), batch),
            _ => {}
        }
    }
}

/// Forward with bias and ReLU; the gradients of kernel and bias, as the first layer has them; and those with the
/// gradient of the input.
fn convolution(group: &mut Group, conv: &Conv, batch: usize, is_transposed: bool) {
    let (path, flops) = (Isa::current(), conv.flops() * batch as u64);
    let (forward, backward, input, output) = if is_transposed {
        let functions = (
            conv::forward_transposed as Forward,
            conv::backward_transposed as Backward,
        );
        (functions.0, functions.1, conv.small, conv.big)
    } else {
        (
            conv::forward as Forward,
            conv::backward as Backward,
            conv.big,
            conv.small,
        )
    };
    let (x, kernel) = (numbers(batch * input.len()), numbers(conv.kernel_len()));
    let bias = numbers(output.channels);
    let mut y = vec![0.0; batch * output.len()];
    let epilogue = Epilogue {
        bias: &bias,
        activation: Activation::Relu,
    };
    group.throughput(Throughput::Elements(flops));
    group.bench_function("forward", |b| {
        b.iter(|| forward(path, conv, &x, &kernel, epilogue, &mut y, None));
    });
    let mut gradient = numbers(y.len());
    let (mut dkernel, mut dbias) = (vec![0.0; kernel.len()], vec![0.0; bias.len()]);
    let mut dx = vec![0.0; x.len()];
    let saved = (Activation::Relu, y.as_slice());
    for (name, products) in [("backward kernel", 1), ("backward both", 2)] {
        group.throughput(Throughput::Elements(products * flops));
        group.bench_function(name, |b| {
            b.iter(|| {
                let out = Gradients {
                    kernel: &mut dkernel,
                    bias: &mut dbias,
                    input: (products == 2).then_some(dx.as_mut_slice()),
                    store: Store::Set,
                };
                backward(path, conv, &x, &kernel, saved, &mut gradient, out);
            });
        });
    }
}

fn dense_layer(group: &mut Group, sizes: (usize, usize), batch: usize) {
    let (path, (inputs, outputs)) = (Isa::current(), sizes);
    let (x, kernel) = (numbers(batch * inputs), numbers(inputs * outputs));
    let (bias, gradient) = (numbers(outputs), numbers(batch * outputs));
    let (mut y, mut dx) = (vec![0.0; gradient.len()], vec![0.0; x.len()]);
    let mut dkernel = vec![0.0; kernel.len()];
    let epilogue = Epilogue {
        bias: &bias,
        activation: Activation::Relu,
    };
    group.throughput(Throughput::Elements((2 * batch * inputs * outputs) as u64));
    group.bench_function("forward", |b| {
        b.iter(|| dense::forward(path, &x, &kernel, sizes, epilogue, &mut y, None));
    });
    group.bench_function("backward kernel", |b| {
        b.iter(|| dense::backward_kernel(path, &x, &gradient, sizes, &mut dkernel));
    });
    group.bench_function("backward input", |b| {
        b.iter(|| dense::backward_input(path, &gradient, &kernel, sizes, &mut dx, Store::Set));
    });
}

/// What is bound by memory and by elementary functions: losses, activations, the optimizer's update.
fn elementwise(criterion: &mut Criterion<BesidePeak>, name: &str, plan: &Plan) {
    let (a, batch) = (&plan.architecture, plan.spec.training.batch_size);
    let mut group = group(criterion, name, "elementwise");
    let moved = |values: usize| Throughput::BytesDecimal(4 * values as u64);

    let logits = numbers(batch * a.image.len());
    let targets: Vec<f32> = logits.iter().map(|v| v.abs()).collect();
    let mut gradient = vec![0.0; logits.len()];
    for (name, kind) in [
        ("binary cross-entropy", Reconstruction::BinaryCrossEntropy),
        ("squared error", Reconstruction::SquaredError),
    ] {
        group.throughput(moved(3 * logits.len()));
        group.bench_function(name, |b| {
            b.iter(|| loss::reconstruction(kind, &logits, &targets, batch, &mut gradient));
        });
    }

    let (mean, log_var, eps) = (
        numbers(batch * a.latent),
        numbers(batch * a.latent),
        numbers(batch * a.latent),
    );
    let (mut z, mut kl) = (vec![0.0; mean.len()], vec![0.0; a.latent]);
    group.throughput(moved(4 * mean.len()));
    group.bench_function("sampling", |b| {
        b.iter(|| loss::sample(&mean, &log_var, &eps, &mut z, &mut kl));
    });

    let layers = a.layers();
    let largest = layers
        .iter()
        .map(|layer| layer.output().iter().product::<usize>())
        .max();
    let sums = numbers(batch * largest.unwrap_or(1));
    for (name, activation) in [
        ("relu", Activation::Relu),
        ("silu", Activation::Silu),
        ("gelu", Activation::Gelu),
        ("tanh", Activation::Tanh),
    ] {
        let mut values = sums.clone();
        group.throughput(moved(2 * sums.len()));
        group.bench_function(format!("{name} forward, one thread"), |b| {
            b.iter(|| activation.apply(&mut values));
        });
        let mut gradient = sums.clone();
        group.throughput(moved(3 * sums.len()));
        group.bench_function(format!("{name} backward, one thread"), |b| {
            b.iter(|| activation.backward(&mut gradient, &sums));
        });
    }

    let gradient = numbers(plan.parameters() as usize);
    let mut number = 0;
    for (name, rule) in rules() {
        let mut weights = gradient.clone();
        let mut slots = vec![vec![0.0; weights.len()]; rule.slots().len()];
        // Each value of weights and state is read and written, the gradient read.
        group.throughput(moved((3 + 2 * slots.len()) * weights.len()));
        group.bench_function(format!("{name} update, one thread"), |b| {
            b.iter(|| {
                number += 1;
                let step = Step {
                    learning_rate: 1e-6,
                    number,
                    gradient_scale: 1.0,
                };
                let mut views: Vec<_> = slots.iter_mut().map(Vec::as_mut_slice).collect();
                rule.update(step, &mut weights, &gradient, &mut views);
            });
        });
    }
}

fn rules() -> [(&'static str, Rule); 3] {
    ["adam", "rmsprop", "sgd"].map(|name| (name, Rule::given(name, &[]).unwrap()))
}
