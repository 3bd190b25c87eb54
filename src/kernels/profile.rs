//! Where the time of a training step goes: a recorder of named parts, off by default.
//!
//! A part is a stretch of work with a name ([`part`]). What a part of the forward pass puts on the tape keeps the
//! part's [`Scope`], so that its backward pass is counted under the same name. The recorder belongs to a
//! thread, that of the network. Off, a part costs one read of a variable of the thread.

use std::borrow::Cow;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::time::Duration;

use crate::sys::clock;

/// Taking images and noise for a batch.
pub const BATCH: &str = "batch";
/// Sampling a latent point, and the KL.
pub const SAMPLING: &str = "sampling";
/// The reconstruction error.
pub const LOSS: &str = "loss";
/// The norm over all gradients.
pub const GRADIENT_NORM: &str = "gradient norm";
/// The update of all weights.
pub const OPTIMIZER: &str = "optimizer";

/// Time under one name. Parts within parts are counted once, under the inner name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The name, `encoder.conv0`.
    pub name: Cow<'static, str>,
    /// Time of the work itself.
    pub forward: Duration,
    /// Time of the gradients of that work.
    pub backward: Duration,
}

/// The parts of one thread since they were last asked for.
#[derive(Debug, Default)]
struct Recorder {
    /// In the order in which they began.
    parts: Vec<Part>,
    /// The part that is going on.
    current: Option<usize>,
    /// Time of the parts that ended within the one that is going on.
    inside: Duration,
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Records the parts of this thread as long as it lives.
#[derive(Debug)]
pub struct Recording {
    /// It must end on the thread where it began.
    not_send: PhantomData<*const ()>,
}

impl Recording {
    /// Begins with no parts.
    pub fn start() -> Self {
        put(Some(Recorder::default()));
        Self {
            not_send: PhantomData,
        }
    }

    /// The parts since the start or the last call, in the order in which they began.
    pub fn drain(&self) -> Vec<Part> {
        with(|recorder| std::mem::take(&mut recorder.parts)).unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        put(None);
    }
}

/// Does some work under a name, which is computed only while a [`Recording`] lives.
pub fn part<R>(name: impl FnOnce() -> Cow<'static, str>, work: impl FnOnce() -> R) -> R {
    let index = with(|recorder| recorder.index_of(name()));
    time(index, |part| &mut part.forward, work)
}

/// The part that is going on, to count its backward pass later. Holds until the parts are drained.
#[derive(Clone, Copy, Debug)]
pub struct Scope(Option<usize>);

/// The part that is going on, if there is one and a [`Recording`] lives.
pub fn scope() -> Scope {
    Scope(with(|recorder| recorder.current).flatten())
}

impl Scope {
    /// Does the backward work of this part.
    pub fn backward<R>(self, work: impl FnOnce() -> R) -> R {
        time(self.0, |part| &mut part.backward, work)
    }
}

/// Puts a recorder on this thread, or none.
fn put(recorder: Option<Recorder>) {
    RECORDER.with(|cell| *cell.borrow_mut() = recorder);
}

impl Recorder {
    fn index_of(&mut self, name: Cow<'static, str>) -> usize {
        let known = self.parts.iter().position(|part| part.name == name);
        known.unwrap_or_else(|| {
            self.parts.push(Part {
                name,
                forward: Duration::ZERO,
                backward: Duration::ZERO,
            });
            self.parts.len() - 1
        })
    }
}

fn with<R>(f: impl FnOnce(&mut Recorder) -> R) -> Option<R> {
    RECORDER.with(|cell| cell.borrow_mut().as_mut().map(f))
}

/// Does some work and adds its time to a part, less that of the parts within it.
fn time<R>(
    index: Option<usize>,
    sum: impl FnOnce(&mut Part) -> &mut Duration,
    work: impl FnOnce() -> R,
) -> R {
    let Some(index) = index else {
        return work();
    };
    let outer = with(|recorder| {
        let inside = std::mem::take(&mut recorder.inside);
        (recorder.current.replace(index), inside)
    });
    let started = clock::monotonic();
    let result = work();
    let elapsed = started.elapsed();
    with(|recorder| {
        if let Some(part) = recorder.parts.get_mut(index) {
            *sum(part) += elapsed.saturating_sub(recorder.inside);
        }
        let (current, inside) = outer.unwrap_or_default();
        recorder.current = current;
        recorder.inside = inside + elapsed;
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes this much time.
    fn wait(milliseconds: u64) {
        let started = clock::monotonic();
        while started.elapsed() < Duration::from_millis(milliseconds) {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn records_nothing_when_off() {
        let answer = part(|| panic!("a name was asked for"), || 7);
        assert_eq!(answer, 7);
        assert!(scope().0.is_none());
        let recording = Recording::start();
        assert_eq!(recording.drain(), []);
        drop(recording);
        part(|| panic!("a name was asked for"), || ());
    }

    #[test]
    fn counts_forward_and_backward_under_one_name() {
        let recording = Recording::start();
        let scopes = ["a", "b", "a"].map(|name| {
            part(
                || name.into(),
                || {
                    wait(2);
                    scope()
                },
            )
        });
        scopes[1].backward(|| wait(3));
        let parts = recording.drain();
        let names: Vec<_> = parts.iter().map(|part| &*part.name).collect();
        assert_eq!(names, ["a", "b"]);
        let ms = Duration::from_millis;
        assert!(parts[0].forward >= ms(4) && parts[0].backward.is_zero());
        assert!(parts[1].forward >= ms(2) && parts[1].backward >= ms(3));
        assert_eq!(recording.drain(), []);
    }

    #[test]
    fn counts_nested_parts_once() {
        let recording = Recording::start();
        let started = clock::monotonic();
        part(
            || "outer".into(),
            || {
                part(|| "inner".into(), || wait(20));
                part(|| "inner".into(), || wait(20));
                wait(1);
            },
        );
        let elapsed = started.elapsed();
        let parts = recording.drain();
        let of = |name| parts.iter().find(|part| part.name == name).unwrap().forward;
        assert!(of("inner") >= Duration::from_millis(40));
        assert!(of("outer") >= Duration::from_millis(1));
        assert!(of("outer") + of("inner") <= elapsed);
    }
}
