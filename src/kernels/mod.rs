//! Arithmetic of the network on the CPU: convolutions, dense layers, activations and losses over
//! plain slices. Nothing here knows of tapes or specs, and of tensors only the door ([`tensor`]).
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
//! | file | holds |
//! | --- | --- |
//! | [`geometry`], `frame` | sizes and padding; margins of images |
//! | [`conv`], [`dense`] | the layers' products |
//! | [`gather`], [`outer`] | what they are made of: from pixels to pixels, from pixels to kernels |
//! | [`paired`], `combine` | the same with fewer multiplications, where taps come in pairs; the sums and differences for it |
//! | [`phases`], `block`, `lanes` | tables of sums, register blocks of them, vectors |
//! | [`path`] | the instruction sets that these are compiled for |
//! | [`activation`], [`loss`] | what is not a product, with its gradient |
//! | [`parallel`] | cutting and threads |
//! | [`scratch`], [`system_memory`] | memory that is kept from step to step; the program's allocator, and what returns to the system |
//! | [`peak`], [`profile`] | what the processor could do, and where the time goes |
//! | [`tensor`] | the door to dfdx |
//! | `reference` | plain sums that tests compare with |

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
pub mod phases;
pub mod profile;
#[cfg(test)]
pub mod reference;
pub mod scratch;
pub mod system_memory;

pub mod tensor;

pub use activation::Activation;
pub use geometry::{Conv, Extent};
pub use path::Path;
