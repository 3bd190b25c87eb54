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
    use dfdx::shapes::HasShape;
    let shape = tensor.shape().concrete();
    let len: usize = shape.as_ref().iter().product();
    if len == 0 {
        return &[];
    }
    let mut last = shape;
    for axis in 0..S::NUM_DIMS {
        last[axis] -= 1;
    }
    let first = &raw const tensor[S::Concrete::default()];
    let span = (&raw const tensor[last]).addr() - first.addr();
    assert_eq!(
        span,
        (len - 1) * size_of::<f32>(),
        "the tensor does not fill a run of memory"
    );
    // SAFETY: both ends were just indexed, so that the run between them lies within the tensor's one
    // vector; it lives as long as the tensor is borrowed, and dfdx changes it only through a mutable
    // borrow of the tensor.
    unsafe { std::slice::from_raw_parts(first, len) }
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
    #[should_panic(expected = "run of memory")]
    fn a_broadcast_view_is_refused() {
        let device = Cpu::default();
        let row = device.tensor_from_vec(vec![1.0_f32, 2.0], (Const::<2>,));
        values(&row.broadcast_like(&(Const::<3>, Const::<2>)));
    }
}
