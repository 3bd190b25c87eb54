//! Values that are no numbers end a run where they come up, by name, and are never saved as the best.

use crate::common::{Lab, manifest};
use crate::{SPEC, digest, each, run_of, with_faults};

/// What is spoilt, and the names that the message may give it.
const SPOILT: [(&str, &str); 9] = [
    ("nan-data", "reconstruction"),
    ("inf-data", "reconstruction"),
    ("nan-noise", "reconstruction"),
    ("inf-noise", "reconstruction"),
    ("nan-gradient", "gradient norm"),
    ("inf-gradient", "gradient norm"),
    ("nan-rate", "learning rate"),
    ("inf-rate", "learning rate"),
    ("huge-rate", "a weight"),
];

#[test]
fn stops_at_the_step_and_names_the_term() {
    let mut cases = vec![];
    for (kind, term) in SPOILT {
        // Too large a step shows when the epoch ends, or in the next loss.
        let steps: &[usize] = match kind {
            "huge-rate" => &[3, 6],
            _ => &[1, 2, 3, 4, 6],
        };
        for &step in steps {
            cases.push((kind, term, step));
        }
    }
    each(42, cases, |(kind, term, step)| {
        let fault = format!("{kind}@step:{step}");
        let mut messages = vec![];
        for threads in ["1", "2"] {
            let lab = Lab::with(SPEC);
            let args = ["spec.toml", "--threads", threads];
            let ended = with_faults(&lab, &fault, None, &args);
            assert_eq!(ended.code, 1, "{fault}: {ended:#?}");
            let message = ended.stderr.lines().next().unwrap().to_owned();
            let run = run_of(&lab).unwrap();
            assert_eq!(manifest(&run)["status"], "diverged", "{fault}");
            let best = run.join("checkpoints/best.safetensors");
            assert_eq!(best.exists(), step > 3, "{fault}");
            if best.exists() {
                let best = crate::common::checkpoint(&run, "best.safetensors");
                assert_eq!(best.progress.epoch, 1, "{fault}");
                let finite = best
                    .weights
                    .iter()
                    .flat_map(|t| &t.data)
                    .all(|v| v.is_finite());
                assert!(finite, "{fault}");
                // What was saved before is what an undisturbed run has at that moment.
                let clean = Lab::with(SPEC);
                let other = clean.train(&["--set", "training.epochs=1"]);
                assert_eq!(digest(&run), digest(&other), "{fault}");
            }
            let path = run.display().to_string();
            lab.runner(&["resume", &path])
                .with_code(1)
                .says("has diverged");
            messages.push(message);
        }
        assert_eq!(messages[0], messages[1], "{fault}");
        let (epoch, step) = ((step - 1) / 3 + 1, (step - 1) % 3 + 1);
        let place = format!("is not finite at step {step} of epoch {epoch}");
        let message = &messages[0];
        assert!(
            message.contains(&format!("{term} {place}")),
            "{fault}: {message}"
        );
    });
}
