//! The `[data]` table of a spec: what holds for data of every kind. Each kind brings its own settings.

use crate::config::section::section;
use crate::config::{Interval, Kind, Rules};

use super::binarize::Binarize;
use super::division::{Division, Split, Validation, trains_on, validates_on_test};
use super::kinds::DataKind;

section! {
    /// Where the images come from
    pub struct Data {
        /// The data set
        pub dataset: DataKind, Kind::Choice(DataKind::choices()), also(&["name", "kind", "type"]),
            formerly(&[("npy", "numpy")]);
        /// The published parts to train on
        pub splits: Vec<Split> = &[Split::Train], Kind::Choices(Split::CHOICES);
        /// What is kept out of training to measure the model on: a fraction of the images, or the published test part
        pub validation: Validation = Validation::None, Kind::NumberOr(Interval::open(0.0, 1.0), &["test", "none"]),
            also(&["validation_split", "validation_fraction", "val_split"]);
        /// Only the first so many training images
        pub limit: Option<usize>, Kind::Count { min: 1, max: 1_000_000_000 }, unset("all"), unit("images"),
            also(&["max_images", "num_samples"]);
        /// Whether gray values are made black or white
        pub binarize: Binarize = Binarize::None, Kind::Choice(Binarize::CHOICES), added_in(2),
            also(&["binarization", "binarise", "dynamic_binarization"]);
    }
    rules { has_the_test_part }
}

impl Data {
    /// How the data set is divided.
    pub(super) fn division(&self) -> Division {
        Division {
            splits: self.splits.clone(),
            validation: self.validation,
            limit: self.limit,
        }
    }

    /// The table without what does not decide which files are read, or how.
    pub fn without_division(&self) -> Self {
        let Division {
            splits,
            validation,
            limit,
        } = self.division().undivided();
        Self {
            splits,
            validation,
            limit,
            binarize: Binarize::None,
            ..self.clone()
        }
    }
}

/// Reports a test part that is not there, and one that is both trained and validated on.
fn has_the_test_part(it: &mut Rules<'_>) {
    let Some(dataset) = it.get::<String>("dataset") else {
        return;
    };
    let (trains, validates) = (trains_on(it, Split::Test), validates_on_test(it));
    let mut report = |key, message: &str, expected, hint: Option<&str>| {
        let diagnostic = it.at(&[key], message).expected(expected);
        it.diagnostics.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    };
    if DataKind::has_test_part(&dataset) {
        if trains && validates {
            report(
                "validation",
                "the test images would be both trained on and validated on",
                "a fraction, or \"none\", while `splits` has \"test\"",
                Some("take \"test\" out of `splits`, or write `validation = 0.1`"),
            );
        }
        return;
    }
    let message = format!("\"{dataset}\" has no published test part");
    if trains {
        report("splits", &message, "`[\"train\"]`", None);
    }
    if validates {
        report(
            "validation",
            &message,
            "a fraction above 0 and below 1, or \"none\"",
            Some("keep a tenth of the images out with `validation = 0.1`"),
        );
    }
}
