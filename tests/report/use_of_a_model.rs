//! What can be done with a trained model, by its run folder alone.

use std::fs;
use std::path::{Path, PathBuf};

use super::common::{Lab, bars, checkpoint, listing, plain};

/// A run on files that can be taken away, with a validation part.
fn lab() -> (Lab, PathBuf) {
    let data = "dataset = \"idx\"\nimages = \"images\"\nlabels = \"labels\"\nvalidation = 0.25";
    let spec = plain().replace("dataset = \"sprites\"\ncount = 300\nimage_size = 12", data);
    let lab = Lab::with(&spec.replace("epochs = 2", "epochs = 2\nbatch_size = 16"));
    let (images, labels) = bars(80, 12, 10);
    lab.write("images", images);
    lab.write("labels", labels);
    let run = lab.train(&["--set", "model.latent_dim=3"]);
    (lab, run)
}

/// Width and height of a PNG.
fn size(path: &Path) -> (u32, u32) {
    let bytes = fs::read(path).unwrap();
    assert!(
        bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "{}",
        path.display()
    );
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn needs_only_a_run_folder_and_leaves_it_as_it_was() {
    let (lab, run) = lab();
    let before = (listing(&run), fs::read(run.join("log.txt")).unwrap());
    let run_name = run.to_str().unwrap();
    for args in [
        &["sample", run_name, "-n", "9"][..],
        &["reconstruct", run_name, "-n", "12"],
        &[
            "interpolate",
            run_name,
            "--from",
            "3",
            "--to",
            "17",
            "--steps",
            "5",
        ],
        &["encode", run_name],
    ] {
        let ended = lab.runner(args).with_code(0);
        assert!(ended.stderr.is_empty(), "{ended:#?}");
    }
    for file in ["samples.png", "reconstructions.png", "interpolation.png"] {
        let (width, height) = size(&lab.path().join(file));
        assert!(width > 400 && height > 100, "{file}: {width} x {height}");
    }
    assert_eq!(
        (listing(&run), fs::read(run.join("log.txt")).unwrap()),
        before
    );

    // Samples need no data.
    fs::remove_file(lab.path().join("images")).unwrap();
    lab.runner(&[
        "sample",
        run_name,
        "--out",
        "again.svg",
        "-n",
        "9",
        "--quiet",
    ])
    .with_code(0);
    let svg = fs::read_to_string(lab.path().join("again.svg")).unwrap();
    assert!(
        svg.contains("samples from the prior, epoch 2"),
        "{}",
        &svg[..500]
    );
    let ended = lab.runner(&["reconstruct", run_name]);
    assert_eq!(ended.code, 2, "{ended:#?}");
    ended.says("images");
}

#[test]
fn draws_the_same_picture_from_the_same_seed() {
    let (lab, run) = lab();
    let sample = |file: &str, more: &[&str]| {
        let mut args = vec!["sample", run.to_str().unwrap(), "-n", "4", "--out", file];
        args.extend(more);
        lab.runner(&args).with_code(0);
        fs::read(lab.path().join(file)).unwrap()
    };
    let first = sample("a.png", &[]);
    assert_eq!(first, sample("b.png", &["--threads", "1"]));
    assert_eq!(
        first,
        sample("c.png", &["--seed", "0"]),
        "the run's own seed is 0"
    );
    assert_ne!(first, sample("d.png", &["--seed", "1"]));
}

#[test]
fn encodes_images_as_posterior_means() {
    let (lab, run) = lab();
    let run_name = run.to_str().unwrap();
    lab.runner(&["encode", run_name, "--out", "latents.csv"])
        .with_code(0);
    let text = fs::read_to_string(lab.path().join("latents.csv")).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(
        lines[0],
        ["image", "part", "label", "class", "z0", "z1", "z2"]
    );
    assert_eq!(lines.len(), 81);
    let held_out = lines.iter().filter(|line| line[1] == "validation").count();
    assert_eq!(held_out, 20);
    for (at, line) in lines[1..].iter().enumerate() {
        assert_eq!(line[0], at.to_string());
        assert_eq!(line[2], (at % 4).to_string());
    }
    // The last layer of the encoder is a product with these weights: with all of them 0 and this bias, every mean is
    // the bias. (The network itself is compared with Keras elsewhere.)
    let mut changed = checkpoint(&run, "last.safetensors");
    for tensor in &mut changed.weights {
        match tensor.name.as_str() {
            "encoder.z_mean.kernel" => tensor.data.fill(0.0),
            "encoder.z_mean.bias" => tensor.data.copy_from_slice(&[0.5, -1.25, 2.0]),
            _ => {}
        }
    }
    let mut folder = runner::run::RunFolder::open_for_resume(&run).unwrap();
    folder.commit(&changed, false).unwrap();
    drop(folder);
    lab.runner(&["encode", run_name, "--out", "latents.csv"])
        .with_code(0);
    let text = fs::read_to_string(lab.path().join("latents.csv")).unwrap();
    assert!(
        text.lines()
            .skip(1)
            .all(|line| line.ends_with(",0.5,-1.25,2.0")),
        "{text}"
    );
}

#[test]
fn rejects_impossible_requests_with_a_way_out() {
    let (lab, run) = lab();
    let run_name = run.to_str().unwrap();
    lab.runner(&["encode", run_name, "--out", "latents.txt"])
        .with_code(2)
        .says("ends in `.parquet` or `.csv`");
    lab.runner(&["interpolate", run_name, "--from", "3", "--to", "80"])
        .with_code(2)
        .says("--to 80: the data has 80 images")
        .says("counted from 0 to 79");
    lab.runner(&["sample", "nowhere"])
        .with_code(65)
        .says("there is no `manifest.json`");
    lab.runner(&["sample", run_name, "-n", "0"]).with_code(2);
    fs::write(run.join("checkpoints/last.safetensors"), "broken").unwrap();
    lab.runner(&["sample", run_name])
        .with_code(65)
        .says("is damaged")
        .says("runner doctor");
    lab.runner(&["sample", run_name, "--best"]).with_code(0);
    // Other images under the same names.
    let (images, labels) = bars(84, 12, 10);
    lab.write("images", images);
    lab.write("labels", labels);
    lab.runner(&["reconstruct", run_name, "--best"])
        .with_code(65)
        .says("the data is not the one that the run was trained on");
    assert!(!lab.path().join("reconstructions.png").exists());
}
