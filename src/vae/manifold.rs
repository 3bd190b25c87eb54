//! The latent manifold: images decoded from a grid over a two-dimensional latent space.

use dfdx::shapes::{Const, Dim};

use super::Vae;
use super::model::ModelError;
use super::trainable::{decode, device_error};
use crate::nn::Backend;

/// A network with exactly two latent axes.
pub trait Planar {
    /// See [`manifold`].
    fn manifold(&self, points: &[[f32; 2]]) -> Result<Vec<f32>, ModelError>;
}

/// Decodes points of the plane; pixels from 0 to 1, (point, height, width, channels).
///
/// Only a network with two latent axes has this picture, and the type says so:
///
/// ```compile_fail,E0308
/// use dfdx::{shapes::Const, tensor::Cpu};
/// use runner::vae::{Vae, manifold};
///
/// fn picture(network: &Vae<Const<1>, Const<3>, Cpu>) {
///     let _ = manifold(network, &[[0.0, 0.5]]); // three latent axes have no plane
/// }
/// ```
///
/// ```
/// use dfdx::{shapes::Const, tensor::Cpu};
/// use runner::vae::{Vae, manifold};
///
/// fn picture(network: &Vae<Const<1>, Const<2>, Cpu>) {
///     let _ = manifold(network, &[[0.0, 0.5]]);
/// }
/// ```
pub fn manifold<C: Dim, D: Backend>(
    network: &Vae<C, Const<2>, D>,
    points: &[[f32; 2]],
) -> Result<Vec<f32>, D::Err> {
    decode(network, points.as_flattened(), Const::<2>)
}

impl<C: Dim, D: Backend> Planar for Vae<C, Const<2>, D> {
    fn manifold(&self, points: &[[f32; 2]]) -> Result<Vec<f32>, ModelError> {
        manifold(self, points).map_err(device_error)
    }
}
