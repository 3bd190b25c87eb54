//! Many images or latent points through a network, a batch at a time.

use crate::data::{Images, fill_batch};
use crate::plan::Plan;
use crate::prior;
use crate::vae::{Model, ModelError};

/// A network with the size of its batches.
pub struct Inference<'a> {
    pub model: &'a dyn Model,
    pub plan: &'a Plan,
}

impl Inference<'_> {
    /// Images that go through the network at a time: as many as in training, whose memory is there already.
    fn batch(&self) -> usize {
        self.plan.spec.training.batch_size
    }

    /// The labels of a batch, which only a conditional network is given.
    fn labels(&self, labels: impl Iterator<Item = u16>) -> Vec<u16> {
        match self.plan.architecture.classes {
            0 => vec![],
            _ => labels.collect(),
        }
    }

    /// Means of q(z | x) of the named images, (images, latent); where there is no distribution, the decoder's input. In a
    /// conditional network each image has its own label.
    pub fn encode(&self, images: &Images, indices: &[u32]) -> Result<Vec<f32>, ModelError> {
        let size = self.plan.architecture.image.len();
        let mut means = vec![];
        let mut buffer = vec![0.0; self.batch().min(indices.len()) * size];
        for indices in indices.chunks(self.batch()) {
            let batch = &mut buffer[..indices.len() * size];
            fill_batch(images, indices, batch);
            let labels = self.labels(indices.iter().map(|&i| images.labels[i as usize]));
            means.extend(self.model.encode(batch, &labels)?);
        }
        // What follows, drawing most of all, needs memory too, but not at the same time.
        self.model.release_memory()?;
        Ok(means)
    }

    /// The rows of the codebook that the named images take, (images, places); nothing without a codebook.
    pub fn codes(
        &self,
        images: &Images,
        indices: &[u32],
    ) -> Result<Option<Vec<usize>>, ModelError> {
        let size = self.plan.architecture.image.len();
        let mut codes = vec![];
        let mut buffer = vec![0.0; self.batch().min(indices.len()) * size];
        for indices in indices.chunks(self.batch()) {
            let batch = &mut buffer[..indices.len() * size];
            fill_batch(images, indices, batch);
            let labels = self.labels(indices.iter().map(|&i| images.labels[i as usize]));
            match self.model.codes(batch, &labels)? {
                Some(rows) => codes.extend(rows),
                None => return Ok(None),
            }
        }
        self.model.release_memory()?;
        Ok(Some(codes))
    }

    /// So many points drawn from the prior, (points, latent).
    pub fn sample(&self, seed: u64, points: usize) -> Result<Vec<f32>, ModelError> {
        let prior = self.model.prior()?;
        let axes = self.plan.architecture.latent;
        Ok(prior::draw(prior.as_ref(), seed, points, axes))
    }

    /// Pixel values from 0 to 1 of latent points, (points, height, width, channels). A conditional network takes a label
    /// for each; others do not look at them.
    pub fn decode(&self, z: &[f32], labels: &[u16]) -> Result<Vec<f32>, ModelError> {
        let mut pixels = vec![];
        let (size, image) = (
            self.batch(),
            self.plan.architecture.latent * self.plan.architecture.places(),
        );
        for (i, z) in z.chunks(size * image).enumerate() {
            let labels = self.labels(labels.iter().copied().skip(i * size).take(size));
            pixels.extend(self.model.decode(z, &labels)?);
        }
        self.model.release_memory()?;
        Ok(pixels)
    }

    /// Pixel values from 0 to 1 of points of the plane, (points, height, width, channels); none where the network has
    /// no two latent axes. A conditional network takes their class.
    pub fn manifold(&self, points: &[[f32; 2]], class: u16) -> Result<Vec<f32>, ModelError> {
        let mut pixels = vec![];
        if let Some(planar) = self.model.planar() {
            for points in points.chunks(self.batch()) {
                let labels = self.labels(points.iter().map(|_| class));
                pixels.extend(planar.manifold(points, &labels)?);
            }
        }
        self.model.release_memory()?;
        Ok(pixels)
    }
}
