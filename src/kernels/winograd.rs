//! Convolutions with a fifth to almost a half fewer multiplications: two output pixels together where the same two taps
//! reach both.
//!
//! Along one axis, two such pixels are a x + b y and a y + b z, with taps a and b and inputs x, y and z: four
//! products. As p + a (x - y) and p + b (z - y) with p = (a + b) y they take three, if sums of taps are made once for
//! all images and differences of inputs once for all channels. That is F(2, 2) of Winograd ("Arithmetic Complexity of
//! Computations", 1980), nested over both axes as by Lavin and Gray ("Fast Algorithms for Convolutional Neural
//! Networks", 2016). A convolution with a stride falls into phases, of two taps or of one: an axis takes 5 products
//! for 6 with kernel 3 and stride 2, and 3 for 4 with kernel 4. All factors are 1 or -1, which keeps rounding small.
//!
//! Turned round, the same gives the gradient of the kernel: the first output pixel's gradient meets x - y, the sum of
//! both y, and the second one's z - y.

mod axis;
mod staged;

use std::collections::HashSet;

use super::buffer_pool::{Buffer, buffer};
use super::geometry::{Conv, Extent};
use super::isa::{Isa, compiled_for};
use super::micro_kernel::Block;
use super::simd::Lanes;
use super::tap_gemm::{Packed, Store};
use super::weight_grad::{Joined, Product};
use super::winograd_transform::{Combine, outside};
use axis::{Sum, TiledAxis};
use staged::Staged;

/// Channels below which sums and differences would cost more than the products that they spare.
const LEAST_CHANNELS: usize = 16;

/// Images with fewer tiles are taken together: unused rows of register blocks are then few (two images of 49
/// tiles are 8 blocks of 12 and 2 tiles), and the sums for the kernel are added to what is there half as often.
const TILES: usize = 100;

/// The three products of a convolution by Winograd's F(2, 2).
#[derive(Debug)]
pub struct Winograd {
    conv: Conv,
    /// Images that are worked on together.
    group: usize,
    /// From the kernel's taps to the points that products meet, and back.
    points: Combine,
    taps: Combine,
    /// The small image as products to the kernel meet it.
    sums: Combine,
    /// For each plane of the big image, where its products with the small one go.
    joins: Vec<Join>,
    to_small: Staged,
    to_big: Staged,
}

/// The gradient of a point, or a part of it: products of a plane and a plane of the sums, place by place.
#[derive(Clone, Copy, Debug)]
struct Join {
    point: usize,
    /// Plane of the sums.
    sum: usize,
    /// Whether no earlier plane meets this point.
    begins: bool,
}

impl Winograd {
    /// The products of a convolution, if this saves a fifth of the multiplications.
    pub fn of(conv: &Conv) -> Option<Self> {
        let least = conv.big.channels.min(conv.small.channels);
        if !TiledAxis::fits(conv) || least < LEAST_CHANNELS {
            return None;
        }
        let [rows, cols] = TiledAxis::both(conv);
        let direct = rows.direct_products() * cols.direct_products();
        // Sums and differences take their time.
        (5 * rows.products() * cols.products() <= 4 * direct).then(|| Self::new(conv))
    }

    fn new(conv: &Conv) -> Self {
        let [rows, cols] = TiledAxis::both(conv);
        let (k, big, small) = (conv.kernel, conv.big, conv.small);
        let tiles = small.height.div_ceil(2) * small.width.div_ceil(2);
        let group = (TILES / tiles.max(1)).max(1);
        let from_big = Combine::new((big.height, big.width), &rows.big(), &cols.big());
        let from_small = Combine::new((small.height, small.width), &rows.small(), &cols.small());
        let sums = Combine::new((small.height, small.width), &rows.sums(), &cols.sums());
        let (row_points, col_points) = (rows.points(), cols.points());
        let points = (row_points.len(), col_points.len());
        let mut met = HashSet::new();
        let mut joins = vec![];
        // As many as there are planes, in their order. Of the planes that meet a point, an earlier one is in an earlier
        // stage: both orders are those of rows' shares, then of columns'.
        for [row_point, row_sum] in rows.joins() {
            for [col_point, col_sum] in cols.joins() {
                let point = row_point * points.1 + col_point;
                let join = Join {
                    point,
                    sum: sums.plane(row_sum, col_sum),
                    begins: met.insert(point),
                };
                assert_eq!(from_big.places_of(joins.len()), sums.places_of(join.sum));
                joins.push(join);
            }
        }
        let small_sums = ([rows.to_small()], [cols.to_small()]);
        let big_sums = (rows.to_big(), cols.to_big());
        let stage = |planes, (from, to): (Extent, Extent), sums: (&[Vec<Sum>], &[Vec<Sum>])| {
            Staged::new(planes, from.channels, (to, group), points.1, sums)
        };
        Self {
            conv: *conv,
            group,
            points: Combine::new((k, k), &row_points, &col_points),
            taps: Combine::new(points, &rows.taps(), &cols.taps()),
            sums,
            joins,
            to_small: stage(from_big, (big, small), (&small_sums.0, &small_sums.1)),
            to_big: stage(from_small, (small, big), (&big_sums.0, &big_sums.1)),
        }
    }

    /// Images that are worked on together at most.
    pub fn group(&self) -> usize {
        self.group
    }

    /// The kernel for [`Winograd::to_small`].
    pub fn pack_to_small(&self, isa: Isa, kernel: &[f32]) -> Packed {
        self.to_small.sums.pack(isa, &self.points_of(isa, kernel))
    }

