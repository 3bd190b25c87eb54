//! Batches of a data set for the model.

use crate::data::{DataSet, fill_batch_of_epoch};
use crate::objective::{At, Drawn, Noise};
use crate::optim::schedule::Position;
use crate::plan::Plan;
use crate::vae::{Batch, Images, Labels};

/// Takes batches out of a data set. Memory is kept from one to the next.
pub(super) struct Batches<'a> {
    plan: &'a Plan,
    data: &'a DataSet,
    /// What the objective draws for a batch.
    noise: Vec<Noise>,
    drawn: Vec<Drawn>,
    images: Vec<f32>,
    /// Labels of the batch and of the second one, where the network is told them.
    labels: Option<[Vec<u16>; 2]>,
    second: Option<Second>,
}

/// The second batch of a step.
#[derive(Default)]
struct Second {
    places: Vec<u32>,
    images: Vec<f32>,
}

impl<'a> Batches<'a> {
    pub(super) fn new(plan: &'a Plan, data: &'a DataSet) -> Self {
        let objective = &plan.spec.objective;
        Self {
            plan,
            data,
            noise: plan.noise(),
            drawn: vec![],
            images: vec![],
            labels: plan.is_conditional().then(Default::default),
            second: objective.second_batch().then(Second::default),
        }
    }

    /// Places of a batch's images out of those of its part of the data set.
    pub(super) fn places<'p>(&self, part: &'p [u32], at: At) -> &'p [u32] {
        let size = self.plan.spec.training.batch_size;
        let start = at.batch() as usize * size;
        &part[start..part.len().min(start + size)]
    }

    /// The batch at a place of a part of the data set, where training is at a step. `kept`: the device has all images, and need only be told which.
    pub(super) fn take<'b>(
        &'b mut self,
        part: &'b [u32],
        at: At,
        position: Position,
        kept: bool,
    ) -> Batch<'b> {
        let places = self.places(part, at);
        let (seed, axes) = (self.plan.spec.seed, self.plan.architecture.latent);
        let epoch = match at {
            At::Step { epoch, .. } => Some(epoch),
            At::Validation(_) => None,
        };
        let draw = |noise: &Noise| noise.draw(seed, at, places.len(), axes);
        self.drawn = self.noise.iter().map(draw).collect();
        if let Some(second) = &mut self.second {
            second.places = behind(part, places.len(), at, self.plan.spec.training.batch_size);
        }
        if let Some([batch, others]) = &mut self.labels {
            let of = |place: &u32| self.data.images.labels[*place as usize];
            *batch = places.iter().map(of).collect();
            *others = self
                .second
                .iter()
                .flat_map(|it| &it.places)
                .map(of)
                .collect();
        }
        let labels = self
            .labels
            .as_ref()
            .map_or(Labels::default(), |[batch, second]| Labels {
                batch,
                second,
            });
        let second = self
            .second
            .as_mut()
            .map(|second| values(self.data, &second.places, epoch, &mut second.images, kept));
        Batch {
            images: values(self.data, places, epoch, &mut self.images, kept),
            second,
            labels,
            noise: &self.drawn,
            position,
            kl_weight: self.plan.spec.kl_weight_at(position),
        }
    }
}

/// The images of the next batch, as many as of this one; behind the last come the first.
fn behind(part: &[u32], images: usize, at: At, size: usize) -> Vec<u32> {
    let start = at.batch() as usize * size + images;
    let next = part.iter().cycle().skip(start % part.len().max(1));
    next.take(images).copied().collect()
}

fn values<'b>(
    data: &DataSet,
    places: &'b [u32],
    epoch: Option<u32>,
    buffer: &'b mut Vec<f32>,
    kept: bool,
) -> Images<'b> {
    if kept {
        return Images::Kept(places);
    }
    buffer.resize(places.len() * data.images.values_per_image(), 0.0);
    fill_batch_of_epoch(&data.images, places, epoch, buffer);
    Images::Values(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_next_batch_as_the_second_and_wraps_around() {
        let part = [10, 11, 12, 13, 14, 15, 16];
        let second = |step, images| behind(&part, images, At::Step { epoch: 0, step }, 3);
        assert_eq!(second(0, 3), [13, 14, 15]);
        assert_eq!(second(1, 3), [16, 10, 11]);
        // The last batch has one image.
        assert_eq!(second(2, 1), [10]);
        assert_eq!(behind(&part[..2], 2, At::Validation(0), 3), [10, 11]);
    }
}
