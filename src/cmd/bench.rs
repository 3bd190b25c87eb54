//! `runner bench SPEC.toml`: what a spec's training steps cost, and where their time goes. Writes nothing.

use std::fmt::Write as _;
use std::time::Duration;

use crate::experiment;
use crate::session::checks::check_against_data;
use crate::session::device;
use crate::session::inputs::{load_data, plan};
use crate::session::process::on_threads;
use crate::session::speed::{PEAK_RUNS, PartSpeed, Speed, measure};
use crate::sys::exit;
use crate::terminal::args::SpecArgs;
use crate::terminal::print::{count, duration, milliseconds, out, thousands};
use crate::terminal::{CliError, Outcome};

/// Time training steps of a spec, layer by layer, before paying for a run. Writes nothing
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,
    /// How long steps are timed, at least one of them
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds)]
    seconds: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A time in seconds, above 0 and at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    /// A day.
    const MOST: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= MOST => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!(
            "expected a number of seconds above 0 and at most {MOST}"
        )),
    }
}

/// Trains in memory on the spec's own data, and prints.
pub fn main(args: &Args) -> Outcome {
    let loaded = experiment::load(&args.spec.spec, &args.spec.overrides())?;
    let found = device::find(loaded.spec.training.device)?;
    let mut data = load_data(&loaded.spec, args.json)?;
    let plan = plan(loaded.spec.clone(), &data);
    check_against_data(&loaded, &plan)?;
    // Nobody waits for the end of an epoch here.
    data.validation.clear();
    let speed = on_threads(plan.spec.training.threads, || {
        measure(&plan, &data, found.device, args.seconds)
    })?;
    let text = if args.json {
        serde_json::to_string(&speed).map_err(|e| CliError::new(exit::FAILED, e))? + "\n"
    } else {
        describe(&speed)
    };
    out(&text)?;
    Ok(exit::DONE)
}

fn describe(speed: &Speed) -> String {
    let device = match speed.device.as_str() {
        "cpu" => String::new(),
        other => format!(", device {other}"),
    };
    let mut text = format!(
        "{}: batch {}{device}, {}, {} kernels, {}\n\n",
        speed.name,
        speed.batch_size,
        count(speed.threads, "thread"),
        speed.kernel_path,
        speed.cpu
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let ms = |value: f64| milliseconds(value / 1e3);
    let [low, high] = speed.step_quartiles_ms.map(ms);
    let (median, best) = (ms(speed.step_ms), ms(speed.step_best_ms));
    line(
        "step",
        format!(
            "{median}, the median of {}; best {best}, half of them from {low} to {high}",
            count(speed.steps, "step")
        ),
    );
    line(
        "speed",
        format!(
            "{} images/s, {:.1} GFLOP/s",
            thousands(speed.images_per_second.round() as u64),
            speed.gflops
        ),
    );
    if let (Some(peak), Some(share), Some(floor), Some(over)) = (
        speed.peak_gflops,
        speed.share_of_peak,
        speed.floor_ms,
        speed.step_over_floor,
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
                speed.gflop_per_step
            ),
        );
    }
    line(
        "memory",
        match speed.peak_rss_mb {
            Some(mb) => format!("{mb:.0} MB at most, images loaded, no figures drawn"),
            None => "unknown on this system".to_owned(),
        },
    );
    line(
        "first step",
        format!("done {:.2} s after the start", speed.start_to_first_step_s),
    );
    line(
        "whole run",
        format!(
            "about {} without figures: {} of {}",
            duration(Duration::from_secs_f64(speed.run_s)),
            count(speed.epochs, "epoch"),
            count(speed.steps_per_epoch as usize, "step")
        ),
    );
    if !speed.layers.is_empty() {
        text.push('\n');
        table(speed, &mut text);
    }
    text
}

fn table(speed: &Speed, text: &mut String) {
    let name = |row: &PartSpeed| match row.kind {
        Some(kind) => format!("{} ({kind})", row.name),
        None => row.name.clone(),
    };
    let width = speed.layers.iter().map(|row| name(row).len()).max();
    let width = width.unwrap_or(0);
    let rule = "-".repeat(width + 51);
    let _ = writeln!(
        text,
        "{:<width$} {:>11} {:>11} {:>7} {:>9} {:>8}\n{rule}",
        "milliseconds", "forward", "backward", "share", "GFLOP/s", "of peak"
    );
    for row in &speed.layers {
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
                .map_or(String::new(), |gflops| format!("{gflops:.1}")),
            row.share_of_peak.map_or(String::new(), percent),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let sum = |f: fn(&PartSpeed) -> f64| speed.layers.iter().map(f).sum::<f64>();
    let _ = writeln!(
        text,
        "{rule}\n{:<width$} {:>11.3} {:>11.3}",
        format!("step, {}", milliseconds(speed.step_ms / 1e3)),
        sum(|row| row.forward_ms),
        sum(|row| row.backward_ms)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_seconds_above_0() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["0", "-1", "nan", "inf", "1e9", "1e-400", "", "3s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
