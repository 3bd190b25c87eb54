//! The products by pairs against their definition, also where they would not be worth it.

use std::ops::Range;

use super::*;
use crate::kernels::reference::{self, Case, Shape, assert_close, cases, numbers};

const SHAPES: [Shape; 16] = [
    [28, 28, 32, 64, 3, 2, 3],
    [14, 14, 64, 64, 3, 2, 13],
    [14, 14, 3, 5, 3, 2, 4],
    [7, 7, 5, 3, 3, 2, 2],
    [13, 9, 8, 17, 3, 2, 3],
    [28, 28, 4, 8, 4, 2, 2],
    [9, 15, 3, 4, 4, 2, 3],
    [10, 12, 2, 9, 2, 1, 2],
    [11, 5, 1, 1, 2, 1, 3],
    [12, 13, 7, 2, 5, 3, 4],
    [10, 9, 4, 3, 6, 3, 2],
    [20, 17, 3, 3, 4, 3, 2],
    [1, 1, 3, 2, 3, 2, 3],
    [2, 1, 2, 2, 4, 2, 2],
    [3, 2, 33, 20, 3, 2, 3],
    [1, 9, 2, 3, 2, 1, 1],
];

/// Calls `f(group of big images, group of small images)`.
fn for_each_group(case: &Case, winograd: &Winograd, mut f: impl FnMut(Range<usize>, Range<usize>)) {
    for first in (0..case.images).step_by(winograd.group()) {
        let end = case.images.min(first + winograd.group());
        let of = |len: usize| first * len..end * len;
        f(of(case.conv.big.len()), of(case.conv.small.len()));
    }
}

#[test]
fn agrees_with_plain_sums_to_the_small_side() {
    for (isa, case) in cases(SHAPES) {
        let winograd = Winograd::new(&case.conv);
        let kernel = winograd.pack_to_small(isa, &case.kernel);
        let want = reference::big_to_small(&case.conv, &case.big, &case.kernel);
        let (mut set, mut added) = (vec![f32::NAN; want.len()], vec![1.0; want.len()]);
        for_each_group(&case, &winograd, |big, small| {
            let big = &case.big[big];
            winograd.to_small(isa, &kernel, big, &mut set[small.clone()], Store::Set);
            winograd.to_small(isa, &kernel, big, &mut added[small], Store::Add);
        });
        assert_close(&set, &want, "small image");
        added.iter_mut().for_each(|v| *v -= 1.0);
        assert_close(&added, &want, "what is added to the small image");
    }
}

#[test]
fn agrees_with_plain_sums_to_the_big_side() {
    for (isa, case) in cases(SHAPES) {
        let winograd = Winograd::new(&case.conv);
        let kernel = winograd.pack_to_big(isa, &case.kernel);
        let bias = numbers(case.conv.big.channels, 4);
        let mut want = reference::small_to_big(&case.conv, &case.small, &case.kernel);
        for (i, v) in want.iter_mut().enumerate() {
            *v = (*v + bias[i % bias.len()]).max(0.0);
        }
        let mut got = vec![f32::NAN; want.len()];
        let layer = Store::Layer {
            bias: &bias,
            clip: true,
        };
        for_each_group(&case, &winograd, |big, small| {
            winograd.to_big(isa, &kernel, &case.small[small], &mut got[big], layer);
        });
        assert_close(&got, &want, "big image");
    }
}

#[test]
fn agrees_with_plain_sums_for_kernel_and_small_side() {
    for (isa, case) in cases(SHAPES) {
        let winograd = Winograd::new(&case.conv);
        let packed = winograd.pack_to_small(isa, &case.kernel);
        let mut points = vec![f32::NAN; winograd.points_len()];
        let mut kernel = vec![f32::NAN; case.kernel.len()];
        let mut other = vec![f32::NAN; case.small.len()];
        for_each_group(&case, &winograd, |big, small| {
            let add = big.start > 0;
            let inputs = (&case.big[big], &case.small[small.clone()]);
            let to_small = Some((&packed, &mut other[small], Store::Set));
            winograd.to_points(isa, inputs, (&mut points, add), to_small);
        });
        winograd.to_kernel(isa, &points, &mut kernel);
        let want = reference::to_kernel(&case.conv, &case.big, &case.small);
        assert_close(&kernel, &want, "kernel");
        let want = reference::big_to_small(&case.conv, &case.big, &case.kernel);
        assert_close(&other, &want, "small image");
    }
}

/// By hand: 14 pixels of kernel 3 and stride 2 have 7 products of each share of the pair of taps and 14 of the single one,
/// 35, where the definition has 41 that are inside; 7 pixels have 4 + 3 + 3 + 7 for 20. Kernel 4 with stride 2 has two
/// pairs on 14 pixels, 2 x 3 x 7 = 42 for 54.
#[test]
fn counts_products() {
    for (size, kernel, products, direct) in [(28, 3, 35, 41), (14, 3, 17, 20), (28, 4, 42, 54)] {
        let big = Extent {
            height: size,
            width: size,
            channels: 1,
        };
        for axis in TiledAxis::both(&Conv::same(big, 1, kernel, 2)) {
            assert_eq!(axis.products(), products);
            assert_eq!(axis.direct_products(), direct);
            // As many the other way round.
            let sums = axis.to_big().into_iter().flatten();
            assert_eq!(sums.map(|sum| sum.tiles.len()).sum::<usize>(), products);
        }
    }
}

#[test]
fn takes_pairs_where_they_save_a_fifth() {
    let is_paired = |size, channels, kernel, stride| {
        let big = Extent {
            height: size,
            width: size,
            channels,
        };
        Winograd::of(&Conv::same(big, 16, kernel, stride)).is_some()
    };
    assert!(is_paired(28, 32, 3, 2) && is_paired(14, 16, 3, 2) && is_paired(28, 16, 4, 2));
    // Few channels; three taps a phase; one tap a phase; hardly any tile.
    assert!(!is_paired(28, 15, 3, 2) && !is_paired(28, 32, 3, 1));
    assert!(!is_paired(28, 32, 2, 2) && !is_paired(2, 32, 3, 2));
}
