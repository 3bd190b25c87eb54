//! What goes into a checkpoint comes out of it, and nothing else does.

use super::*;
use crate::metric::{Measurements, MetricKind, Reading};
use crate::progress::{Best, Partial};
use crate::run::state_digest;
use crate::run::tensor_file::{LARGEST_FILE, write_tensors};

fn tensor(name: &str, shape: &[usize], scale: f32) -> NamedTensor {
    let n = shape.iter().product::<usize>();
    let data = (0..n)
        .map(|i| scale * (i as f32 + 0.5) / n as f32)
        .collect();
    NamedTensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        data,
    }
}

fn row(epoch: u32, loss: f64, elbo: f64, val_loss: Option<f64>, grad_norm: f64) -> Row {
    let mut row = Row::from_iter([("epoch", epoch)]);
    let training = [
        ("loss", loss),
        ("reconstruction", 299.5),
        ("kl", 1.875),
        ("kl_nats", 3.75),
        ("elbo", elbo),
    ];
    let validation = val_loss.map(|value| {
        [
            ("val_loss", value),
            ("val_reconstruction", value / 3.0),
            ("val_kl", 0.7),
        ]
    });
    for (name, value) in training.into_iter().chain(validation.into_iter().flatten()) {
        row.set(name, value);
    }
    row.set("kl_per_axis", vec![1.25, 2.5]);
    row.set("active_axes", 2);
    for (name, value) in [
        ("grad_norm", grad_norm),
        ("learning_rate", 1e-3),
        ("kl_weight", 1.0),
        ("images_per_second", 2_345.678),
        ("seconds", 29.8),
    ] {
        row.set(name, value);
    }
    row
}

/// What a checkpoint of format 1 with the content of [`example`] has under `state`, as the version of that time wrote it.
const STATE_1: &str = r#"{"seed":18446744073709551615,"spec_digest":"5bec","data_digest":"da7a","progress":{"epoch":3,"step_in_epoch":17,"step":4294967312,"partial":{"images":1088,"steps":17,"sums":["0.30000000000000004","-0.0","1e300"],"seconds":"1.5"},"best":{"epoch":2,"metric":"val_loss","value":"0.3333333333333333"},"epochs_since_best":1},"history":[{"epoch":1,"loss":"301.94","reconstruction":"299.5","kl":"1.875","kl_nats":"3.75","elbo":"-300.5","val_loss":null,"val_reconstruction":null,"val_kl":null,"kl_per_axis":["1.25","2.5"],"active_axes":2,"grad_norm":"3.5","learning_rate":"0.001","kl_weight":"1.0","images_per_second":"2345.678","seconds":"29.8"},{"epoch":2,"loss":"259.97","reconstruction":"299.5","kl":"1.875","kl_nats":"3.75","elbo":"-1e-300","val_loss":"-0.0","val_reconstruction":"-0.0","val_kl":"0.7","kl_per_axis":["1.25","2.5"],"active_axes":2,"grad_norm":"5e-324","learning_rate":"0.001","kl_weight":"1.0","images_per_second":"2345.678","seconds":"29.8"},{"epoch":3,"loss":"0.30000000000000004","reconstruction":"299.5","kl":"1.875","kl_nats":"3.75","elbo":"-inf","val_loss":"1e23","val_reconstruction":"3.333333333333333e22","val_kl":"0.7","kl_per_axis":["1.25","2.5"],"active_axes":2,"grad_norm":"NaN","learning_rate":"0.001","kl_weight":"1.0","images_per_second":"2345.678","seconds":"29.8"}]}"#;

