//! What a figure is: its name, the setting that asks for it, which networks have it, how it is drawn.

use super::context::{Context, FigureError};
use crate::draw::Rendered;

/// A figure of a run.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Name of its files, without their endings.
    pub name: &'static str,
    /// The setting that asks for it.
    pub switch: Switch,
    /// Whether a network of this shape has it.
    pub suits: fn(Shape) -> bool,
    /// Asks the network for arrays, and draws them.
    pub draw: fn(&Context) -> Result<Rendered, FigureError>,
}

/// A setting `figures.NAME`: whether figures are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its key in `[figures]`.
    pub name: &'static str,
    /// What is drawn.
    pub doc: &'static str,
    /// What holds where a spec does not say.
    pub default: bool,
}

/// What decides which figures a network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Latent axes.
    pub latent: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Whether an image has one point, whose axes can be followed.
    pub has_axes: bool,
    /// Whether q(z | x) is a distribution, measured from a prior that points can be drawn from.
    pub has_prior: bool,
}

impl Shape {
    /// Whether its images can be drawn: gray or RGB.
    pub fn has_pictures(self) -> bool {
        matches!(self.channels, 1 | 3)
    }
}
