//! The built-in data set: white shapes on black, drawn by the program from known factors.
//!
//! It follows dSprites (Matthey, Higgins, Hassabis and Lerchner 2017): 3 shapes, 6 scales,
//! 40 orientations, 32 x 32 positions, 737,280 sprites in all, of which `count` different ones are
//! drawn by the seed. What differs: images have the size that the spec asks for, edges are smooth
//! (4 x 4 points a pixel, 17 shades), and the 40 orientations are 9 degrees apart, without the full
//! turn at the end that would repeat the first.
//!
//! A sprite of the largest scale has a radius of three tenths of the image's side, and centres lie
//! between three tenths and seven tenths of the way across, so no sprite is cut off. Every square looks the same
//! after a quarter turn and every ellipse after half a turn: different factors may give equal pixels.
//!
//! The test split, where it is asked for, holds a sixth of `count` (as Fashion-MNIST has 10,000 to
//! 60,000), drawn after and apart from the training sprites: whether it is drawn does not change them.

use std::thread;

use crate::experiment::{Data, Split};
use crate::numeric::math;
use crate::numeric::random::{Purpose, Stream};

use super::error::DataError;
use super::images::{Factors, Images};
use super::set::{DataSet, Survey, blank_pixels};
use super::shape::Shape;
use super::split;

/// How many values each factor takes: shape, scale, orientation, x, y.
const SIZES: [usize; 5] = [3, 6, 40, 32, 32];

/// How many different sprites there are.
const GRID: usize = 3 * 6 * 40 * 32 * 32;

/// Sizes of image: below, every sprite would be a single pixel.
const MIN_SIZE: usize = 4;
const MAX_SIZE: usize = 1024;

/// Radius of the largest sprite, and the least distance of a centre from the edge, as a part of the
/// image's side.
const REACH: f32 = 0.3;

/// Points a pixel, in each direction.
const POINTS: usize = 4;

/// Draws the sprites that the spec asks for.
pub(super) fn load(data: &Data, seed: u64) -> Result<DataSet, DataError> {
    let (wanted, counts) = counts(data)?;
    let parts = split::share(data, &wanted, &counts)?;
    split::sizes(data.validation, &parts)?;
    let total = parts.iter().map(|part| part.keep).sum();
    let mut pixels = blank_pixels(total, data.image_size * data.image_size)?;
    let (train, test) = drawn(data.count, test_count(data.count), seed);
    let mut indices = Vec::with_capacity(total);
    for part in &parts {
        let of_split = match part.wanted.split {
            Split::Train => &train,
            Split::Test => &test,
        };
        indices.extend(
            of_split
                .iter()
                .take(part.keep)
                .map(|&cell| factors_of(cell)),
        );
    }
    draw_all(&indices, data.image_size, &mut pixels);
    let images = Images {
        height: data.image_size,
        width: data.image_size,
        channels: 1,
        pixels,
        labels: indices.iter().map(|factors| factors[0].into()).collect(),
        classes: Shape::ALL.map(|shape| shape.name().into()).to_vec(),
        factors: Some(Factors {
            names: ["shape", "scale", "orientation", "x", "y"],
            sizes: SIZES,
            values: indices.iter().map(values_of).collect(),
            indices,
        }),
    };
    DataSet::assemble(
        "sprites".into(),
        PLACE.into(),
        images,
        Vec::new(),
        &parts,
        data.validation,
        seed,
    )
}

const PLACE: &str = "drawn by the program";

/// Says what [`load`] would give.
pub(super) fn survey(data: &Data) -> Result<Survey, DataError> {
    let (wanted, counts) = counts(data)?;
    let parts = split::share(data, &wanted, &counts)?;
    let (train, validation) = split::sizes(data.validation, &parts)?;
    Ok(Survey {
        name: "sprites".into(),
        train,
        validation,
        height: data.image_size,
        width: data.image_size,
        channels: 1,
        classes: Some(Shape::ALL.len()),
        found: true,
        place: PLACE.into(),
    })
}

fn test_count(count: usize) -> usize {
    count.div_ceil(6)
}