/// A checkpoint with something in every field, in the middle of its fourth epoch.
pub(in crate::run) fn example() -> Checkpoint {
    Checkpoint {
        weights: vec![
            tensor("encoder.conv0.kernel", &[3, 3, 1, 4], 0.3),
            tensor("encoder.conv0.bias", &[4], -1e-30),
            tensor("decoder.output.kernel", &[3, 3, 1, 4], 7.0),
        ],
        optimizer: vec![
            tensor(
                "optimizer.velocity.encoder.conv0.kernel",
                &[3, 3, 1, 4],
                1e-9,
            ),
            tensor("optimizer.velocity.encoder.conv0.bias", &[4], 2.0),
        ],
        progress: Progress {
            epoch: 3,
            step_in_epoch: 17,
            step: u64::from(u32::MAX) + 17,
            partial: Partial {
                images: 1_088,
                steps: 17,
                sums: Measurements {
                    terms: Row::from_iter([
                        ("loss", 0.1 + 0.2),
                        ("reconstruction", -0.0),
                        ("kl", 1e300),
                    ]),
                    ..Measurements::default()
                },
                seconds: 1.5,
            },
            best: Some(Best {
                epoch: 2,
                metric: "val_loss".to_owned(),
                value: 1.0 / 3.0,
            }),
            epochs_since_best: 1,
        },
        history: vec![
            row(1, 301.94, -300.5, None, 3.5),
            row(2, 259.97, -1e-300, Some(-0.0), 5e-324),
            row(3, 0.1 + 0.2, f64::NEG_INFINITY, Some(1e23), f64::NAN),
        ],
        origin: Origin {
            seed: u64::MAX,
            spec_digest: "5bec".to_owned(),
            data_digest: "da7a".to_owned(),
        },
        model: serde_json::json!({"filters": [4], "image": [28, 28, 1], "learning_rate": 0.001, "name": "ü\n"}),
    }
}

fn write(path: &Path, checkpoint: &Checkpoint) -> Result<(), RunError> {
    Ok(encode(path, checkpoint)?.write(path)?.publish()?)
}

/// `{:?}` of a float tells NaN from numbers, -0.0 from 0.0 and any two numbers apart; `==` does not.
fn text(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

#[test]
fn reads_back_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let without_state = Checkpoint {
        optimizer: vec![],
        progress: Progress::default(),
        history: vec![],
        ..example()
    };
    for checkpoint in [example(), without_state] {
        write(&path, &checkpoint).unwrap();
        let read = read_checkpoint(&path, LARGEST_FILE).unwrap();
        assert_eq!(text(&read), text(&checkpoint));
        assert_eq!(state_digest(&read), state_digest(&checkpoint));
        let summary = read_summary(&path, LARGEST_FILE).unwrap();
        assert_eq!(text(&summary.history), text(&checkpoint.history));
        assert_eq!(summary.progress, checkpoint.progress);
        verify(&path, LARGEST_FILE).unwrap();
    }
}

/// A run is refused at its start where its history will not fit; so the estimate must not be too low.
#[test]
fn bounds_the_size_of_a_history() {
    let text = "name = \"a\"\n[data]\ndataset = \"sprites\"\n[model]\nlatent_dim = 64\n[training]\nepochs = 200\n";
    let spec = crate::experiment::parse(text, "x", Path::new("/"), &[]).unwrap();
    let image = crate::kernels::Extent {
        height: 28,
        width: 28,
        channels: 1,
    };
    let metrics = crate::objective::metrics_of(&spec.objective, &spec.prior, &spec.latent);
    let bytes = crate::plan::Plan::new(spec, image, 1_000, 0).history_bytes();
    // No f64 has a longer text.
    let long = -1.234_567_890_123_456_7e-300;
    let mut longest = row(1, long, long, Some(long), long);
    for metric in metrics {
        longest.set(
            metric.name,
            match metric.kind {
                MetricKind::Count => Reading::Count(u32::MAX),
                MetricKind::Real => Reading::Real(long),
                MetricKind::PerAxis => Reading::PerAxis(vec![long; 64]),
            },
        );
    }
    let rows: Vec<_> = (1_000_000_000..1_000_000_200)
        .map(|epoch| {
            let mut row = longest.clone();
            row.set("epoch", epoch);
            row
        })
        .collect();
    let length = |rows: &[Row]| {
        let text =
            checkpoint_json::to_text(&Origin::default(), &Progress::default(), rows).unwrap();
        // As a text within the header's JSON.
        serde_json::to_string(&text).unwrap().len() as u64
    };
    let taken = length(&rows) - length(&[]);
    assert!(
        taken <= bytes && taken > bytes * 9 / 10,
        "{taken} of {bytes}"
    );
}

