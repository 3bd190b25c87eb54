//! `runner verify`: values that another framework computed (`tests/reference/make_reference.py`) are met, and a
//! file that differs in one number, or is broken, is not.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Ended, Lab};
use runner::run::{read_tensors, write_tensors};

fn references() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "safetensors"))
        .collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    files
}

fn verify(file: &Path, more: &[&str]) -> Ended {
    let mut args = vec!["verify", file.to_str().unwrap()];
    args.extend(more);
    Lab::new().runner(&args)
}

/// The file with a change, in a folder of its own.
fn changed(
    lab: &Lab,
    file: &Path,
    json: impl Fn(&str) -> String,
    tensor: impl Fn(&str, &mut Vec<f32>),
) -> PathBuf {
    let (mut metadata, mut tensors) = read_tensors(file).unwrap();
    let text = json(&metadata["json"]);
    metadata.insert("json".to_owned(), text);
    for t in &mut tensors {
        tensor(&t.name.clone(), &mut t.data);
    }
    let path = lab.path().join("changed.safetensors");
    write_tensors(&path, &metadata, &tensors).unwrap();
    path
}

#[test]
fn meets_all_references() {
    for file in references() {
        let ended = verify(&file, &[]).with_code(0);
        let (_, tensors) = read_tensors(&file).unwrap();
        // A line for every tensor that the program computes: all but the batch, the noise and the start.
        let computed = tensors
            .iter()
            .filter(|t| t.name != "x" && t.name != "eps" && !t.name.starts_with("init."));
        for tensor in computed {
            let start = format!("{} ", tensor.name);
            let lines = ended.stdout.lines().filter(|line| line.starts_with(&start));
            assert_eq!(lines.count(), 1, "{}: {}", file.display(), tensor.name);
        }
    }
}

#[test]
fn meets_the_published_model_where_its_reference_is_found() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden/keras_fmnist_vae.safetensors");
    if file.exists() {
        verify(&file, &[]).with_code(0);
    } else {
        println!("skipped: no {}", file.display());
    }
}

#[test]
fn names_one_changed_number() {
    let lab = Lab::new();
    let file = &references()[0];
    let (_, tensors) = read_tensors(file).unwrap();
    for name in tensors.iter().map(|t| t.name.as_str()) {
        let file = changed(&lab, file, str::to_owned, |found, data| {
            if found == name {
                data[0] += 0.25;
            }
        });
        let ended = verify(&file, &[]).with_code(1);
        let above: Vec<_> = ended
            .stdout
            .lines()
            .filter(|line| line.ends_with("  above the tolerance"))
            .collect();
        assert!(!above.is_empty(), "{name}");
        // What is put in is missed by what comes out of it; what comes out is missed by itself alone.
        let is_input = name == "x" || name == "eps" || name.starts_with("init.");
        if !is_input {
            assert_eq!(above.len(), 1, "{name}: {above:?}");
            assert!(
                above[0].starts_with(&format!("{name} ")),
                "{name}: {above:?}"
            );
        }
    }
}

#[test]
fn rejects_a_changed_loss() {
    let lab = Lab::new();
    let file = changed(
        &lab,
        &references()[0],
        |json| {
            let mut json: serde_json::Value = serde_json::from_str(json).unwrap();
            let loss = json["losses"][2][1].as_f64().unwrap();
            json["losses"][2][1] = (loss * 1.001).into();
            json.to_string()
        },
        |_, _| {},
    );
    let ended = verify(&file, &[]).with_code(1);
    let line = ended
        .stdout
        .lines()
        .find(|line| line.starts_with("step3.reconstruction "));
    assert!(
        line.unwrap().ends_with("9.99e-4  above the tolerance"),
        "{line:?}"
    );
}

#[test]
fn uses_the_tolerance_asked_for() {
    let file = &references()[0];
    verify(file, &["--tolerance", "1e-2"]).with_code(0);
    verify(file, &["--tolerance", "1e-12"]).with_code(1);
}

