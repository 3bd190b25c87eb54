//! Drawing: shapes and text on a page, axes, curves, points and images, as PNG and as SVG.
//!
//! | file | holds |
//! | --- | --- |
//! | `font` | measuring and shortening text |
//! | `canvas`, `render` | shapes in units of a page, over a plotters backend; canvas to PNG and SVG |
//! | `ticks`, `panel`, `legend`, `palette` | axes, names of curves, colours |
//! | `polyline`, `scatter` | curves; points to a bitmap |
//! | `image_batch`, `bitmap`, `mosaic` | decoded images; rasters of pixels; images side by side |
//!
//! Every picture is described once (`render::Picture`) and drawn twice by the same code, as PNG and as SVG, so that
//! the two agree. The same input gives the same bytes: nothing here reads a clock, a locale, or the fonts of the
//! machine (DejaVu Sans is part of the program).

pub(crate) mod bitmap;
pub(crate) mod canvas;
pub(crate) mod error;
pub(crate) mod font;
pub(crate) mod image_batch;
pub(crate) mod legend;
pub(crate) mod mosaic;
pub(crate) mod palette;
pub(crate) mod panel;
pub(crate) mod polyline;
pub(crate) mod render;
pub(crate) mod scatter;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod ticks;

pub use error::DrawError;
pub use image_batch::ImageBatch;
pub use render::Rendered;
pub use ticks::{Tick, ticks, whole_ticks};
