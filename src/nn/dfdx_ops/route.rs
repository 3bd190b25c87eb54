//! The pixels that a convolution gathers, as an index.

use dfdx::shapes::{Axes2, Axis, Dim, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, GatherTo, TryMul};

use crate::kernels::Conv;

/// (image, pixel or product, channel)
type Rows<C, D, T> = Tensor<(usize, usize, C), f32, D, T>;

/// Where a convolution gathers its rows from. The rows are pixels with their channels: of the big image for a
/// convolution, of the products of small pixels and kernel taps for a transposed one.
#[derive(Clone, Debug)]
pub struct Route<D: Device<f32>> {
    /// The convolution.
    pub conv: Conv,
    /// Rows that are gathered for each pixel of the output.
    pub most: usize,
    /// The row of the source, for each gathered row of an image.
    index: Tensor<(usize,), usize, D>,
    /// 1, or 0 for a row that stands for the padding or for no product at all; absent where all are 1.
    mask: Option<Tensor<(usize,), f32, D>>,
}

impl<D: Device<f32>> Route<D> {
    /// For each small pixel the big pixels under the kernel, in the order of its taps.
    ///
    /// # Errors
    /// The device has no memory for it.
    pub fn to_small(device: &D, conv: &Conv) -> Result<Self, D::Err> {
        let taps = conv.kernel * conv.kernel;
        let rows: Vec<_> = (0..conv.small.pixels() * taps)
            .map(|row| big_pixel(conv, row / taps, row % taps))
            .collect();
        Self::new(device, conv, taps, &rows)
    }

    /// For each big pixel the products that fall on it: row `pixel * taps + tap` is that of a small pixel and a tap.
    /// There are at most ceil(kernel / stride)^2.
    ///
    /// # Errors
    /// The device has no memory for it.
    pub fn to_big(device: &D, conv: &Conv) -> Result<Self, D::Err> {
        let taps = conv.kernel * conv.kernel;
        let mut products = vec![vec![]; conv.big.pixels()];
        for row in 0..conv.small.pixels() * taps {
            if let Some(pixel) = big_pixel(conv, row / taps, row % taps) {
                products[pixel].push(Some(row));
            }
        }
        // A stride above the kernel leaves pixels on which nothing falls.
        let most = products.iter().map(Vec::len).max().unwrap_or(0).max(1);
        products.iter_mut().for_each(|rows| rows.resize(most, None));
        Self::new(device, conv, most, &products.concat())
    }

    fn new(device: &D, conv: &Conv, most: usize, rows: &[Option<usize>]) -> Result<Self, D::Err> {
        let len = (rows.len(),);
        let index = rows.iter().map(|row| row.unwrap_or(0)).collect();
        let mask = || rows.iter().map(|row| f32::from(u8::from(row.is_some())));
        let is_whole = rows.iter().all(Option::is_some);
        Ok(Self {
            conv: *conv,
            most,
            index: device.try_tensor_from_vec(index, len)?,
            mask: match is_whole {
                true => None,
                false => Some(device.try_tensor_from_vec(mask().collect(), len)?),
            },
        })
    }

    /// (image, row, channel) to (image, gathered row, channel).
    ///
    /// # Errors
    /// The device's.
    pub fn gather<C: Dim, T: Tape<f32, D>>(
        &self,
        rows: Rows<C, D, T>,
    ) -> Result<Rows<C, D, T>, D::Err> {
        let (images, _, channels) = *rows.shape();
        let len = self.index.shape().0;
        let index = self.index.clone();
        let index = index.try_broadcast_like::<_, Axis<0>>(&(images, len))?;
        let gathered: Rows<C, D, T> = rows.try_gather(index)?;
        let Some(mask) = &self.mask else {
            return Ok(gathered);
        };
        let shape = (images, len, channels);
        gathered.try_mul(mask.clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)
    }
}

/// The big pixel under a tap of the kernel at a small pixel, unless that is padding.
fn big_pixel(conv: &Conv, small: usize, tap: usize) -> Option<usize> {
    let at = |small: usize, tap: usize, pad: usize, size: usize| {
        (small * conv.stride + tap)
            .checked_sub(pad)
            .filter(|&place| place < size)
    };
    let (row, column) = (small / conv.small.width, small % conv.small.width);
    let (y, x) = (tap / conv.kernel, tap % conv.kernel);
    let row = at(row, y, conv.pad_top, conv.big.height)?;
    let column = at(column, x, conv.pad_left, conv.big.width)?;
    Some(row * conv.big.width + column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Extent;
    use dfdx::tensor::{Cpu, TensorFromVec};

    fn conv(size: usize, kernel: usize, stride: usize) -> Conv {
        let big = Extent {
            height: 1,
            width: size,
            channels: 1,
        };
        Conv::same(big, 1, kernel, stride)
    }

    /// One row of five pixels, kernel 3, stride 2: one column of padding on both sides, and one row above and below.
    #[test]
    fn masks_taps_in_the_padding() {
        let route = Route::to_small(&Cpu::default(), &conv(5, 3, 2)).unwrap();
        let index = route.index.as_vec();
        let mask = route.mask.as_ref().unwrap().as_vec();
        let middle = |pixel: usize| pixel * 9 + 3..pixel * 9 + 6;
        assert_eq!(mask.len(), 27);
        assert_eq!(mask.iter().sum::<f32>(), 7.0);
        assert_eq!(&mask[middle(0)], [0.0, 1.0, 1.0]);
        assert_eq!(&index[middle(1)], [1, 2, 3]);
        assert_eq!(&mask[middle(2)], [1.0, 1.0, 0.0]);
    }

    #[test]
    fn gathers_few_products_for_an_output_pixel() {
        let most = |size, kernel, stride| {
            let big = Extent {
                height: size,
                width: size,
                channels: 1,
            };
            let conv = Conv::same(big, 1, kernel, stride);
            Route::to_big(&Cpu::default(), &conv).unwrap().most
        };
        assert_eq!(most(28, 3, 2), 4);
        assert_eq!(most(28, 3, 1), 9);
        assert_eq!(most(28, 5, 3), 4);
        assert_eq!(most(28, 2, 3), 1);
        assert_eq!(most(9, 4, 2), 4);
    }

    #[test]
    fn makes_no_mask_without_padding() {
        let route = Route::to_small(&Cpu::default(), &conv(6, 1, 1)).unwrap();
        assert!(route.mask.is_none());
        assert_eq!(route.index.as_vec(), [0, 1, 2, 3, 4, 5]);
        let rows = Cpu::default().tensor_from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (1, 6, 1));
        assert_eq!(
            route.gather(rows).unwrap().as_vec(),
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
    }
}
