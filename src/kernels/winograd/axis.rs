//! One axis of a convolution, in tiles of two pixels of the small image.

use crate::kernels::geometry::Conv;
use crate::kernels::winograd_transform::{Line, Pair};

/// One axis of a convolution whose big pixels are reached by one tap or by two.
#[derive(Clone, Debug)]
pub struct TiledAxis {
    big: usize,
    small: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
}

/// What one or both output pixels of a tile get.
#[derive(Clone, Debug)]
pub struct Sum {
    /// Lines of the input and points of the kernel whose products are added up. All lines have as many places.
    pub terms: Vec<[usize; 2]>,
    /// Places in each of the lines.
    pub places: usize,
    /// The tiles that have such a sum.
    pub tiles: Vec<Tile>,
}

/// A tile, as one sum sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Its place in the lines.
    pub place: usize,
    /// The output pixels that get the sum.
    pub targets: Vec<usize>,
    /// Whether it is the first sum that they get.
    pub begins: bool,
    /// Whether it is the last one.
    pub ends: bool,
}

/// Which pixels of a tile get a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Share {
    Both,
    First,
    Second,
}

impl Share {
    /// In the order in which they are added up.
    const ALL: [Self; 3] = [Self::Both, Self::First, Self::Second];
}

impl TiledAxis {
    /// Whether every big pixel is reached by one tap or by two, and some by two.
    pub fn fits(conv: &Conv) -> bool {
        // With `same` padding no big pixel is behind the last small one's taps.
        let covers = |axis: &Self| axis.big + axis.pad <= (axis.small + 1) * axis.stride;
        (conv.stride + 1..=2 * conv.stride).contains(&conv.kernel)
            && Self::both(conv).iter().all(covers)
    }

    /// Rows and columns.
    pub fn both(conv: &Conv) -> [Self; 2] {
        let axis = |big, small, pad| Self {
            big,
            small,
            kernel: conv.kernel,
            stride: conv.stride,
            pad,
        };
        [
            axis(conv.big.height, conv.small.height, conv.pad_top),
            axis(conv.big.width, conv.small.width, conv.pad_left),
        ]
    }

    /// Products of a tap and a pixel.
    pub fn direct_products(&self) -> usize {
        let taps = 0..self.kernel;
        taps.map(|tap| {
            (0..self.small)
                .filter(|&k| self.big_pixel(k, tap).is_some())
                .count()
        })
        .sum()
    }

    /// Products of a point and a place.
    pub fn products(&self) -> usize {
        self.big().iter().map(|line| line.places.len()).sum()
    }

    /// The big pixel that a small one meets through a tap.
    fn big_pixel(&self, small: usize, tap: usize) -> Option<usize> {
        let at = (small * self.stride + tap).checked_sub(self.pad)?;
        (at < self.big).then_some(at)
    }

    /// Whether a phase, called after its first tap, has two.
    fn is_pair(&self, phase: usize) -> bool {
        phase + self.stride < self.kernel
    }

    fn phases(&self, share: Share) -> impl Iterator<Item = usize> {
        (0..self.stride).filter(move |&phase| share != Share::Both || self.is_pair(phase))
    }

    /// The point of a share of a phase, where the first pixel meets the phase's first tap and the second one its last.
    fn point(&self, phase: usize, share: Share) -> usize {
        let before: usize = (0..phase)
            .map(|p| if self.is_pair(p) { 3 } else { 1 })
            .sum();
        before
            + match share {
                _ if !self.is_pair(phase) => 0,
                Share::First => 0,
                Share::Both => 1,
                Share::Second => 2,
            }
    }

    /// Points of the kernel as taps: of a phase of two its first, both, and its second one.
    pub fn points(&self) -> Vec<Line> {
        let mut points = vec![];
        for phase in 0..self.stride {
            let (first, second) = (Some(phase), Some(phase + self.stride));
            points.push(Line::one(Pair::First, [first, None]));
            if self.is_pair(phase) {
                points.push(Line::one(Pair::Sum, [first, second]));
                points.push(Line::one(Pair::First, [second, None]));
            }
        }
        points
    }

