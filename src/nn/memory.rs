//! Memory of activations on the CPU, kept from step to step.
//!
//! dfdx keeps the memory of dropped tensors too, but fills with zeros what it gives out again, on one thread.
//! Activations are many times the size of everything else and are overwritten whole, so those that the backward pass
//! has used up are kept here for the next step.

use std::cell::RefCell;
use std::collections::HashMap;

use dfdx::shapes::Shape;
use dfdx::tensor::{Cache, Cpu, CpuError, Storage, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;

use crate::kernels::buffer_pool;
use crate::kernels::system_memory::return_free_blocks;
use crate::kernels::tensor::{values, values_mut};

/// A tensor without its shape.
type Flat = Tensor<(usize,), f32, Cpu>;

/// Most tensors of a length that are kept; others go to dfdx.
const MOST_WAITING: usize = 4;

thread_local! {
    /// By their length. A thread's own, as models are: dropping a tensor gives its memory to its device's cache, which two
    /// threads may not use at a time.
    static WAITING: RefCell<HashMap<usize, Vec<Flat>>> = RefCell::default();
}

/// A tensor that `write` fills; the values before are unspecified.
pub fn output<S: Shape>(
    device: &Cpu,
    shape: S,
    write: impl FnOnce(&mut [f32]),
) -> Result<Tensor<S, f32, Cpu>, CpuError> {
    let len = shape.num_elements();
    let found = WAITING.with_borrow_mut(|waiting| waiting.get_mut(&len)?.pop());
    let mut tensor = match found {
        Some(tensor) => tensor,
        None => device.try_tensor_from_vec(vector(device, len)?, (len,))?,
    };
    write(values_mut(&mut tensor));
    tensor.try_reshape_like(&shape)
}

/// Keeps a tensor that its owner has done with for [`output`], which gives it out again under the same id. No tape that
/// still grows, and no backward pass to come, may know that id: gradients are kept by it. A copy that is only read may be
/// left: dfdx moves its values out of the way before they are overwritten.
pub fn give<S: Shape>(tensor: Tensor<S, f32, Cpu>) -> Result<(), CpuError> {
    let len = values(&tensor).len();
    let flat = tensor.try_reshape_like(&(len,))?;
    WAITING.with_borrow_mut(|waiting| {
        let same = waiting.entry(len).or_default();
        if same.len() < MOST_WAITING {
            same.push(flat);
        }
    });
    Ok(())
}

/// Gives all kept memory back to the system.
pub fn clear(device: &Cpu) -> Result<(), CpuError> {
    WAITING.take();
    buffer_pool::clear();
    // The kept tensors are in there now.
    device.try_empty_cache()?;
    return_free_blocks();
    Ok(())
}

/// A vector of zeros out of dfdx's memory, for a tensor: one made of a vector from elsewhere would make that memory
/// grow when it is dropped.
pub fn vector(device: &Cpu, len: usize) -> Result<Vec<f32>, CpuError> {
    let mut buffer = device.try_alloc_len(len)?;
    let vector = std::mem::take(&mut *buffer);
    // Dropped, it would put its empty vector into the cache, which keeps those too.
    std::mem::forget(buffer);
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tensor: &Tensor<(usize, usize), f32, Cpu>) -> usize {
        values(tensor).as_ptr().addr()
    }

    #[test]
    fn reuses_memory_only_after_it_is_released() {
        let device = Cpu::default();
        let make = |value: f32| output(&device, (3_usize, 41_usize), |v| v.fill(value)).unwrap();
        let first = make(1.0);
        let taken = place(&first);
        give(first).unwrap();
        let second = make(2.0);
        assert_eq!(place(&second), taken);
        let held = second.clone();
        give(second).unwrap();
        let third = make(3.0);
        assert!(values(&held).iter().all(|&v| v == 2.0));
        assert!(values(&third).iter().all(|&v| v == 3.0));
    }
}