#[test]
fn writes_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str| {
        let path = folder.path().join(name);
        write(&path, &example()).unwrap();
        std::fs::read(path).unwrap()
    };
    assert_eq!(bytes("a"), bytes("b"));
}

/// Both digests as an independent implementation in Python computes them from the definitions in the
/// documentation (json, struct, hashlib), and the names as Python's safetensors lists them.
#[test]
fn writes_the_documented_digests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    write(&path, &example()).unwrap();
    let (metadata, tensors) = crate::run::read_tensors(&path).unwrap();
    assert_eq!(
        metadata["tensors"],
        "7d4675e31f3ae68433b62cf94ef7cfba5ffe9428baf27a78c01431c9503d2c7b"
    );
    assert_eq!(
        metadata["sha256"],
        "2951ba2f9b25790cec3e5710544de6dba6e6426b4a2ed39912e8502201a740be"
    );
    assert_eq!(metadata.len(), 5);
    assert_eq!(tensors[3].name, "optimizer.velocity.encoder.conv0.kernel");
    assert_eq!(state_digest(&example()), STATE_DIGEST);
}

/// What `state_digest` gave when there was format 1.
const STATE_DIGEST: &str = "492adbd3887658a636f4e4a656534d263bb41a1bd00451632c71ac4a507a16ad";

/// A file of format 1, with digests that the version of that time gave it.
#[test]
fn reads_format_1_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let example = example();
    let tensors = [&example.weights[..], &example.optimizer].concat();
    let model = serde_json::to_string(&example.model).unwrap();
    forge(
        &path,
        &[("format", FORMAT_1), ("state", STATE_1), ("json", &model)],
        &tensors,
    );
    let (metadata, _) = crate::run::read_tensors(&path).unwrap();
    assert_eq!(
        metadata["sha256"],
        "9370cdade94f3adc1b72009b4d3eb9f8e9586afb3a54c5f309704b3c98fda1dd"
    );
    let read = read_checkpoint(&path, LARGEST_FILE).unwrap();
    assert_eq!(text(&read), text(&example));
    assert_eq!(state_digest(&read), STATE_DIGEST);
    verify(&path, LARGEST_FILE).unwrap();
}

/// Format 1 has exactly its keys and metrics, and says so to files that have others.
#[test]
fn rejects_what_format_1_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    for (from, to, says) in [
        ("\"seed\":", "\"more\":1,\"seed\":", "unknown field `more`"),
        (
            "\"loss\":",
            "\"more\":\"1.0\",\"loss\":",
            "unknown field `more`",
        ),
        ("\"kl\":\"1.875\",", "", "missing field `kl`"),
        ("\"kl\":\"1.875\",", "\"kl\":null,", "missing field `kl`"),
        ("\"kl\":\"1.875\",", "\"kl\":1,", "`kl` is of another type"),
        (
            "\"active_axes\":2,",
            "\"active_axes\":\"2.0\",",
            "of another type",
        ),
        (
            "\"epoch\":1,\"loss\"",
            "\"epoch\":2,\"loss\"",
            "not in their order",
        ),
        (
            "\"loss\":",
            "\"loss\":\"1.0\",\"loss\":",
            "`loss` is there twice",
        ),
        ("\"sums\":[", "\"sums\":[1,", "invalid type: integer `1`"),
        ("\"sums\":[", "\"sums\":[\"x\",", "\"x\" is no number"),
        (
            "\"sums\":[\"0.30000000000000004\",\"-0.0\",\"1e300\"]",
            "\"sums\":{}",
            "invalid type: map",
        ),
    ] {
        assert!(STATE_1.contains(from), "{from}");
        let state = STATE_1.replacen(from, to, 1);
        forge(&path, &[("format", FORMAT_1), ("state", &state)], &[]);
        let error = read_checkpoint(&path, LARGEST_FILE).unwrap_err();
        assert!(
            error.is_damage() && error.to_string().contains(says),
            "{says}: {error}"
        );
    }
    // A validation part that is not there need not be named.
    let state = STATE_1.replacen("\"val_kl\":null,", "", 1);
    forge(&path, &[("format", FORMAT_1), ("state", &state)], &[]);
    read_checkpoint(&path, LARGEST_FILE).unwrap();
}

