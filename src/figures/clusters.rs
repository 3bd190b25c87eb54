//! The figure `clusters`: latent means of all images, coloured by class.

mod scatter;

use scatter::{Clusters, clusters};

use super::context::{Context, FigureError};
use super::figure::{Figure, Switch};
use crate::draw::Rendered;
use crate::numeric::principal_components;

/// The first two principal components, where there are more than two latent axes.
pub const FIGURE: Figure = Figure {
    name: "clusters",
    switch: Switch {
        name: "clusters",
        doc: "Latent means of all images, by class",
        default: true,
    },
    suits: |shape| shape.has_axes,
    draw,
};

fn draw(context: &Context) -> Result<Rendered, FigureError> {
    let indices = context.all_images();
    let means = context.network.encode(&indices)?;
    let axis = |i: usize| format!("z[{i}]");
    let (points, x_label, y_label): (Vec<[f32; 2]>, _, _) = match context.latent {
        1 => (
            means.iter().map(|&z| [z, 0.0]).collect(),
            axis(0),
            String::new(),
        ),
        2 => (means.as_chunks().0.to_vec(), axis(0), axis(1)),
        latent => {
            let principal = principal_components(&means, latent)?;
            let label = |i: usize| {
                let share = 100.0 * principal.explained[i];
                format!("PC {} ({share:.0} % of variance)", i + 1)
            };
            (principal.scores.clone(), label(0), label(1))
        }
    };
    let labels = &context.images.labels;
    let classes: Vec<u32> = indices
        .iter()
        .map(|&i| u32::from(labels[i as usize]))
        .collect();
    Ok(clusters(&Clusters {
        title: &context.title_with_epochs("latent means"),
        points: &points,
        classes: &classes,
        class_names: &context.images.classes,
        x_label: &x_label,
        y_label: &y_label,
    })?)
}
