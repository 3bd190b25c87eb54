//! Arithmetic that any part may use, without I/O: random streams, elementary functions, eigenvalues, principal
//! components, and a tensor as it stands in a file.
//!
//! All randomness of the program goes through [`random`].

pub mod eigen;
pub mod math;
pub mod named_tensor;
pub mod normal;
pub mod pca;
pub mod random;

pub use pca::{PcaError, Principal, principal_components};