/// The wanted splits and how many sprites each has.
fn counts(data: &Data) -> Result<(Vec<split::Wanted>, Vec<usize>), DataError> {
    if !(MIN_SIZE..=MAX_SIZE).contains(&data.image_size) {
        return Err(DataError::ImageSize {
            found: data.image_size,
            min: MIN_SIZE,
            max: MAX_SIZE,
        });
    }
    if data.count == 0 {
        return Err(DataError::NoImages { key: "data.count" });
    }
    let wanted = split::wanted(data)?;
    let counts: Vec<usize> = wanted
        .iter()
        .map(|wanted| match wanted.split {
            Split::Train => data.count,
            Split::Test => test_count(data.count),
        })
        .collect();
    let asked = data.count.saturating_add(test_count(data.count));
    let with_test = wanted.iter().any(|wanted| wanted.split == Split::Test);
    let asked = if with_test { asked } else { data.count };
    if asked > GRID {
        return Err(DataError::TooManySprites {
            asked,
            available: GRID,
        });
    }
    Ok((wanted, counts))
}

/// Different cells of the grid of factors: those to train on, then those to test with, by the first
/// steps of Fisher and Yates' shuffle.
fn drawn(train: usize, test: usize, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut cells: Vec<u32> = (0..GRID as u32).collect();
    let mut stream = Stream::new(seed, Purpose::Sprites, 0, 0);
    let total = (train + test).min(GRID);
    for i in 0..total {
        let j = i + stream.below((GRID - i) as u64) as usize;
        cells.swap(i, j);
    }
    cells.truncate(total);
    let test = cells.split_off(train.min(total));
    cells.shrink_to_fit();
    (cells, test)
}

/// The factors of a cell of the grid, the last one fastest.
fn factors_of(cell: u32) -> [u8; 5] {
    let mut rest = cell as usize;
    let mut factors = [0; 5];
    for (factor, size) in factors.iter_mut().zip(SIZES).rev() {
        *factor = (rest % size) as u8;
        rest /= size;
    }
    factors
}

/// The factors in their own units.
fn values_of(indices: &[u8; 5]) -> [f32; 5] {
    let [shape, scale, orientation, x, y] = indices.map(f32::from);
    [
        shape,
        0.5 + scale * 0.1,
        orientation / 40.0 * std::f32::consts::TAU,
        x / 31.0,
        y / 31.0,
    ]
}

/// Draws each sprite to its place, some on each core. A sprite's pixels depend on its factors alone.
fn draw_all(indices: &[[u8; 5]], size: usize, pixels: &mut [u8]) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = indices.len().div_ceil(threads).max(1);
    let shares = indices
        .chunks(share)
        .zip(pixels.chunks_mut(share * size * size));
    thread::scope(|scope| {
        for (indices, pixels) in shares {
            scope.spawn(move || {
                for (factors, image) in indices.iter().zip(pixels.chunks_exact_mut(size * size)) {
                    draw(factors, size, image);
                }
            });
        }
    });
}

