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
mod shape;

use std::thread;

use crate::config::kind::grouped;
use crate::config::section::section;
use crate::config::{Kind, Rules};
use crate::data::binarize::Binarization;
use crate::data::division::Shares;
use crate::data::error::{DataError, Refusal};
use crate::data::images::{Factor, Factors, Images, MAX_BYTES, blank_pixels};
use crate::data::loader::{Labelled, Loaded, Loader, Locate, Located, Request};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;
use crate::fs::digest::sha256_hex;
use crate::numeric::math;
use crate::numeric::random::{Purpose, Stream};
use crate::sys::exit;
use shape::Shape;

const NAME: &str = "sprites";

/// Where the images come from.
const PLACE: &str = "drawn by the program";

/// The factors.
const NAMES: [&str; 5] = ["shape", "scale", "orientation", "x", "y"];

/// How many values each of them takes.
const SIZES: [usize; 5] = [3, 6, 40, 32, 32];

/// How many different sprites there are.
const GRID: usize = 3 * 6 * 40 * 32 * 32;

/// Radius of the largest sprite, and the least distance of a centre from the edge, as a part of the
/// image's side.
const REACH: f32 = 0.3;

/// Points a pixel, in each direction.
const POINTS: usize = 4;

section! {
    /// shapes with known factors, drawn by the program: nothing to download
    pub struct Sprites {
        /// Side of the square images
        pub image_size: usize = 28, Kind::Count { min: 4, max: 1024 }, unit("pixels"), also(&["size", "resolution"]);
        /// How many images are drawn
        pub count: usize = 10_000, Kind::Count { min: 1, max: 10_000_000 }, unit("images");
    }
    rules { fits_into_memory }
}

/// Reports more pixels than are kept in memory.
fn fits_into_memory(it: &mut Rules<'_>) {
    let keys = ["count", "image_size"];
    let [Some(count), Some(size)] = keys.map(|key| it.get::<u64>(key)) else {
        return;
    };
    let pixels = size.saturating_mul(size).max(1);
    if count.saturating_mul(pixels) > MAX_BYTES {
        let message = format!(
            "{} images of {size} x {size} pixels do not fit into {} GiB",
            grouped(count),
            MAX_BYTES >> 30
        );
        let expected = format!(
            "at most {} images of this size",
            grouped(MAX_BYTES / pixels)
        );
        let diagnostic = it.at(&keys, message).expected(expected);
        it.diagnostics.push(diagnostic);
    }
}

/// More sprites asked for than there are different ones.
#[derive(Debug, thiserror::Error)]
#[error("{asked} sprites asked for, but there are only {GRID} different ones")]
struct TooManySprites {
    asked: usize,
}

impl Refusal for TooManySprites {
    fn exit_code(&self) -> u8 {
        exit::USAGE
    }
}

impl Sprites {
    fn shares(&self, request: &Request<'_>) -> Result<Shares, DataError> {
        match self.count {
            asked if asked > GRID => Err(TooManySprites { asked }.into()),
            count => Ok(request.division.shares(&[count])?),
        }
    }
}

impl Loader for Sprites {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        let size = [self.image_size, self.image_size, 1];
        Ok(Survey::of(&self.shares(request)?, size, PLACE.into()))
    }

    fn labels(&self, request: &Request<'_>) -> Result<Labelled, DataError> {
        let shares = self.shares(request)?;
        let cells = drawn(self.count, request.seed);
        let labels = cells.into_iter().take(shares.total());
        Ok(Labelled {
            names: class_names(),
            images: Some((labels.map(|cell| factors_of(cell)[0]).collect(), shares)),
        })
    }

    fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
        let shares = self.shares(request)?;
        let (size, count) = (self.image_size, shares.total());
        let mut pixels = blank_pixels(count, size.saturating_mul(size))?;
        let cells = drawn(self.count, request.seed);
        let indices: Vec<_> = cells.into_iter().take(count).map(factors_of).collect();
        draw_all(&indices, size, &mut pixels);
        Ok(Loaded {
            images: Images {
                height: size,
                width: size,
                channels: 1,
                pixels,
                labels: indices.iter().map(|indices| indices[0]).collect(),
                classes: class_names(),
                factors: Some(Factors {
                    factors: (0..NAMES.len()).map(factor).collect(),
                    indices: indices.into_flattened(),
                }),
                binarization: Binarization::NONE,
            },
            sources: Vec::new(),
            shares,
            place: PLACE.into(),
        })
    }

    fn has_test_part() -> bool {
        false
    }

    fn locate() -> Option<Locate> {
        Some(|_, _| {
            Ok(Located {
                name: NAME,
                folder: None,
                downloaded: false,
                files: Vec::new(),
            })
        })
    }

    /// What the sprites are drawn from stands in the spec.
    fn fingerprint(&self) -> Option<String> {
        Some(sha256_hex(NAME.as_bytes()))
    }
}

/// The shapes by their names.
fn class_names() -> Vec<String> {
    Shape::ALL.map(|shape| shape.name().into()).to_vec()
}

/// A factor, by its position.
fn factor(position: usize) -> Factor {
    let value = |index: usize| {
        let mut indices = [0; 5];
        indices[position] = index as u16;
        values_of(&indices)[position]
    };
    Factor {
        name: NAMES[position].into(),
        values: (0..SIZES[position]).map(value).collect(),
    }
}

/// Different cells of the grid of factors, by the first steps of Fisher and Yates' shuffle.
fn drawn(count: usize, seed: u64) -> Vec<u32> {
    let mut cells: Vec<u32> = (0..GRID as u32).collect();
    let mut stream = Stream::new(seed, Purpose::Sprites, 0, 0);
    for i in 0..count.min(GRID) {
        let j = i + stream.below((GRID - i) as u64) as usize;
        cells.swap(i, j);
    }
    cells.truncate(count);
    cells.shrink_to_fit();
    cells
}

