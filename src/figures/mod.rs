//! The pictures of a run, drawn from plain arrays.
//!
//! | file | picture |
//! | --- | --- |
//! | `loss_curves` | loss, reconstruction and KL over epochs, with a published curve beside them |
//! | `manifold` | decoded images on a grid over a two-dimensional latent space |
//! | `traversal` | decoded images along one latent axis a row, for any other latent size |
//! | `clusters` | scatter of latent points, coloured by class |
//! | `reconstructions` | originals above their reconstructions |
//! | `samples` | decoded draws from the prior |
//! | `interpolation` | the way from one image to another through the latent space |
//!
//! A function here knows nothing of training, networks or folders: arrays in, [`crate::draw::Rendered`] out, and
//! the caller writes the files.
//!
//! Numbers that are not finite are left out of a picture and never make it fail; a picture without
//! any data says so.

mod clusters;
mod interpolation;
mod loss_curves;
mod loss_terms;
mod manifold;
mod published;
mod reconstructions;
mod samples;
mod traversal;

pub use clusters::{Clusters, clusters};
pub use interpolation::interpolation;
pub use loss_curves::loss_curves;
pub use manifold::{manifold, manifold_points};
pub use published::{Published, PublishedError, read_published};
pub use reconstructions::reconstructions;
pub use samples::samples;
pub use traversal::{MAX_TRAVERSAL_ROWS, traversal, traversal_values};
