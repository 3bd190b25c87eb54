//! Winograd transforms, sums and differences of pixels on both axes: the linear maps before and behind the products of
//! [`winograd`](super::winograd).

use rayon::prelude::*;

use super::buffer_pool::{Buffer, buffer};
use super::isa::{Isa, compiled_for};
use super::simd::Lanes;

/// Stands for a pixel outside of the image.
const OUTSIDE: u32 = u32::MAX;

/// What becomes of two pixels of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pair {
    /// The first one; there is no second.
    First,
    /// The sum of both.
    Sum,
    /// The first one less the second.
    Difference,
}

/// A line of places along one axis, each made of two pixels of the input, of which those outside count as 0.
#[derive(Clone, Debug)]
pub struct Line {
    /// How the two become one.
    pub pair: Pair,
    /// The pixels of each place.
    pub places: Vec<[Option<usize>; 2]>,
}

impl Line {
    /// A line of one place.
    pub fn one(pair: Pair, place: [Option<usize>; 2]) -> Self {
        Self {
            pair,
            places: vec![place],
        }
    }
}

/// Planes, one for each pair of a line of rows and a line of columns, row lines first. Each plane holds its places in
/// all images of a group: (image of the group, row, column, channel).
#[derive(Clone, Debug)]
pub struct Combine {
    /// Pixels of an input image.
    pixels: usize,
    /// Lines of columns.
    cols: usize,
    planes: Vec<Plane>,
    /// Places of all planes, in one image.
    places: usize,
}

#[derive(Clone, Debug)]
struct Plane {
    rows: Pair,
    cols: Pair,
    /// Of the first pixel of a place on each axis, of the second one along the columns, of the second one along the
    /// rows, of both second ones: where they are in an image.
    places: Vec<[u32; 4]>,
}

impl Combine {
    /// The planes of images of `height` times `width` pixels.
    pub fn new((height, width): (usize, usize), rows: &[Line], cols: &[Line]) -> Self {
        let (mut planes, mut all) = (vec![], 0);
        for row in rows {
            for col in cols {
                let mut places = vec![];
                for y in &row.places {
                    for x in &col.places {
                        let at = |y: Option<usize>, x: Option<usize>| match y.zip(x) {
                            Some((y, x)) => {
                                assert!(y < height && x < width);
                                u32::try_from(y * width + x)
                                    .expect("an image that fits into memory")
                            }
                            None => OUTSIDE,
                        };
                        places.push([
                            at(y[0], x[0]),
                            at(y[0], x[1]),
                            at(y[1], x[0]),
                            at(y[1], x[1]),
                        ]);
                    }
                }
                let count = places.len();
                planes.push(Plane {
                    rows: row.pair,
                    cols: col.pair,
                    places,
                });
                all += count;
            }
        }
        Self {
            pixels: height * width,
            cols: cols.len(),
            planes,
            places: all,
        }
    }

    /// Places of all planes, in one image.
    pub fn places(&self) -> usize {
        self.places
    }

    /// The plane of a line of rows and one of columns.
    pub fn plane(&self, row: usize, col: usize) -> usize {
        row * self.cols + col
    }

    /// Places of a plane, in one image.
    pub fn places_of(&self, plane: usize) -> usize {
        self.planes[plane].places.len()
    }

    /// All planes of one image, on several threads.
    pub fn run(&self, isa: Isa, image: &[f32], channels: usize, out: &mut [f32]) {
        assert_eq!(image.len(), self.pixels * channels);
        assert_eq!(out.len(), self.places * channels);
        let outside = outside(channels);
        let mut parts = vec![];
        let mut rest = out;
        for plane in &self.planes {
            let (out, behind) = rest.split_at_mut(plane.places.len() * channels);
            rest = behind;
            parts.push((plane, out));
        }
        parts.into_par_iter().for_each(|(plane, out)| {
            self.run_plane(isa, plane, (image, &outside), (out, channels));
        });
    }

    /// One plane of some images, on this thread; in the plane, a pixel takes `pitch` values, those behind the last
    /// channel being 0. `outside` is a pixel of zeros, see [`outside`].
    pub fn plane_of(
        &self,
        isa: Isa,
        plane: usize,
        (images, outside): (&[f32], &[f32]),
        (out, pitch): (&mut [f32], usize),
    ) {
        self.run_plane(isa, &self.planes[plane], (images, outside), (out, pitch));
    }