    /// Gradients of taps as those of points.
    pub fn taps(&self) -> Vec<Line> {
        let tap = |tap: usize| {
            let phase = tap % self.stride;
            let share = if tap < self.stride {
                Share::First
            } else {
                Share::Second
            };
            let own = Some(self.point(phase, share));
            match self.is_pair(phase) {
                true => Line::one(Pair::Sum, [own, Some(self.point(phase, Share::Both))]),
                false => Line::one(Pair::First, [own, None]),
            }
        };
        (0..self.kernel).map(tap).collect()
    }

    /// Tiles of the small image that have a share. Nothing is shared where all inputs in between are padding.
    fn small_tiles(&self, share: Share) -> Vec<usize> {
        let shared = |tile: &usize| {
            let mut phases = self.phases(Share::Both);
            phases.any(|phase| self.big_pixel(2 * tile + 1, phase).is_some())
        };
        let tiles = 0..self.small.div_ceil(2);
        match share {
            Share::Both => tiles.filter(shared).collect(),
            Share::First => tiles.collect(),
            Share::Second => tiles.filter(|tile| 2 * tile + 1 < self.small).collect(),
        }
    }

    /// The big image as the products to the small one meet it: for each share, a line a phase.
    pub fn big(&self) -> Vec<Line> {
        let mut lines = vec![];
        for share in Share::ALL {
            for phase in self.phases(share) {
                let at = |small| self.big_pixel(small, phase);
                let is_pair = self.is_pair(phase);
                let place = |tile: usize| match share {
                    Share::First if is_pair => [at(2 * tile), at(2 * tile + 1)],
                    Share::First => [at(2 * tile), None],
                    Share::Second if is_pair => [at(2 * tile + 2), at(2 * tile + 1)],
                    Share::Second | Share::Both => [at(2 * tile + 1), None],
                };
                lines.push(Line {
                    pair: match share {
                        Share::First | Share::Second if is_pair => Pair::Difference,
                        _ => Pair::First,
                    },
                    places: self.small_tiles(share).into_iter().map(place).collect(),
                });
            }
        }
        lines
    }

    /// The small image as the products of [`TiledAxis::big`] to the kernel meet it: a line a share.
    pub fn sums(&self) -> Vec<Line> {
        let inside = |small| (small < self.small).then_some(small);
        let line = |share| {
            let place = |tile| match share {
                Share::Both => [inside(2 * tile), inside(2 * tile + 1)],
                Share::First => [inside(2 * tile), None],
                Share::Second => [inside(2 * tile + 1), None],
            };
            Line {
                pair: match share {
                    Share::Both => Pair::Sum,
                    _ => Pair::First,
                },
                places: self.small_tiles(share).into_iter().map(place).collect(),
            }
        };
        Share::ALL.map(line).to_vec()
    }

    /// For each line of [`TiledAxis::big`]: the point that its products belong to, and the line of [`TiledAxis::sums`] that it
    /// meets.
    pub fn joins(&self) -> Vec<[usize; 2]> {
        let mut joins = vec![];
        for (sum, share) in Share::ALL.into_iter().enumerate() {
            for phase in self.phases(share) {
                joins.push([self.point(phase, share), sum]);
            }
        }
        joins
    }

    /// What the pixels of the small image get.
    pub fn to_small(&self) -> Vec<Sum> {
        let shared = self.small_tiles(Share::Both);
        let mut line = 0;
        let sum = |share| {
            let mut terms = vec![];
            for phase in self.phases(share) {
                terms.push([line, self.point(phase, share)]);
                line += 1;
            }
            let tiles = self.small_tiles(share);
            let tile = |(place, tile): (usize, &usize)| Tile {
                place,
                targets: match share {
                    Share::Both => (2 * tile..self.small.min(2 * tile + 2)).collect(),
                    Share::First => vec![2 * tile],
                    Share::Second => vec![2 * tile + 1],
                },
                begins: share == Share::Both || !shared.contains(tile),
                ends: share != Share::Both,
            };
            Sum {
                terms,
                places: tiles.len(),
                tiles: tiles.iter().enumerate().map(tile).collect(),
            }
        };
        Share::ALL.map(sum).to_vec()
    }

