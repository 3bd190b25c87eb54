//! The figures of a run, one a file: name, setting, which networks have it, drawing.
//!
//! A figure is added by its file and its two lines here; `[figures]`, `runner doctor` and the end of a run follow from
//! them. [`Context`] is all that a figure knows of a run: plain values and a [`Network`]. What draws takes arrays and
//! gives a [`crate::draw::Rendered`]; the caller writes the files.
//!
//! Numbers that are not finite are left out of a picture and never make it fail; a picture without
//! any data says so.

mod active_axes;
mod class_rows;
mod clusters;
mod context;
mod figure;
mod grid;
mod interpolation;
mod loss_curves;
mod loss_terms;
mod manifold;
mod published;
mod reconstructions;
mod samples;
mod traversal;

pub use class_rows::{MOST_ROWS, class_rows};
pub use context::{Context, FigureError, Network, NetworkError};
pub use figure::{Figure, Shape, Switch};
pub use grid::Grid;
pub use interpolation::interpolation;
pub use published::{Published, PublishedError, read_published};
pub use reconstructions::reconstructions;
pub use samples::{for_each_class, samples};

/// The figures, in the order in which they are drawn.
pub static FIGURES: &[Figure] = &[
    loss_curves::FIGURE,
    manifold::FIGURE,
    traversal::FIGURE,
    clusters::FIGURE,
    reconstructions::FIGURE,
    samples::FIGURE,
    active_axes::FIGURE,
];

/// The settings that ask for figures, each once.
pub fn switches() -> impl Iterator<Item = &'static Switch> {
    let all = FIGURES.iter().map(|figure| &figure.switch);
    all.clone().enumerate().filter_map(move |(i, switch)| {
        let is_first = all.clone().take(i).all(|before| before.name != switch.name);
        is_first.then_some(switch)
    })
}

/// The figures that a network has, of those whose settings ask for them.
pub fn wanted(shape: Shape, asks: impl Fn(&Switch) -> bool) -> Vec<&'static Figure> {
    let is_wanted = |figure: &&Figure| asks(&figure.switch) && (figure.suits)(shape);
    FIGURES.iter().filter(is_wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Classes, Images};
    use crate::draw::testing::decode;
    use std::collections::BTreeSet;

    /// Images of 4 x 4 pixels.
    struct Fake {
        latent: usize,
        channels: usize,
    }

    impl Network for Fake {
        fn encode(&self, images: &[u32]) -> Result<Vec<f32>, NetworkError> {
            let values = 0..images.len() * self.latent;
            Ok(values.map(|i| (i as f32).sin()).collect())
        }

        fn sample(&self, _: u64, points: usize) -> Result<Vec<f32>, NetworkError> {
            let values = 0..points * self.latent;
            Ok(values.map(|i| (2.0 * i as f32).sin()).collect())
        }

        fn decode(&self, z: &[f32], labels: &[u16]) -> Result<Vec<f32>, NetworkError> {
            assert!(labels.is_empty() || labels.len() == z.len() / self.latent);
            let size = 16 * self.channels;
            let pixel = |z: &[f32], i: usize| 0.5 + 0.5 * (z.iter().sum::<f32>() + i as f32).sin();
            let points = z.chunks(self.latent);
            Ok(points
                .flat_map(|z| (0..size).map(move |i| pixel(z, i)))
                .collect())
        }

        fn decode_plane(&self, points: &[[f32; 2]], _: u16) -> Result<Vec<f32>, NetworkError> {
            self.decode(points.as_flattened(), &[])
        }
    }

    fn shape(latent: usize, channels: usize) -> Shape {
        Shape {
            latent,
            channels,
            has_axes: true,
            has_prior: true,
        }
    }

    /// Every figure that a network of such a shape has, by its name.
    fn drawn(latent: usize, channels: usize) -> Vec<(&'static str, crate::draw::Rendered)> {
        let images = Images {
            height: 4,
            width: 4,
            channels,
            pixels: vec![7; 10 * 16 * channels],
            labels: (0..10).map(|i| i % 2).collect(),
            classes: vec!["even".to_owned(), "odd".to_owned()],
            factors: None,
            binarization: crate::data::Binarization::NONE,
        };
        let context = Context {
            name: "a",
            seed: 0,
            n: 3,
            scale: 2.0,
            grid: Grid::Linear,
            latent,
            classes: &Classes::default(),
            label: 0,
            images: &images,
            train: &[0, 1, 2, 3, 4, 5, 6],
            validation: &[7, 8, 9],
            history: &[],
            published: None,
            network: &Fake { latent, channels },
        };
        let figures = wanted(shape(latent, channels), |_| true);
        figures
            .into_iter()
            .map(|figure| (figure.name, (figure.draw)(&context).unwrap()))
            .collect()
    }

    #[test]
    fn draws_each_figure_under_its_own_name() {
        let mut names = BTreeSet::new();
        for latent in [1, 2, 3] {
            let drawn = drawn(latent, 1);
            names.extend(drawn.iter().map(|(name, _)| *name));
            let pictures: BTreeSet<_> = drawn.iter().map(|(_, it)| &it.png).collect();
            assert_eq!(pictures.len(), drawn.len(), "two figures are one");
            drawn
                .iter()
                .for_each(|(_, rendered)| drop(decode(rendered)));
        }
        let registered: BTreeSet<_> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(registered.len(), FIGURES.len(), "a name stands twice");
        assert_eq!(names, registered);
    }

    #[test]
    fn leaves_out_what_a_network_does_not_have() {
        let names = |latent, channels| -> Vec<_> {
            drawn(latent, channels).iter().map(|it| it.0).collect()
        };
        let has = |latent, channels, name| names(latent, channels).contains(&name);
        assert!(has(2, 3, "manifold") && !has(2, 3, "traversal"));
        assert!(has(3, 1, "traversal") && !has(3, 1, "manifold"));
        for name in ["manifold", "reconstructions", "samples"] {
            assert!(!has(2, 2, name), "{name} of images with 2 channels");
        }
        assert!(has(2, 2, "loss") && has(2, 2, "clusters"));
        let samples = |shape| wanted(shape, |switch| switch.name == "samples").len();
        let all = shape(2, 1);
        let no_prior = Shape {
            has_prior: false,
            ..all
        };
        assert_eq!((samples(all), samples(no_prior)), (1, 0));
        let no_axes = Shape {
            has_axes: false,
            ..no_prior
        };
        let left = wanted(no_axes, |_| true);
        let left: Vec<_> = left.iter().map(|figure| figure.name).collect();
        assert_eq!(left, ["loss", "reconstructions"]);
    }

    #[test]
    fn has_one_setting_for_manifold_and_traversal() {
        let count = |name| switches().filter(|switch| switch.name == name).count();
        assert_eq!((count("manifold"), count("traversal")), (1, 0));
    }
}
