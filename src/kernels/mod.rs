//! Arithmetic of the network on the CPU: convolutions, dense layers, activations and losses over
//! plain slices. Nothing here knows of tensors, tapes or specs.
//!
//! Images and activations are NHWC (image, row, column, channel), row-major.
//!
//! # One convolution, three products
//!
//! A convolution with stride maps a *big* image to a *small* one; its transpose maps small to big with
//! the same kernel. [`Conv`] describes the pair once, and everything is one of three products:
//!
//! | product | as a convolution | as a transposed convolution |
//! | --- | --- | --- |
//! | big -> small | forward | gradient of the input |
//! | small -> big | gradient of the input | forward |
//! | (big, small) -> kernel | gradient of the kernel | gradient of the kernel |
//!
//! With the kernel stored as (kh, kw, big channels, small channels) both layouts of Keras come out by
//! themselves: (kh, kw, in, out) for a convolution, (kh, kw, out, in) for a transposed one.
//!
//! # The same bits for any number of threads
//!
//! Work is cut into pieces by the shapes alone, never by the number of threads ([`parallel`]). Each
//! piece writes places of its own; sums over pieces are taken in the order of the pieces.
//!
//! # Files
//!
//! [`geometry`] sizes and padding; [`conv`] and [`dense`] the layers' products, made of [`gather`] (from pixels to
//! pixels) and [`outer`] (from pixels to kernels), whose innermost loops stand in `block`, compiled once for
//! each [`path`]; [`paired`] the same products with fewer multiplications, where taps come in pairs, and `combine` the
//! sums and differences that this takes; `frame` margins of images; [`activation`]; [`loss`]
//! reconstruction and divergence with their gradients; [`parallel`] cutting and threads; [`scratch`] memory that is kept and [`system_memory`] what is not; [`peak`] what the processor
//! could do; [`profile`] where the time goes; [`tensor`] the door to dfdx.

pub mod activation;
mod block;
mod combine;
pub mod conv;
pub mod dense;
mod frame;
pub mod gather;
pub mod geometry;
mod lanes;
pub mod loss;
pub mod outer;
pub mod paired;
pub mod parallel;
pub mod path;
pub mod peak;
pub mod profile;
#[cfg(test)]
pub mod reference;
pub mod scratch;
pub mod system_memory;

pub mod tensor;

pub use activation::Activation;
pub use geometry::{Conv, Extent};
pub use path::Path;
