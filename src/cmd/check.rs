//! `runner check SPEC.toml`: every mistake, or the plan. Writes nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::data::{self, Survey};
use crate::experiment;
use crate::kernels::parallel;
use crate::launch;
use crate::likelihood::Verdict;
use crate::nn::Device;
use crate::nn::layers::NamedConfig;
use crate::plan::Plan;
use crate::prior::parameter_count;
use crate::session::checks::{check_against_data, warn_of_little_room, warn_of_missing_classes};
use crate::session::device;
use crate::session::inputs::{plan_of_survey, read_published};
use crate::session::process::on_threads;
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::Outcome;
use crate::terminal::args::{RUNS_DIR, SpecArgs};
use crate::terminal::print::{bytes, count, duration, milliseconds, out, thousands};
use crate::train::{self, Basis, Estimate};

/// Read and resolve a spec; print every mistake, or the plan. Writes nothing
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,
    /// Vary a setting, as for `run`; the trials are listed then
    #[arg(long, value_name = "KEY=VALUES")]
    sweep: Vec<String>,
    /// Trials of a sweep at a time, for the estimate of its time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// Reads, resolves and prints.
pub fn main(args: &Args) -> Outcome {
    let loaded = experiment::load_with_sweep(&args.spec.spec, &args.spec.overrides(), &args.sweep)?;
    if loaded.sweep.is_some() {
        return launch::trial_table::print(&loaded, args.jobs);
    }
    read_published(&loaded.spec, false)?;
    let survey = data::survey(&loaded.spec.data)?;
    let plan = plan_of_survey(loaded.spec.clone(), &survey)?;
    check_against_data(&loaded, &plan)?;
    warn_of_missing_classes(&plan);
    let mut text = describe(&plan, &survey);
    // The time on a GPU is not estimated, and one that is not there is no error here.
    if device::find(plan.spec.training.device).is_ok_and(|found| found.device == Device::Cpu) {
        text += &on_threads(plan.spec.training.threads, || {
            Ok(describe_time(&train::estimate(&plan), parallel::count()))
        })?;
    }
    out(&text)?;
    warn_of_little_room(Path::new(RUNS_DIR), plan.disk_bytes());
    Ok(exit::DONE)
}

fn describe(plan: &Plan, survey: &Survey) -> String {
    let mut text = String::new();
    let (encoder, decoder) = plan.architecture.parameters();
    let likelihood = plan.spec.loss.reconstruction;
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
    let own = spec.objective.layers(plan.architecture.latent);
    if !own.is_empty() {
        text.push('\n');
        let parameters = spec.objective.parameters(plan.architecture.latent);
        table(&mut text, "Objective", &own, parameters);
    }
    text.push('\n');
    let [latent, buffers, prior] = plan.kept();
    for (title, prefix, values) in [
        ("Latents", "latent", [latent, buffers].concat()),
        ("Prior", "prior", prior),
    ] {
        if !values.is_empty() {
            kept_table(&mut text, title, prefix, &values);
            text.push('\n');
        }
    }
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let held_out = match plan.validation_images {
        0 => String::new(),
        n => format!(", {} held out", thousands(n as u64)),
    };
    line("parameters", thousands(plan.parameters()));
    line(
        "data",
        format!(
            "{}: {} images of {} x {} x {}{held_out}",
            spec.data.dataset.name(),
            thousands(plan.train_images as u64),
            survey.height,
            survey.width,
            survey.channels
        ),
    );
    line("", survey.place.clone());
    let is = match likelihood.judge(plan.pixel_values()) {
        Verdict::Probability => {
            "a probability of these pixels: nats and bits compare with those of other probabilities"
        }
        Verdict::Density => {
            "a density of pixel values from 0 to 1: nats may be negative and compare with densities alone, there are no bits"
        }
        Verdict::Neither(why) => why,
    };
    line("likelihood", format!("{}: {is}", likelihood.name()));
    if plan.is_conditional() {
        let classes = printable(&plan.classes.list());
        line(
            "classes",
            format!("{}: {classes}", plan.classes.names.len()),
        );
    }
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

/// Names, shapes and sizes of what is kept besides the layers.
fn kept_table(text: &mut String, title: &str, prefix: &str, values: &[(&'static str, Vec<usize>)]) {
    let width = 34;
    let rule = "-".repeat(width + 32);
    let _ = writeln!(
        text,
        "{title:<width$}  {:<16} {:>13}\n{rule}",
        "Shape", "Values"
    );
    for (name, shape) in values {
        let name = format!("{prefix}.{name}");
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        let count = parameter_count(&[("", shape.clone())]);
        let shape = format!("({})", sizes.join(", "));
        let _ = writeln!(text, "{name:<width$}  {shape:<16} {:>13}", thousands(count));
    }
}

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
