//! The figures of a run: gives the registered ones what they are drawn from, and writes them.

use crate::data::DataSet;
use crate::experiment::Spec;
use crate::figures::{self, Context, Figure, Network, NetworkError, Published, Shape};
use crate::metric::Row;
use crate::plan::Plan;
use crate::run::RunFolder;
use crate::terminal::cli_error::with_causes;
use crate::vae::Model;
use crate::vae::inference::Inference;

/// The figures that a spec asks for, of images with so many channels.
pub fn wanted(spec: &Spec, channels: usize) -> Vec<&'static Figure> {
    let shape = Shape {
        latent: spec.model.latent_dim,
        channels,
    };
    figures::wanted(shape, |switch| spec.figures.asks_for(switch))
}

/// The class of figures that show one: that of `figures.label`, else the first that has images. None where there is no such
/// class.
fn label(plan: &Plan) -> Option<u16> {
    let classes = &plan.classes;
    match &plan.spec.figures.label {
        Some(label) => classes.find(label),
        None => (0..=u16::MAX).find(|label| !classes.without_images.contains(label)),
    }
}

/// What the figures of a run are made of.
pub struct RunFigures<'a> {
    pub plan: &'a Plan,
    pub data: &'a DataSet,
    pub model: &'a dyn Model,
    pub history: &'a [Row],
    pub published: Option<&'a Published>,
}

impl RunFigures<'_> {
    /// Names of the figures that the spec asks for, without their endings.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.wanted().into_iter().map(|figure| figure.name)
    }

    /// Draws and writes them; gives what went wrong, an entry a figure.
    ///
    /// A figure that cannot be drawn does not keep the others from being drawn.
    pub fn write(&self, folder: &RunFolder) -> Vec<String> {
        let context = self.context();
        let mut errors = vec![];
        for Figure { name, draw, .. } in self.wanted() {
            let rendered = draw(&context).map_err(|e| with_causes(&e));
            let written = rendered.and_then(|it| {
                folder
                    .write_figure(&format!("{name}.png"), &it.png)
                    .and_then(|()| folder.write_figure(&format!("{name}.svg"), it.svg.as_bytes()))
                    .map_err(|e| with_causes(&e))
            });
            if let Err(error) = written {
                errors.push(format!("figure `{name}`: {error}"));
            }
        }
        errors
    }

    fn wanted(&self) -> Vec<&'static Figure> {
        wanted(&self.plan.spec, self.plan.architecture.image.channels)
    }

    fn context(&self) -> Context<'_> {
        let spec = &self.plan.spec;
        Context {
            name: &spec.name,
            seed: spec.seed,
            n: spec.figures.n,
            scale: spec.figures.scale,
            grid: spec.figures.grid,
            latent: self.plan.architecture.latent,
            classes: &self.plan.classes,
            label: label(self.plan).unwrap_or(0),
            images: &self.data.images,
            train: &self.data.train,
            validation: &self.data.validation,
            history: self.history,
            published: self.published,
            network: self,
        }
    }

    fn inference(&self) -> Inference<'_> {
        Inference {
            model: self.model,
            plan: self.plan,
        }
    }
}

impl Network for RunFigures<'_> {
    fn encode(&self, images: &[u32]) -> Result<Vec<f32>, NetworkError> {
        Ok(self.inference().encode(&self.data.images, images)?)
    }

    fn decode(&self, z: &[f32], labels: &[u16]) -> Result<Vec<f32>, NetworkError> {
        Ok(self.inference().decode(z, labels)?)
    }

    fn decode_plane(&self, points: &[[f32; 2]], label: u16) -> Result<Vec<f32>, NetworkError> {
        Ok(self.inference().manifold(points, label)?)
    }
}