/// The factors of a cell of the grid, the last one fastest.
fn factors_of(cell: u32) -> [u16; 5] {
    let mut rest = cell as usize;
    let mut factors = [0; 5];
    for (factor, size) in factors.iter_mut().zip(SIZES).rev() {
        *factor = (rest % size) as u16;
        rest /= size;
    }
    factors
}

/// The factors in their own units: shape as class number, scale relative to the largest, orientation in radians, x and y
/// as a fraction of the way across, from the left and from the top.
fn values_of(indices: &[u16; 5]) -> [f32; 5] {
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
fn draw_all(indices: &[[u16; 5]], size: usize, pixels: &mut [u8]) {
    let item_bytes = (size * size).max(1);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = indices.len().div_ceil(threads).max(1);
    let shares = indices
        .chunks(share)
        .zip(pixels.chunks_mut(share * item_bytes));
    thread::scope(|scope| {
        for (indices, pixels) in shares {
            scope.spawn(move || {
                for (factors, image) in indices.iter().zip(pixels.chunks_exact_mut(item_bytes)) {
                    draw(factors, size, image);
                }
            });
        }
    });
}

/// Draws one sprite onto a black image of size x size.
fn draw(factors: &[u16; 5], size: usize, image: &mut [u8]) {
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
    use crate::data::division::tests::whole;
    use crate::data::division::{Division, Validation};
    use crate::data::load::tests::{load, load_with_seed, survey};

    fn sprites(count: usize) -> Sprites {
        Sprites {
            image_size: 28,
            count,
        }
    }

    fn one(factors: [u16; 5], size: usize) -> Vec<u8> {
        let mut image = vec![0; size * size];
        draw(&factors, size, &mut image);
        image
    }

    #[test]
    fn knows_the_factors_of_every_sprite() {
        let images = load(sprites(500), whole()).unwrap().images;
        let factors = images.factors.as_ref().unwrap();
        assert_eq!(images.len(), 500);
        let mut seen = HashSet::new();
        for i in 0..500 {
            let indices: [u16; 5] = factors.of_image(i).unwrap().try_into().unwrap();
            let values: Vec<f32> = factors
                .factors
                .iter()
                .zip(indices)
                .map(|(f, i)| f.values[usize::from(i)])
                .collect();
            assert_eq!(values, values_of(&indices));
            assert!(seen.insert(indices), "the same sprite twice");
            assert_eq!(indices[0], images.labels[i]);
            assert_eq!(images.image(i), one(indices, 28));
        }
        assert_eq!(factors.of_image(500), None);
        assert_eq!(images.classes, ["square", "ellipse", "heart"]);
    }

    #[test]
    fn spans_the_documented_ranges() {
        assert_eq!(values_of(&[0; 5]), [0.0, 0.5, 0.0, 0.0, 0.0]);
        let [shape, scale, orientation, x, y] = values_of(&[2, 5, 39, 31, 31]);
        assert_eq!((shape, scale, x, y), (2.0, 1.0, 1.0, 1.0));
        assert!((orientation - 351.0_f32.to_radians()).abs() < 1e-5);
    }

    #[test]
    fn numbers_the_cells_of_the_grid() {
        assert_eq!(factors_of(0), [0; 5]);
        assert_eq!(factors_of(GRID as u32 - 1), [2, 5, 39, 31, 31]);
        // ((1 * 6 + 2) * 40 + 3) * 32 + 4) * 32 + 5
        assert_eq!(factors_of(330_885), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn moves_and_scales_the_sprite() {
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
    fn turns_counter_clockwise() {
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
    fn cuts_no_sprite_off() {
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
    fn draws_the_same_on_any_number_of_threads() {
        let indices: Vec<_> = (0..50).map(|i| factors_of(i * 14_000)).collect();
        let mut together = vec![0; 50 * 400];
        draw_all(&indices, 20, &mut together);
        let alone: Vec<u8> = indices.iter().flat_map(|&i| one(i, 20)).collect();
        assert!(together == alone);
    }

    #[test]
    fn draws_other_sprites_with_another_seed() {
        let checksum = |seed| {
            load_with_seed(sprites(600), whole(), seed)
                .unwrap()
                .checksum()
        };
        assert_eq!(checksum(9), checksum(9));
        assert_ne!(checksum(9), checksum(10));
    }

    #[test]
    fn applies_limit_and_fraction() {
        let division = Division {
            limit: Some(40),
            validation: Validation::Fraction(0.25),
            ..whole()
        };
        let set = load(sprites(100), division.clone()).unwrap();
        assert_eq!((set.train.len(), set.validation.len()), (30, 10));
        assert_eq!(set.images.len(), 40);
        let survey = survey(sprites(100), division).unwrap();
        assert_eq!((survey.train, survey.validation), (30, 10));
        assert_eq!((survey.height, survey.width, survey.channels), (28, 28, 1));
        assert_eq!(set.images.pixels.len(), 40 * 28 * 28);
    }

    #[test]
    fn refuses_more_sprites_than_there_are_and_more_pixels_than_fit() {
        let text = "737281 sprites asked for, but there are only 737280 different ones";
        let error = load(sprites(GRID + 1), whole()).unwrap_err();
        assert_eq!((error.exit_code(), error.to_string().as_str()), (2, text));
        assert!(survey(sprites(usize::MAX), whole()).is_err());
        // Enough sprites, but 4 GiB of pixels and more.
        let large = Sprites {
            image_size: 1024,
            count: 5_000,
        };
        let error = load(large, whole()).unwrap_err();
        assert!(error.to_string().contains("more than the limit"), "{error}");
        assert!(load(sprites(0), whole()).is_err());
    }
}
