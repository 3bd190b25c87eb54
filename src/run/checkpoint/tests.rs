//! What goes into a checkpoint comes out of it, and nothing else does.

use super::*;
use crate::progress::{Best, Partial};
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

fn row(epoch: u32, loss: f64, elbo: f64, val_loss: Option<f64>, grad_norm: f64) -> EpochMetrics {
    EpochMetrics {
        epoch,
        loss,
        reconstruction: 299.5,
        kl: 1.875,
        kl_nats: 3.75,
        elbo,
        val_loss,
        val_reconstruction: val_loss.map(|value| value / 3.0),
        val_kl: val_loss.map(|_| 0.7),
        kl_per_axis: vec![1.25, 2.5],
        active_axes: 2,
        grad_norm,
        learning_rate: 1e-3,
        kl_weight: 1.0,
        images_per_second: 2_345.678,
        seconds: 29.8,
    }
}

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
                sums: vec![0.1 + 0.2, -0.0, 1e300],
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
fn a_checkpoint_comes_back_bit_by_bit() {
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
fn a_history_takes_no_more_than_its_plan_says() {
    let text = "name = \"a\"\n[data]\ndataset = \"sprites\"\n[model]\nlatent_dim = 64\n[training]\nepochs = 200\n";
    let spec = crate::experiment::parse(text, "x", Path::new("/"), &[]).unwrap();
    let image = crate::kernels::Extent {
        height: 28,
        width: 28,
        channels: 1,
    };
    let bytes = crate::plan::Plan::new(spec, image, 1_000, 0).history_bytes();
    // No f64 has a longer text.
    let long = -1.234_567_890_123_456_7e-300;
    let mut longest = row(1, long, long, Some(long), long);
    longest.kl_per_axis = vec![long; 64];
    longest.active_axes = u32::MAX;
    for number in [
        &mut longest.reconstruction,
        &mut longest.kl,
        &mut longest.kl_nats,
        &mut longest.learning_rate,
        &mut longest.kl_weight,
        &mut longest.images_per_second,
        &mut longest.seconds,
    ] {
        *number = long;
    }
    longest.val_reconstruction = Some(long);
    longest.val_kl = Some(long);
    let rows: Vec<_> = (1_000_000_000..1_000_000_200)
        .map(|epoch| EpochMetrics {
            epoch,
            ..longest.clone()
        })
        .collect();
    let length = |rows: &[EpochMetrics]| {
        let text =
            checkpoint_json::to_text(&Origin::default(), &Progress::default(), rows).unwrap();
        // As a text within the header's JSON.
        serde_json::to_string(&text).unwrap().len() as u64
    };
    let taken = length(&rows) - length(&[]);
    assert!(taken <= bytes && taken > bytes / 2, "{taken} of {bytes}");
}

#[test]
fn the_same_checkpoint_is_the_same_file() {
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
fn digests_are_as_documented() {
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
        "9370cdade94f3adc1b72009b4d3eb9f8e9586afb3a54c5f309704b3c98fda1dd"
    );
    assert_eq!(metadata.len(), 5);
    assert_eq!(tensors[3].name, "optimizer.velocity.encoder.conv0.kernel");
    assert_eq!(
        state_digest(&example()),
        "492adbd3887658a636f4e4a656534d263bb41a1bd00451632c71ac4a507a16ad"
    );
}

#[test]
fn every_changed_byte_is_noticed() {
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
fn every_cut_is_noticed() {
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
fn a_history_can_be_trusted_where_the_weights_cannot() {
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
fn hostile_content_behind_right_digests_is_refused() {
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
    let cases = [
        ("format", "-".to_owned(), "no key `format`"),
        ("json", "-".to_owned(), "no key `json`"),
        ("state", "-".to_owned(), "no key `state`"),
        ("tensors", "-".to_owned(), "no key `tensors`"),
        (
            "format",
            "pt".to_owned(),
            "its format is `pt`, expected `runner-checkpoint-1`",
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
            state("\"sums\":[]", "\"sums\":[\"1\",2]"),
            "invalid type: integer `2`",
        ),
    ];
    for (key, value, expected) in cases {
        forge(&path, &[(key, &value)], &[]);
        match read_checkpoint(&path, LARGEST_FILE) {
            // So long a number is infinite, and then not the only thing that is odd; it is no harm.
            Ok(read) if value.len() > 1_000_000 => {
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
fn a_later_format_is_told_from_a_damaged_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    forge(
        &path,
        &[
            ("format", "runner-checkpoint-2"),
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
            .contains("the format `runner-checkpoint-2`"),
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
    bytes[at + FORMAT.len() - 1] = b'2';
    std::fs::write(&path, &bytes).unwrap();
    assert!(
        read_checkpoint(&path, LARGEST_FILE)
            .unwrap_err()
            .is_damage()
    );
}

#[test]
fn a_file_larger_than_the_network_can_need_is_refused() {
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
fn the_state_digest_sees_every_number_but_those_of_the_clock() {
    let base = state_digest(&example());
    let digest = |change: &dyn Fn(&mut Checkpoint)| {
        let mut changed = example();
        change(&mut changed);
        state_digest(&changed)
    };
    let invisible: [&dyn Fn(&mut Checkpoint); 5] = [
        &|c| c.history[1].seconds = 7.0,
        &|c| c.history[1].images_per_second = 7.0,
        &|c| c.progress.partial.seconds = 7.0,
        &|c| c.weights.reverse(),
        &|c| c.history[2].grad_norm = -f64::NAN,
    ];
    for change in invisible {
        assert_eq!(digest(change), base);
    }
    let visible: [&dyn Fn(&mut Checkpoint); 32] = [
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
        &|c| c.progress.partial.sums[1] = 0.0,
        &|c| c.progress.partial.sums.push(0.0),
        &|c| c.progress.best = None,
        &|c| c.progress.best.as_mut().unwrap().epoch += 1,
        &|c| c.progress.best.as_mut().unwrap().metric.push('x'),
        &|c| c.progress.best.as_mut().unwrap().value += 1e-9,
        &|c| c.history[0].loss = 301.940_000_000_000_06,
        &|c| c.history[0].reconstruction += 1.0,
        &|c| c.history[0].kl += 1.0,
        &|c| c.history[0].kl_nats += 1.0,
        &|c| c.history[0].elbo += 1.0,
        &|c| c.history[0].val_loss = Some(0.0),
        &|c| c.history[0].val_reconstruction = Some(0.0),
        &|c| c.history[0].val_kl = Some(0.0),
        &|c| c.history[0].kl_per_axis[1] += 1.0,
        &|c| c.history[0].active_axes += 1,
        &|c| c.history[0].grad_norm += 1.0,
        &|c| c.history[0].learning_rate += 1.0,
    ];
    let mut seen = std::collections::BTreeSet::from([base]);
    for (i, change) in visible.into_iter().enumerate() {
        assert!(
            seen.insert(digest(change)),
            "change {i} is not in the digest, or is not told from another"
        );
    }
    assert!(seen.insert(digest(&|c| c.history[0].kl_weight += 1.0)));
}

#[test]
fn names_that_would_not_come_back_to_their_place_are_refused() {
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
