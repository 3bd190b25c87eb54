//! Which pictures a run leaves behind.

use std::path::PathBuf;

use crate::config::section::section;
use crate::config::{Interval, Kind, PathKind};

section! {
    /// Which pictures the run folder gets, and their numbers
    pub struct Figures {
        /// Loss curves
        pub loss: bool = true, Kind::Switch;
        /// The latent manifold, or a traversal of each axis where there are not two of them
        pub manifold: bool = true, Kind::Switch;
        /// Latent means of all images, by class
        pub clusters: bool = true, Kind::Switch;
        /// Originals above their reconstructions
        pub reconstructions: bool = true, Kind::Switch;
        /// Samples from the prior
        pub samples: bool = true, Kind::Switch;
        /// The manifold and the samples are `n` by `n` images
        pub n: usize = 10, Kind::Count { min: 2, max: 50 }, unit("images");
        /// The manifold runs from `-scale` to `scale` on each axis
        pub scale: f64 = 2.0, Kind::Number(Interval::above(0.0, 100.0));
        /// CSV file with the columns `epoch` and `loss`, drawn over the loss curves. Relative to the spec's folder
        pub published: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), also(&["reference"]);
        /// What the legend calls that curve
        pub published_name: String = "published", Kind::Line { max: 80 }, needs("published");
    }
}