#[test]
fn detects_any_changed_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    write(&path, &example()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() > 2_000, "{}", whole.len());
    let mut random = 1_u32;
    for position in 0..whole.len() {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (random >> 29);
        if position % 3 == 0 {
            bytes[position] = whole[position].wrapping_add((random >> 24).max(1) as u8);
        }
        std::fs::write(&path, &bytes).unwrap();
        let error = read_checkpoint(&path, LARGEST_FILE).unwrap_err();
        assert!(error.is_damage(), "byte {position}: {error}");
        assert!(verify(&path, LARGEST_FILE).is_err(), "byte {position}");
    }
    assert!(whole.len() >= 2_500, "{}", whole.len());
}

#[test]
fn detects_any_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    write(&path, &example()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(
            read_checkpoint(&path, LARGEST_FILE)
                .unwrap_err()
                .is_damage(),
            "{length} bytes"
        );
    }
    assert!(whole.len() >= 2_500, "{}", whole.len());
}

#[test]
fn reads_the_history_beside_damaged_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    write(&path, &example()).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(read_summary(&path, LARGEST_FILE).unwrap().history.len(), 3);
    let error = read_checkpoint(&path, LARGEST_FILE)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is damaged: the digest of its tensors is "),
        "{error}"
    );
}

/// Writes a file whose digests are right, whatever its metadata say.
fn forge(path: &Path, changes: &[(&str, &str)], tensors: &[NamedTensor]) {
    let mut metadata = BTreeMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("json".to_owned(), "{}".to_owned()),
        (
            "state".to_owned(),
            checkpoint_json::to_text(&Origin::default(), &Progress::default(), &[]).unwrap(),
        ),
        ("tensors".to_owned(), digest_tensors(tensors)),
    ]);
    for (key, value) in changes {
        metadata.insert((*key).to_owned(), (*value).to_owned());
    }
    metadata.retain(|_, value| value != "-");
    metadata.insert(SHA256.to_owned(), digest_metadata(&metadata));
    write_tensors(path, &metadata, tensors).unwrap();
}

