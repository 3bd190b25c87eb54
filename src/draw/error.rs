//! What can go wrong when a picture is drawn.

/// Why a picture could not be drawn.
///
/// Values are never the reason (those that are not finite are left out); the sizes of the arrays
/// are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// An array is longer or shorter than its shape says.
    #[error("{what}: {found} values where the shape asks for {expected}")]
    Length {
        /// What the array holds, such as `pixels`.
        what: &'static str,
        /// Number of values that the shape asks for.
        expected: usize,
        /// Number of values that were given.
        found: usize,
    },
    /// Images are neither gray (1 channel) nor RGB (3 channels).
    #[error("images with {found} channels cannot be drawn; 1 (gray) or 3 (RGB) are expected")]
    Channels {
        /// Channels that were given.
        found: usize,
    },
    /// An image side of zero, or one too long to be drawn.
    #[error(
        "images of {height} x {width} pixels cannot be drawn; 1 to {limit} pixels a side are expected"
    )]
    Side {
        /// Height that was given.
        height: usize,
        /// Width that was given.
        width: usize,
        /// Longest side that is drawn.
        limit: usize,
    },
    /// More images than a picture holds.
    #[error("{found} {what} do not fit into one picture; at most {limit} are expected")]
    TooMany {
        /// What there are too many of, such as `images a side`.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many fit.
        limit: usize,
    },
    /// Originals and reconstructions have different shapes.
    #[error("originals and reconstructions differ in shape")]
    Mismatch,
    /// The range of a latent grid is no positive, finite number.
    #[error("a latent grid from -{0} to {0}; a positive, finite scale is expected")]
    Scale(f64),
    /// The embedded font cannot be read.
    #[error("the embedded font cannot be read")]
    Font,
    /// The drawing library failed.
    #[error("drawing failed: {0}")]
    Draw(String),
    /// The picture could not be encoded as PNG.
    #[error("encoding as PNG failed")]
    Encode(#[from] image::ImageError),
}
