//! The figures of a run: asks the network for arrays, and has them drawn.

use crate::data::{DataSet, fill_batch};
use crate::draw::{FigureError, ImageBatch, Rendered};
use crate::experiment::Spec;
use crate::figures::{self, Published};
use crate::kernels::Extent;
use crate::metric::Row;
use crate::numeric::random::{Purpose, Stream};
use crate::numeric::{PcaError, principal_components};
use crate::plan::Plan;
use crate::run::RunFolder;
use crate::terminal::cli_error::with_causes;
use crate::vae::inference::Inference;
use crate::vae::{Model, ModelError};

/// Images whose reconstructions are shown.
const RECONSTRUCTIONS: usize = 24;
/// Columns of a traversal.
const TRAVERSAL_COLUMNS: usize = 11;

/// Why a figure is missing.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The network failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// There are no principal components.
    #[error(transparent)]
    Pca(#[from] PcaError),
}

type Picture = Result<Rendered, PictureError>;

/// Names of the figures that a spec asks for, without their endings.
pub fn expected(spec: &Spec, channels: usize) -> Vec<&'static str> {
    let wanted = &spec.figures;
    let grayscale_or_rgb = matches!(channels, 1 | 3);
    let walk = match spec.model.latent_dim {
        2 => "manifold",
        _ => "traversal",
    };
    [
        ("loss", wanted.loss),
        (walk, wanted.manifold && grayscale_or_rgb),
        ("clusters", wanted.clusters),
        (
            "reconstructions",
            wanted.reconstructions && grayscale_or_rgb,
        ),
        ("samples", wanted.samples && grayscale_or_rgb),
    ]
    .into_iter()
    .filter_map(|(name, wanted)| wanted.then_some(name))
    .collect()
}

/// What the figures are made of.
pub struct Album<'a> {
    pub plan: &'a Plan,
    pub data: &'a DataSet,
    pub model: &'a dyn Model,
    pub history: &'a [Row],
    pub published: Option<&'a Published>,
}

