//! Training that is stopped and goes on, for tests.

use super::{Advance, Trainer};
use crate::data::DataSet;
use crate::metric::{self, Row};
use crate::numeric::named_tensor::NamedTensor;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::sys::stop::Stop;
use crate::vae::Model;

/// What a run leaves, the times of its epochs left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Weights and optimizer state.
    pub tensors: Vec<NamedTensor>,
    /// Counters and sums.
    pub progress: Progress,
    /// Metrics of the epochs.
    pub history: Vec<Row>,
}

/// Trains to the end with stops behind the named steps of each epoch. After each one, another process goes on with what was
/// saved: a new model, and counters as text.
pub fn train(
    plan: &Plan,
    data: &DataSet,
    build: impl Fn() -> Box<dyn Model>,
    stops: &[u64],
) -> Trained {
    let mut trainer = Trainer::new(plan, data, build());
    while !trainer.is_finished() {
        let stop = Stop::default();
        let advance = trainer.advance(&stop, &mut |view| {
            if stops.contains(&view.step) {
                stop.request();
            }
        });
        if advance.unwrap() == Advance::Stopped {
            let saved = (trainer.model().weights(), trainer.model().optimizer_state());
            let text = serde_json::to_string(trainer.progress()).unwrap();
            let history = trainer.history().to_vec();
            let mut model = build();
            model.set_weights(&saved.0).unwrap();
            model.set_optimizer_state(&saved.1).unwrap();
            trainer = Trainer::new(plan, data, model);
            let progress = serde_json::from_str(&text).unwrap();
            trainer.restore(progress, history).unwrap();
        }
    }
    let tensors = [trainer.model().weights(), trainer.model().optimizer_state()].concat();
    let mut progress = trainer.progress().clone();
    progress.partial.seconds = 0.0;
    let mut history = trainer.history().to_vec();
    for row in &mut history {
        row.retain(|name| metric::find(name).is_none_or(|it| !it.is_wall_clock));
    }
    Trained {
        tensors,
        progress,
        history,
    }
}
