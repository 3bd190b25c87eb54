//! What the benches share: times beside the peak of the processor, networks, numbers.

#![allow(dead_code)]

use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput};
use runner::experiment;
use runner::kernels::system_memory::Aligned;
use runner::kernels::{Extent, Isa, parallel, roofline};
use runner::numeric::random::Purpose;
use runner::objective::Drawn;
use runner::plan::Plan;
use runner::train::build_model;
use runner::vae::{Batch, Model};

/// As in the program.
#[global_allocator]
static MEMORY: Aligned = Aligned;

/// Wall time, whose throughput reads as GFLOP/s and share of the peak: `Throughput::Elements` are floating-point
/// operations, `Throughput::BytesDecimal` the bytes of what is bound by memory.
pub struct BesidePeak {
    time: WallTime,
    /// Operations a nanosecond, which is GFLOP/s.
    peak: f64,
}

impl BesidePeak {
    /// Measures the peak of the caller's threads, and prints it.
    pub fn measure() -> Self {
        let path = Isa::current();
        let peak = roofline::measure(path, 40) / 1e9;
        println!(
            "peak: {peak:.1} GFLOP/s of multiply-adds on registers, {} threads, {} kernels\n",
            parallel::count(),
            path.name()
        );
        Self {
            time: WallTime,
            peak,
        }
    }

    /// The same peak once more.
    pub fn again(&self) -> Self {
        Self {
            time: WallTime,
            peak: self.peak,
        }
    }

    /// The time of so many operations at the peak.
    pub fn floor(&self, flops: u64) -> Duration {
        Duration::from_secs_f64(flops as f64 / self.peak / 1e9)
    }
}

impl Measurement for BesidePeak {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        self.time.start()
    }
    fn end(&self, started: Instant) -> Duration {
        self.time.end(started)
    }
    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        self.time.add(a, b)
    }
    fn zero(&self) -> Duration {
        self.time.zero()
    }
    fn to_f64(&self, value: &Duration) -> f64 {
        self.time.to_f64(value)
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for BesidePeak {
    fn format_throughput(&self, throughput: &Throughput, nanoseconds: f64) -> String {
        match *throughput {
            Throughput::Elements(flops) => {
                let speed = flops as f64 / nanoseconds;
                format!("{speed:.1} GFLOP/s {:.1} %", 100.0 * speed / self.peak)
            }
            _ => self
                .time
                .formatter()
                .format_throughput(throughput, nanoseconds),
        }
    }
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        self.time.formatter().scale_values(typical, values)
    }
    fn scale_throughputs(&self, typical: f64, of: &Throughput, values: &mut [f64]) -> &'static str {
        self.time.formatter().scale_throughputs(typical, of, values)
    }
    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        self.time.formatter().scale_for_machines(values)
    }
}

/// How long whole steps are timed; each is worth several kernels.
pub const STEPS: Duration = Duration::from_secs(2);

/// Short times, so that all benches together take a few minutes.
pub fn criterion(measurement: BesidePeak) -> Criterion<BesidePeak> {
    Criterion::default()
        .with_measurement(measurement)
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args()
}

/// The reference model on 28 x 28 x 1: the published Keras example.
pub const REFERENCE: &str = "
[model]
conv_filters = [32, 64]
hidden = [16]
latent_dim = 2
[loss]
kl_reduction = \"mean\"
[optimizer.rmsprop]
[training]
batch_size = 64
";

/// A larger one on 64 x 64 x 3.
pub const LARGE: &str = "
[model]
conv_filters = [64, 128, 256]
hidden = [256]
latent_dim = 32
[training]
batch_size = 16
";

/// The plan of a model's settings, with some of them replaced, as `runner --set` does it.
pub fn plan(settings: &str, (side, channels): (usize, usize), overrides: &[String]) -> Plan {
    let text = format!("name = \"bench\"\n[data]\ndataset = \"sprites\"\n{settings}");
    let spec = experiment::parse(&text, "bench", std::path::Path::new("."), overrides);
    let image = Extent {
        height: side,
        width: side,
        channels,
    };
    let spec = spec.unwrap_or_else(|e| panic!("{}", e.render(false)));
    let images = spec.training.batch_size;
    Plan::new(spec, image, images, 0)
}

/// Numbers from -1 to 1, the same ones in every run.
pub fn numbers(len: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// A network with a batch of made-up images: all of a training step but fetching the images.
pub struct Training {
    model: Box<dyn Model>,
    images: Vec<f32>,
    noise: [Drawn; 1],
    number: u64,
}

impl Training {
    /// New weights.
    pub fn new(plan: &Plan) -> Self {
        let batch = plan.spec.training.batch_size;
        let images = numbers(batch * plan.architecture.image.len());
        Self {
            model: build_model(plan, runner::nn::Device::Cpu).expect("memory for the network"),
            images: images.iter().map(|v| v.abs()).collect(),
            noise: [Drawn {
                purpose: Purpose::Noise,
                values: numbers(batch * plan.architecture.latent),
            }],
            number: 0,
        }
    }

    /// One step, too small for a non-finite loss, however often it is taken.
    pub fn step(&mut self) {
        self.number += 1;
        let batch = Batch {
            images: runner::vae::Images::Values(&self.images),
            second: None,
            labels: runner::vae::Labels::default(),
            noise: &self.noise,
            position: runner::optim::schedule::Position {
                step: self.number - 1,
                steps_per_epoch: 1,
                epochs: 1,
            },
            kl_weight: 1.0,
        };
        let step = runner::optim::Step {
            learning_rate: 1e-6,
            number: self.number,
            gradient_scale: 1.0,
        };
        self.model
            .train_step(batch, step, None)
            .expect("a loss that is finite");
    }
}
