//! Layers on dfdx's tape.
//!
//! A layer holds dfdx tensors as parameters and is generic over its axes ([`dfdx::shapes::Dim`]), so that
//! the same code serves sizes known to the compiler (`Const<2>`) and sizes known at run time
//! (`usize`). What is computed differently is one trait, [`Backend`]: on the CPU our kernels, with gradients
//! registered on the tape as one operation a layer; on CUDA, or on any device of dfdx, its own operations
//! ([`dfdx_ops`]).
//!
//! | file | holds |
//! | --- | --- |
//! | [`backend`] | the trait, and what its operations mean |
//! | [`linked`] | a tensor between two operations, with the link for its gradient |
//! | [`cpu`] | the CPU's operations |
//! | [`dfdx_ops`] | the same operations made of dfdx's own, for any device: CUDA's |
//! | [`device`] | which devices there are, and whether they answer |
//! | [`memory`] | activations, kept from step to step |
//! | [`layers`] | kinds of layers, one a file |
//! | [`params`] | names of parameters and buffers, a visitor over them, initial values |
//!
//! dfdx's own convolutions need a nightly compiler and are slow; its `TensorCollection` cannot hold
//! layers whose sizes are known at run time only. Hence layers and visitor of our own.

pub mod backend;
pub mod cpu;
pub mod device;
pub mod dfdx_ops;
pub mod layers;
pub mod linked;
pub mod memory;
pub mod params;

pub use backend::{Backend, FeatureMaps, Features, Maps};
pub use device::Device;
pub use dfdx_ops::DfdxOps;
pub use layers::Mode;
pub use params::{Parameters, Visit, VisitMut};
