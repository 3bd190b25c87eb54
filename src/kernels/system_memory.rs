//! What the C library does with memory that is given back.

/// Blocks of so many bytes and more come from the system one by one, and return to it when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 256 << 10;

/// Lets large blocks return to the system as soon as they are freed, for the life of the program.
///
/// Left alone, the GNU C library raises that limit up to 32 MiB when large blocks are freed, and keeps what is freed
/// below it in pieces, one pool a thread: drawing a picture then takes new memory although that of the training has
/// just been given back, a third more than all data and work need. Where it costs time, in training steps, memory is
/// kept by [`scratch`](super::scratch) anyway. Other C libraries do as they do.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two numbers and may be called at any time; a limit that it does not like changes nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Gives back to the system what was freed in blocks below that size too: the C library keeps those, one pool a thread,
/// and whoever draws a picture next would need other memory beside them. Takes a millisecond; not for training steps.
pub fn return_free_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes a number of bytes to keep and may be called at any time; it touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Tests that watch the memory of the process, one at a time.
    static ONE: Mutex<()> = Mutex::new(());

    /// Resident memory of this process, in KiB.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.unwrap().parse().unwrap()
    }

    #[test]
    fn what_is_freed_between_what_is_held_returns() {
        let _one = ONE.lock();
        return_large_blocks();
        // What raises the limit where nobody has fixed it.
        drop(std::hint::black_box(vec![1_u8; 31 << 20]));
        // Another test of this process may take or free some; so much none does.
        const BLOCKS: usize = 64;
        const BYTES: usize = 4 << 20;
        let before = resident();
        let blocks: Vec<Vec<u8>> = (0..BLOCKS).map(|i| vec![i as u8 | 1; BYTES]).collect();
        let full = resident();
        let held: Vec<Vec<u8>> = blocks.into_iter().skip(BLOCKS / 2).collect();
        let half = resident();
        let total = (BLOCKS * BYTES) >> 10;
        assert!(full > before + total * 3 / 4, "{before} {full}");
        assert!(half < full - total / 4, "{full} {half}");
        assert_eq!(held.len(), BLOCKS / 2);
    }

    #[test]
    fn small_blocks_between_small_ones_that_are_held_return_on_demand() {
        const BLOCKS: usize = 4_000;
        const BYTES: usize = 64 << 10;
        let _one = ONE.lock();
        let mut blocks: Vec<Vec<u8>> = (0..BLOCKS).map(|i| vec![i as u8 | 1; BYTES]).collect();
        // What is held at the end keeps the pool from shrinking by itself.
        let held: Vec<Vec<u8>> = blocks.split_off(BLOCKS - 10);
        drop(std::hint::black_box(blocks));
        let before = resident();
        return_free_blocks();
        let after = resident();
        let total = (BLOCKS * BYTES) >> 10;
        assert!(after < before - total * 3 / 4, "{before} {after}");
        assert_eq!(held.len(), 10);
    }
}
