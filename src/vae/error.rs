//! Why a network could not do what it was asked.

/// Why the network could not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// A term is not a number or infinite; the weights were not touched.
    #[error("{0} is not finite")]
    NotFinite(&'static str),
    /// The device failed.
    #[error("the device reports: {0}")]
    Device(String),
    /// Tensors of a file do not fit this network.
    #[error("{0}")]
    Mismatch(String),
}

/// What a device says.
pub(super) fn device_error(error: impl std::fmt::Display) -> ModelError {
    ModelError::Device(error.to_string())
}
