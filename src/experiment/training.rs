//! `[training]`: how long and where a model trains.

use std::fmt;

use crate::config::kind::Word;
use crate::config::section::section;
use crate::config::{FieldValue, Kind, Value};

/// The device to train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The CPU.
    Cpu,
    /// The NVIDIA GPU of this index.
    Cuda(usize),
    /// The first GPU where there is one, else the CPU.
    Auto,
    /// The CPU with the operations that CUDA runs. Not for users: it is how those are tested without a GPU.
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

impl FieldValue for DeviceChoice {
    type Literal = Self;

    fn default_value(literal: Self) -> Value {
        Value::Text(literal.to_string())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(name) => Self::from_name(&name),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Self::default_value(*self))
    }
}

/// The devices that a spec may name.
static DEVICE: Word = Word {
    expected: "\"auto\", \"cpu\", \"cuda\" or \"cuda:N\"",
    names: &["auto", "cpu", "cuda"],
    pattern: {
        assert!(DeviceChoice::MAX_INDEX == 63, "the pattern says 63");
        "^cuda:([0-9]|[1-5][0-9]|6[0-3])$"
    },
    example: "cuda:3",
    read: |word| match DeviceChoice::from_name(word) {
        Some(device) => Ok(device.to_string()),
        None if word.eq_ignore_ascii_case("gpu") => {
            Err(Some("did you mean `\"cuda\"`?".to_owned()))
        }
        None if word.starts_with("cuda:") => Err(Some(format!(
            "`N` is a number from 0 to {}",
            DeviceChoice::MAX_INDEX
        ))),
        None => Err(None),
    },
};

section! {
    /// How long and where
    pub struct Training {
        /// Passes over the training images
        pub epochs: usize = 10, Kind::Count { min: 1, max: 1_000_000 }, unit("epochs"),
            also(&["n_epochs", "num_epochs", "max_epochs"]);
        /// Images a step
        pub batch_size: usize = 64, Kind::Count { min: 1, max: 65_536 }, unit("images"), also(&["bs"]);
        /// Where to train; `cuda:N` is the GPU of index N, `auto` the first GPU where there is one, else the processor
        pub device: DeviceChoice = DeviceChoice::Auto, Kind::Word(&DEVICE), changes_no_result(), also(&["accelerator"]);
        /// Threads of the processor; the result does not depend on them
        pub threads: Option<usize>, Kind::Count { min: 1, max: 1024 }, unset("every core"), unit("threads"),
            changes_no_result(), also(&["workers", "num_workers", "num_threads", "jobs"]);
        /// Epochs between two checkpoints; the last epoch always gets one
        pub checkpoint_every: usize = 1, Kind::Count { min: 1, max: 1_000_000 }, unit("epochs"), changes_no_result();
        /// Stop after so many epochs without a new best `val_loss` (`loss` without a validation part)
        pub early_stopping: Option<usize>, Kind::Count { min: 1, max: 1_000_000 }, unset("off"), unit("epochs"),
            also(&["patience"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_device_names() {
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
