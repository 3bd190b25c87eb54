//! The figures of a run: gives the registered ones what they are drawn from, and writes them.

use crate::data::DataSet;
use crate::experiment::Spec;
use crate::figures::{self, Context, Figure, Network, NetworkError, Published, Shape};
use crate::latent::Head;
use crate::metric::Row;
use crate::plan::Plan;
use crate::run::RunFolder;
use crate::terminal::cli_error::with_causes;
use crate::vae::Model;
use crate::vae::inference::Inference;

/// The figures that a spec asks for, of images with so many channels.
pub fn wanted(spec: &Spec, channels: usize) -> Vec<&'static Figure> {
    let head = spec.latent.head();
    let shape = Shape {
        latent: spec.model.latent_dim,
        channels,
        has_axes: head != Head::Map,
        has_prior: head.is_distribution(),
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

/// The figures that a spec asks for and that its kind of latents does not have, in a sentence each.
pub fn left_out(spec: &Spec, channels: usize) -> Vec<String> {
    let shape = Shape {
        latent: spec.model.latent_dim,
        channels,
        has_axes: true,
        has_prior: true,
    };
    let there = wanted(spec, channels);
    let all = figures::wanted(shape, |switch| spec.figures.asks_for(switch));
    let missing = all
        .into_iter()
        .filter(|figure| there.iter().all(|it| it.name != figure.name));
    let why = match spec.latent.head() {
        Head::Map => "has a code for each place of an image, and no axes or prior",
        Head::Mean | Head::Gaussian => "has no prior",
    };
    let line = |figure: &Figure| {
        format!(
            "figure `{}` is left out: `[latent.{}]` {why}",
            figure.name,
            spec.latent.name()
        )
    };
    missing.map(line).collect()
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

    fn sample(&self, seed: u64, points: usize) -> Result<Vec<f32>, NetworkError> {
        Ok(self.inference().sample(seed, points)?)
    }

    fn decode(&self, z: &[f32], labels: &[u16]) -> Result<Vec<f32>, NetworkError> {
        Ok(self.inference().decode(z, labels)?)
    }

    fn decode_plane(&self, points: &[[f32; 2]], label: u16) -> Result<Vec<f32>, NetworkError> {
        Ok(self.inference().manifold(points, label)?)
    }
}
