//! What a spec's training steps cost, and where their time goes.

use std::time::Duration;

use serde::Serialize;

use super::provenance::kernels;
use crate::data::DataSet;
use crate::kernels::{Isa, parallel, roofline};
use crate::nn::Device;
use crate::plan::Plan;
use crate::sys::{clock, exit, machine};
use crate::terminal::CliError;
use crate::train::{self, PartTime, TrainError, Trainer, build_model, keep_images, time_steps};

/// Runs of a measurement of the peak, of which there are three.
pub const PEAK_RUNS: usize = 10;

/// Share of the time in which steps are not timed yet: caches fill, and the clock of the processor settles.
const WARM_UP: f64 = 0.2;

/// Trains in memory for about so long, and times the steps.
///
/// # Errors
/// The device fails; a term is not finite.
pub fn measure(
    plan: &Plan,
    data: &DataSet,
    device: Device,
    time: Duration,
) -> Result<Speed, CliError> {
    let mut model = build_model(plan, device)?;
    keep_images(model.as_mut(), &data.images)?;
    let mut trainer = Trainer::new(plan, data, model);
    time_steps(&mut trainer, plan, (Duration::ZERO, 1)).map_err(failure)?;
    let first_step = clock::since_beginning();
    // Only our kernels are measured by what the processor could do.
    let peak = || match device {
        Device::Cpu => roofline::measure(Isa::current(), PEAK_RUNS),
        Device::CpuDfdx | Device::Cuda(_) => 0.0,
    };
    // Another process may hold a core for as long as one of them takes.
    let before = peak();
    let warm_up = time.mul_f64(WARM_UP);
    time_steps(&mut trainer, plan, (warm_up, 1)).map_err(failure)?;
    let between = peak();
    let steps = time_steps(&mut trainer, plan, (time, 1)).map_err(failure)?;
    let peak = Some(before.max(between).max(peak())).filter(|&peak| peak > 0.0);
    let timing = train::Timing::of(&steps)
        .ok_or_else(|| CliError::new(exit::FAILED, "no step was timed"))?;
    Ok(Speed::new(plan, device, &timing, peak, first_step))
}

/// What a failed run says of its weights does not hold here: none are kept.
fn failure(error: TrainError) -> CliError {
    let failure = CliError::new(exit::FAILED, &error);
    match error {
        TrainError::Diverged { .. } => {
            failure.with_hint("try a lower learning rate, or `clip_norm`")
        }
        TrainError::Model(_) => failure,
    }
}

/// All that is measured, as `--json` prints it. GFLOP are 10^9 operations of the products' definition, of which kernels
/// may need fewer (padding, pairs of taps); MB are 10^6 bytes.
#[derive(Debug, Serialize)]
pub struct Speed {
    pub name: String,
    pub version: &'static str,
    pub cpu: String,
    pub device: String,
    pub kernel_path: String,
    pub threads: usize,
    pub batch_size: usize,
    /// The median.
    pub step_ms: f64,
    pub step_best_ms: f64,
    pub step_quartiles_ms: [f64; 2],
    pub steps: usize,
    pub images_per_second: f64,
    pub gflop_per_step: f64,
    pub gflops: f64,
    /// This and what follows from it: null but for our kernels on the processor.
    pub peak_gflops: Option<f64>,
    pub share_of_peak: Option<f64>,
    pub floor_ms: Option<f64>,
    pub step_over_floor: Option<f64>,
    /// The most memory that the process held; null where the system does not say.
    pub peak_rss_mb: Option<f64>,
    pub start_to_first_step_s: f64,
    pub epochs: usize,
    pub steps_per_epoch: u64,
    /// All epochs at this pace, with the evaluation of the held-out part, without figures.
    pub run_s: f64,
    /// Empty for dfdx's operations: they do not tell the time of their backward pass, and a GPU's are not waited for.
    pub layers: Vec<PartSpeed>,
}

/// Time of a part of the median step. All rows add up to it.
#[derive(Debug, Serialize)]
pub struct PartSpeed {
    pub name: String,
    /// What the layer is, in Keras' words; null for what is no layer.
    pub kind: Option<&'static str>,
    pub forward_ms: f64,
    pub backward_ms: f64,
    /// Of the step.
    pub share: f64,
    /// Null for what is no layer: its operations are not counted.
    pub gflops: Option<f64>,
    pub share_of_peak: Option<f64>,
}

impl Speed {
    fn new(
        plan: &Plan,
        device: Device,
        timing: &train::Timing,
        peak: Option<f64>,
        first_step: Duration,
    ) -> Self {
        let batch = plan.spec.training.batch_size;
        let flops = plan.flops_per_step() as f64;
        let floor = peak.map(|peak| flops / peak);
        let layers = plan.layers();
        let row = |part: &PartTime| {
            let layer = layers.iter().find(|(layer, _)| layer.name == part.name);
            let speed = layer.map(|(layer, times)| {
                (times * layer.training_flops() * batch as u64) as f64 / part.both()
            });
            PartSpeed {
                name: part.name.clone().into_owned(),
                kind: layer.map(|(layer, _)| layer.kind()),
                forward_ms: 1e3 * part.forward,
                backward_ms: 1e3 * part.backward,
                share: part.both() / timing.step,
                gflops: speed.map(|speed| speed / 1e9),
                share_of_peak: speed.zip(peak).map(|(speed, peak)| speed / peak),
            }
        };
        let mut rows: Vec<PartSpeed> = timing.parts.iter().map(row).collect();
        rows.push(row(&PartTime {
            name: "rest".into(),
            forward: timing.rest,
            backward: 0.0,
        }));
        Self {
            name: plan.spec.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            cpu: machine::cpu(),
            device: device.to_string(),
            kernel_path: kernels(device).to_owned(),
            threads: parallel::count(),
            batch_size: batch,
            step_ms: 1e3 * timing.step,
            step_best_ms: 1e3 * timing.best,
            step_quartiles_ms: [1e3 * timing.quartiles.0, 1e3 * timing.quartiles.1],
            steps: timing.steps,
            images_per_second: batch as f64 / timing.step,
            gflop_per_step: flops / 1e9,
            gflops: flops / timing.step / 1e9,
            peak_gflops: peak.map(|peak| peak / 1e9),
            share_of_peak: floor.map(|floor| floor / timing.step),
            floor_ms: floor.map(|floor| 1e3 * floor),
            step_over_floor: floor.map(|floor| timing.step / floor),
            peak_rss_mb: machine::peak_memory_bytes().map(|bytes| bytes as f64 / 1e6),
            start_to_first_step_s: first_step.as_secs_f64(),
            epochs: plan.spec.training.epochs,
            steps_per_epoch: plan.steps_per_epoch,
            run_s: train::whole_run(plan, timing.step, timing.evaluation()),
            layers: match device {
                Device::Cpu => rows,
                Device::CpuDfdx | Device::Cuda(_) => vec![],
            },
        }
    }
}
