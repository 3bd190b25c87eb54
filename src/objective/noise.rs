//! The random numbers that an objective draws for a batch.

use crate::numeric::random::{Purpose, Stream};

/// Random numbers under a purpose of their own, so that no other draw changes when an objective asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// The stream's purpose in training, and the name by which the objective finds the numbers again.
    pub purpose: Purpose,
    /// What is drawn.
    pub draw: Draw,
}

/// The distribution of the numbers, and how many a batch needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Standard normal deviates, (sample, image, latent axis).
    Normal {
        /// Points for each image.
        samples: usize,
    },
    /// For each latent axis an order of the batch of its own, (image, latent axis): places in the batch, from 0.
    Permutation,
}

/// Numbers that were drawn for a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// That of the [`Noise`].
    pub purpose: Purpose,
    /// In row-major order; places in a batch are exact up to 2^24.
    pub values: Vec<f32>,
}

/// The batch that numbers are drawn for: with the seed and the purpose the address of their stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A step of training, counted in its epoch.
    Step {
        /// The epoch, from 0.
        epoch: u32,
        /// The step, from 0.
        step: u32,
    },
    /// A batch of the validation part, from 0; the same numbers after every epoch.
    Validation(u32),
}

impl At {
    /// The batch in its epoch or its part, from 0.
    pub const fn batch(self) -> u32 {
        match self {
            Self::Step { step, .. } => step,
            Self::Validation(batch) => batch,
        }
    }
}

impl Noise {
    /// The noise of the reparameterisation: one point for each image.
    pub const REPARAMETERISATION: Self = Self {
        purpose: Purpose::Noise,
        draw: Draw::Normal { samples: 1 },
    };

    /// How many numbers a batch of so many images and latent axes needs.
    pub fn len(&self, images: usize, axes: usize) -> usize {
        match self.draw {
            Draw::Normal { samples } => samples * images * axes,
            Draw::Permutation => images * axes,
        }
    }

    /// Draws for a batch of so many images and latent axes.
    pub fn draw(&self, seed: u64, at: At, images: usize, axes: usize) -> Drawn {
        let mut stream = self.stream(seed, at);
        let mut values = vec![0.0; self.len(images, axes)];
        match self.draw {
            Draw::Normal { .. } => stream.fill_normal(&mut values),
            Draw::Permutation => {
                let mut order: Vec<usize> = (0..images).collect();
                for axis in 0..axes {
                    stream.shuffle(&mut order);
                    for (image, &place) in order.iter().enumerate() {
                        values[image * axes + axis] = place as f32;
                    }
                }
            }
        }
        Drawn {
            purpose: self.purpose,
            values,
        }
    }

    fn stream(&self, seed: u64, at: At) -> Stream {
        match (at, self.purpose) {
            (At::Step { epoch, step }, purpose) => Stream::new(seed, purpose, epoch, step),
            (At::Validation(batch), Purpose::Noise) => {
                Stream::new(seed, Purpose::Validation, 1, batch)
            }
            // No run gets to this epoch.
            (At::Validation(batch), purpose) => Stream::new(seed, purpose, u32::MAX, batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_addresses_of_the_reparameterisation_noise() {
        let of = |mut stream: Stream| {
            let mut values = vec![0.0; 15];
            stream.fill_normal(&mut values);
            values
        };
        let draw = |at| Noise::REPARAMETERISATION.draw(9, at, 5, 3).values;
        assert_eq!(
            draw(At::Step { epoch: 2, step: 7 }),
            of(Stream::new(9, Purpose::Noise, 2, 7))
        );
        assert_eq!(
            draw(At::Validation(7)),
            of(Stream::new(9, Purpose::Validation, 1, 7))
        );
    }

    #[test]
    fn permutes_each_axis_by_itself() {
        let noise = Noise {
            purpose: Purpose::Sample,
            draw: Draw::Permutation,
        };
        let draw = |at| noise.draw(3, at, 50, 2).values;
        let drawn = draw(At::Validation(0));
        let axis = |axis: usize| drawn.iter().skip(axis).step_by(2).copied();
        for of in [axis(0), axis(1)] {
            let mut places: Vec<_> = of.map(|place| place as usize).collect();
            places.sort_unstable();
            assert_eq!(places, (0..50).collect::<Vec<_>>());
        }
        assert!(axis(0).ne(axis(1)));
        assert_ne!(drawn, draw(At::Validation(1)));
        assert_ne!(drawn, draw(At::Step { epoch: 0, step: 0 }));
    }
}