#[test]
fn rejects_hostile_content_with_right_digests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let state = |from: &str, to: &str| {
        let text = checkpoint_json::to_text(&Origin::default(), &Progress::default(), &[]).unwrap();
        assert!(text.contains(from), "{text}");
        text.replacen(from, to, 1)
    };
    let deep = "[".repeat(1_000_000);
    let wide = format!("[{}0]", "0,".repeat(1 << 20));
    let long = format!("\"{}\"", "9".repeat(1_000_000));
    let names: Vec<String> = (0..1_000_000).map(|i| format!("\"a{i}\":\"1\"")).collect();
    let names = names.join(",");
    let cases = [
        ("format", "-".to_owned(), "no key `format`"),
        ("json", "-".to_owned(), "no key `json`"),
        ("state", "-".to_owned(), "no key `state`"),
        ("tensors", "-".to_owned(), "no key `tensors`"),
        (
            "format",
            "pt".to_owned(),
            "its format is `pt`, expected `runner-checkpoint-2`",
        ),
        (
            "format",
            "runner-checkpoint-0".to_owned(),
            "its format is `runner-checkpoint-0`",
        ),
        ("tensors", "00".to_owned(), "the digest of its tensors is"),
        ("json", String::new(), "its `json` is not valid"),
        ("json", deep.clone(), "recursion limit"),
        ("json", wide, "bytes, more than 1048576"),
        ("state", deep, "its `state` is not valid"),
        ("state", "{}".to_owned(), "missing field `seed`"),
        (
            "state",
            state("\"epoch\":0", "\"epoch\":4294967296"),
            "invalid value: integer `4294967296`",
        ),
        (
            "state",
            state("\"epoch\":0", "\"epoch\":4294967295"),
            "a history of 0 epochs where 4294967295",
        ),
        (
            "state",
            state("\"step\":0", "\"step\":-1"),
            "invalid value: integer `-1`",
        ),
        (
            "state",
            state("\"best\":null", "\"best\":{}"),
            "missing field `epoch`",
        ),
        ("state", state("\"0.0\"", &long), "its `state` is not valid"),
        (
            "state",
            state("\"axes\":{}", "\"axes\":{\"kl\":[\"1\",2]}"),
            "invalid type: integer `2`",
        ),
        (
            "state",
            state("\"terms\":{}", "\"terms\":{\"a\":\"1\",\"a\":\"1\"}"),
            "`a` is there twice",
        ),
        (
            "state",
            state("\"terms\":{}", &format!("\"terms\":{{{names}}}")),
            "more than 128 names",
        ),
        (
            "state",
            state("\"terms\":{}", "\"terms\":{\"\\u001b[2J\":\"1\"}"),
            "is no name",
        ),
        (
            "state",
            state("\"terms\":{}", "\"sums\":[]"),
            "unknown field `sums`",
        ),
        (
            "state",
            state("\"history\":[]", "\"history\":[{\"loss\":\"1.0\"}]"),
            "a history of 1 epochs where 0",
        ),
    ];
    for (key, value, expected) in cases {
        forge(&path, &[(key, &value)], &[]);
        match read_checkpoint(&path, LARGEST_FILE) {
            // So long a number is infinite, and then not the only thing that is odd; it is no harm.
            Ok(read) if value.contains(&long) => {
                assert!(read.progress.partial.seconds.is_infinite())
            }
            Ok(_) => panic!("accepted: {key} = {value:.80}"),
            Err(error) => {
                assert!(error.is_damage(), "{error}");
                assert!(
                    error.to_string().contains(expected),
                    "{expected}: {error:.300}"
                );
            }
        }
    }
}

#[test]
fn tells_a_later_format_from_a_damaged_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    forge(
        &path,
        &[
            ("format", "runner-checkpoint-3"),
            ("state", "-"),
            ("more", "x"),
        ],
        &[],
    );
    let error = read_checkpoint(&path, LARGEST_FILE).unwrap_err();
    assert!(matches!(error, RunError::Newer { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("the format `runner-checkpoint-3`"),
        "{error}"
    );

    // The same words in a file whose digest does not hold are damage.
    write(&path, &example()).unwrap();
    let text = std::fs::read(&path).unwrap();
    let at = text
        .windows(FORMAT.len())
        .position(|part| part == FORMAT.as_bytes())
        .unwrap();
    let mut bytes = text.clone();
    bytes[at + FORMAT.len() - 1] = b'3';
    std::fs::write(&path, &bytes).unwrap();
    assert!(
        read_checkpoint(&path, LARGEST_FILE)
            .unwrap_err()
            .is_damage()
    );
}

#[test]
fn rejects_a_file_larger_than_the_network_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    write(&path, &example()).unwrap();
    let error = read_checkpoint(&path, 1_000).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("more than the 1000 that it may have"),
        "{error}"
    );
}

