//! `runner check SPEC.toml`: every mistake, or the plan. Writes nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::cli::{CheckArgs, RUNS_DIR};
use crate::data::{self, Survey};
use crate::experiment;
use crate::kernels::parallel;
use crate::nn::Device;
use crate::nn::layers::NamedConfig;
use crate::plan::Plan;
use crate::session::device;
use crate::session::drive::{check_against_data, extent, on_threads, warn_of_little_room};
use crate::sys::exit;
use crate::terminal::print::{bytes, count, duration, milliseconds, out, thousands};
use crate::terminal::{CliError, Outcome};
use crate::train::{self, Basis, Estimate};

/// Reads, resolves and prints.
pub fn main(args: &CheckArgs) -> Outcome {
    let loaded = experiment::load_with_sweep(&args.spec.spec, &args.spec.overrides(), &args.sweep)?;
    if loaded.sweep.is_some() {
        return crate::launch::listing::main(&loaded, args.jobs);
    }
    let survey = data::survey(&loaded.spec.data)?;
    let image = extent(survey.height, survey.width, survey.channels);
    let plan = Plan::new(loaded.spec.clone(), image, survey.train, survey.validation);
    check_against_data(&loaded, &plan)?;
    let mut text = describe(&plan, &survey);
    // A GPU is neither here nor there when a spec is checked.
    if device::find(plan.spec.training.device).is_ok_and(|found| found.device == Device::Cpu) {
        text += &on_threads(plan.spec.training.threads, || {
            Ok(describe_time(&train::estimate(&plan), parallel::count()))
        })?;
    }
    out(&text).map_err(|e| CliError::new(exit::IO, e))?;
    warn_of_little_room(Path::new(RUNS_DIR), plan.disk_bytes());
    Ok(exit::DONE)
}

fn describe(plan: &Plan, survey: &Survey) -> String {
    let mut text = String::new();
    let (encoder, decoder) = plan.architecture.parameters();
    let spec = &plan.spec;
    let _ = writeln!(text, "{}", spec.name);
    text.push('\n');
    table(
        &mut text,
        "Encoder",
        &plan.architecture.encoder_layers(),
        encoder,
    );
    text.push('\n');
    table(
        &mut text,
        "Decoder",
        &plan.architecture.decoder_layers(),
        decoder,
    );
    text.push('\n');
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let held_out = match plan.validation_images {
        0 => String::new(),
        n => format!(", {} held out", thousands(n as u64)),
    };
    line("parameters", thousands(encoder + decoder));
    line(
        "data",
        format!(
            "{}: {} images of {} x {} x {}{held_out}",
            survey.name,
            thousands(plan.train_images as u64),
            survey.height,
            survey.width,
            survey.channels
        ),
    );
    line("", survey.place.clone());
    line(
        "training",
        format!(
            "{} epochs of {} steps, batch {}",
            thousands(spec.training.epochs as u64),
            thousands(plan.steps_per_epoch),
            spec.training.batch_size
        ),
    );
    line(
        "work",
        format!("{:.2} GFLOP a step", plan.flops_per_step() as f64 / 1e9),
    );
    line("checkpoint", bytes(plan.checkpoint_bytes()));
    line("disk", format!("about {}", bytes(plan.disk_bytes())));
    line(
        "memory",
        format!("about {}", bytes(plan.memory_bytes() + PROGRAM_BYTES)),
    );
    text
}

fn describe_time(estimate: &Estimate, threads: usize) -> String {
    let threads = count(threads, "thread");
    let basis = match estimate.basis {
        Basis::Steps { steps, images } => {
            let steps = count(steps, "step");
            format!("{steps} on {images} made-up images each, {threads}")
        }
        Basis::Share { share, peak } => format!(
            "{:.0} % of the {:.0} GFLOP/s that {threads} reach at most here, a guess",
            100.0 * share,
            peak / 1e9
        ),
    };
    format!(
        "{:<12} about {} without figures, {} a step\n{:<12} from {basis}\n",
        "time",
        duration(Duration::from_secs_f64(estimate.run)),
        milliseconds(estimate.step),
        ""
    )
}

/// Memory of the program itself before it holds any image or weight.
const PROGRAM_BYTES: u64 = 20_000_000;

fn table(text: &mut String, title: &str, layers: &[NamedConfig], total: u64) {
    let shape = |layer: &NamedConfig| {
        let sizes: Vec<String> = layer.output().iter().map(usize::to_string).collect();
        format!("({})", sizes.join(", "))
    };
    let name = |layer: &NamedConfig| format!("{} ({})", layer.name, layer.kind());
    let width = layers
        .iter()
        .map(|l| name(l).len())
        .max()
        .unwrap_or(0)
        .max(34);
    let rule = "-".repeat(width + 32);
    let _ = writeln!(
        text,
        "{title:<width$}  {:<16} {:>13}\n{rule}",
        "Output shape", "Parameters"
    );
    for layer in layers {
        let _ = writeln!(
            text,
            "{:<width$}  {:<16} {:>13}",
            name(layer),
            shape(layer),
            thousands(layer.parameter_count())
        );
    }
    let _ = writeln!(
        text,
        "{rule}\n{:<width$}  {:<16} {:>13}",
        "total",
        "",
        thousands(total)
    );
}
