//! Layers of the network, one kind a file: sizes, parameters, operations, and what it computes.
//!
//! | file | holds |
//! | --- | --- |
//! | [`layer`] | the traits of every kind |
//! | [`product`] | kernel and bias, the parameters of those that multiply |
//! | [`normalization`] | which kind stands behind those that multiply |
//! | [`mode`] | training or evaluation, and what becomes of buffers |
//! | [`named`], [`sequential`] | layers with names, and one after another |
//!
//! A network is a list of [`NamedConfig`], which the plan makes of a spec. Its table, the numbers of parameters and
//! operations and the names in a checkpoint follow from that list, and so does the network itself. Every kind is a file
//! and a line below.

pub mod batch_norm;
pub mod conv2d;
pub mod conv_transpose2d;
pub mod dense;
pub mod flatten;
pub mod group_norm;
pub mod layer;
pub mod layer_norm;
pub mod mode;
pub mod named;
pub mod normalization;
pub mod product;
mod registry;
pub mod residual;
pub mod sequential;
#[cfg(test)]
pub mod testing;

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

pub use layer::{Describe, Module, Unfit};
pub use mode::{BufferUpdates, Mode};
pub use named::{Named, NamedConfig};
pub use normalization::Normalization;
pub use product::Finish;
pub use sequential::{Sequential, SequentialConfig};

use crate::nn::backend::{Backend, FeatureMaps};
use crate::nn::params::{Init, Parameters, Visit, VisitMut};

registry::layers! {
    Conv2d: conv2d,
    ConvTranspose2d: conv_transpose2d,
    Dense: dense,
    Flatten: flatten,
    BatchNorm: batch_norm,
    GroupNorm: group_norm,
    Residual: residual,
}
