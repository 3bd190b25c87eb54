//! Which device a run takes.

use super::Failure;
use crate::ground::exit;
use crate::spec::DeviceChoice;

/// A device that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

/// Finds the device that a spec asks for, before anything is written.
///
/// # Errors
/// It is not there (exit code 69).
pub fn find(choice: DeviceChoice) -> Result<Device, Failure> {
    match choice {
        DeviceChoice::Cpu | DeviceChoice::Auto => Ok(Device::Cpu),
        DeviceChoice::Cuda(_) => {
            let text =
                format!("device `{choice}` is not available: this version trains on the CPU only");
            Err(Failure::new(exit::NO_DEVICE, text)
                .with_hint("use `--device cpu` or `--device auto`"))
        }
    }
}
