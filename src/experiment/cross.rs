//! Rules that tie several settings together.
//!
//! They run on whatever was read, so that they are reported next to the plain mistakes; a rule whose
//! settings were not all written rightly is passed over.

use super::data::{Dataset, Split};
use super::settings::of_table;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::kind::grouped;
use crate::config::source::Place;
use crate::config::values::Values;
use crate::objective::scalar_names;

/// Most bytes of drawn images: they are kept in memory, a byte a pixel.
const MOST_DRAWN: u64 = 4 << 30;

/// Checks every rule but those that look at the disk.
pub(crate) fn cross(values: &Values, file: &Place, diagnostics: &mut Diagnostics) {
    let mut cross = Cross {
        values,
        file,
        diagnostics,
    };
    cross.keys_of_other_data_sets();
    cross.test_part_that_is_not_there();
    cross.validation_on_training_images();
    cross.files_of_idx();
    cross.size_of_sprites();
    cross.weights();
    cross.warm_ups();
    cross.nesterov();
    cross.published_name();
    cross.expected_validation_metrics();
}

struct Cross<'a> {
    values: &'a Values,
    file: &'a Place,
    diagnostics: &'a mut Diagnostics,
}

impl Cross<'_> {
    fn dataset(&self) -> Option<Dataset> {
        self.values.choice("data.dataset", Dataset::from_name)
    }

    fn splits(&self) -> Option<Vec<Split>> {
        self.values.choices("data.splits", Split::from_name)
    }

    fn validates_on_test(&self) -> bool {
        self.values.text("data.validation").as_deref() == Some("test")
    }

    /// At the value of the first of the keys that was written, else about the file as a whole.
    fn at(&self, keys: &[&str], message: String) -> Diagnostic {
        match keys.iter().find_map(|key| self.values.written(key)) {
            Some(written) => Diagnostic::at(&written.item, message),
            None => Diagnostic::whole(&self.file.source, message),
        }
    }

    fn keys_of_other_data_sets(&mut self) {
        let Some(dataset) = self.dataset() else {
            return;
        };
        for setting in of_table("data").filter(|it| !it.applies_to(dataset)) {
            let Some(written) = self.values.written(setting.key) else {
                continue;
            };
            let message = format!("`{}` has no meaning for \"{dataset}\"", setting.key);
            let expected = format!("with {} only", setting.datasets_text().unwrap_or_default());
            self.diagnostics.push(
                Diagnostic::at(&written.key, message)
                    .expected(expected)
                    .hint("remove the line, or choose another `dataset`"),
            );
        }
    }

    fn test_part_that_is_not_there(&mut self) {
        // Whether a folder of pictures has one shows when it is looked into.
        let Some(dataset @ Dataset::Sprites) = self.dataset() else {
            return;
        };
        let message = format!("\"{dataset}\" has no published test part");
        if self
            .splits()
            .is_some_and(|splits| splits.contains(&Split::Test))
        {
            let diagnostic = self.at(&["data.splits"], message.clone());
            self.diagnostics.push(diagnostic.expected("`[\"train\"]`"));
        }
        if self.validates_on_test() {
            let diagnostic = self.at(&["data.validation"], message);
            self.diagnostics.push(
                diagnostic
                    .expected("a fraction above 0 and below 1, or \"none\"")
                    .hint("keep a tenth of the images out with `validation = 0.1`"),
            );
        }
    }

    fn validation_on_training_images(&mut self) {
        let trains = self
            .splits()
            .is_some_and(|splits| splits.contains(&Split::Test));
        // A set without a test part has been told so already.
        let has_test = self.dataset() != Some(Dataset::Sprites);
        if trains && has_test && self.validates_on_test() {
            let message = "the test images would be both trained on and validated on".to_owned();
            let diagnostic = self.at(&["data.validation"], message);
            self.diagnostics.push(
                diagnostic
                    .expected("a fraction, or \"none\", while `splits` has \"test\"")
                    .hint("take \"test\" out of `splits`, or write `validation = 0.1`"),
            );
        }
    }

    fn files_of_idx(&mut self) {
        if self.dataset() != Some(Dataset::Idx) {
            return;
        }
        let Some(splits) = self.splits() else {
            return;
        };
        let test = splits.contains(&Split::Test) || self.validates_on_test();
        let needed = [
            (
                splits.contains(&Split::Train),
                "data.images",
                "train-images-idx3-ubyte.gz",
            ),
            (
                splits.contains(&Split::Train),
                "data.labels",
                "train-labels-idx1-ubyte.gz",
            ),
            (test, "data.test_images", "t10k-images-idx3-ubyte.gz"),
            (test, "data.test_labels", "t10k-labels-idx1-ubyte.gz"),
        ];
        for (needed, key, example) in needed {
            if !needed || self.values.written(key).is_some() {
                continue;
            }
            let name = key.trim_start_matches("data.");
            let reason = if key.starts_with("data.test") {
                "the test part is used"
            } else {
                "the training part is used"
            };
            let diagnostic = self.at(
                &["data.dataset"],
                format!("`{key}` is missing: \"idx\" needs it since {reason}"),
            );
            self.diagnostics.push(
                diagnostic
                    .expected("the paths of the IDX files")
                    .hint(format!(
                        "add a line such as `{name} = \"{example}\"` to `[data]`"
                    )),
            );
        }
    }

    fn size_of_sprites(&mut self) {
        if self.dataset() != Some(Dataset::Sprites) {
            return;
        }
        let (count, size) = (
            self.values.count("data.count"),
            self.values.count("data.image_size"),
        );
        let (Some(count), Some(size)) = (count, size) else {
            return;
        };
        let pixels = size.saturating_mul(size).max(1);
        if count.saturating_mul(pixels) > MOST_DRAWN {
            let message = format!(
                "{} images of {size} x {size} pixels do not fit into {} GiB",
                grouped(count),
                MOST_DRAWN >> 30
            );
            let diagnostic = self.at(&["data.count", "data.image_size"], message);
            self.diagnostics.push(diagnostic.expected(format!(
                "at most {} images of this size",
                grouped(MOST_DRAWN / pixels)
            )));
        }
    }

    fn weights(&mut self) {
        let keys = ["loss.reconstruction_weight", "loss.kl_weight"];
        if keys.iter().all(|key| self.values.number(key) == Some(0.0)) {
            let message = "both weights are 0: nothing would be learned".to_owned();
            let diagnostic = self.at(&keys, message);
            self.diagnostics
                .push(diagnostic.expected("`reconstruction_weight` or `kl_weight` above 0"));
        }
    }

    fn warm_ups(&mut self) {
        let Some(epochs) = self.values.count("training.epochs") else {
            return;
        };
        // At most 1,000,000: exact.
        let epochs = epochs as f64;
        let kl = "loss.kl_warmup_epochs";
        if self
            .values
            .number(kl)
            .is_some_and(|warmup| warmup > 0.0 && warmup > epochs - 1.0)
        {
            let message = format!("no epoch of {epochs} is left with the full KL weight");
            let diagnostic = self.at(&[kl], message);
            self.diagnostics.push(
                diagnostic
                    .expected(format!(
                        "at most {}, one less than `training.epochs`",
                        epochs - 1.0
                    ))
                    .hint("the best epoch is chosen among those with the full KL weight"),
            );
        }
        let Some(member) = self.values.member("schedule") else {
            return;
        };
        let key = format!("schedule.{member}.warmup_epochs");
        if self
            .values
            .number(&key)
            .is_some_and(|warmup| warmup >= epochs)
        {
            let message = format!("the warm-up takes all of the {epochs} epochs");
            let diagnostic = self.at(&[&key], message);
            self.diagnostics
                .push(diagnostic.expected("fewer than `training.epochs`"));
        }
    }

    fn nesterov(&mut self) {
        let nesterov = "optimizer.sgd.nesterov";
        if self.values.switch(nesterov) == Some(true)
            && self.values.number("optimizer.sgd.momentum") == Some(0.0)
        {
            let message = "`optimizer.sgd.nesterov` without momentum".to_owned();
            let diagnostic = self.at(&[nesterov], message);
            self.diagnostics.push(
                diagnostic
                    .expected("`false`, or a `momentum` above 0")
                    .hint("add a line such as `momentum = 0.9`"),
            );
        }
    }

    fn published_name(&mut self) {
        let key = "figures.published_name";
        if let Some(written) = self.values.written(key)
            && self.values.written("figures.published").is_none()
        {
            self.diagnostics.push(
                Diagnostic::at(&written.key, format!("`{key}` without `figures.published`"))
                    .expected("next to `published` only")
                    .hint("add a line `published = \"FILE.csv\"`, or remove this one"),
            );
        }
    }

    fn expected_validation_metrics(&mut self) {
        let has_validation = self
            .values
            .get("data.validation")
            .is_none_or(|value| value != crate::config::value::Value::Text("none".into()));
        if has_validation {
            return;
        }
        for metric in scalar_names()
            .iter()
            .filter(|metric| metric.starts_with("val_"))
        {
            let Some(written) = self.values.written(&format!("expect.{metric}")) else {
                continue;
            };
            self.diagnostics.push(
                Diagnostic::at(&written.key, format!("`{metric}` needs a validation part"))
                    .expected("a metric of the training images")
                    .hint("add `validation = 0.1` or `validation = \"test\"` to `[data]`"),
            );
        }
    }
}
