//! Memory of activations and their gradients on the CPU, kept from step to step.
//!
//! dfdx keeps the memory of dropped tensors too, but fills with zeros whatever it hands out again, on one thread.
//! Activations and their gradients are many times the size of everything else and are overwritten whole, so they go
//! round here instead: an activation that the backward pass has used up waits in a pool for the next step, and its
//! gradient goes from the operation that consumed the activation to the one that made it through a [`Slot`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use dfdx::shapes::Shape;
use dfdx::tensor::{Cache, Cpu, CpuError, Storage, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;

use crate::kernels::buffer_pool;
use crate::kernels::system_memory::return_free_blocks;
use crate::kernels::tensor::{values, values_mut};

/// A tensor without its shape.
type Flat = Tensor<(usize,), f32, Cpu>;

/// Tensors of a length that wait at most; what comes beyond goes to dfdx.
const MOST_WAITING: usize = 4;

static WAITING: Mutex<Option<HashMap<usize, Vec<Flat>>>> = Mutex::new(None);

fn waiting() -> MutexGuard<'static, Option<HashMap<usize, Vec<Flat>>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A tensor that `write` fills; what it finds there is whatever was there.
pub fn output<S: Shape>(
    device: &Cpu,
    shape: S,
    write: impl FnOnce(&mut [f32]),
) -> Result<Tensor<S, f32, Cpu>, CpuError> {
    let len = shape.num_elements();
    let found = waiting().as_mut().and_then(|w| w.get_mut(&len)?.pop());
    let mut tensor = match found {
        Some(tensor) => tensor,
        None => device.try_tensor_from_vec(vector(device, len)?, (len,))?,
    };
    write(values_mut(&mut tensor));
    tensor.try_reshape_like(&shape)
}

/// Keeps a tensor that its owner has done with for [`output`]. Somebody else may still hold a copy of it: dfdx then
/// moves the values out of the way before they are overwritten.
pub fn give<S: Shape>(tensor: Tensor<S, f32, Cpu>) -> Result<(), CpuError> {
    let len = values(&tensor).len();
    let flat = tensor.try_reshape_like(&(len,))?;
    let mut waiting = waiting();
    let same = waiting
        .get_or_insert_with(HashMap::new)
        .entry(len)
        .or_default();
    if same.len() < MOST_WAITING {
        same.push(flat);
    }
    Ok(())
}

/// Gives all memory that waits back to the system.
pub fn clear(device: &Cpu) -> Result<(), CpuError> {
    *waiting() = None;
    buffer_pool::clear();
    // Tensors that waited are in there now.
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

/// The gradient of an activation on its way from the operations that consumed it to the one that made it.
///
/// dfdx's `Gradients` hands out zeros to add to; here the first to come sets, and no zero is written or read. It is
/// found by where the activation's values are, which is the activation's alone as long as its maker's part of the
/// tape holds both.
///
/// An activation's gradient comes through here or through dfdx's `Gradients`: it is consumed by operations of
/// [`Backend`](super::Backend), or by dfdx's own, not by both.
#[derive(Clone, Debug, Default)]
pub struct Slot(Arc<Mutex<Option<Vec<f32>>>>);

type Known = HashMap<usize, Weak<Mutex<Option<Vec<f32>>>>>;

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

fn known() -> MutexGuard<'static, Option<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key<S: Shape>(activation: &Tensor<S, f32, Cpu>) -> usize {
    values(activation).as_ptr().addr()
}

impl Slot {
    /// The slot of a new activation. Its maker keeps it together with the activation.
    pub fn new<S: Shape>(activation: &Tensor<S, f32, Cpu>) -> Self {
        let slot = Self::default();
        let weak = Arc::downgrade(&slot.0);
        known()
            .get_or_insert_with(HashMap::new)
            .insert(key(activation), weak);
        slot
    }

    /// The slot of an activation, if it has one.
    pub fn of<S: Shape>(activation: &Tensor<S, f32, Cpu>) -> Option<Self> {
        let known = known();
        Some(Self(known.as_ref()?.get(&key(activation))?.upgrade()?))
    }

    /// Takes the gradient out, if one has come.
    pub fn take(&self) -> Option<Vec<f32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts the gradient, or the sum of several, in.
    pub fn put(&self, gradient: Vec<f32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_is_used_again_and_never_under_its_holder() {
        let device = Cpu::default();
        let make = |value: f32| output(&device, (3_usize, 41_usize), |v| v.fill(value)).unwrap();
        let first = make(1.0);
        let place = key(&first);
        give(first).unwrap();
        let second = make(2.0);
        assert_eq!(key(&second), place);
        let held = second.clone();
        give(second).unwrap();
        let third = make(3.0);
        assert!(values(&held).iter().all(|&v| v == 2.0));
        assert!(values(&third).iter().all(|&v| v == 3.0));
    }

    #[test]
    fn a_slot_is_found_as_long_as_its_maker_holds_it() {
        let device = Cpu::default();
        let activation = output(&device, (7_usize, 43_usize), |v| v.fill(0.0)).unwrap();
        assert!(Slot::of(&activation).is_none());
        let slot = Slot::new(&activation);
        let found = Slot::of(&activation.clone()).unwrap();
        assert_eq!(slot.take(), None);
        found.put(vec![1.0]);
        assert_eq!(slot.take(), Some(vec![1.0]));
        assert_eq!(slot.take(), None);
        drop((slot, found));
        assert!(Slot::of(&activation).is_none());
    }
}
