//! What returns to the system, seen from outside: resident memory of a process that does nothing else.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::sync::Mutex;

use runner::kernels::system_memory::{return_free_blocks, return_large_blocks};

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
fn returns_memory_freed_between_held_blocks() {
    let _one = ONE.lock();
    return_large_blocks();
    // What raises the limit where nobody has fixed it.
    drop(std::hint::black_box(vec![1_u8; 31 << 20]));
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
fn returns_small_blocks_between_held_ones_on_demand() {
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
