//! The door between dfdx's CPU tensors and the kernels' slices. The only file here that knows dfdx.

use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Tensor};

/// The values of a tensor in row-major order, without copying them.
///
/// dfdx offers its storage element by element or as a copy. A copy of every activation would cost as
/// much as the elementwise part of a training step.
///
/// # Panics
/// The tensor is a broadcast or permuted view, whose elements do not fill a run of memory in order. Tensors made from a
/// vector, as all of ours, are never that.
pub fn values<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> &[f32] {
    let Some((len, last)) = extent(tensor) else {
        return &[];
    };
    assert_run(tensor, last, len);
    let first = &raw const tensor[S::Concrete::default()];
    // SAFETY: both ends were just indexed, so that the run between them lies within the tensor's one
    // vector; it lives as long as the tensor is borrowed, and dfdx changes it only through a mutable
    // borrow of the tensor.
    unsafe { std::slice::from_raw_parts(first, len) }
}

/// As [`values`], to change them. Where another tensor shares them, this one gets a copy first.
///
/// # Panics
/// As [`values`].
pub fn values_mut<S: Shape, T>(tensor: &mut Tensor<S, f32, Cpu, T>) -> &mut [f32] {
    let Some((len, last)) = extent(tensor) else {
        return &mut [];
    };
    assert_run(tensor, last, len);
    // A copy, where this makes one, is as long and in the same order.
    let first = &raw mut tensor[S::Concrete::default()];
    // SAFETY: as above; the tensor's vector is its own since it was indexed to be changed, and is borrowed.
    unsafe { std::slice::from_raw_parts_mut(first, len) }
}

/// Number of values and the index of the last, if there are any.
fn extent<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Option<(usize, S::Concrete)> {
    use dfdx::shapes::HasShape;
    let mut last = tensor.shape().concrete();
    let len: usize = last.as_ref().iter().product();
    for axis in 0..S::NUM_DIMS {
        last[axis] = last[axis].checked_sub(1)?;
    }
    Some((len, last))
}

/// The last value lies `len - 1` values behind the first, and each axis steps over those behind it.
fn assert_run<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>, last: S::Concrete, len: usize) {
    let at = |index: S::Concrete| (&raw const tensor[index]).addr();
    let first = at(S::Concrete::default());
    let mut is_run = at(last) - first == (len - 1) * size_of::<f32>();
    let mut step = size_of::<f32>();
    for axis in (0..S::NUM_DIMS).rev() {
        let mut second = S::Concrete::default();
        second[axis] = last[axis].min(1);
        is_run &= at(second) - first == step * second[axis];
        step *= last[axis] + 1;
    }
    assert!(is_run, "the tensor does not fill a run of memory in order");
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::shapes::{Axes2, Const};
    use dfdx::tensor::TensorFromVec;
    use dfdx::tensor_ops::{BroadcastTo, PermuteTo};

    #[test]
    fn reads_values_of_the_vector() {
        let device = Cpu::default();
        let numbers: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let tensor = device.tensor_from_vec(numbers.clone(), (2_usize, Const::<3>, 4_usize));
        assert_eq!(values(&tensor), numbers);
        assert_eq!(values(&device.tensor_from_vec(vec![5.0], ())), [5.0]);
        assert!(values(&device.tensor_from_vec(vec![], (0_usize,))).is_empty());
    }

    #[test]
    fn copies_shared_values_before_a_change() {
        let device = Cpu::default();
        let mut tensor = device.tensor_from_vec(vec![1.0_f32, 2.0, 3.0], (3_usize,));
        let place = values(&tensor).as_ptr();
        values_mut(&mut tensor)[1] = 5.0;
        assert_eq!(
            (values(&tensor), values(&tensor).as_ptr()),
            ([1.0, 5.0, 3.0].as_slice(), place)
        );
        let copy = tensor.clone();
        values_mut(&mut tensor)[0] = 7.0;
        assert_eq!(values(&copy), [1.0, 5.0, 3.0]);
        assert_eq!(values(&tensor), [7.0, 5.0, 3.0]);
    }

    #[test]
    #[should_panic(expected = "run of memory")]
    fn rejects_a_broadcast_view() {
        let device = Cpu::default();
        let row = device.tensor_from_vec(vec![1.0_f32, 2.0], (Const::<2>,));
        values(&row.broadcast_like(&(Const::<3>, Const::<2>)));
    }

    #[test]
    #[should_panic(expected = "run of memory")]
    fn rejects_a_permuted_view() {
        let device = Cpu::default();
        let rows = device.tensor_from_vec(vec![0.0_f32; 6], (Const::<2>, Const::<3>));
        values(&rows.permute::<(Const<3>, Const<2>), Axes2<1, 0>>());
    }
}
