//! The latent manifold: images decoded from a grid over a two-dimensional latent space.

use dfdx::shapes::{Const, Dim};

use super::Vae;
use super::error::{ModelError, device_error};
use super::labelled::Labelled;
use super::model::{Labels, Planar};
use crate::likelihood::AnyLikelihood;
use crate::nn::backend::Latent;
use crate::nn::{Backend, Mode};
use crate::objective::Network as _;

/// Decodes points of the plane; pixels from 0 to 1 as the likelihood has them, (point, height, width, channels). A
/// conditional network takes a label for each.
///
/// Only a network with two latent axes has this picture, and the type says so:
///
/// ```compile_fail,E0308
/// use dfdx::{shapes::Const, tensor::Cpu};
/// use runner::likelihood::AnyLikelihood;
/// use runner::vae::{Vae, manifold};
///
/// fn picture(network: &Vae<Const<1>, Const<3>, Cpu>) {
///     let _ = manifold(network, &AnyLikelihood::default(), &[[0.0, 0.5]], &[]); // three latent axes have no plane
/// }
/// ```
///
/// ```
/// use dfdx::{shapes::Const, tensor::Cpu};
/// use runner::likelihood::AnyLikelihood;
/// use runner::vae::{Vae, manifold};
///
/// fn picture(network: &Vae<Const<1>, Const<2>, Cpu>) {
///     let _ = manifold(network, &AnyLikelihood::default(), &[[0.0, 0.5]], &[]);
/// }
/// ```
pub fn manifold<C: Dim, D: Backend>(
    network: &Vae<C, Const<2>, D>,
    likelihood: &AnyLikelihood,
    points: &[[f32; 2]],
    labels: &[u16],
) -> Result<Vec<f32>, D::Err> {
    decode(
        network,
        likelihood,
        points.as_flattened(),
        Const::<2>,
        labels,
    )
}

/// A network with two latent axes, and what its pictures show.
pub(super) struct Plane<'a, C: Dim, D: Backend> {
    pub(super) network: &'a Vae<C, Const<2>, D>,
    pub(super) likelihood: &'a AnyLikelihood,
}

impl<C: Dim, D: Backend> Planar for Plane<'_, C, D> {
    fn manifold(&self, points: &[[f32; 2]], labels: &[u16]) -> Result<Vec<f32>, ModelError> {
        manifold(self.network, self.likelihood, points, labels).map_err(device_error)
    }
}

/// Decodes points of the latent space to pixel values.
pub(super) fn decode<C: Dim, Z: Dim, D: Backend>(
    network: &Vae<C, Z, D>,
    likelihood: &AnyLikelihood,
    z: &[f32],
    latent: Z,
    labels: &[u16],
) -> Result<Vec<f32>, D::Err> {
    let (device, points) = (network.decoder.device(), z.len() / latent.size());
    let network = Labelled::new(network, Labels::of(labels), points)?;
    let z: Latent<Z, D> = D::tensor(device, z, (points, latent))?;
    let mut pixels = D::to_vec(&network.decode(z, Mode::Evaluation)?);
    likelihood.mean(&mut pixels);
    Ok(pixels)
}
