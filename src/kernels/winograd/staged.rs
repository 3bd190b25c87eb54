//! One product of [`Winograd`](super::Winograd) to pixels, stage by stage.

use std::ops::Range;

use super::axis::{Sum, Tile};
use crate::kernels::buffer_pool::{Buffer, buffer};
use crate::kernels::geometry::Extent;
use crate::kernels::isa::Isa;
use crate::kernels::micro_kernel::Run;
use crate::kernels::tap_gemm::{Packed, Part, Phase, Store, TapGemm};
use crate::kernels::winograd_transform::Combine;

/// Products of planes, some planes at a time, so that they stay in the cache.
#[derive(Debug)]
pub struct Staged {
    planes: Combine,
    /// Channels of the planes.
    channels: usize,
    /// Products of the planes and the points, added up.
    pub sums: TapGemm,
    pub stages: Vec<Stage>,
}

#[derive(Debug)]
pub struct Stage {
    /// Planes with as many places each.
    pub planes: Vec<usize>,
    pub places: usize,
    /// Phases that need these planes and no other.
    phases: Range<usize>,
}

impl Staged {
    /// The sums of all phases of rows and of columns, of planes whose pixels have `channels` values; the points of the
    /// kernel along the columns come to `points`.
    pub fn new(
        planes: Combine,
        channels: usize,
        (output, group): (Extent, usize),
        points: usize,
        (rows, cols): (&[Vec<Sum>], &[Vec<Sum>]),
    ) -> Self {
        let mut all = vec![];
        for (rows, cols) in each_with_each(rows, cols) {
            for (row, col) in each_with_each(rows, cols) {
                let (used, taps): (Vec<_>, Vec<_>) = each_with_each(&row.terms, &col.terms)
                    .map(|(y, x)| (planes.plane(y[0], x[0]), y[1] * points + x[1]))
                    .unzip();
                let places = row.places * col.places;
                assert!(used.iter().all(|&plane| planes.places_of(plane) == places));
                let run = |i: usize| Run {
                    start: (i * group * places * channels) as isize,
                    panel: i * channels,
                    len: channels,
                };
                let runs: Vec<Run> = (0..used.len()).map(run).collect();
                let parts = parts((row, col), &runs, channels, (output, group));
                all.push((used, places, Phase { taps, parts }));
            }
        }
        // What is shared has the first lines, on both axes: in the order of planes, the first sum that a pixel gets is
        // the first one of its tile, and the last one the last.
        all.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let mut stages = Vec::<Stage>::new();
        let mut phases = vec![];
        for (used, places, phase) in all {
            phases.push(phase);
            match stages.last_mut() {
                Some(stage) if stage.planes == used => stage.phases.end += 1,
                _ => stages.push(Stage {
                    planes: used,
                    places,
                    phases: phases.len() - 1..phases.len(),
                }),
            }
        }
        Self {
            planes,
            channels,
            sums: TapGemm::new(channels, output, group, phases),
            stages,
        }
    }

    /// Room for the planes of any stage.
    pub fn room(&self, group: usize) -> Buffer {
        let values = |stage: &Stage| stage.planes.len() * stage.places;
        let most = self.stages.iter().map(values).max().unwrap_or(0);
        buffer(most * group * self.channels)
    }

    /// The planes of a stage, of some images.
    pub fn fill<'a>(
        &self,
        isa: Isa,
        stage: &Stage,
        (images, outside): (&[f32], &[f32]),
        room: &'a mut [f32],
    ) -> &'a [f32] {
        let channels = outside.len();
        let plane_len = self.sums.group() * stage.places * channels;
        let planes = &mut room[..stage.planes.len() * plane_len];
        for (&plane, out) in stage
            .planes
            .iter()
            .zip(planes.chunks_exact_mut(plane_len.max(1)))
        {
            self.planes
                .plane_of(isa, plane, (images, outside), (out, channels));
        }
        planes
    }

    /// What the phases of a stage have for some output images, a group at most.
    pub fn run(
        &self,
        kernel: &Packed,
        stage: &Stage,
        planes: &[f32],
        output: &mut [f32],
        store: Store,
    ) {
        let values = stage.planes.len() * stage.places;
        assert_eq!(planes.len(), values * self.sums.group() * self.channels);
        // SAFETY: a run is one pixel of one plane (`Staged::new`), from the first place of that plane on; a source is one of
        // the plane's places.
        unsafe {
            self.sums
                .run(kernel, stage.phases.clone(), planes, output, store);
        }
    }
}

/// The parts of a phase.
fn parts(
    (row, col): (&Sum, &Sum),
    runs: &[Run],
    channels: usize,
    (output, group): (Extent, usize),
) -> Vec<Part> {
    let mut parts = vec![];
    for rows in alike(&row.tiles) {
        for cols in alike(&col.tiles) {
            let tiles = || each_with_each(&rows, &cols).map(|(y, x)| (*y, *x));
            let source = |image: usize, (y, x): (&Tile, &Tile)| {
                assert!(y.place < row.places && x.place < col.places);
                ((image * row.places + y.place) * col.places + x.place) * channels
            };
            let targets = |i: usize, j: usize| {
                let target = |image: usize, (y, x): (&Tile, &Tile)| {
                    let pixel = y.targets[i] * output.width + x.targets[j];
                    image * output.len() + pixel * output.channels
                };
                let of = |image| tiles().map(move |tile| target(image, tile));
                (0..group).flat_map(of).collect()
            };
            let (y, x) = (rows[0], cols[0]);
            let both = (0..y.targets.len()).flat_map(|i| (0..x.targets.len()).map(move |j| (i, j)));
            parts.push(Part {
                runs: runs.to_vec(),
                pixels: rows.len() * cols.len(),
                sources: (0..group)
                    .flat_map(|image| tiles().map(move |tile| source(image, tile)))
                    .collect(),
                targets: both.map(|(i, j)| targets(i, j)).collect(),
                begins: y.begins && x.begins,
                ends: y.ends && x.ends,
            });
        }
    }
    parts
}

/// Each of the rows with each of the columns.
fn each_with_each<'a, T>(rows: &'a [T], cols: &'a [T]) -> impl Iterator<Item = (&'a T, &'a T)> {
    rows.iter()
        .flat_map(move |row| cols.iter().map(move |col| (row, col)))
}

/// Tiles that begin, end and have as many targets alike.
fn alike(tiles: &[Tile]) -> Vec<Vec<&Tile>> {
    let key = |tile: &Tile| (tile.begins, tile.ends, tile.targets.len());
    let mut classes = Vec::<Vec<&Tile>>::new();
    for tile in tiles {
        match classes.iter_mut().find(|class| key(class[0]) == key(tile)) {
            Some(class) => class.push(tile),
            None => classes.push(vec![tile]),
        }
    }
    classes
}
