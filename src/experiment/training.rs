//! How long and where a model trains.

use std::fmt;

/// The device to train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// The NVIDIA GPU of this index.
    Cuda(usize),
    /// The first GPU where there is one, else the processor.
    Auto,
    /// The processor with the operations that CUDA runs. Not for users: it is how those are tested without a GPU.
    CpuDfdx,
}

impl DeviceChoice {
    /// Highest GPU index that a spec may name.
    pub const MAX_INDEX: usize = 63;

    /// Reads `auto`, `cpu`, `cuda` (the first) or `cuda:N`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            // Its name in runs of the first format of checkpoints.
            "cpu-dfdx" | "cpu-composed" => Some(Self::CpuDfdx),
            "cuda" => Some(Self::Cuda(0)),
            _ => {
                let digits = name.strip_prefix("cuda:")?;
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                let index = digits.parse().ok()?;
                (index <= Self::MAX_INDEX).then_some(Self::Cuda(index))
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(0) => f.write_str("cuda"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Auto => f.write_str("auto"),
            Self::CpuDfdx => f.write_str("cpu-dfdx"),
        }
    }
}

/// The `[training]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step.
    pub batch_size: usize,
    /// Where to train.
    pub device: DeviceChoice,
    /// Threads of the processor; `None` takes every core.
    pub threads: Option<usize>,
    /// Epochs between two checkpoints.
    pub checkpoint_every: usize,
    /// Patience: training stops after so many epochs without a new best.
    pub early_stopping: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_round_trip_and_odd_ones_are_refused() {
        for name in ["auto", "cpu", "cpu-dfdx", "cuda", "cuda:1", "cuda:63"] {
            let device = DeviceChoice::from_name(name).expect(name);
            assert_eq!(device.to_string(), name);
        }
        assert_eq!(
            DeviceChoice::from_name("cuda:0"),
            Some(DeviceChoice::Cuda(0))
        );
        for name in [
            "", "CPU", "gpu", "cuda:", "cuda:+1", "cuda:64", "cuda:-1", "cuda: 1",
        ] {
            assert_eq!(DeviceChoice::from_name(name), None, "{name}");
        }
    }
}
