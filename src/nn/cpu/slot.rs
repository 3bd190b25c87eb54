//! Gradients that go from one operation of the CPU to another without dfdx's `Gradients`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::nn::linked::Link;

/// Where the gradient of an operation's output waits for the backward pass of that operation, if it is to come here.
///
/// dfdx's `Gradients` starts with zeros to add to; here the first to come sets, and no zero is written or read.
#[derive(Clone, Debug, Default)]
pub struct Slot(Option<Rc<Place>>);

#[derive(Debug, Default)]
struct Place {
    gradient: RefCell<Option<Vec<f32>>>,
    is_open: Cell<bool>,
}

impl Slot {
    /// One for a new output; the default is none.
    pub(super) fn new() -> Self {
        Self(Some(Rc::default()))
    }

    /// Whether gradients come here at all.
    pub(super) fn exists(&self) -> bool {
        self.0.is_some()
    }

    /// Whether they may come through dfdx's `Gradients` too.
    pub(super) fn is_open(&self) -> bool {
        self.0.as_ref().is_none_or(|place| place.is_open.get())
    }

    /// Whether this is the slot of an output that neither another operation of ours nor one of dfdx can know.
    pub(super) fn is_sole(&self) -> bool {
        let sole = |place: &Rc<Place>| Rc::strong_count(place) == 1 && !place.is_open.get();
        self.0.as_ref().is_some_and(sole)
    }

    /// Takes the gradient out, if one has come.
    pub(super) fn take(&self) -> Option<Vec<f32>> {
        self.0.as_ref()?.gradient.take()
    }

    /// Puts the gradient, or the sum of several, in.
    pub(super) fn put(&self, gradient: Vec<f32>) {
        if let Some(place) = &self.0 {
            place.gradient.replace(Some(gradient));
        }
    }
}

impl Link for Slot {
    fn open(&self) {
        if let Some(place) = &self.0 {
            place.is_open.set(true);
        }
    }
}
