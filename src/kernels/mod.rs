//! Arithmetic of the network on the CPU: convolutions, dense layers, activations and losses over
//! plain slices. Nothing here knows of tapes or specs, and of tensors only the conversion ([`tensor`]).
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
//! | [`geometry`], `padding` | sizes; zero padding of images |
//! | [`conv`], [`dense`] | the layers' products |
//! | [`direct_conv`], [`weight_grad`] | what they are made of: from pixels to pixels, from pixels to kernels |
//! | [`winograd`], `winograd_transform` | the same with fewer multiplications, where taps come in pairs; the sums and differences for it |
//! | [`tap_gemm`], `micro_kernel`, `simd` | matrix products over taps, register blocks of them, vectors |
//! | [`isa`] | the instruction sets that these are compiled for |
//! | [`activation`], [`loss`] | what is not a product, with its gradient |
//! | [`nearest`] | the nearest row of a table, for codebooks |
//! | [`parallel`] | cutting and threads |
//! | [`buffer_pool`], [`system_memory`] | memory that is kept from step to step; the program's allocator, and what returns to the system |
//! | [`roofline`], [`profile`] | what the processor could do, and where the time goes |
//! | [`tensor`] | the conversion from and to dfdx's tensors |
//! | `reference` | plain sums that tests compare with |

pub mod activation;
pub mod buffer_pool;
pub mod conv;
pub mod dense;
pub mod direct_conv;
pub mod geometry;
pub mod isa;
pub mod loss;
mod micro_kernel;
pub mod nearest;
mod padding;
pub mod parallel;
pub mod profile;
#[cfg(test)]
pub mod reference;
pub mod roofline;
mod simd;
pub mod system_memory;
pub mod tap_gemm;
pub mod weight_grad;
pub mod winograd;
mod winograd_transform;

pub mod tensor;

pub use activation::Activation;
pub use geometry::{Conv, Extent, Zeros};
pub use isa::Isa;
