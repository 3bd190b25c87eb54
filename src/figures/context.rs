//! What a figure is drawn from.

use std::error::Error;

use super::grid::Grid;
use super::published::Published;
use crate::data::{Classes, Images};
use crate::draw::{DrawError, ImageBatch};
use crate::metric::Row;
use crate::numeric::PcaError;

/// A run at the end of its training.
pub struct Context<'a> {
    /// Name of the experiment.
    pub name: &'a str,
    /// Its seed.
    pub seed: u64,
    /// Images a side of what is drawn as a square, `figures.n`.
    pub n: usize,
    /// Latent axes are shown from -`scale` to `scale`, `figures.scale`.
    pub scale: f64,
    /// How the manifold's points are spaced, `figures.grid`.
    pub grid: Grid,
    /// Latent axes.
    pub latent: usize,
    /// The classes of a conditional network; of others none.
    pub classes: &'a Classes,
    /// The class of figures that show one, `figures.label`.
    pub label: u16,
    /// All images.
    pub images: &'a Images,
    /// Which of them are trained on, ascending.
    pub train: &'a [u32],
    /// Which of them are held out, ascending.
    pub validation: &'a [u32],
    /// The metrics of each epoch.
    pub history: &'a [Row],
    /// A curve that was published.
    pub published: Option<&'a Published>,
    /// The trained network.
    pub network: &'a dyn Network,
}

/// A trained network, as figures use it.
pub trait Network {
    /// Means of q(z | x) of the named images, (images, latent); in a conditional network each has its own label.
    ///
    /// # Errors
    /// The device fails.
    fn encode(&self, images: &[u32]) -> Result<Vec<f32>, NetworkError>;

    /// So many points drawn from the prior, (points, latent).
    ///
    /// # Errors
    /// The device fails.
    fn sample(&self, seed: u64, points: usize) -> Result<Vec<f32>, NetworkError>;

    /// Pixel values from 0 to 1 of latent points, (points, height, width, channels). A conditional network takes a label
    /// for each, others look at none.
    ///
    /// # Errors
    /// The device fails.
    fn decode(&self, z: &[f32], labels: &[u16]) -> Result<Vec<f32>, NetworkError>;

    /// The same of points of the plane, for a network with two latent axes; all of one class.
    ///
    /// # Errors
    /// The device fails.
    fn decode_plane(&self, points: &[[f32; 2]], label: u16) -> Result<Vec<f32>, NetworkError>;
}

/// Why a network could not do what it was asked.
pub type NetworkError = Box<dyn Error + Send + Sync>;

/// Why a figure is missing.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// The network failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// It cannot be drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// There are no principal components.
    #[error(transparent)]
    Pca(#[from] PcaError),
}

impl Context<'_> {
    /// A title: the experiment's name and what is shown.
    pub fn title(&self, what: &str) -> String {
        format!("{}: {what}", self.name)
    }

    /// A title that also says how long the network was trained.
    pub fn title_with_epochs(&self, what: &str) -> String {
        match self.history.len() {
            1 => format!("{}: {what} after 1 epoch", self.name),
            n => format!("{}: {what} after {n} epochs", self.name),
        }
    }

    /// Whether the network is told the class of an image.
    pub fn is_conditional(&self) -> bool {
        !self.classes.names.is_empty()
    }

    /// A title that also names the class that is shown, where the network is told it.
    pub fn title_with_class(&self, what: &str) -> String {
        match self.is_conditional() {
            true => {
                let class = self.classes.name(self.label);
                self.title_with_epochs(&format!("{what} of class {class}"))
            }
            false => self.title_with_epochs(what),
        }
    }

    /// The labels of images.
    pub fn labels_of(&self, images: &[u32]) -> Vec<u16> {
        let label = |&image: &u32| self.images.labels[image as usize];
        images.iter().map(label).collect()
    }

    /// All images that are trained on or held out, ascending.
    pub fn all_images(&self) -> Vec<u32> {
        let mut indices = [self.train, self.validation].concat();
        indices.sort_unstable();
        indices
    }

    /// Pixel values as images of the size of the data's.
    ///
    /// # Errors
    /// They are no such images.
    pub fn batch<'a>(&self, pixels: &'a [f32]) -> Result<ImageBatch<'a>, DrawError> {
        let Images {
            height,
            width,
            channels,
            ..
        } = *self.images;
        let count = pixels.len() / self.images.values_per_image().max(1);
        ImageBatch::new(pixels, count, height, width, channels)
    }
}
