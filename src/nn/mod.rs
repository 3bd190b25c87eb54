//! Layers on dfdx's tape.
//!
//! A layer holds dfdx tensors as parameters and is generic over its axes ([`dfdx::shapes::Dim`]), so that
//! the same code serves sizes known to the compiler (`Const<2>`) and sizes known at run time
//! (`usize`). What is computed differently is one trait, [`Compute`]: on the CPU our kernels, with gradients
//! registered on the tape as one operation a layer; on CUDA, or on any device of dfdx, its own operations
//! ([`composed`]).
//!
//! | file | holds |
//! | --- | --- |
//! | [`compute`] | the trait, and what its operations mean |
//! | [`cpu`] | the CPU's operations |
//! | [`composed`] | the same operations composed of dfdx's own, for any device: CUDA's |
//! | [`device`] | which devices there are, and whether they answer |
//! | [`memory`] | activations and their gradients, kept from step to step |
//! | [`conv2d`], [`conv_transpose2d`], [`dense`] | one layer each |
//! | [`params`] | names of parameters, a visitor over them, their initial values |
//!
//! dfdx's own convolutions need a nightly compiler and are slow; its `TensorCollection` cannot hold
//! layers whose sizes are known at run time only. Hence layers and visitor of our own.

pub mod composed;
pub mod compute;
pub mod conv2d;
pub mod conv_transpose2d;
pub mod cpu;
pub mod dense;
pub mod device;
pub mod memory;
pub mod params;

pub use composed::Composed;
pub use compute::{Compute, Maps};
pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use device::Device;
pub use params::{Parameters, Visit, VisitMut};