#[test]
fn rejects_a_description_of_another_model() {
    let lab = Lab::new();
    let (from, to) = ("\"klw\": 1.0", "\"klw\": 1.5");
    let file = references()
        .into_iter()
        .find(|file| read_tensors(file).unwrap().0["json"].contains(from))
        .unwrap();
    let file = changed(&lab, &file, |json| json.replace(from, to), |_, _| {});
    verify(&file, &[]).with_code(1);
}

#[test]
fn rejects_a_broken_file() {
    let lab = Lab::new();
    let whole = fs::read(&references()[0]).unwrap();
    let text = String::from_utf8_lossy(&whole).into_owned();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut files: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("five bytes", whole[..5].to_vec()),
        ("cut in the header", whole[..header / 2].to_vec()),
        ("cut in the values", whole[..whole.len() - 4].to_vec()),
        ("one byte more", [&whole[..], &[0]].concat()),
        ("no such format", b"not a file of tensors at all".to_vec()),
    ];
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        assert_eq!(from.len(), to.len());
        let at = text.find(from).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    files.push(("no description", replaced("\"json\":", "\"jsom\":")));
    files.push((
        "a missing tensor",
        replaced(
            "\"step3.encoder.z_mean.bias\"",
            "\"step4.encoder.z_mean.bias\"",
        ),
    ));
    files.push((
        "another shape",
        replaced("\"eps\":{\"dtype\":\"F32\"", "\"eps\":{\"dtype\":\"F16\""),
    ));
    for (name, bytes) in files {
        let path = lab.write("broken.safetensors", bytes);
        let ended = verify(&path, &[]);
        assert_eq!(ended.code, 65, "{name}: {ended:#?}");
        assert!(ended.stderr.starts_with("error: "), "{name}: {ended:#?}");
        assert!(
            ended.stderr.contains("broken.safetensors"),
            "{name}: {ended:#?}"
        );
    }
    let ended = verify(&lab.path().join("no.safetensors"), &[]);
    assert_eq!(ended.code, 74, "{ended:#?}");
}

#[test]
fn rejects_a_contradictory_description() {
    let lab = Lab::new();
    let file = &references()[0];
    let json = |change: &dyn Fn(&mut serde_json::Value)| {
        changed(
            &lab,
            file,
            |json| {
                let mut json = serde_json::from_str(json).unwrap();
                change(&mut json);
                json.to_string()
            },
            |_, _| {},
        )
    };
    for (key, value) in [
        ("filters", serde_json::json!([])),
        ("filters", serde_json::json!([0])),
        ("filters", serde_json::json!([u64::MAX])),
        ("filters", serde_json::json!([65_536, 65_536])),
        ("latent", serde_json::json!(0)),
        ("latent", serde_json::json!(7)),
        ("hidden", serde_json::json!(-1)),
        ("hidden", serde_json::json!("16")),
        ("hidden", serde_json::json!(vec![1; 1000])),
        ("image", serde_json::json!([12, 12])),
        ("image", serde_json::json!([65_536, 65_536, 3])),
        ("kernel", serde_json::json!(0)),
        ("stride", serde_json::json!(0)),
        ("activation", serde_json::json!("step")),
        ("optimizer", serde_json::json!("lamb")),
        ("recon", serde_json::json!("mae")),
        ("kl", serde_json::json!("median")),
        ("losses", serde_json::json!([[1.0, 1.0, 0.0]])),
        ("learning_rate", serde_json::json!("fast")),
    ] {
        let file = json(&|json| json[key] = value.clone());
        let ended = verify(&file, &[]);
        assert_eq!(ended.code, 65, "{key} = {value}: {ended:#?}");
        assert!(
            !ended.stderr.contains("panicked"),
            "{key} = {value}: {ended:#?}"
        );
    }
}
