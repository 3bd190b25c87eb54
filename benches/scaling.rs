//! How a training step grows: with the batch, the filters, the latent axes and the threads, one of them at a time from
//! the reference model. `cargo bench --bench scaling`.
//!
//! `thrpt` reads as GFLOP/s and share of the peak of all threads, which is measured first: where it stays the same, the
//! time grows with the work.

mod common;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use runner::kernels::parallel::{self, Threads};
use runner::plan::Plan;

use common::{BesidePeak, REFERENCE, STEPS, Training, criterion, plan};

fn main() {
    // Kernels use the threads of the pool that they are called in, as in training.
    Threads::new(0).expect("threads").run(all);
}

fn all() {
    let peak = BesidePeak::measure();
    let mut beside = criterion(peak.again());
    let vary = |setting: &str, values: &[&str]| -> Vec<(String, Plan)> {
        let with = |value: &&str| {
            let overrides = [format!("{setting}={value}")];
            ((*value).to_owned(), plan(REFERENCE, (28, 1), &overrides))
        };
        values.iter().map(with).collect()
    };
    let groups = [
        (
            "batch size",
            vary(
                "training.batch_size",
                &["1", "8", "16", "32", "64", "128", "256"],
            ),
        ),
        (
            "filters",
            vary(
                "model.conv_filters",
                &["[7]", "[16, 32]", "[32, 64]", "[64, 128]", "[32, 64, 128]"],
            ),
        ),
        ("kernel size", vary("model.kernel_size", &["1", "3", "5"])),
        (
            "latent axes",
            vary("model.latent_dim", &["1", "2", "16", "128"]),
        ),
    ];
    for (name, plans) in &groups {
        for (value, plan) in plans {
            time(&mut beside, (name, value), plan);
        }
    }
    let reference = plan(REFERENCE, (28, 1), &[]);
    let counts = std::iter::successors(Some(1), |n| Some(2 * n));
    for count in counts.take_while(|&n| n <= parallel::count()) {
        let threads = Threads::new(count).expect("threads");
        // What reports cannot be sent to another thread.
        let peak = peak.again();
        threads.run(|| {
            let mut beside = criterion(peak);
            time(&mut beside, ("threads", &count.to_string()), &reference);
        });
    }
    beside.final_summary();
}

fn time(criterion: &mut Criterion<BesidePeak>, (group, value): (&str, &str), plan: &Plan) {
    let mut training = Training::new(plan);
    let mut group = criterion.benchmark_group(group);
    group.sampling_mode(SamplingMode::Flat);
    group.measurement_time(STEPS);
    group.throughput(Throughput::Elements(plan.flops_per_step()));
    group.bench_function(BenchmarkId::from_parameter(value), |b| {
        b.iter(|| training.step());
    });
}
