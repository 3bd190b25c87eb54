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
//! A function here knows nothing of training, networks or folders: arrays in, [`Rendered`] out, and
//! the caller writes the files. Every picture is described once (`render::Picture`) and drawn twice
//! by the same code, as PNG and as SVG, so that the two cannot drift apart. The same input gives
//! the same bytes: nothing here reads a clock, a locale, or the fonts of the machine (DejaVu Sans
//! is part of the program).
//!
//! Underneath, lowest first: `font` (measuring and shortening text), `canvas` (shapes in
//! units of a page, over a plotters backend), `render` (canvas to PNG and SVG), `ticks`, `panel`
//! (axes), `palette`, `loss_terms`, `polyline` and `legend` (curves, their lines and their names),
//! `images` (decoded pixels to bitmaps), `mosaic` (images side by side), `scatter` (points to a
//! bitmap).
//!
//! Numbers that are not finite are left out of a picture and never make it fail; a picture without
//! any data says so.

mod canvas;
mod clusters;
mod error;
mod font;
mod images;
mod interpolation;
mod legend;
mod loss_curves;
mod loss_terms;
mod manifold;
mod mosaic;
mod palette;
mod panel;
mod polyline;
mod published;
mod reconstructions;
mod render;
mod samples;
mod scatter;
#[cfg(test)]
mod testing;
mod ticks;
mod traversal;

pub use clusters::{Clusters, clusters};
pub use error::FigureError;
pub use images::Images;
pub use interpolation::interpolation;
pub use loss_curves::loss_curves;
pub use manifold::{manifold, manifold_points};
pub use published::{Published, PublishedError, read_published};
pub use reconstructions::reconstructions;
pub use render::Rendered;
pub use samples::samples;
pub use ticks::{Tick, ticks, whole_ticks};
pub use traversal::{MAX_TRAVERSAL_ROWS, traversal, traversal_values};
