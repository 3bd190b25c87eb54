//! What the C library does with large blocks of memory: where they start, and where they go when they are given back.

use std::alloc::{GlobalAlloc, Layout, System};

/// A cache line, in bytes.
const LINE: usize = 64;

/// Blocks of so many bytes and more come from the system one by one, and return to it when they are freed.
const LARGE: usize = 256 << 10;

/// Lets large blocks return to the system as soon as they are freed, for the life of the program.
///
/// Left alone, the GNU C library raises that limit up to 32 MiB when large blocks are freed, and keeps what is freed
/// below it in pieces, one pool a thread: drawing a picture then takes new memory although that of the training has
/// just been given back, a third more than all data and work need. Where it costs time, in training steps, memory is
/// kept by [`buffer_pool`](super::buffer_pool) anyway. Other C libraries do as they do.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two numbers and may be called at any time; a limit that it does not like changes nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE as i32);
    }
}

/// The allocator of the program (`main.rs`): the system's, in which large blocks of `f32`, or of what else has its alignment, start
/// a cache line.
///
/// The GNU C library starts them 16 bytes behind the start of a page, so that every vector of 64 bytes, and every other one of
/// 32, would lie across two lines. The price: such a block is copied where it grows, and zeros are written where
/// the system might have had them.
#[derive(Debug)]
pub struct Aligned;

/// What is asked of the system instead. It depends on the layout alone, so that a block is given back as it was taken.
fn aligned(layout: Layout) -> Layout {
    match layout.align() == align_of::<f32>() && layout.size() >= LARGE {
        true => layout.align_to(LINE).unwrap_or(layout),
        false => layout,
    }
}

// SAFETY: all is the system's, for a layout that has the size that was asked for and at least its alignment.
unsafe impl GlobalAlloc for Aligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { System.alloc(aligned(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(aligned(layout)) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's; the block was taken for `aligned(layout)`.
        unsafe { System.dealloc(block, aligned(layout)) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else {
            return std::ptr::null_mut();
        };
        let (old, new) = (aligned(layout), aligned(new));
        if new.align() == old.align() {
            // SAFETY: the caller's; the block was taken for `old`.
            return unsafe { System.realloc(block, old, size) };
        }
        // It becomes large, or ceases to be.
        // SAFETY: the caller's: `size` is not 0; both blocks have the bytes that are copied, and are not the same.
        unsafe {
            let to = System.alloc(new);
            if !to.is_null() {
                block.copy_to_nonoverlapping(to, layout.size().min(size));
                System.dealloc(block, old);
            }
            to
        }
    }
}

/// Gives back to the system what was freed in blocks below that size too: the C library keeps those, one pool a thread,
/// and drawing a picture next would take other memory beside them. Takes a millisecond; not for training steps.
pub fn return_free_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes a number of bytes to keep and may be called at any time; it touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static MEMORY: Aligned = Aligned;

    #[test]
    fn aligns_large_blocks_and_keeps_their_values() {
        let mut values: Vec<f32> = vec![];
        // Through every size at which a growing block moves, and back.
        for value in 0..300_000_u32 {
            values.push(value as f32);
        }
        let large = |values: &Vec<f32>| values.as_ptr().addr().is_multiple_of(LINE);
        assert!(large(&values));
        values.truncate(10);
        values.shrink_to_fit();
        assert_eq!(values, (0..10).map(|v| v as f32).collect::<Vec<_>>());
        values.extend((10..100_000).map(|v| v as f32));
        values.shrink_to_fit();
        assert!(large(&values) && values.iter().zip(0_u32..).all(|(&v, i)| v == i as f32));
        let zeros = vec![0.0_f32; 1 << 20];
        assert!(large(&zeros) && zeros.iter().all(|&v| v == 0.0));
    }
}