    /// The last small pixel whose first tap reaches a big pixel; one behind the small image, where only the second tap
    /// of a phase has an input.
    fn last_reaching(&self) -> usize {
        let reaches = |&small: &usize| {
            let mut phases = 0..self.stride;
            phases.any(|phase| self.big_pixel(small, phase).is_some())
        };
        (0..=self.small).rev().find(reaches).unwrap_or(0)
    }

    /// The small image as the products to the big one meet it. A tile is the small pixels 2 t - 1 and 2 t here, since
    /// nothing is before pixel 0: what is shared, the differences that the first and the second one meet, and, for
    /// phases of one tap, the second one.
    pub fn small(&self) -> Vec<Line> {
        let inside = |small: Option<usize>| small.filter(|&small| small < self.small);
        let last = self.last_reaching();
        let odd = || (1..=last).step_by(2);
        let even = || (0..=last).step_by(2);
        let line = |pair, places: Vec<[Option<usize>; 2]>| Line { pair, places };
        let own = |small| [inside(Some(small)), None];
        let before = |small: usize| [inside(small.checked_sub(1)), inside(Some(small))];
        let behind = |small: usize| [inside(Some(small)), inside(small.checked_sub(1))];
        let mut lines = vec![
            line(Pair::First, odd().map(own).collect()),
            line(Pair::Difference, odd().map(before).collect()),
            line(Pair::Difference, even().map(behind).collect()),
        ];
        if self.kernel < 2 * self.stride {
            lines.push(line(Pair::First, even().map(own).collect()));
        }
        lines
    }

    /// What the pixels of the big image get, phase by phase.
    pub fn to_big(&self) -> Vec<Vec<Sum>> {
        let last = self.last_reaching();
        let phase = |phase: usize| {
            let is_pair = self.is_pair(phase);
            // Of the two pixels of a tile, as big ones.
            let first = |tile: usize| self.big_pixel((2 * tile).checked_sub(1)?, phase);
            let second = |tile: usize| self.big_pixel(2 * tile, phase);
            let shared = |tile: usize| is_pair && (1..=self.small).contains(&(2 * tile));
            let sum = |share| {
                // The first pixel of a tile is the one that a pair's second tap leads back from.
                let term = match share {
                    Share::Both => [0, self.point(phase, Share::Both)],
                    Share::First if is_pair => [1, self.point(phase, Share::Second)],
                    Share::First => [0, self.point(phase, Share::First)],
                    Share::Second if is_pair => [2, self.point(phase, Share::First)],
                    Share::Second => [3, self.point(phase, Share::First)],
                };
                let tile = |tile: usize| {
                    let targets: Vec<usize> = match share {
                        Share::Both if shared(tile) => {
                            [first(tile), second(tile)].into_iter().flatten().collect()
                        }
                        Share::Both => vec![],
                        Share::First => first(tile).into_iter().collect(),
                        Share::Second => second(tile).into_iter().collect(),
                    };
                    (!targets.is_empty()).then(|| Tile {
                        place: if share == Share::Second {
                            tile
                        } else {
                            tile - 1
                        },
                        targets,
                        begins: share == Share::Both || !shared(tile),
                        ends: share != Share::Both,
                    })
                };
                Sum {
                    terms: vec![term],
                    places: match share {
                        Share::Second => last / 2 + 1,
                        _ => last.div_ceil(2),
                    },
                    tiles: (0..=last.div_ceil(2)).filter_map(tile).collect(),
                }
            };
            Share::ALL
                .into_iter()
                .filter(|&share| is_pair || share != Share::Both)
                .map(sum)
                .collect()
        };
        (0..self.stride).map(phase).collect()
    }
}
