//! The products of a convolution as plain sums over their definition, and what tests compare them on. For tests only.

use super::geometry::{Conv, Extent, Zeros};
use super::isa::Isa;

/// Height, width, big channels, small channels, kernel, stride, images.
pub type Shape = [usize; 7];

/// A convolution, and values for its three products.
#[derive(Clone, Debug)]
pub struct Case {
    pub conv: Conv,
    pub images: usize,
    pub big: Vec<f32>,
    pub small: Vec<f32>,
    pub kernel: Vec<f32>,
}

impl Case {
    fn new([height, width, channels, small, kernel, stride, images]: Shape, zeros: Zeros) -> Self {
        let big = Extent {
            height,
            width,
            channels,
        };
        let conv = Conv::new(big, small, (kernel, stride), zeros);
        Self {
            big: numbers(images * conv.big.len(), 1),
            small: numbers(images * conv.small.len(), 2),
            kernel: numbers(conv.kernel_len(), 3),
            conv,
            images,
        }
    }
}

/// Each shape on every path that this processor has.
pub fn cases(shapes: impl IntoIterator<Item = Shape>) -> impl Iterator<Item = (Isa, Case)> {
    shapes.into_iter().flat_map(|shape| {
        let case = Case::new(shape, Zeros::Same);
        Isa::available().map(move |isa| (isa, case.clone()))
    })
}

/// The same with so many zeros on each side, of the shapes that have a small side then.
pub fn padded_cases(
    shapes: impl IntoIterator<Item = (Shape, usize)>,
) -> impl Iterator<Item = (Isa, Case)> {
    let case = |(shape, zeros)| Case::new(shape, Zeros::Each(zeros));
    let cases = shapes.into_iter().map(case);
    let cases = cases.filter(|case| case.conv.small.pixels() > 0);
    cases.flat_map(|case| Isa::available().map(move |isa| (isa, case.clone())))
}

/// Fails where the relative Euclidean error is above what a few hundred terms in f32 leave.
pub fn assert_close(got: &[f32], want: &[f32], what: &str) {
    let norm = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let difference: Vec<f32> = got.iter().zip(want).map(|(a, b)| a - b).collect();
    let error = norm(&difference) / norm(want).max(1e-30);
    assert!(
        got.len() == want.len() && error <= 2e-6,
        "{what} is off by {error:e}"
    );
}

/// Calls `f(big index, small index, kernel index)` for every term of the sums, over a batch.
fn for_each_term(conv: &Conv, images: usize, mut f: impl FnMut(usize, usize, usize)) {
    let (big, small) = (conv.big, conv.small);
    for n in 0..images {
        for (sy, sx) in (0..small.height).flat_map(|y| (0..small.width).map(move |x| (y, x))) {
            for (ky, kx) in (0..conv.kernel).flat_map(|y| (0..conv.kernel).map(move |x| (y, x))) {
                let by = (sy * conv.stride + ky) as isize - conv.pad_top as isize;
                let bx = (sx * conv.stride + kx) as isize - conv.pad_left as isize;
                if by < 0 || bx < 0 || by >= big.height as isize || bx >= big.width as isize {
                    continue;
                }
                let big_pixel = (n * big.height + by as usize) * big.width + bx as usize;
                let small_pixel = (n * small.height + sy) * small.width + sx;
                for bc in 0..big.channels {
                    for sc in 0..small.channels {
                        f(
                            big_pixel * big.channels + bc,
                            small_pixel * small.channels + sc,
                            ((ky * conv.kernel + kx) * big.channels + bc) * small.channels + sc,
                        );
                    }
                }
            }
        }
    }
}

fn narrow(sums: Vec<f64>) -> Vec<f32> {
    sums.into_iter().map(|v| v as f32).collect()
}

/// Convolution without bias.
pub fn big_to_small(conv: &Conv, big: &[f32], kernel: &[f32]) -> Vec<f32> {
    let images = big.len() / conv.big.len();
    let mut out = vec![0.0; images * conv.small.len()];
    for_each_term(conv, images, |b, s, k| {
        out[s] += f64::from(big[b]) * f64::from(kernel[k])
    });
    narrow(out)
}

/// Transposed convolution without bias.
pub fn small_to_big(conv: &Conv, small: &[f32], kernel: &[f32]) -> Vec<f32> {
    let images = small.len() / conv.small.len();
    let mut out = vec![0.0; images * conv.big.len()];
    for_each_term(conv, images, |b, s, k| {
        out[b] += f64::from(small[s]) * f64::from(kernel[k])
    });
    narrow(out)
}

/// Gradient of the kernel.
pub fn to_kernel(conv: &Conv, big: &[f32], small: &[f32]) -> Vec<f32> {
    let images = big.len() / conv.big.len();
    let mut out = vec![0.0; conv.kernel_len()];
    for_each_term(conv, images, |b, s, k| {
        out[k] += f64::from(big[b]) * f64::from(small[s])
    });
    narrow(out)
}

/// Random numbers in -1..1: in a pattern a wrong index could go unnoticed.
pub fn numbers(len: usize, seed: u64) -> Vec<f32> {
    use crate::numeric::random::{Purpose, Stream};
    let mut stream = Stream::new(seed, Purpose::Sample, 0, 0);
    (0..len).map(|_| stream.uniform() * 2.0 - 1.0).collect()
}