#[test]
fn digests_all_numbers_but_times() {
    let base = state_digest(&example());
    let digest = |change: &dyn Fn(&mut Checkpoint)| {
        let mut changed = example();
        change(&mut changed);
        state_digest(&changed)
    };
    let invisible: [&dyn Fn(&mut Checkpoint); 5] = [
        &|c| c.history[1].set("seconds", 7.0),
        &|c| c.history[1].set("images_per_second", 7.0),
        &|c| c.progress.partial.seconds = 7.0,
        &|c| c.weights.reverse(),
        &|c| c.history[2].set("grad_norm", -f64::NAN),
    ];
    for change in invisible {
        assert_eq!(digest(change), base);
    }
    let visible: [&dyn Fn(&mut Checkpoint); 42] = [
        &|c| c.weights[0].data[0] = 0.0,
        &|c| c.weights[1].data[3] = -c.weights[1].data[3],
        &|c| c.weights[0].shape = vec![36],
        &|c| c.weights[0].name.push('x'),
        &|c| c.weights.truncate(2),
        &|c| c.optimizer[1].data[2] += 1.0,
        &|c| c.optimizer.clear(),
        &|c| c.origin.seed -= 1,
        &|c| c.progress.epoch += 1,
        &|c| c.progress.step_in_epoch += 1,
        &|c| c.progress.step += 1,
        &|c| c.progress.epochs_since_best += 1,
        &|c| c.progress.partial.images += 1,
        &|c| c.progress.partial.steps += 1,
        &|c| c.progress.partial.sums.terms.set("reconstruction", 0.0),
        &|c| c.progress.partial.sums.steps.set("grad_norm", 0.0),
        &|c| c.progress.partial.sums.axes.set("mean", vec![0.5]),
        &|c| c.progress.partial.sums.terms.set("newer", 0.0),
        &|c| c.progress.partial.sums.steps.set("newer", 0.5),
        &|c| c.progress.partial.sums.axes.set("newer", vec![0.0]),
        &|c| c.history[0].set("newer", 0.0),
        &|c| c.history[1].set("newer", 0.0),
        &|c| c.history[0].set("newer", f64::NAN),
        &|c| c.history[0].set("another", 0.0),
        &|c| c.history[0].retain(|name| name != "kl"),
        &|c| c.history[0].retain(|name| name != "kl_weight"),
        &|c| c.progress.best = None,
        &|c| c.progress.best.as_mut().unwrap().epoch += 1,
        &|c| c.progress.best.as_mut().unwrap().metric.push('x'),
        &|c| c.progress.best.as_mut().unwrap().value += 1e-9,
        &|c| c.history[0].set("loss", 301.940_000_000_000_06),
        &|c| c.history[0].set("reconstruction", 9.0),
        &|c| c.history[0].set("kl", 9.0),
        &|c| c.history[0].set("kl_nats", 9.0),
        &|c| c.history[0].set("elbo", 9.0),
        &|c| c.history[0].set("val_loss", 0.0),
        &|c| c.history[0].set("val_reconstruction", 0.0),
        &|c| c.history[0].set("val_kl", 0.0),
        &|c| c.history[0].set("kl_per_axis", vec![1.25, 3.5]),
        &|c| c.history[0].set("active_axes", 3),
        &|c| c.history[0].set("grad_norm", 9.0),
        &|c| c.history[0].set("learning_rate", 9.0),
    ];
    let mut seen = std::collections::BTreeSet::from([base]);
    for (i, change) in visible.into_iter().enumerate() {
        assert!(
            seen.insert(digest(change)),
            "change {i} is not in the digest, or is not told from another"
        );
    }
    assert!(seen.insert(digest(&|c| c.history[0].set("kl_weight", 2.0))));
}

#[test]
fn rejects_names_that_read_back_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let mut weight = example();
    weight.weights[1].name = "optimizer.weight".to_owned();
    let mut state = example();
    state.optimizer[0].name = "velocity".to_owned();
    let mut history = example();
    history.history.pop();
    for checkpoint in [weight, state, history] {
        assert!(matches!(
            write(&path, &checkpoint),
            Err(RunError::Unwritable { .. })
        ));
        assert!(!path.exists());
    }
}