/// Draws one sprite onto a black image of size x size.
fn draw(factors: &[u8; 5], size: usize, image: &mut [u8]) {
    let [shape, orientation] = [factors[0], factors[2]].map(usize::from);
    let shape = Shape::ALL[shape.min(Shape::ALL.len() - 1)];
    let [_, scale, _, x, y] = values_of(factors);
    let side = size as f32;
    let radius = REACH * scale * side;
    let [centre_x, centre_y] = [x, y].map(|at| (REACH + (1.0 - 2.0 * REACH) * at) * side);
    let (sin, cos) = math::sin_cos_turn(orientation as f32 / SIZES[2] as f32);
    // From pixels to the shape's own axes: shift, turn back, scale.
    let (sin, cos) = (sin / radius, cos / radius);
    let reach = |centre: f32| {
        let first = (centre - radius).floor().max(0.0) as usize;
        let end = (centre + radius).ceil().min(side) as usize;
        first..end
    };
    for row in reach(centre_y) {
        for column in reach(centre_x) {
            let mut inside = 0_u32;
            for point in 0..POINTS * POINTS {
                let offset = |i: usize| (i as f32 + 0.5) / POINTS as f32;
                let dx = column as f32 + offset(point % POINTS) - centre_x;
                // The image's rows run downwards.
                let dy = centre_y - (row as f32 + offset(point / POINTS));
                inside += u32::from(shape.contains(cos * dx + sin * dy, cos * dy - sin * dx));
            }
            let all = (POINTS * POINTS) as u32;
            image[row * size + column] = ((inside * 255 + all / 2) / all) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::data::set::tests::data;
    use crate::data::set::{self, Progress};
    use crate::experiment::{Dataset, Validation};

    fn sprites(count: usize) -> Data {
        Data {
            count,
            ..data(Dataset::Sprites)
        }
    }

    fn one(factors: [u8; 5], size: usize) -> Vec<u8> {
        let mut image = vec![0; size * size];
        draw(&factors, size, &mut image);
        image
    }

    #[test]
    fn a_sprite_says_what_it_was_drawn_from() {
        let set = load(&sprites(500), 1).unwrap();
        let factors = set.images.factors.as_ref().unwrap();
        assert_eq!((set.images.len(), set.train.len()), (500, 500));
        let mut seen = HashSet::new();
        for i in 0..500 {
            let indices = factors.indices[i];
            assert!(indices.iter().zip(SIZES).all(|(&i, n)| usize::from(i) < n));
            assert!(seen.insert(indices), "the same sprite twice");
            assert_eq!(u16::from(indices[0]), set.images.labels[i]);
            assert_eq!(set.images.image(i), one(indices, 28));
        }
        assert_eq!(factors.values[0], values_of(&factors.indices[0]));
        assert_eq!(set.images.classes, ["square", "ellipse", "heart"]);
    }

    #[test]
    fn values_span_the_documented_ranges() {
        assert_eq!(values_of(&[0; 5]), [0.0, 0.5, 0.0, 0.0, 0.0]);
        let [shape, scale, orientation, x, y] = values_of(&[2, 5, 39, 31, 31]);
        assert_eq!((shape, scale, x, y), (2.0, 1.0, 1.0, 1.0));
        assert!((orientation - 351.0_f32.to_radians()).abs() < 1e-5);
    }

    #[test]
    fn every_cell_of_the_grid_has_factors_of_its_own() {
        assert_eq!(factors_of(0), [0; 5]);
        assert_eq!(factors_of(GRID as u32 - 1), [2, 5, 39, 31, 31]);
        // ((1 * 6 + 2) * 40 + 3) * 32 + 4) * 32 + 5
        assert_eq!(factors_of(330_885), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn position_moves_and_scale_grows_the_sprite() {
        let centre = |image: &[u8]| {
            let total: f32 = image.iter().map(|&v| f32::from(v)).sum();
            let mean = |axis: fn(usize) -> usize| {
                let weighted = image.iter().enumerate();
                weighted
                    .map(|(i, &v)| (axis(i) as f32 + 0.5) * f32::from(v))
                    .sum::<f32>()
                    / total
            };
            (mean(|i| i % 64), mean(|i| i / 64), total / 255.0)
        };
        // The ellipse, which is symmetric about its centre: 0.3 to 0.7 of 64 pixels, area pi/2 r^2.
        let (x, y, area) = centre(&one([1, 0, 0, 0, 31], 64));
        assert!((x - 19.2).abs() < 0.05 && (y - 44.8).abs() < 0.05);
        assert!(
            (area - std::f32::consts::FRAC_PI_2 * 92.16).abs() < 2.0,
            "{area}"
        );
        let (x, y, area) = centre(&one([1, 5, 0, 31, 0], 64));
        assert!((x - 44.8).abs() < 0.05 && (y - 19.2).abs() < 0.05);
        assert!(
            (area - std::f32::consts::FRAC_PI_2 * 368.64).abs() < 4.0,
            "{area}"
        );
    }

    #[test]
    fn orientation_turns_counter_clockwise() {
        let image = one([1, 5, 0, 16, 16], 64);
        let quarter = one([1, 5, 10, 16, 16], 64);
        let wide = |image: &[u8]| {
            image
                .chunks(64)
                .filter(|row| row.iter().any(|&v| v > 0))
                .count()
        };
        // Axes of 19.2 and 38.4 pixels.
        assert!((20..=21).contains(&wide(&image)));
        assert!((39..=40).contains(&wide(&quarter)));
        // An eighth of a turn: the long axis rises to the right.
        let eighth = one([1, 5, 5, 16, 16], 64);
        let at = |x: usize, y: usize| eighth[y * 64 + x];
        assert_eq!((at(40, 24), at(24, 40)), (255, 255));
        assert_eq!((at(24, 24), at(40, 40)), (0, 0));
    }

    #[test]
    fn no_sprite_is_cut_off() {
        let light = |factors| {
            let image = one(factors, 64);
            image.iter().map(|&v| f32::from(v)).sum::<f32>()
        };
        for (shape, orientation) in (0..3).flat_map(|shape| (0..40).map(move |o| (shape, o))) {
            let middle = light([shape, 5, orientation, 16, 16]);
            for (x, y) in [(0, 0), (31, 0), (0, 31), (31, 31)] {
                let corner = light([shape, 5, orientation, x, y]);
                assert!(
                    (corner / middle - 1.0).abs() < 0.01,
                    "{shape} {orientation}"
                );
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let indices: Vec<_> = (0..50).map(|i| factors_of(i * 14_000)).collect();
        let mut together = vec![0; 50 * 400];
        draw_all(&indices, 20, &mut together);
        let alone: Vec<u8> = indices.iter().flat_map(|&i| one(i, 20)).collect();
        assert!(together == alone);
    }

    #[test]
    fn the_test_split_is_apart_from_the_training_sprites_and_does_not_change_them() {
        let alone = load(&sprites(600), 9).unwrap();
        let with_test = load(
            &Data {
                validation: Validation::Test,
                ..sprites(600)
            },
            9,
        )
        .unwrap();
        assert_eq!(with_test.train.len(), 600);
        assert_eq!(with_test.validation.len(), 100);
        assert!(with_test.images.pixels.starts_with(&alone.images.pixels));
        let factors = with_test.images.factors.unwrap().indices;
        assert_eq!(factors.iter().collect::<HashSet<_>>().len(), 700);
        assert_ne!(
            alone.checksum(),
            load(&sprites(600), 10).unwrap().checksum()
        );
    }

    #[test]
    fn limit_and_fraction_apply_as_to_any_data_set() {
        let spec = Data {
            limit: Some(40),
            validation: Validation::Fraction(0.25),
            ..sprites(100)
        };
        let set = set::load(&spec, 2, &mut |_: Progress<'_>| {}).unwrap();
        assert_eq!((set.train.len(), set.validation.len()), (30, 10));
        assert_eq!(set.images.len(), 40);
        let survey = set::survey(&spec).unwrap();
        assert_eq!((survey.train, survey.validation), (30, 10));
        assert_eq!(survey.bytes(), set.images.pixels.len() as u64);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        assert!(matches!(
            load(&sprites(GRID + 1), 1),
            Err(DataError::TooManySprites { .. })
        ));
        assert!(matches!(
            survey(&sprites(usize::MAX)),
            Err(DataError::TooManySprites { .. })
        ));
        for image_size in [0, 3, 1025, usize::MAX] {
            let spec = Data {
                image_size,
                ..sprites(10)
            };
            assert!(matches!(load(&spec, 1), Err(DataError::ImageSize { .. })));
        }
        // Enough sprites, but 4 GiB of pixels and more.
        let spec = Data {
            image_size: 1024,
            ..sprites(5_000)
        };
        assert!(matches!(load(&spec, 1), Err(DataError::TooLarge { .. })));
        assert!(matches!(
            load(&sprites(0), 1),
            Err(DataError::NoImages { key: "data.count" })
        ));
    }
}
