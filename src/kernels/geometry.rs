//! Sizes and padding of a convolution and its transpose.

/// Size of an image or feature map, without the batch axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, the innermost axis in memory.
    pub channels: usize,
}

impl Extent {
    /// Number of pixels: height times width.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Number of values: height times width times channels.
    pub fn len(self) -> usize {
        self.pixels() * self.channels
    }

    /// Whether it holds no value.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Zeros around the big image of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// TensorFlow's `same`: the small side has ceil(big / stride) pixels an axis. The padding that this needs in total
    /// goes half before and half after, the odd pixel after: for kernel 3, stride 2 on 28 pixels that is 0 before and 1
    /// after (`tf.nn.conv2d`, padding "SAME").
    Same,
    /// So many before and after, as `torch.nn.Conv2d(padding = ...)`: the small side has
    /// floor((big + 2 zeros - kernel) / stride) + 1 pixels an axis, none where the kernel is larger than that. 0 is
    /// TensorFlow's `valid`.
    ///
    /// With kernel 4 and stride 2, PyTorch's `padding=1` is `same` for all even sizes; with kernel 3 and stride 2 it has
    /// the same sizes but puts the zero before the image and not after it.
    Each(usize),
}

/// A two-dimensional convolution between a big and a small image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// The side with stride 1: a convolution's input, a transposed convolution's output.
    pub big: Extent,
    /// The other side.
    pub small: Extent,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step in the big image, the same on both axes.
    pub stride: usize,
    /// Rows of padding above the big image.
    pub pad_top: usize,
    /// Columns of padding left of the big image.
    pub pad_left: usize,
}

impl Conv {
    /// The convolution of `big` to `small_channels` with `same` padding.
    pub fn same(big: Extent, small_channels: usize, kernel: usize, stride: usize) -> Self {
        Self::new(big, small_channels, (kernel, stride), Zeros::Same)
    }

    /// The convolution of `big` to `small_channels`. Its small side is empty where the kernel fits nowhere.
    pub fn new(
        big: Extent,
        small_channels: usize,
        (kernel, stride): (usize, usize),
        zeros: Zeros,
    ) -> Self {
        let axis = |size| match zeros {
            Zeros::Same => same_axis(size, kernel, stride),
            Zeros::Each(zeros) => (padded_axis(size, kernel, stride, zeros), zeros),
        };
        let (height, pad_top) = axis(big.height);
        let (width, pad_left) = axis(big.width);
        let small = Extent {
            height,
            width,
            channels: small_channels,
        };
        Self {
            big,
            small,
            kernel,
            stride,
            pad_top,
            pad_left,
        }
    }

    /// Number of kernel values, (kh, kw, big channels, small channels).
    pub fn kernel_len(&self) -> usize {
        self.patch_len() * self.small.channels
    }

    /// Values of the big image under the kernel at one place.
    pub fn patch_len(&self) -> usize {
        self.kernel * self.kernel * self.big.channels
    }

    /// Floating-point operations of one product on one image: a multiplication and an addition for each
    /// pair of a kernel value and a small pixel, as the definition has it. Taps that fall into the padding are counted,
    /// and no multiplication that a kernel spares (`winograd`) is left out.
    pub fn flops(&self) -> u64 {
        2 * self.small.pixels() as u64 * self.kernel_len() as u64
    }
}

/// Output size and padding before, along one axis.
fn same_axis(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let out = size.div_ceil(stride);
    let needed = (out.saturating_sub(1) * stride + kernel).saturating_sub(size);
    (out, needed / 2)
}

/// Output size along one axis with so many zeros before and after.
fn padded_axis(size: usize, kernel: usize, stride: usize, zeros: usize) -> usize {
    match (size + 2 * zeros).checked_sub(kernel) {
        Some(steps) => steps / stride + 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes and pads before, from TensorFlow's rule worked out by hand.
    #[test]
    fn pads_as_tensorflow_does() {
        assert_eq!(same_axis(28, 3, 2), (14, 0));
        assert_eq!(same_axis(7, 3, 2), (4, 1));
        assert_eq!(same_axis(28, 3, 1), (28, 1));
        assert_eq!(same_axis(28, 4, 2), (14, 1));
        assert_eq!(same_axis(28, 5, 3), (10, 2));
        assert_eq!(same_axis(28, 1, 2), (14, 0));
        assert_eq!(same_axis(1, 3, 2), (1, 1));
        assert_eq!(same_axis(5, 2, 4), (2, 0));
    }

    /// Sizes of the published models: World Models' encoder and, from the image back, its decoder; pythae's decoder for
    /// CelebA; PyTorch-VAE's encoder.
    #[test]
    fn has_sizes_of_pytorch_and_of_valid_padding() {
        let sizes = |layers: &[(usize, usize, usize)], mut size: usize| {
            let mut step = |&(kernel, stride, zeros)| {
                size = padded_axis(size, kernel, stride, zeros);
                size
            };
            layers.iter().map(&mut step).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[(4, 2, 0); 4], 64), [31, 14, 6, 2]);
        let world = [(6, 2, 0), (6, 2, 0), (5, 2, 0), (5, 2, 0)];
        assert_eq!(sizes(&world, 64), [30, 13, 5, 1]);
        let celeba = [(5, 1, 1), (5, 2, 2), (5, 2, 1), (5, 2, 2)];
        assert_eq!(sizes(&celeba, 64), [62, 31, 15, 8]);
        assert_eq!(sizes(&[(3, 2, 1); 5], 64), [32, 16, 8, 4, 2]);
        assert_eq!(sizes(&[(5, 1, 0), (5, 1, 0)], 6), [2, 0]);
    }

    /// PyTorch's `padding=1` of a kernel of 4 with stride 2 is `same` for even sizes, and no other.
    #[test]
    fn has_pytorchs_padding_for_kernel_4_and_even_sizes() {
        let is_same = |kernel, size| {
            let big = Extent {
                height: size,
                width: size,
                channels: 1,
            };
            Conv::same(big, 1, kernel, 2) == Conv::new(big, 1, (kernel, 2), Zeros::Each(1))
        };
        assert!((2..100).step_by(2).all(|size| is_same(4, size)));
        assert!((3..100).step_by(2).all(|size| !is_same(4, size)));
        assert!((2..100).step_by(2).all(|size| !is_same(3, size)));
    }

    #[test]
    fn shrinks_28_to_4_in_three_strided_layers() {
        let mut extent = Extent {
            height: 28,
            width: 28,
            channels: 1,
        };
        let mut sizes = vec![];
        for filters in [8, 16, 32] {
            extent = Conv::same(extent, filters, 3, 2).small;
            sizes.push(extent.height);
        }
        assert_eq!(sizes, [14, 7, 4]);
        assert_eq!(extent.len(), 4 * 4 * 32);
    }
}
