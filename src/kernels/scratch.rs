//! Buffers that are kept from call to call, so that a training step asks the system for no memory.

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

#[cfg(test)]
mod tests {
    use super::*;

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
