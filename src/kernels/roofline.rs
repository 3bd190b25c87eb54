//! What the processor could do at most: multiply-adds on registers, with no memory in between.
//!
//! Every speed of a kernel is a share of this number. It is measured, since a data sheet knows neither the clock
//! under vector load nor the load of a shared machine.

use std::hint::black_box;

use super::isa::{Isa, compiled_for};
use super::simd::Lanes;
use crate::sys::clock;

/// Rounds of a run: some milliseconds, far more than it takes to wake the threads.
const ROUNDS: usize = 1_000_000;

/// Sums of the largest shape.
const MOST_SUMS: usize = 24;

/// Floating-point operations a second that the threads of the caller reach together on a path, a multiplication and an addition
/// counted as two. The best of so many runs of some milliseconds each: the clock moves, and whatever else the
/// machine does can only take away.
pub fn measure(isa: Isa, runs: usize) -> f64 {
    (0..runs.max(1))
        .flat_map(|_| Shape::ALL)
        .map(|shape| run(isa, shape))
        .fold(0.0, f64::max)
}

/// How many independent sums are kept. As many as it takes to fill the pipeline, and no more than there are
/// registers; which is best depends on the processor.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// 12 sums of 16 registers, 24 of AVX-512's 32.
    Large,
    /// 16 sums where there are 32 registers of four lanes (NEON), 10 with AVX2, 16 with AVX-512.
    Other,
}

impl Shape {
    const ALL: [Self; 2] = [Self::Large, Self::Other];
}

/// One run on all threads; operations a second from the first one's start to the last one's end.
fn run(isa: Isa, shape: Shape) -> f64 {
    let done = rayon::broadcast(|_| {
        let started = clock::monotonic();
        let flops = spin(isa, shape, ROUNDS);
        (started, clock::monotonic(), flops)
    });
    let started = done.iter().map(|&(started, _, _)| started).min();
    let ended = done.iter().map(|&(_, ended, _)| ended).max();
    let flops: u64 = done.iter().map(|&(_, _, flops)| flops).sum();
    match started.zip(ended) {
        Some((started, ended)) => flops as f64 / (ended - started).as_secs_f64().max(1e-9),
        None => 0.0,
    }
}

/// So many rounds of multiply-adds on this thread; gives the number of operations.
fn spin(isa: Isa, shape: Shape, rounds: usize) -> u64 {
    let mut flops = 0;
    let mut values: [f32; MOST_SUMS] = std::array::from_fn(|i| i as f32);
    let (sums, count) = (black_box(&mut values), &mut flops);
    match shape {
        Shape::Large => compiled_for!(
            isa, body, [6, 6, 12],
            (rounds: usize, sums: &mut [f32; MOST_SUMS], count: &mut u64)
        ),
        Shape::Other => compiled_for!(
            isa, body, [8, 5, 8],
            (rounds: usize, sums: &mut [f32; MOST_SUMS], count: &mut u64)
        ),
    }
    black_box(values);
    flops
}

/// Takes `s = s / 2 + 1 / 2` so many times for `ROWS * WIDTH` vectors side by side; writes one lane of each.
///
/// The sum is the factor, not the addend: a product of constants could be taken out of the loop where
/// multiplication and addition are not fused.
#[inline(always)]
fn body<V: Lanes, const ROWS: usize, const WIDTH: usize>(
    rounds: usize,
    values: &mut [f32; MOST_SUMS],
    flops: &mut u64,
) {
    let half = V::splat(black_box(0.5));
    let mut sums = [[half; WIDTH]; ROWS];
    // Different beginnings, or one sum would do for all.
    for (sum, &value) in sums.as_flattened_mut().iter_mut().zip(values.iter()) {
        *sum = V::splat(value);
    }
    for _ in 0..rounds {
        for sum in sums.as_flattened_mut() {
            *sum = half.add_product(*sum, half);
        }
    }
    for (value, &sum) in values.iter_mut().zip(sums.as_flattened()) {
        *value = first(sum);
    }
    *flops = 2 * (V::N * ROWS * WIDTH * rounds) as u64;
}

#[inline(always)]
fn first<V: Lanes>(vector: V) -> f32 {
    /// Lanes of the widest vector.
    const MOST_LANES: usize = 16;
    const { assert!(V::N <= MOST_LANES) };
    let mut lanes = [0.0; MOST_LANES];
    // SAFETY: there is room for `N` values, by the assertion.
    unsafe { vector.store(lanes.as_mut_ptr()) };
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication and addition, lanes of a vector, vectors: 2 x 4 x 12 and 2 x 4 x 16 on the portable path,
    /// 2 x 8 x 12 and 2 x 8 x 10 with AVX2, 2 x 16 x 24 and 2 x 16 x 16 with AVX-512.
    #[test]
    fn counts_operations() {
        for isa in Isa::available() {
            let [large, other] = match isa {
                Isa::Portable => [96, 128],
                Isa::Avx2 => [192, 160],
                Isa::Avx512 => [768, 512],
            };
            assert_eq!(spin(isa, Shape::Large, 1), large, "{isa:?}");
            assert_eq!(spin(isa, Shape::Other, 1000), 1000 * other, "{isa:?}");
        }
    }

    /// s = s / 2 + 1 / 2 from s = i is 1 + (i - 1) / 2^n after n rounds, exactly.
    #[test]
    fn runs_each_round_on_each_sum() {
        for isa in Isa::available() {
            for (rounds, part) in [(0, 1.0), (1, 0.5), (3, 0.125)] {
                let mut values: [f32; MOST_SUMS] = std::array::from_fn(|i| i as f32);
                let (mut flops, sums) = (0, &mut values);
                let count = &mut flops;
                compiled_for!(
                    isa, body, [6, 6, 12],
                    (rounds: usize, sums: &mut [f32; MOST_SUMS], count: &mut u64)
                );
                let used = if isa == Isa::Avx512 { 24 } else { 12 };
                for (i, &value) in values.iter().enumerate() {
                    let start = i as f32;
                    let expected = if i < used {
                        1.0 + (start - 1.0) * part
                    } else {
                        start
                    };
                    assert_eq!(value, expected, "{isa:?}, sum {i}, {rounds} rounds");
                }
            }
        }
    }

    #[test]
    fn measures_a_positive_peak() {
        for isa in Isa::available() {
            let peak = measure(isa, 1);
            assert!(peak.is_finite() && peak > 0.0, "{isa:?}: {peak}");
        }
    }
}