    /// The kernel for [`Winograd::to_big`].
    pub fn pack_to_big(&self, isa: Isa, kernel: &[f32]) -> Packed {
        self.to_big
            .sums
            .pack_transposed(isa, &self.points_of(isa, kernel))
    }

    fn points_of(&self, isa: Isa, kernel: &[f32]) -> Buffer {
        let mut points = buffer(self.points_len());
        let channels = self.conv.big.channels * self.conv.small.channels;
        self.points.run(isa, kernel, channels, &mut points);
        points
    }

    /// small -> big for some images, a group at most.
    pub fn to_big(&self, isa: Isa, kernel: &Packed, small: &[f32], big: &mut [f32], store: Store) {
        self.check(big, small);
        let mut room = self.to_big.room(self.group);
        let outside = outside(self.conv.small.channels);
        for stage in &self.to_big.stages {
            let planes = self.to_big.fill(isa, stage, (small, &outside), &mut room);
            self.to_big.run(kernel, stage, planes, big, store);
        }
    }

    /// big -> small for some images, a group at most.
    pub fn to_small(
        &self,
        isa: Isa,
        kernel: &Packed,
        big: &[f32],
        small: &mut [f32],
        store: Store,
    ) {
        self.check(big, small);
        let mut room = self.to_small.room(self.group);
        let outside = outside(self.conv.big.channels);
        for stage in &self.to_small.stages {
            let planes = self.to_small.fill(isa, stage, (big, &outside), &mut room);
            self.to_small.run(kernel, stage, planes, small, store);
        }
    }

    /// As many images on both sides.
    fn check(&self, big: &[f32], small: &[f32]) {
        let (big_len, small_len) = (self.conv.big.len(), self.conv.small.len());
        assert!(
            big.len().is_multiple_of(big_len) && big.len() * small_len == small.len() * big_len
        );
    }

    /// Values of all points of the kernel.
    pub fn points_len(&self) -> usize {
        self.points.places() * self.conv.big.channels * self.conv.small.channels
    }

    /// (big, small) -> gradient of the points, set or added to, for some images, a group at most. With it big -> another
    /// small image, if that is wanted.
    pub fn to_points(
        &self,
        isa: Isa,
        (big, small): (&[f32], &[f32]),
        (points, add): (&mut [f32], bool),
        mut to_small: Option<(&Packed, &mut [f32], Store)>,
    ) {
        let (rows, cols) = (self.conv.big.channels, self.conv.small.channels);
        let (images, pitch) = (
            small.len() / self.conv.small.len(),
            cols.next_multiple_of(isa.block()),
        );
        self.check(big, small);
        if let Some((_, other, _)) = &to_small {
            self.check(big, other);
        }
        assert_eq!(points.len(), self.points_len());
        let mut room = self.to_small.room(self.group);
        let most = self.to_small.stages.iter().map(|stage| stage.places).max();
        let mut sums = buffer(images * most.unwrap_or(0) * pitch);
        let (outside_big, outside_small) = (outside(rows), outside(cols));
        for stage in &self.to_small.stages {
            let planes = self
                .to_small
                .fill(isa, stage, (big, &outside_big), &mut room);
            let pairs = images * stage.places;
            let sums = &mut sums[..pairs * pitch];
            let sum = self.joins[stage.planes[0]].sum;
            self.sums
                .plane_of(isa, sum, (small, &outside_small), (sums, pitch));
            for (i, &plane) in stage.planes.iter().enumerate() {
                let big = &planes[i * self.group * stage.places * rows..][..pairs * rows];
                let join = self.joins[plane];
                assert_eq!(join.sum, sum);
                let out = &mut points[join.point * rows * cols..][..rows * cols];
                let (channels, sums, add) = ((rows, cols), &*sums, add || !join.begins);
                compiled_for!(
                    isa,
                    body,
                    [4, 4, 12],
                    (channels: (usize, usize), big: &[f32], sums: &[f32], add: bool, out: &mut [f32])
                );
            }
            if let Some((kernel, other, store)) = &mut to_small {
                self.to_small.run(kernel, stage, planes, other, *store);
            }
        }
    }

    /// The gradient of the kernel from that of the points.
    pub fn to_kernel(&self, isa: Isa, points: &[f32], kernel: &mut [f32]) {
        let channels = self.conv.big.channels * self.conv.small.channels;
        self.taps.run(isa, points, channels, kernel);
    }
}

/// `out = sum over places of big x sums`, or added to what is there.
#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    (rows, cols): (usize, usize),
    big: &[f32],
    sums: &[f32],
    add: bool,
    out: &mut [f32],
) {
    let block_cols = Block::<V, ROWS, WIDTH>::COLS;
    let pitch = cols.next_multiple_of(block_cols);
    let places = big.len() / rows;
    assert_eq!(sums.len(), places * pitch);
    if places == 0 {
        if !add {
            out.fill(0.0);
        }
        return;
    }
    let runs = [Joined {
        big: 0,
        small: 0,
        len: places,
    }];
    for col in (0..cols).step_by(block_cols) {
        let product = Product {
            runs: &runs,
            images: 1,
            big,
            big_len: big.len(),
            step: rows,
            panel: &sums[col..],
            panel_len: sums.len(),
            pitch,
            col,
            cols,
            add,
        };
        // SAFETY: `places` pixels of `rows` values are in `big`, and as many rows of the pitch in `sums`, of which those of
        // the panel begin at `col`, a block before the pitch ends at most.
        unsafe { product.run_rows::<V, ROWS, WIDTH>(0..rows, out) };
    }
}

#[cfg(test)]
mod tests;
