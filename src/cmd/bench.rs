//! `runner bench SPEC.toml`: what a spec's training steps cost, and where their time goes. Writes nothing.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::cli::BenchArgs;
use crate::data::DataSet;
use crate::experiment;
use crate::kernels::{Isa, parallel, roofline};
use crate::nn::Device;
use crate::plan::Plan;
use crate::session::device;
use crate::session::drive::{check_against_data, extent, kernels, load_data, on_threads};
use crate::sys::{clock, exit, machine};
use crate::terminal::print::{count, duration, milliseconds, out, thousands};
use crate::terminal::{CliError, Outcome};
use crate::train::{self, PartTime, TrainError, Trainer, build_model, keep_images, time_steps};

/// Runs of a measurement of the peak, of which there are three.
const PEAK_RUNS: usize = 10;

/// Share of the time in which steps are not timed yet: caches fill, and the clock of the processor settles.
const WARM_UP: f64 = 0.2;

/// Trains in memory on the spec's own data, and prints.
pub fn main(args: &BenchArgs) -> Outcome {
    let loaded = experiment::load(&args.spec.spec, &args.spec.overrides())?;
    let found = device::find(loaded.spec.training.device)?;
    let mut data = load_data(&loaded.spec, args.json)?;
    let image = extent(data.images.height, data.images.width, data.images.channels);
    let (train, validation) = (data.train.len(), data.validation.len());
    let plan = Plan::new(loaded.spec.clone(), image, train, validation);
    check_against_data(&loaded, &plan)?;
    // Nobody waits for the end of an epoch here.
    data.validation.clear();
    let report = on_threads(plan.spec.training.threads, || {
        measure(&plan, &data, found.device, args.seconds)
    })?;
    let text = if args.json {
        serde_json::to_string(&report).map_err(|e| CliError::new(exit::FAILED, e))? + "\n"
    } else {
        report.text()
    };
    out(&text).map_err(|e| CliError::new(exit::IO, e))?;
    Ok(exit::DONE)
}

fn measure(
    plan: &Plan,
    data: &DataSet,
    device: Device,
    time: Duration,
) -> Result<Report, CliError> {
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
    Ok(Report::new(plan, device, &timing, peak, first_step))
}

/// What [`crate::session::drive`] says of a run's weights does not hold here: none are kept.
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
struct Report {
    name: String,
    version: &'static str,
    cpu: String,
    device: String,
    kernel_path: String,
    threads: usize,
    batch_size: usize,
    /// The median.
    step_ms: f64,
    step_best_ms: f64,
    step_quartiles_ms: [f64; 2],
    steps: usize,
    images_per_second: f64,
    gflop_per_step: f64,
    gflops: f64,
    /// This and what follows from it: null but for our kernels on the processor.
    peak_gflops: Option<f64>,
    share_of_peak: Option<f64>,
    floor_ms: Option<f64>,
    step_over_floor: Option<f64>,
    /// The most memory that the process held; null where the system does not say.
    peak_rss_mb: Option<f64>,
    start_to_first_step_s: f64,
    epochs: usize,
    steps_per_epoch: u64,
    /// All epochs at this pace, with the evaluation of the held-out part, without figures.
    run_s: f64,
    /// Empty for dfdx's operations: they do not tell the time of their backward pass, and a GPU's are not waited for.
    layers: Vec<Row>,
}

/// Time of a part of the median step. All rows add up to it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// What the layer is, in Keras' words; null for what is no layer.
    kind: Option<&'static str>,
    forward_ms: f64,
    backward_ms: f64,
    /// Of the step.
    share: f64,
    /// Null for what is no layer: its operations are not counted.
    gflops: Option<f64>,
    share_of_peak: Option<f64>,
}

impl Report {
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
        let layers = plan.architecture.layers();
        let row = |part: &PartTime| {
            let layer = layers.iter().find(|layer| layer.name == part.name);
            let speed =
                layer.map(|layer| (layer.training_flops() * batch as u64) as f64 / part.both());
            Row {
                name: part.name.clone().into_owned(),
                kind: layer.map(|layer| layer.kind()),
                forward_ms: 1e3 * part.forward,
                backward_ms: 1e3 * part.backward,
                share: part.both() / timing.step,
                gflops: speed.map(|speed| speed / 1e9),
                share_of_peak: speed.zip(peak).map(|(speed, peak)| speed / peak),
            }
        };
        let mut rows: Vec<Row> = timing.parts.iter().map(row).collect();
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