    fn run_plane(
        &self,
        isa: Isa,
        plane: &Plane,
        (input, zeros): (&[f32], &[f32]),
        (out, pitch): (&mut [f32], usize),
    ) {
        let image = self.pixels * zeros.len();
        assert!(!zeros.is_empty() && zeros.len() <= pitch && input.len() % image == 0);
        if plane.places.is_empty() {
            return;
        }
        let images = input.chunks_exact(image);
        let outs = out.chunks_exact_mut(plane.places.len() * pitch);
        assert!(images.len() <= outs.len());
        for (image, out) in images.zip(outs) {
            compiled_for!(
                isa,
                body,
                [1, 1, 1],
                (plane: &Plane, image: &[f32], zeros: &[f32], out: &mut [f32], pitch: usize)
            );
        }
    }
}

/// A pixel outside of an image.
pub fn outside(channels: usize) -> Buffer {
    let mut zeros = buffer(channels);
    zeros.fill(0.0);
    zeros
}

#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    plane: &Plane,
    image: &[f32],
    zeros: &[f32],
    out: &mut [f32],
    pitch: usize,
) {
    let sign = |pair| match pair {
        Pair::First => None,
        Pair::Sum => Some(1.0),
        Pair::Difference => Some(-1.0),
    };
    let pixels = Pixels {
        plane,
        image,
        zeros,
    };
    match (sign(plane.rows), sign(plane.cols)) {
        (None, None) => pixels.fill::<V, 1>([0], [0.0; 2], out, pitch),
        (None, Some(cols)) => pixels.fill::<V, 2>([0, 1], [0.0, cols], out, pitch),
        (Some(rows), None) => pixels.fill::<V, 2>([0, 2], [0.0, rows], out, pitch),
        (Some(rows), Some(cols)) => pixels.fill::<V, 4>([0, 1, 2, 3], [rows, cols], out, pitch),
    }
}

struct Pixels<'a> {
    plane: &'a Plane,
    image: &'a [f32],
    /// A pixel outside.
    zeros: &'a [f32],
}

impl Pixels<'_> {
    /// Fills the plane: with the `which` pixel of a place; with `a + s b` for two, `s` being the last of the signs; with
    /// `(a + s b) + r (c + s d)` for four.
    #[inline(always)]
    fn fill<V: Lanes, const N: usize>(
        &self,
        which: [usize; N],
        [r, s]: [f32; 2],
        out: &mut [f32],
        pitch: usize,
    ) {
        let channels = self.zeros.len();
        let whole = channels - channels % V::N;
        for (place, out) in self.plane.places.iter().zip(out.chunks_exact_mut(pitch)) {
            let mut from = [self.zeros.as_ptr(); N];
            for (from, which) in from.iter_mut().zip(which) {
                if place[which] != OUTSIDE {
                    *from = self
                        .image
                        .as_ptr()
                        .wrapping_add(place[which] as usize * channels);
                }
            }
            for c in (0..whole).step_by(V::N) {
                // SAFETY: `channels` values are behind each pixel, which is one of the image (`Combine::new`) or the one
                // outside, and in `out`, and `c + N` is not more.
                unsafe {
                    let load = |i: usize| V::load(from[i].add(c));
                    let value = match N {
                        1 => load(0),
                        2 => load(0).add_product(load(1), V::splat(s)),
                        _ => {
                            let first = load(0).add_product(load(1), V::splat(s));
                            let second = load(2).add_product(load(3), V::splat(s));
                            first.add_product(second, V::splat(r))
                        }
                    };
                    value.store(out.as_mut_ptr().add(c));
                }
            }
            for (c, to) in out.iter_mut().enumerate().skip(whole) {
                // SAFETY: as above, below `channels`.
                let load = |i: usize| unsafe { *from[i].add(c) };
                *to = match N {
                    _ if c >= channels => 0.0,
                    1 => load(0),
                    2 => load(0) + s * load(1),
                    _ => (load(0) + s * load(1)) + r * (load(2) + s * load(3)),
                };
            }
        }
    }
}
