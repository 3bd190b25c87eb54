//! Linear growth from 0 over steps or epochs: of the KL's weight, of a capacity.

use super::Position;
use crate::config::{Interval, Kind, Rules};

/// How long something grows linearly from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Growth {
    /// Over so many steps.
    Steps(u64),
    /// Over so many epochs.
    Epochs(f64),
}

/// Steps of a growth where a spec names neither steps nor epochs: those of Burgess et al., 2018.
pub const STEPS: u64 = 100_000;

/// What holds where `steps` is not set.
pub const STEPS_UNSET: &str = "100_000 without `epochs`";

/// What holds where `epochs` is not set.
pub const EPOCHS_UNSET: &str = "counted in `steps`";

/// The range of `steps`.
pub const STEPS_KIND: Kind = Kind::Count {
    min: 1,
    max: 1_000_000_000_000,
};

/// The range of `epochs`.
pub const EPOCHS_KIND: Kind = Kind::Number(Interval::above(0.0, 1e6));

impl Growth {
    /// By the settings `steps` and `epochs`, of which one is set at most.
    pub fn of(steps: Option<u64>, epochs: Option<f64>) -> Self {
        match epochs {
            Some(epochs) => Self::Epochs(epochs),
            None => Self::Steps(steps.unwrap_or(STEPS)),
        }
    }

    /// How much of the whole is reached at a step: 1 at the last step of the growth and behind it, and everywhere if it
    /// has no length.
    pub fn fraction(self, at: Position) -> f64 {
        let length = match self {
            Self::Steps(steps) => steps as f64,
            Self::Epochs(epochs) => epochs * at.steps_per_epoch as f64,
        };
        if length > 0.0 {
            ((at.step as f64 + 1.0) / length).min(1.0)
        } else {
            1.0
        }
    }
}

/// A length is counted in steps or in epochs.
pub fn steps_or_epochs(it: &mut Rules<'_>) {
    let both = (it.get::<u64>("steps"), it.get::<f64>("epochs"));
    if let (Some(_), Some(_)) = both {
        let message = format!("`{}` has both `steps` and `epochs`", it.table);
        let wrong = it.at(&["epochs", "steps"], message);
        it.diagnostics
            .push(wrong.expected("one of the two").hint("remove the other"));
    }
}

/// An epoch is left behind a growth that is counted in epochs.
pub fn growth_ends(it: &mut Rules<'_>) {
    let epochs: Option<u32> = it.values.typed("training.epochs");
    let (Some(epochs), Some(growth)) = (epochs, it.get::<f64>("epochs")) else {
        return;
    };
    let most = f64::from(epochs) - 1.0;
    if growth > most {
        let message = format!("no epoch of {epochs} is left behind the growth over {growth}");
        let wrong = it
            .at(&["epochs"], message)
            .expected(format!("at most {most}, one less than `training.epochs`"));
        it.diagnostics
            .push(wrong.hint("the best epoch is chosen among those behind it"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaches_the_whole_at_its_last_step() {
        let at = |step| Position {
            step,
            steps_per_epoch: 2,
            epochs: 9,
        };
        for growth in [Growth::of(Some(4), None), Growth::of(None, Some(2.0))] {
            let fractions: Vec<f64> = (0..6).map(|step| growth.fraction(at(step))).collect();
            assert_eq!(fractions, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        }
        assert_eq!(Growth::Epochs(0.0).fraction(at(0)), 1.0);
        assert_eq!(Growth::of(None, None).fraction(at(49_999)), 0.5);
    }
}
