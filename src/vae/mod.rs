//! The variational autoencoder: encoder and decoder, trained by an [objective](crate::objective).
//!
//! dfdx keeps shapes in types, a spec is known at run time only. They meet in [`build`], which maps the
//! spec's numbers to types: common sizes become `Const`, all others `usize` in the same code. The latent
//! axis `Z` is one type parameter that encoder heads, sampling and decoder share; where the types disagree,
//! the program does not compile:
//!
//! ```compile_fail,E0308
//! use dfdx::{shapes::Const, tensor::Cpu};
//! use runner::vae::{Decoder, Encoder, Vae};
//!
//! fn join(encoder: Encoder<Const<1>, Const<2>, Cpu>, decoder: Decoder<Const<1>, Const<3>, Cpu>) {
//!     Vae::from_parts(encoder, decoder); // two latent axes here, three there
//! }
//! ```
//!
//! ```
//! use dfdx::{shapes::Const, tensor::Cpu};
//! use runner::vae::{Decoder, Encoder, Vae};
//!
//! fn join(encoder: Encoder<Const<1>, Const<2>, Cpu>, decoder: Decoder<Const<1>, Const<2>, Cpu>) {
//!     Vae::from_parts(encoder, decoder);
//! }
//! ```
//!
//! Behind the registry stands one object-safe trait, [`Model`]: the only dynamic call, once a step.

mod condition;
mod decoder;
mod encoder;
mod error;
pub mod inference;
mod labelled;
mod latent_axis;
mod manifold;
mod model;
mod network;
mod pending;
mod registry;
mod trainable;
mod visitors;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::ModelError;
pub use labelled::Labelled;
pub use manifold::manifold;
pub use model::{Batch, Forward, Images, Labels, Model, Planar, StepMetrics, StepReport};
pub use network::Vae;
pub use registry::build;
