//! Bytes of memory that threads use together: a thread that wants more than is left waits.

use std::sync::{Condvar, Mutex, PoisonError};

/// The bytes that all threads together may take.
#[derive(Debug)]
pub(super) struct Budget {
    whole: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// What one thread was given; given back when dropped.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub(super) const fn of(whole: u64) -> Self {
        Self {
            whole,
            taken: Mutex::new(0),
            given_back: Condvar::new(),
        }
    }

    pub(super) fn whole(&self) -> u64 {
        self.whole
    }

    /// Waits until there are so many bytes left; nothing where there never will be. A thread that
    /// holds a grant must not wait for another one.
    pub(super) fn take(&self, bytes: u64) -> Option<Grant<'_>> {
        if bytes > self.whole {
            return None;
        }
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let too_much = |taken: &mut u64| self.whole - *taken < bytes;
        let mut taken = self
            .given_back
            .wait_while(taken, too_much)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += bytes;
        Some(Grant {
            budget: self,
            bytes,
        })
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        let mut taken = self
            .budget
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *taken -= self.bytes;
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn refuses_more_than_the_whole() {
        let budget = Budget::of(10);
        assert!(budget.take(11).is_none());
        drop(budget.take(10).unwrap());
        drop(budget.take(10).unwrap());
        assert!(budget.take(0).is_some());
    }

    #[test]
    fn never_gives_threads_more_than_the_whole() {
        let budget = Budget::of(10);
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, held, most) = (&budget, &held, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = (thread * 7 + round) % 10 + 1;
                        let grant = budget.take(bytes).unwrap();
                        let now = held.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(bytes, Ordering::SeqCst);
                        drop(grant);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 10);
        assert_eq!(*budget.taken.lock().unwrap(), 0);
    }

    #[test]
    fn returns_the_grant_of_a_thread_that_panics() {
        let budget = Budget::of(3);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let _grant = budget.take(3).unwrap();
                std::panic::resume_unwind(Box::new("over"));
            });
            assert!(thread.join().is_err());
        });
        assert!(budget.take(3).is_some());
    }
}
