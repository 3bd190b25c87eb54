//! Devices to compute on, and whether they are there.

use std::fmt;

/// A device, and the operations that compute on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor, with our kernels ([`super::cpu`]).
    Cpu,
    /// The processor, with the operations that run on CUDA ([`super::dfdx_ops`]): slow, to compare them.
    CpuDfdx,
    /// The GPU of this index, with [`super::dfdx_ops`].
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::CpuDfdx => f.write_str("cpu-dfdx"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// Why a GPU cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// This program cannot use any.
    #[error("this program was built without CUDA")]
    NotBuilt,
    /// The driver does not start, or knows of none.
    #[error("the CUDA driver finds no GPU ({0})")]
    NoDriver(String),
    /// There are fewer.
    #[error("the CUDA driver finds {found} GPUs, and GPU {index} is not one of them")]
    NoSuchIndex {
        /// The one asked for, from 0.
        index: usize,
        /// How many there are.
        found: usize,
    },
    /// It is there, and does not let itself be used.
    #[error("GPU {index} cannot be used: {why}")]
    Unusable {
        /// Which.
        index: usize,
        /// What it says.
        why: String,
    },
}

/// Whether the GPU of this index answers. Never panics, whatever the driver says.
///
/// # Errors
/// It does not, or this program was built without CUDA.
#[cfg(not(feature = "cuda"))]
pub fn probe_cuda(_: usize) -> Result<(), Absent> {
    Err(Absent::NotBuilt)
}

/// Whether the GPU of this index answers. Never panics, whatever the driver says.
///
/// # Errors
/// It does not, or this program was built without CUDA.
#[cfg(feature = "cuda")]
pub fn probe_cuda(index: usize) -> Result<(), Absent> {
    use cudarc::driver::result;
    // dfdx and cudarc unwrap these two, so they are asked first.
    result::init().map_err(|e| Absent::NoDriver(name_of(e)))?;
    let found = result::device::get_count().map_err(|e| Absent::NoDriver(name_of(e)))?;
    let found = usize::try_from(found).unwrap_or(0);
    match index < found {
        true => Ok(()),
        false if found == 0 => Err(Absent::NoDriver("it counts 0".to_owned())),
        false => Err(Absent::NoSuchIndex { index, found }),
    }
}

/// An error of the driver by its name. cudarc's own way to print one asks the driver, and panics where that cannot say.
#[cfg(feature = "cuda")]
fn name_of(error: cudarc::driver::DriverError) -> String {
    format!("{:?}", error.0)
}

/// Opens a GPU.
///
/// # Errors
/// It does not answer, or has no memory left for a first allocation.
#[cfg(feature = "cuda")]
pub fn open_cuda(index: usize) -> Result<dfdx::tensor::Cuda, Absent> {
    probe_cuda(index)?;
    dfdx::tensor::Cuda::try_build(index, 0).map_err(|error| Absent::Unusable {
        index,
        why: error.to_string(),
    })
}
