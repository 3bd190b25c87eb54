//! Which device a run takes.

use crate::experiment::DeviceChoice;
use crate::nn::Device;
use crate::nn::device::{Absent, probe_cuda};
use crate::sys::exit;
use crate::terminal::CliError;

/// A device that is there, and why it is this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where to compute.
    pub device: Device,
    /// A sentence for the log.
    pub why: String,
    /// Whether there might have been a GPU: the program can use one, and was to look for it.
    pub looked: bool,
}

impl Found {
    /// Tells a person who might expect another device.
    pub fn tell(&self, quiet: bool) {
        if self.looked && !quiet {
            // A closed stdout does not end a run.
            let _ = crate::terminal::print::out(&format!("{}\n", self.why));
        }
    }
}

/// Finds the device that a spec asks for, before anything is written. Never falls back where one was named.
///
/// # Errors
/// It is not there (exit code 69).
pub fn find(choice: DeviceChoice) -> Result<Found, CliError> {
    choose(choice, probe_cuda)
}

/// As [`find`], with what says whether a GPU answers.
fn choose(
    choice: DeviceChoice,
    probe: impl FnOnce(usize) -> Result<(), Absent>,
) -> Result<Found, CliError> {
    let found = |device, why: String, looked| Found {
        why: format!("device {device}: {why}"),
        device,
        looked,
    };
    let asked = || "asked for".to_owned();
    match choice {
        DeviceChoice::Cpu => Ok(found(Device::Cpu, asked(), false)),
        DeviceChoice::CpuDfdx => Ok(found(Device::CpuDfdx, asked(), false)),
        DeviceChoice::Auto => Ok(match probe(0) {
            Ok(()) => found(Device::Cuda(0), "the first GPU answers".to_owned(), true),
            Err(why) => found(Device::Cpu, why.to_string(), why != Absent::NotBuilt),
        }),
        DeviceChoice::Cuda(index) => match probe(index) {
            Ok(()) => Ok(found(Device::Cuda(index), asked(), true)),
            Err(why) => {
                let text = format!("device `{choice}` is not available: {why}");
                let hint = match why {
                    Absent::NotBuilt => {
                        "use `--device cpu` or `--device auto`, or build it with `--features cuda`"
                    }
                    _ => "use `--device cpu` or `--device auto`",
                };
                Err(CliError::new(exit::NO_DEVICE, text).with_hint(hint))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver() -> Absent {
        Absent::NoDriver("CUDA_ERROR_NO_DEVICE".to_owned())
    }

    #[test]
    fn takes_a_gpu_that_answers_or_says_why_not() {
        let auto = |answer| choose(DeviceChoice::Auto, |_| answer).unwrap();
        let there = auto(Ok(()));
        assert_eq!(there.device, Device::Cuda(0));
        assert_eq!(there.why, "device cuda:0: the first GPU answers");
        let absent = auto(Err(driver()));
        assert_eq!((absent.device, absent.looked), (Device::Cpu, true));
        assert_eq!(
            absent.why,
            "device cpu: the CUDA driver finds no GPU (CUDA_ERROR_NO_DEVICE)"
        );
        let not_built = auto(Err(Absent::NotBuilt));
        assert_eq!((not_built.device, not_built.looked), (Device::Cpu, false));
        assert_eq!(
            not_built.why,
            "device cpu: this program was built without CUDA"
        );
    }

    #[test]
    fn never_replaces_a_gpu_that_was_named() {
        let absent = [
            Absent::NotBuilt,
            driver(),
            Absent::NoSuchIndex { index: 1, found: 1 },
        ];
        for why in absent {
            let text = why.to_string();
            let failure = choose(DeviceChoice::Cuda(1), |_| Err(why)).unwrap_err();
            assert_eq!(failure.code(), exit::NO_DEVICE);
            assert_eq!(
                failure.text(),
                format!("device `cuda:1` is not available: {text}")
            );
        }
        let asked = |index| {
            assert_eq!(index, 1);
            Ok(())
        };
        let found = choose(DeviceChoice::Cuda(1), asked).unwrap();
        assert_eq!(found.device, Device::Cuda(1));
        let nobody = |_| -> Result<(), Absent> { panic!("a GPU was looked for") };
        let found = choose(DeviceChoice::Cpu, nobody).unwrap();
        assert_eq!(found.device, Device::Cpu);
    }
}
