//! What a conditional network is told beside images and latent points: the class of each image (Sohn, Lee and Yan, 2015,
//! in the common form in which the prior of z does not depend on it).

use dfdx::shapes::{Dim, HasShape, Shape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{RealizeTo, ReshapeTo};

use crate::nn::backend::Rows;
use crate::nn::layers::{Sequential, SequentialConfig};
use crate::nn::params::Init;
use crate::nn::{Backend, FeatureMaps, Maps, Mode, Parameters, Visit, VisitMut};

/// The classes of images as one-hot vectors on the device, (image, class).
pub type OneHot<D> = Rows<usize, D>;

/// One-hot vectors of so many labels; of a network without classes none.
///
/// # Errors
/// The device's; labels of another number, or above the classes.
pub(super) fn one_hot<D: Backend>(
    device: &D::Device,
    labels: &[u16],
    (count, classes): (usize, usize),
) -> Result<Option<OneHot<D>>, D::Err> {
    if classes == 0 {
        return Ok(None);
    }
    let mut values = vec![0.0; labels.len() * classes];
    for (row, &label) in values.chunks_exact_mut(classes).zip(labels) {
        if let Some(value) = row.get_mut(usize::from(label)) {
            *value = 1.0;
        }
    }
    // No caller names classes that there are not, or forgets labels; those fail the shape's check.
    if labels.iter().any(|&label| usize::from(label) >= classes) {
        values.clear();
    }
    D::tensor(device, &values, (count, classes)).map(Some)
}

/// The first layers of the encoder or the decoder, which read `I` channels and, in a conditional network, an axis for each
/// class behind them.
#[derive(Clone, Debug)]
pub enum Trunk<I: Dim, D: Backend> {
    /// Of a network without condition.
    Plain(Sequential<I, D>),
    /// Of a conditional one.
    Conditional {
        /// The layers, the first of which reads `I` channels and the classes.
        layers: Sequential<usize, D>,
        /// How many classes there are.
        classes: usize,
    },
}

impl<I: Dim, D: Backend> Trunk<I, D> {
    /// Draws initial weights.
    ///
    /// # Errors
    /// The device's.
    pub fn new(
        device: &D::Device,
        init: &mut Init,
        layers: &SequentialConfig,
        (channels, classes): (I, usize),
    ) -> Result<Self, D::Err> {
        Ok(match classes {
            0 => Self::Plain(Sequential::new(device, init, layers, channels)?),
            _ => Self::Conditional {
                layers: Sequential::new(device, init, layers, channels.size() + classes)?,
                classes,
            },
        })
    }

    /// How many classes it reads.
    pub fn classes(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Conditional { classes, .. } => *classes,
        }
    }

    /// Applies the layers, which read the labels' classes where they are conditional.
    ///
    /// # Errors
    /// The device's; labels are missing.
    pub fn forward<T: Tape<f32, D::Device>>(
        &self,
        x: Maps<I, D, T>,
        labels: Option<&OneHot<D>>,
        mode: Mode<'_, D>,
    ) -> Result<FeatureMaps<usize, D, T>, D::Err> {
        match self {
            Self::Plain(layers) => layers.forward(x.into(), mode),
            Self::Conditional { layers, classes } => {
                let &(images, height, width, channels) = x.shape();
                let shape = (images, height, width, channels.size());
                let x = with_sizes::<_, _, D, T>(x, &shape)?;
                let labels = match labels {
                    Some(labels) => labels.clone(),
                    // The shape's check fails: no caller leaves them out.
                    None => D::tensor(x.device(), &[], (images, *classes))?,
                };
                layers.forward(D::append(x, &labels)?.into(), mode)
            }
        }
    }
}

/// The same tensor with sizes as numbers.
fn with_sizes<S: Shape, R: Shape<Concrete = S::Concrete>, D: Backend, T: Tape<f32, D::Device>>(
    tensor: Tensor<S, f32, D::Device, T>,
    shape: &R,
) -> Result<Tensor<R, f32, D::Device, T>, D::Err> {
    match tensor.try_realize() {
        Ok(tensor) => Ok(tensor),
        Err(tensor) => tensor.try_reshape_like(shape),
    }
}

impl<I: Dim, D: Backend> Parameters<D> for Trunk<I, D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        match self {
            Self::Plain(layers) => layers.visit(prefix, visitor),
            Self::Conditional { layers, .. } => layers.visit(prefix, visitor),
        }
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        match self {
            Self::Plain(layers) => layers.visit_mut(prefix, visitor),
            Self::Conditional { layers, .. } => layers.visit_mut(prefix, visitor),
        }
    }
}
