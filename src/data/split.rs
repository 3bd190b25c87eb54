//! Which images train and which are held out.

use crate::experiment::{Data, Split, Validation};
use crate::numeric::random::{Purpose, Stream};

use super::error::DataError;

/// A split that the spec asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub split: Split,
    /// Whether the whole of it is the validation part (`validation = "test"`).
    pub held_out: bool,
}

/// A wanted split and how many of its images are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub wanted: Wanted,
    pub keep: usize,
}

/// The splits in the order in which their images lie in memory: those to train on as the spec names
/// them, then the one that is held out whole.
pub(super) fn wanted(data: &Data) -> Result<Vec<Wanted>, DataError> {
    if data.splits.is_empty() {
        return Err(DataError::NoSplit);
    }
    let mut wanted: Vec<Wanted> = Vec::with_capacity(2);
    for &split in &data.splits {
        if wanted.iter().any(|earlier| earlier.split == split) {
            return Err(DataError::SplitTwice {
                split: match split {
                    Split::Train => "train",
                    Split::Test => "test",
                },
            });
        }
        wanted.push(Wanted {
            split,
            held_out: false,
        });
    }
    if data.validation == Validation::Test {
        if data.splits.contains(&Split::Test) {
            return Err(DataError::ValidationIsTrainedOn);
        }
        wanted.push(Wanted {
            split: Split::Test,
            held_out: true,
        });
    }
    Ok(wanted)
}

/// Applies `limit`: the first N of the training images, over all splits in their order.
/// `counts` holds the number of images of each wanted split.
pub(super) fn share(
    data: &Data,
    wanted: &[Wanted],
    counts: &[usize],
) -> Result<Vec<Part>, DataError> {
    let parts = wanted.iter().zip(counts);
    let available = parts
        .clone()
        .filter(|(wanted, _)| !wanted.held_out)
        .map(|(_, &count)| count)
        .sum();
    let mut left = match data.limit {
        None => available,
        Some(0) => return Err(DataError::NoImages { key: "data.limit" }),
        Some(limit) if limit > available => {
            return Err(DataError::LimitTooLarge { limit, available });
        }
        Some(limit) => limit,
    };
    Ok(parts
        .map(|(&wanted, &count)| {
            let keep = if wanted.held_out {
                count
            } else {
                count.min(left)
            };
            if !wanted.held_out {
                left -= keep;
            }
            Part { wanted, keep }
        })
        .collect())
}

/// How many images train and how many are held out.
pub(super) fn sizes(validation: Validation, parts: &[Part]) -> Result<(usize, usize), DataError> {
    let total = |held_out| {
        let parts = parts.iter().filter(|part| part.wanted.held_out == held_out);
        parts.map(|part| part.keep).sum::<usize>()
    };
    let (images, test) = (total(false), total(true));
    match validation {
        Validation::None => Ok((images, 0)),
        Validation::Test => Ok((images, test)),
        Validation::Fraction(fraction) => {
            let held_out = (fraction * images as f64).round() as usize;
            if !(fraction > 0.0 && fraction < 1.0) || held_out == 0 || held_out >= images {
                return Err(DataError::ValidationFraction {
                    fraction,
                    held_out,
                    images,
                });
            }
            Ok((images - held_out, held_out))
        }
    }
}