    fn text(&self) -> String {
        let device = match self.device.as_str() {
            "cpu" => String::new(),
            other => format!(", device {other}"),
        };
        let mut text = format!(
            "{}: batch {}{device}, {}, {} kernels, {}\n\n",
            self.name,
            self.batch_size,
            count(self.threads, "thread"),
            self.kernel_path,
            self.cpu
        );
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<12} {value}");
        };
        let ms = |value: f64| milliseconds(value / 1e3);
        let [low, high] = self.step_quartiles_ms.map(ms);
        let (median, best) = (ms(self.step_ms), ms(self.step_best_ms));
        line(
            "step",
            format!(
                "{median}, the median of {}; best {best}, half of them from {low} to {high}",
                count(self.steps, "step")
            ),
        );
        line(
            "speed",
            format!(
                "{} images/s, {:.1} GFLOP/s",
                thousands(self.images_per_second.round() as u64),
                self.gflops
            ),
        );
        if let (Some(peak), Some(share), Some(floor), Some(over)) = (
            self.peak_gflops,
            self.share_of_peak,
            self.floor_ms,
            self.step_over_floor,
        ) {
            line(
                "peak",
                format!(
                    "{peak:.1} GFLOP/s of multiply-adds on registers, the best of {} short runs before and after",
                    3 * PEAK_RUNS
                ),
            );
            line("share", format!("{:.1} % of the peak", 100.0 * share));
            line(
                "floor",
                format!(
                    "{} for the step's {:.3} GFLOP at the peak; the step takes {over:.2} times that",
                    ms(floor),
                    self.gflop_per_step
                ),
            );
        }
        line(
            "memory",
            match self.peak_rss_mb {
                Some(mb) => format!("{mb:.0} MB at most, images loaded, no figures drawn"),
                None => "unknown on this system".to_owned(),
            },
        );
        line(
            "first step",
            format!("done {:.2} s after the start", self.start_to_first_step_s),
        );
        line(
            "whole run",
            format!(
                "about {} without figures: {} of {}",
                duration(Duration::from_secs_f64(self.run_s)),
                count(self.epochs, "epoch"),
                count(self.steps_per_epoch as usize, "step")
            ),
        );
        if !self.layers.is_empty() {
            text.push('\n');
            self.table(&mut text);
        }
        text
    }

    fn table(&self, text: &mut String) {
        let name = |row: &Row| match row.kind {
            Some(kind) => format!("{} ({kind})", row.name),
            None => row.name.clone(),
        };
        let width = self.layers.iter().map(|row| name(row).len()).max();
        let width = width.unwrap_or(0);
        let rule = "-".repeat(width + 51);
        let _ = writeln!(
            text,
            "{:<width$} {:>11} {:>11} {:>7} {:>9} {:>8}\n{rule}",
            "milliseconds", "forward", "backward", "share", "GFLOP/s", "of peak"
        );
        for row in &self.layers {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            let backward = match row.backward_ms {
                0.0 => String::new(),
                ms => format!("{ms:.3}"),
            };
            let line = format!(
                "{:<width$} {:>11.3} {backward:>11} {:>7} {:>9} {:>8}",
                name(row),
                row.forward_ms,
                percent(row.share),
                row.gflops
                    .map_or(String::new(), |speed| format!("{speed:.1}")),
                row.share_of_peak.map_or(String::new(), percent),
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let sum = |f: fn(&Row) -> f64| self.layers.iter().map(f).sum::<f64>();
        let _ = writeln!(
            text,
            "{rule}\n{:<width$} {:>11.3} {:>11.3}",
            format!("step, {}", milliseconds(self.step_ms / 1e3)),
            sum(|row| row.forward_ms),
            sum(|row| row.backward_ms)
        );
    }
}
