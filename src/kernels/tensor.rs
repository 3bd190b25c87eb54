//! The door between dfdx's CPU tensors and the kernels' slices. The only file here that knows dfdx.

use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Tensor};

/// The values of a tensor in row-major order, without copying them.
///
/// dfdx offers its storage element by element or as a copy. A copy of every activation would cost as
/// much as the elementwise part of a training step.
///
/// # Panics
/// The tensor is a broadcast view, whose elements do not fill a run of memory. Tensors made from a
/// vector, as all of ours, are never that.
pub fn values<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> &[f32] {
    let Some((len, last)) = extent(tensor) else {
        return &[];
    };
    let first = &raw const tensor[S::Concrete::default()];
    assert_run(first.addr(), (&raw const tensor[last]).addr(), len);
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
    // This one first, since it is what makes the copy.
    let first = &raw mut tensor[S::Concrete::default()];
    assert_run(first.addr(), (&raw const tensor[last]).addr(), len);
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

fn assert_run(first: usize, last: usize, len: usize) {
    assert_eq!(
        last - first,
        (len - 1) * size_of::<f32>(),
        "the tensor does not fill a run of memory"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::shapes::Const;
    use dfdx::tensor::TensorFromVec;
    use dfdx::tensor_ops::BroadcastTo;

    #[test]
    fn values_are_those_of_the_vector() {
        let device = Cpu::default();
        let numbers: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let tensor = device.tensor_from_vec(numbers.clone(), (2_usize, Const::<3>, 4_usize));
        assert_eq!(values(&tensor), numbers);
        assert_eq!(values(&device.tensor_from_vec(vec![5.0], ())), [5.0]);
        assert!(values(&device.tensor_from_vec(vec![], (0_usize,))).is_empty());
    }

    #[test]
    fn changed_values_are_the_tensors_own() {
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
    fn a_broadcast_view_is_refused() {
        let device = Cpu::default();
        let row = device.tensor_from_vec(vec![1.0_f32, 2.0], (Const::<2>,));
        values(&row.broadcast_like(&(Const::<3>, Const::<2>)));
    }
}