impl Album<'_> {
    /// Draws what the spec asks for, under the names that their files get.
    ///
    /// A figure that cannot be drawn does not keep the others from being drawn.
    pub fn draw(&self) -> Vec<(&'static str, Picture)> {
        let picture = |name| (name, self.picture(name));
        self.names().into_iter().map(picture).collect()
    }

    /// Names of the figures that the spec asks for, without their endings.
    pub fn names(&self) -> Vec<&'static str> {
        expected(&self.plan.spec, self.image().channels)
    }

    /// Draws and writes them; gives what went wrong, an entry a figure.
    pub fn write(&self, folder: &RunFolder) -> Vec<String> {
        let mut errors = vec![];
        for (name, picture) in self.draw() {
            let written = picture.map_err(|e| with_causes(&e)).and_then(|rendered| {
                folder
                    .write_figure(&format!("{name}.png"), &rendered.png)
                    .and_then(|()| {
                        folder.write_figure(&format!("{name}.svg"), rendered.svg.as_bytes())
                    })
                    .map_err(|e| with_causes(&e))
            });
            if let Err(error) = written {
                errors.push(format!("figure `{name}`: {error}"));
            }
        }
        errors
    }

    fn picture(&self, name: &str) -> Picture {
        match name {
            "loss" => self.loss(),
            "manifold" => self.manifold(),
            "traversal" => self.traversal(),
            "clusters" => self.clusters(),
            "reconstructions" => self.reconstructions(),
            _ => self.samples(),
        }
    }

    fn image(&self) -> Extent {
        self.plan.architecture.image
    }

    fn name(&self) -> &str {
        &self.plan.spec.name
    }

    fn epochs(&self) -> String {
        match self.history.len() {
            1 => "1 epoch".to_owned(),
            n => format!("{n} epochs"),
        }
    }

    fn loss(&self) -> Picture {
        let title = format!("{}: training", self.name());
        Ok(figures::loss_curves(&title, self.history, self.published)?)
    }

    fn manifold(&self) -> Picture {
        let wanted = &self.plan.spec.figures;
        let points = figures::manifold_points(wanted.n, wanted.scale)?;
        let pixels = self.inference().manifold(&points)?;
        let title = format!("{}: latent manifold after {}", self.name(), self.epochs());
        Ok(figures::manifold(
            &title,
            &self.as_images(&pixels)?,
            wanted.n,
            wanted.scale,
        )?)
    }

    fn traversal(&self) -> Picture {
        let scale = self.plan.spec.figures.scale;
        let latent = self.plan.architecture.latent;
        let kl = self
            .history
            .last()
            .map_or(&[][..], |row| row.axes("kl_per_axis"));
        let nats = |axis: usize| kl.get(axis).copied().unwrap_or(0.0);
        let mut axes: Vec<usize> = (0..latent).collect();
        axes.sort_by(|&a, &b| nats(b).total_cmp(&nats(a)));
        axes.truncate(figures::MAX_TRAVERSAL_ROWS);
        let values = figures::traversal_values(TRAVERSAL_COLUMNS, scale)?;
        let mut points = vec![0.0; axes.len() * values.len() * latent];
        for (i, point) in points.chunks_exact_mut(latent).enumerate() {
            point[axes[i / values.len()]] = values[i % values.len()];
        }
        let labels: Vec<String> = axes
            .iter()
            .map(|&axis| format!("z[{axis}]  {:.2} nats", nats(axis)))
            .collect();
        let pixels = self.decode(&points)?;
        let title = format!("{}: latent axes after {}", self.name(), self.epochs());
        Ok(figures::traversal(
            &title,
            &labels,
            &self.as_images(&pixels)?,
            scale,
        )?)
    }

    fn clusters(&self) -> Picture {
        let data = self.data;
        let mut indices = [data.train.as_slice(), &data.validation].concat();
        indices.sort_unstable();
        let means = self.encode(&indices)?;
        let latent = self.plan.architecture.latent;
        let (points, x_label, y_label) = match latent {
            1 => (
                means.iter().map(|&z| [z, 0.0]).collect(),
                "z[0]".to_owned(),
                String::new(),
            ),
            2 => (
                means.chunks_exact(2).map(|z| [z[0], z[1]]).collect(),
                "z[0]".to_owned(),
                "z[1]".to_owned(),
            ),
            _ => {
                let principal = principal_components(&means, latent)?;
                let label = |i: usize| {
                    format!(
                        "PC {} ({:.0} % of variance)",
                        i + 1,
                        100.0 * principal.explained[i]
                    )
                };
                (principal.scores.clone(), label(0), label(1))
            }
        };
        let points: Vec<[f32; 2]> = points;
        let classes: Vec<u32> = indices
            .iter()
            .map(|&i| u32::from(data.images.labels[i as usize]))
            .collect();
        let title = format!("{}: latent means after {}", self.name(), self.epochs());
        Ok(figures::clusters(&figures::Clusters {
            title: &title,
            points: &points,
            classes: &classes,
            class_names: &data.images.classes,
            x_label: &x_label,
            y_label: &y_label,
        })?)
    }

    fn reconstructions(&self) -> Picture {
        let data = self.data;
        let (part, source) = match data.validation.is_empty() {
            true => ("training", &data.train),
            false => ("validation", &data.validation),
        };
        let indices = &source[..source.len().min(RECONSTRUCTIONS)];
        let mut originals = vec![0.0; indices.len() * self.image().len()];
        fill_batch(&data.images, indices, &mut originals);
        let pixels = self.decode(&self.encode(indices)?)?;
        let title = format!("{}: reconstructions of {part} images", self.name());
        let (originals, pixels) = (self.as_images(&originals)?, self.as_images(&pixels)?);
        Ok(figures::reconstructions(&title, &originals, &pixels)?)
    }

    fn samples(&self) -> Picture {
        let n = self.plan.spec.figures.n;
        let mut z = vec![0.0; n * n * self.plan.architecture.latent];
        Stream::new(self.plan.spec.seed, Purpose::Sample, 0, 0).fill_normal(&mut z);
        let pixels = self.decode(&z)?;
        let title = format!("{}: samples from the prior", self.name());
        Ok(figures::samples(&title, &self.as_images(&pixels)?)?)
    }

    fn as_images<'a>(&self, pixels: &'a [f32]) -> Result<ImageBatch<'a>, FigureError> {
        let Extent {
            height,
            width,
            channels,
        } = self.image();
        ImageBatch::new(
            pixels,
            pixels.len() / self.image().len(),
            height,
            width,
            channels,
        )
    }

    fn inference(&self) -> Inference<'_> {
        Inference {
            model: self.model,
            plan: self.plan,
        }
    }

    fn encode(&self, indices: &[u32]) -> Result<Vec<f32>, ModelError> {
        self.inference().encode(&self.data.images, indices)
    }

    fn decode(&self, z: &[f32]) -> Result<Vec<f32>, ModelError> {
        self.inference().decode(z)
    }
}
