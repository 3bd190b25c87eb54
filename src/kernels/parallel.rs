//! Cutting work into pieces, and the threads that take them.
//!
//! How work is cut depends on shapes alone. The number of threads decides who does a piece, never what a
//! piece is, so that results do not depend on it.

use rayon::prelude::*;

/// Pieces that a batch is cut into at most: enough to keep many threads busy, few enough that one
/// gradient buffer a piece stays small.
pub const MOST_PIECES: usize = 16;

/// Images a piece, for a batch of `items` images.
pub fn piece_len(items: usize) -> usize {
    items.div_ceil(MOST_PIECES).max(1)
}

/// The threads of a run. What is called inside [`Threads::run`] uses them.
#[derive(Debug)]
pub struct Threads {
    pool: rayon::ThreadPool,
}

impl Threads {
    /// `count` threads; 0 takes one for each core.
    ///
    /// # Errors
    /// The operating system cannot start them.
    pub fn new(count: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|i| format!("kernel-{i}"))
            // As much as the first thread of a process usually has: whole runs go on there.
            .stack_size(8 << 20)
            .build()?;
        Ok(Self { pool })
    }

    /// Runs `work` on one of these threads, with the others for its kernels. A network is built, trained and used in
    /// there: it need not be `Send`.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}

/// How many threads kernels have where this is called.
pub fn count() -> usize {
    rayon::current_num_threads()
}

/// Sums of pieces, in the order of the pieces: `out[i] += pieces[0][i] + pieces[1][i] + ...`.
///
/// `pieces` holds one buffer every `stride` values.
pub fn add_pieces(out: &mut [f32], pieces: &[f32], stride: usize) {
    const BLOCK: usize = 4096;
    out.par_chunks_mut(BLOCK)
        .enumerate()
        .for_each(|(block, out)| {
            let start = block * BLOCK;
            for piece in pieces.chunks(stride) {
                let piece = &piece[start..start + out.len()];
                for (o, p) in out.iter_mut().zip(piece) {
                    *o += p;
                }
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_all_batch_sizes() {
        for items in 1..200_usize {
            let pieces = items.div_ceil(piece_len(items));
            assert!(
                (1..=MOST_PIECES).contains(&pieces),
                "{items} images in {pieces} pieces"
            );
        }
    }

    #[test]
    fn adds_pieces_in_order() {
        // 1e8 + 1 - 1e8 is 0 in this order and 1 in another.
        let mut out = vec![0.0; 5000];
        let mut pieces = vec![1e8; 5000];
        pieces.extend(vec![1.0; 5000]);
        pieces.extend(vec![-1e8; 5000]);
        add_pieces(&mut out, &pieces, 5000);
        assert!(out.iter().all(|&v| v == 0.0));
    }

    #[test]
    fn uses_several_threads() {
        let threads = Threads::new(3).unwrap();
        assert_eq!(threads.run(count), 3);
        let seen = std::sync::Mutex::new(std::collections::HashSet::new());
        threads.run(|| {
            (0..300).into_par_iter().for_each(|_| {
                std::thread::sleep(std::time::Duration::from_micros(100));
                seen.lock().unwrap().insert(rayon::current_thread_index());
            });
        });
        assert!(seen.lock().unwrap().len() > 1);
    }
}
