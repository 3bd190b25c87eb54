//! Which images train and which are held out.

use crate::config::choice::choices;
use crate::config::{FieldValue, Rules, Value};
use crate::numeric::random::{Purpose, Stream};
use crate::sys::exit;

use super::error::Refusal;

choices! {
    /// A part of a data set, as its publishers divided it.
    pub enum Split {
        /// the training images
        Train = "train",
        /// the test images
        Test = "test",
    }
}

/// Which images are kept out of training to measure the model on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validation {
    /// None: nothing is measured but the training loss.
    None,
    /// This fraction of the training images, more than 0 and less than 1.
    Fraction(f64),
    /// The data set's own test images.
    Test,
}

impl FieldValue for Validation {
    type Literal = Self;

    fn default_value(literal: Self) -> Value {
        literal.to_value().unwrap_or(Value::Text("none".into()))
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(fraction) => Some(Self::Fraction(fraction)),
            Value::Text(text) if text == "test" => Some(Self::Test),
            Value::Text(_) => Some(Self::None),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(match self {
            Self::None => Value::Text("none".into()),
            Self::Fraction(fraction) => Value::Number(*fraction),
            Self::Test => Value::Text("test".into()),
        })
    }
}

/// Whether a spec trains on a part; not where that was written wrongly.
pub(super) fn trains_on(it: &Rules<'_>, part: Split) -> bool {
    let splits: Option<Vec<Split>> = it.get("splits");
    splits.is_some_and(|splits| splits.contains(&part))
}

/// Whether a spec validates on the test part.
pub(super) fn validates_on_test(it: &Rules<'_>) -> bool {
    it.get("validation") == Some(Validation::Test)
}

/// Whether a spec needs a part.
pub(super) fn uses(it: &Rules<'_>, part: Split) -> bool {
    trains_on(it, part) || part == Split::Test && validates_on_test(it)
}

/// How a data set is divided, whatever its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Division {
    /// The published parts to train on; not empty, no part twice.
    pub splits: Vec<Split>,
    /// What is kept out of training.
    pub validation: Validation,
    /// Only the first so many training images, counted before any are kept out for validation.
    pub limit: Option<usize>,
}

/// Images that cannot be divided as asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum DivisionError {
    #[error("there is no image to train on")]
    NoImages,
    #[error("`data.limit` is {limit}, but there are only {available} training images")]
    LimitTooLarge { limit: usize, available: usize },
    #[error("`data.validation` = {fraction} holds out {held_out} of {images} training images")]
    Fraction {
        fraction: f64,
        held_out: usize,
        images: usize,
    },
}

impl Refusal for DivisionError {
    fn exit_code(&self) -> u8 {
        exit::USAGE
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::LimitTooLarge { available, .. } => Some(format!(
                "leave `data.limit` out, or set it to {available} or less"
            )),
            _ => None,
        }
    }
}

/// How many images of each part are kept, and how many of them train.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// How many images of each of [`Division::parts`] are kept.
    pub keep: Vec<usize>,
    /// How many images are trained on.
    pub train: usize,
    /// How many images are held out.
    pub validation: usize,
}

impl Shares {
    /// How many images there are in all.
    pub(super) fn total(&self) -> usize {
        self.train + self.validation
    }
}

impl Division {
    /// The published parts in the order in which their images lie in memory: those to train on as the spec names
    /// them, then the one that is held out whole.
    pub(super) fn parts(&self) -> Vec<Split> {
        let held_out = (self.validation == Validation::Test).then_some(Split::Test);
        self.splits.iter().copied().chain(held_out).collect()
    }

    /// The division that reads the same files, but keeps all of their images to train on.
    pub(super) fn undivided(&self) -> Self {
        Self {
            limit: None,
            validation: match self.validation {
                Validation::Fraction(_) => Validation::None,
                other => other,
            },
            ..self.clone()
        }
    }