/// Positions in memory of the images to train on and of those held out, both ascending.
///
/// A fraction is drawn without regard to classes: the last round(fraction * n) of a shuffle that
/// depends on the seed alone.
pub(super) fn indices(
    validation: Validation,
    parts: &[Part],
    seed: u64,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    let (training, held_out) = sizes(validation, parts)?;
    let end = u32::try_from(training + held_out).map_err(|_| DataError::TooLarge {
        bytes: (training + held_out) as u128,
        limit: u32::MAX.into(),
    })?;
    let mut order: Vec<u32> = (0..end).collect();
    if let Validation::Fraction(_) = validation {
        Stream::new(seed, Purpose::Validation, 0, 0).shuffle(&mut order);
    }
    let mut validation = order.split_off(training);
    order.sort_unstable();
    validation.sort_unstable();
    order.shrink_to_fit();
    Ok((order, validation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::set::tests::data;
    use crate::experiment::Dataset;

    fn spec(splits: &[Split], validation: Validation, limit: Option<usize>) -> Data {
        Data {
            splits: splits.to_vec(),
            validation,
            limit,
            ..data(Dataset::Mnist)
        }
    }

    fn keeps(data: &Data, counts: &[usize]) -> Result<Vec<usize>, DataError> {
        let parts = share(data, &wanted(data)?, counts)?;
        Ok(parts.iter().map(|part| part.keep).collect())
    }

    #[test]
    fn splits_lie_in_memory_as_the_spec_names_them_and_the_held_out_one_last() {
        let spec = spec(&[Split::Train], Validation::Test, None);
        let order = wanted(&spec).unwrap();
        let names: Vec<_> = order.iter().map(|w| (w.split, w.held_out)).collect();
        assert_eq!(names, [(Split::Train, false), (Split::Test, true)]);
        let parts = share(&spec, &order, &[4, 2]).unwrap();
        let (train, validation) = indices(spec.validation, &parts, 1).unwrap();
        assert_eq!((train, validation), (vec![0, 1, 2, 3], vec![4, 5]));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let both = [Split::Train, Split::Test];
        assert!(matches!(
            wanted(&spec(&[], Validation::None, None)),
            Err(DataError::NoSplit)
        ));
        assert!(matches!(
            wanted(&spec(&[Split::Test, Split::Test], Validation::None, None)),
            Err(DataError::SplitTwice { split: "test" })
        ));
        assert!(matches!(
            wanted(&spec(&both, Validation::Test, None)),
            Err(DataError::ValidationIsTrainedOn)
        ));
    }

    #[test]
    fn the_limit_takes_the_first_images_over_all_splits_but_never_held_out_ones() {
        let both = [Split::Train, Split::Test];
        let limited = |limit| spec(&both, Validation::None, Some(limit));
        assert_eq!(keeps(&limited(4), &[6, 3]).unwrap(), [4, 0]);
        assert_eq!(keeps(&limited(8), &[6, 3]).unwrap(), [6, 2]);
        assert_eq!(keeps(&limited(9), &[6, 3]).unwrap(), [6, 3]);
        let held_out = spec(&[Split::Train], Validation::Test, Some(2));
        assert_eq!(keeps(&held_out, &[6, 3]).unwrap(), [2, 3]);
        assert!(matches!(
            keeps(&limited(10), &[6, 3]),
            Err(DataError::LimitTooLarge {
                limit: 10,
                available: 9
            })
        ));
        assert!(matches!(
            keeps(&limited(0), &[6, 3]),
            Err(DataError::NoImages { key: "data.limit" })
        ));
    }

    #[test]
    fn a_fraction_is_drawn_by_the_seed_and_the_two_parts_make_up_the_whole() {
        let spec = spec(&[Split::Train], Validation::Fraction(0.25), None);
        let parts = share(&spec, &wanted(&spec).unwrap(), &[1_001]).unwrap();
        let drawn = |seed| indices(spec.validation, &parts, seed).unwrap();
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
    fn a_fraction_must_leave_images_on_both_sides() {
        let parts = |keep| {
            let wanted = Wanted {
                split: Split::Train,
                held_out: false,
            };
            [Part { wanted, keep }]
        };
        for (fraction, images) in [(0.1, 4), (0.9, 4), (0.0, 9), (1.0, 9), (f64::NAN, 9)] {
            let result = sizes(Validation::Fraction(fraction), &parts(images));
            assert!(
                matches!(result, Err(DataError::ValidationFraction { .. })),
                "{fraction}"
            );
        }
        assert_eq!(sizes(Validation::Fraction(0.5), &parts(2)).unwrap(), (1, 1));
    }
}
