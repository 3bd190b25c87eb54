//! Asking a run to stop: SIGINT (Ctrl-C) and SIGTERM (what batch systems send before they take a
//! machine away).
//!
//! While a run has something to save ([`Stop::hold`] to [`Stop::release`]), the first signal sets a flag
//! that the training loop reads after each step, and a second one ends the process at once. At all other
//! times (loading data, drawing figures) the first one does. The exit code is the signal's either way. The
//! files on disk are whole at every moment, because they are only ever replaced atomically.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::exit;

/// The request to stop, set by a signal or by the program itself.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
    /// Whether the next signal ends the process at once.
    at_once: Arc<AtomicBool>,
}

impl Stop {
    /// Listens for SIGINT and SIGTERM from now on; until [`hold`](Self::hold) they end the process at once.
    ///
    /// # Errors
    /// The operating system refuses the handlers.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        stop.at_once.store(true, Ordering::SeqCst);
        for (signal, code) in [(SIGINT, exit::INTERRUPTED), (SIGTERM, exit::TERMINATED)] {
            // Order matters: whether to leave is decided before this signal itself is noted.
            let at_once = || stop.at_once.clone();
            signal_hook::flag::register_conditional_shutdown(signal, code.into(), at_once())?;
            signal_hook::flag::register(signal, at_once())?;
            signal_hook::flag::register_usize(signal, stop.signal.clone(), signal as usize)?;
        }
        Ok(stop)
    }

    /// Asks from within the program. There is no signal then, and no exit code of one.
    pub fn request(&self) {
        self.signal.store(usize::MAX, Ordering::Relaxed);
    }

    /// Does to this process what SIGTERM would, where nothing has asked it to stop yet.
    pub fn terminate(&self) {
        if !self.requested() {
            // Fails only for a signal that there is not.
            let _ = signal_hook::low_level::raise(SIGTERM);
        }
    }

    /// From now on the first signal only sets the request.
    pub fn hold(&self) {
        self.at_once.store(false, Ordering::SeqCst);
    }

    /// From now on a signal ends the process at once again; one that came before is still [`requested`](Self::requested).
    pub fn release(&self) {
        self.at_once.store(true, Ordering::SeqCst);
    }

    /// Whether the program was asked to stop.
    pub fn requested(&self) -> bool {
        self.signal.load(Ordering::SeqCst) != 0
    }

    /// The exit code of the signal that was received, if one was.
    pub fn exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::SeqCst) as i32 {
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
    fn reports_no_signal_for_a_request_from_within() {
        let stop = Stop::default();
        assert!(!stop.requested());
        stop.request();
        assert!(stop.requested());
        assert_eq!(stop.exit_code(), None);
    }
}