    /// Divides parts of so many images, in the order of [`parts`](Self::parts). The limit takes the first images over
    /// all parts that are trained on.
    pub(super) fn shares(&self, counts: &[usize]) -> Result<Shares, DivisionError> {
        let (training, held_out) = counts.split_at(self.splits.len().min(counts.len()));
        let available = training.iter().sum();
        let images = self.limit.unwrap_or(available);
        if images > available {
            return Err(DivisionError::LimitTooLarge {
                limit: images,
                available,
            });
        }
        if images == 0 {
            return Err(DivisionError::NoImages);
        }
        let mut left = images;
        let mut keep: Vec<usize> = training
            .iter()
            .map(|&count| {
                let keep = count.min(left);
                left -= keep;
                keep
            })
            .collect();
        keep.extend(held_out);
        let validation = match self.validation {
            Validation::None => 0,
            Validation::Test => held_out.iter().sum(),
            Validation::Fraction(fraction) => {
                let held_out = (fraction * images as f64).round() as usize;
                if !(fraction > 0.0 && fraction < 1.0) || held_out == 0 || held_out >= images {
                    return Err(DivisionError::Fraction {
                        fraction,
                        held_out,
                        images,
                    });
                }
                held_out
            }
        };
        let train = match self.validation {
            Validation::Fraction(_) => images - validation,
            Validation::None | Validation::Test => images,
        };
        Ok(Shares {
            keep,
            train,
            validation,
        })
    }

    /// Positions in memory of the images to train on and of those held out, both ascending.
    ///
    /// A fraction is drawn without regard to classes: the last round(fraction * n) of a shuffle that
    /// depends on the seed alone.
    pub(super) fn indices(&self, shares: &Shares, seed: u64) -> (Vec<u32>, Vec<u32>) {
        // There is no memory for more images than fit into an u32.
        let end = u32::try_from(shares.total()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..end).collect();
        if let Validation::Fraction(_) = self.validation {
            Stream::new(seed, Purpose::Validation, 0, 0).shuffle(&mut order);
        }
        let mut validation = order.split_off(shares.train.min(order.len()));
        order.sort_unstable();
        validation.sort_unstable();
        order.shrink_to_fit();
        (order, validation)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A division with everything at its default.
    pub(in crate::data) fn whole() -> Division {
        Division {
            splits: vec![Split::Train],
            validation: Validation::None,
            limit: None,
        }
    }

    fn both(limit: usize) -> Division {
        Division {
            splits: vec![Split::Train, Split::Test],
            limit: Some(limit),
            ..whole()
        }
    }

    fn fraction(fraction: f64) -> Division {
        Division {
            validation: Validation::Fraction(fraction),
            ..whole()
        }
    }

    #[test]
    fn keeps_the_order_of_the_spec_and_puts_the_held_out_part_last() {
        let division = Division {
            validation: Validation::Test,
            limit: Some(2),
            ..whole()
        };
        assert_eq!(division.parts(), [Split::Train, Split::Test]);
        let shares = division.shares(&[6, 3]).unwrap();
        assert_eq!(shares.keep, [2, 3]);
        let indices = division.indices(&shares, 1);
        assert_eq!(indices, (vec![0, 1], vec![2, 3, 4]));
    }

    #[test]
    fn limits_training_images_over_all_parts() {
        let keep = |limit| both(limit).shares(&[6, 3]).map(|shares| shares.keep);
        assert_eq!(keep(4).unwrap(), [4, 0]);
        assert_eq!(keep(8).unwrap(), [6, 2]);
        assert_eq!(keep(9).unwrap(), [6, 3]);
        assert!(matches!(
            keep(10),
            Err(DivisionError::LimitTooLarge {
                limit: 10,
                available: 9
            })
        ));
        assert!(matches!(keep(0), Err(DivisionError::NoImages)));
        assert!(matches!(whole().shares(&[]), Err(DivisionError::NoImages)));
    }

    #[test]
    fn draws_a_fraction_by_the_seed() {
        let division = fraction(0.25);
        let shares = division.shares(&[1_001]).unwrap();
        let drawn = |seed| division.indices(&shares, seed);
        let (train, validation) = drawn(3);
        assert_eq!((train.len(), validation.len()), (751, 250));
        assert!(train.is_sorted() && validation.is_sorted());
        let mut all = [train.clone(), validation].concat();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..1_001));
        assert_eq!(drawn(3).0, train);
        assert_ne!(drawn(4).0, train);
    }

    #[test]
    fn refuses_a_fraction_that_leaves_no_image_on_one_side() {
        for (part, images) in [(0.1, 4), (0.9, 4), (0.0, 9), (1.0, 9), (f64::NAN, 9)] {
            let refused = fraction(part).shares(&[images]);
            let is_refused = matches!(refused, Err(DivisionError::Fraction { .. }));
            assert!(is_refused, "{part}");
        }
        let shares = fraction(0.5).shares(&[2]).unwrap();
        assert_eq!((shares.train, shares.validation), (1, 1));
    }
}
