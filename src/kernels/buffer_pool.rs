//! Memory that is kept from call to call, so that a training step asks the system for none.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// A cache line of values.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Under an address sanitizer each buffer is a block of its own that ends where the block does, and is freed at once, so
/// that no access behind its end, or after its time, goes unseen.
const SANITIZED: bool = cfg!(sanitized);

/// Lines that no buffer uses, the shortest first.
static IDLE: Mutex<Vec<Vec<Line>>> = Mutex::new(Vec::new());

/// Values whose first one starts a cache line (but not under a sanitizer), so that no vector of them lies across two. They
/// return to the pool when they are dropped.
#[derive(Debug)]
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

/// A buffer with unspecified values.
pub fn buffer(len: usize) -> Buffer {
    let needed = len.div_ceil(16);
    // The smallest that is large enough, else the largest, which then grows.
    let mut lines = {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = idle.iter().position(|lines| lines.len() >= needed);
        let index = fits.or_else(|| idle.len().checked_sub(1));
        let index = index.filter(|_| !SANITIZED);
        index.map_or_else(Vec::new, |index| idle.remove(index))
    };
    if lines.len() < needed {
        lines.reserve_exact(needed - lines.len());
        lines.resize(needed, Line([0.0; 16]));
    }
    Buffer { lines, len }
}

impl Buffer {
    /// Values before the first one.
    fn skipped(&self) -> usize {
        match SANITIZED {
            true => 16 * self.lines.len() - self.len,
            false => 0,
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let first = self.lines.as_ptr().cast::<f32>();
        // SAFETY: a line is sixteen values without padding, and `len` values fit into the lines, behind those skipped.
        unsafe { std::slice::from_raw_parts(first.add(self.skipped()), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        let skipped = self.skipped();
        let first = self.lines.as_mut_ptr().cast::<f32>();
        // SAFETY: as above; any bits are values.
        unsafe { std::slice::from_raw_parts_mut(first.add(skipped), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if SANITIZED {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let place = idle.partition_point(|other| other.len() < lines.len());
        idle.insert(place, lines);
    }
}

/// Vectors that were given back, by their length.
static RETURNED: Mutex<Option<HashMap<usize, Vec<Vec<f32>>>>> = Mutex::new(None);

/// A vector of this length with unspecified values: one that was given back, or a new one.
pub fn vector(len: usize) -> Vec<f32> {
    take(len).unwrap_or_else(|| vec![0.0; len])
}

fn take(len: usize) -> Option<Vec<f32>> {
    let mut returned = RETURNED.lock().unwrap_or_else(PoisonError::into_inner);
    returned.as_mut()?.get_mut(&len)?.pop()
}

/// Gives a vector back for [`vector`].
pub fn give(vector: Vec<f32>) {
    let mut returned = RETURNED.lock().unwrap_or_else(PoisonError::into_inner);
    returned
        .get_or_insert_with(HashMap::new)
        .entry(vector.len())
        .or_default()
        .push(vector);
}

/// Gives all unused memory back to the system.
pub fn clear() {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).clear();
    *RETURNED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since `clear` empties what another may just have given back.
    #[test]
    fn reuses_a_returned_buffer_once() {
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
    fn aligns_and_separates_buffers() {
        let mut a = buffer(100);
        a.fill(1.0);
        let mut b = buffer(50);
        b.fill(2.0);
        assert!(a.len() == 100 && a.iter().all(|&v| v == 1.0));
        assert!(b.len() == 50 && b.iter().all(|&v| v == 2.0));
        let starts_a_line = |buffer: &Buffer| buffer.as_ptr().addr().is_multiple_of(64);
        assert!(SANITIZED || [&a, &b].into_iter().all(starts_a_line));
        assert!(buffer(0).is_empty());
    }
}
