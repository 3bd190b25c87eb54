//! Buffers that are kept from call to call, so that a training step asks the system for no memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Buffers nobody uses at the moment.
static IDLE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// Calls `f` with a buffer whose content is whatever was there.
pub fn with_buffer<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    // The smallest that is large enough, else the largest, which then grows.
    let mut buffer = {
        let mut idle = idle();
        let fits = idle.iter().position(|buffer| buffer.len() >= len);
        let index = fits.or_else(|| idle.len().checked_sub(1));
        index.map_or_else(Vec::new, |index| idle.remove(index))
    };
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = f(&mut buffer[..len]);
    let mut idle = idle();
    let place = idle.partition_point(|other| other.len() < buffer.len());
    idle.insert(place, buffer);
    result
}

/// Vectors that were given back, by their length.
static RETURNED: Mutex<Option<HashMap<usize, Vec<Vec<f32>>>>> = Mutex::new(None);

/// A vector of this length that somebody gave back, whatever it holds.
pub fn take(len: usize) -> Option<Vec<f32>> {
    let mut returned = RETURNED.lock().unwrap_or_else(PoisonError::into_inner);
    returned.as_mut()?.get_mut(&len)?.pop()
}

/// Gives a vector back for [`take`].
pub fn give(vector: Vec<f32>) {
    let mut returned = RETURNED.lock().unwrap_or_else(PoisonError::into_inner);
    returned
        .get_or_insert_with(HashMap::new)
        .entry(vector.len())
        .or_default()
        .push(vector);
}

/// Gives all idle memory back to the system.
pub fn clear() {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).clear();
    *RETURNED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since `clear` empties what another may just have given back.
    #[test]
    fn what_was_given_back_is_taken_once_and_cleared() {
        let len = 12_345;
        assert_eq!(take(len), None);
        give(vec![7.0; len]);
        assert_eq!(take(len).map(|v| v.len()), Some(len));
        assert_eq!(take(len), None);
        give(vec![7.0; len]);
        clear();
        assert_eq!(take(len), None);
    }

    #[test]
    fn buffers_have_their_length_and_do_not_overlap() {
        with_buffer(100, |a| {
            a.fill(1.0);
            with_buffer(50, |b| {
                b.fill(2.0);
                assert_eq!(b.len(), 50);
            });
            assert!(a.len() == 100 && a.iter().all(|&v| v == 1.0));
        });
        with_buffer(0, |empty| assert!(empty.is_empty()));
    }
}
