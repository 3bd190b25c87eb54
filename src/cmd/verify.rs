//! `runner verify FILE.safetensors`: this program's arithmetic beside values that another framework computed.

use std::path::PathBuf;

use crate::experiment::DeviceChoice;
use crate::session::device;
use crate::session::reference::Reference;
use crate::sys::exit;
use crate::terminal::Outcome;
use crate::terminal::print::out;

/// Compare this program's arithmetic with values that another framework computed
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Reference values, in the format of experiments/README.md, "Agreement with Keras"
    #[arg(value_name = "FILE.safetensors")]
    file: PathBuf,
    /// Largest relative error that passes
    #[arg(long, value_name = "X", default_value_t = 1e-4)]
    tolerance: f64,
    /// Whose arithmetic: cpu, cuda, cuda:N or auto
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = device_choice)]
    device: DeviceChoice,
}

/// A device as a spec names it.
fn device_choice(text: &str) -> Result<DeviceChoice, String> {
    DeviceChoice::from_name(text).ok_or_else(|| "expected cpu, cuda, cuda:N or auto".to_owned())
}

/// Compares and prints a line a tensor.
pub fn main(args: &Args) -> Outcome {
    let found = device::find(args.device)?;
    found.tell(false);
    let reference = Reference::read(&args.file)?;
    let rows = reference.compare(found.device)?;
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = format!("{:<width$}  relative error\n", "tensor");
    let mut above = 0;
    for row in &rows {
        let passes = row.error <= args.tolerance;
        above += usize::from(!passes);
        let mark = if passes { "" } else { "  above the tolerance" };
        text += &format!("{:<width$}  {:.2e}{mark}\n", row.name, row.error);
    }
    let worst = rows.iter().map(|row| row.error).fold(0.0, f64::max);
    text += &match above {
        0 => format!(
            "all {} agree within {:e}; the largest error is {worst:.2e}\n",
            rows.len(),
            args.tolerance
        ),
        n => format!(
            "{n} of {} are above the tolerance of {:e}\n",
            rows.len(),
            args.tolerance
        ),
    };
    out(&text)?;
    Ok(if above == 0 { exit::DONE } else { exit::FAILED })
}
