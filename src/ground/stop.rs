//! Asking a run to stop: SIGINT (Ctrl-C) and SIGTERM (what batch systems send before they take a
//! machine away).
//!
//! The first signal sets a flag that the training loop looks at after each step; a second one leaves
//! at once with the same exit code. Whatever moment that is, the files on disk are whole, because
//! they are only ever replaced atomically.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::exit;

/// Tells whether somebody asked the program to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Listens for SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// The operating system refuses the handlers.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let seen = Arc::new(AtomicBool::new(false));
        for (signal, code) in [(SIGINT, exit::INTERRUPTED), (SIGTERM, exit::TERMINATED)] {
            // Order matters: the check of a second signal runs before the first one is noted.
            signal_hook::flag::register_conditional_shutdown(signal, code.into(), seen.clone())?;
            signal_hook::flag::register(signal, seen.clone())?;
            signal_hook::flag::register_usize(signal, stop.signal.clone(), signal as usize)?;
        }
        Ok(stop)
    }

    /// Asks from within the program. There is no signal then, and no exit code of one.
    pub fn request(&self) {
        self.signal.store(usize::MAX, Ordering::Relaxed);
    }

    /// Whether the program was asked to stop.
    pub fn requested(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// The exit code of the signal that asked, if one did.
    pub fn exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) as i32 {
            SIGINT => Some(exit::INTERRUPTED),
            SIGTERM => Some(exit::TERMINATED),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_from_within_is_no_signal() {
        let stop = Stop::default();
        assert!(!stop.requested());
        stop.request();
        assert!(stop.requested());
        assert_eq!(stop.exit_code(), None);
    }
}
