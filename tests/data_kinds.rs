//! Whole runs of the real program on every kind of data, with odd sizes, strides and kernels, validation parts and
//! early stopping. What can be had in two ways has to train to the same bits.

mod common;

use std::fs;
use std::path::Path;

use common::{Lab, NO_FIGURES, Session, bars, checkpoint, gzip, idx, manifest, picture};
use image::{GrayImage, Luma, Rgb, RgbImage};
use runner::numeric::named_tensor::NamedTensor;

/// A spec around a `[data]` table.
fn spec(data: &str, model: &str) -> String {
    format!(
        "name = \"kind\"\n[data]\n{data}\n[model]\n{model}\n[training]\nepochs = 2\nbatch_size = 16\n{NO_FIGURES}"
    )
}

const SMALL: &str = "conv_filters = [4, 6]";

fn weights(run: &Path) -> Vec<NamedTensor> {
    checkpoint(run, "last.safetensors").weights
}

/// Losses of training and validation, epoch by epoch.
fn losses(run: &Path) -> Vec<(f64, Option<f64>)> {
    let history = checkpoint(run, "last.safetensors").history;
    history
        .iter()
        .map(|row| (row.scalar("loss").unwrap(), row.scalar("val_loss")))
        .collect()
}

/// Fails unless the run is whole and its numbers make sense.
#[track_caller]
fn sound(run: &Path, epochs: usize) {
    assert_eq!(manifest(run)["status"], "completed");
    let losses = losses(run);
    assert_eq!(losses.len(), epochs);
    for (loss, val_loss) in losses {
        assert!(loss.is_finite() && loss > 0.0, "{loss}");
        assert!(val_loss.is_none_or(|loss| loss.is_finite() && loss > 0.0));
    }
    let moved = |tensor: &NamedTensor| tensor.data.iter().any(|&value| value != 0.0);
    assert!(weights(run).iter().all(moved), "a tensor that never moved");
}

/// The SHA-256 of a file, by another program.
fn sha256(path: &Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output();
    String::from_utf8(output.unwrap().stdout).unwrap()[..64].to_owned()
}

#[test]
fn trains_on_plain_and_gzip_files_to_the_same_bits() {
    let lab = Lab::new();
    let (images, labels) = bars(120, 9, 14);
    let (test_images, test_labels) = bars(40, 9, 14);
    lab.write("d/images", &images);
    lab.write("d/labels", &labels);
    lab.write("d/images.gz", gzip(&images));
    lab.write("d/labels.gz", gzip(&labels));
    lab.write("d/test", &test_images);
    lab.write("d/test_labels.gz", gzip(&test_labels));
    let of = |images: &str, labels: &str| {
        let data = format!(
            "dataset = \"idx\"\npath = \"d\"\nimages = \"{images}\"\nlabels = \"{labels}\"\n\
             test_images = \"test\"\ntest_labels = \"test_labels.gz\"\nvalidation = \"test\""
        );
        lab.write("spec.toml", spec(&data, SMALL));
        lab.train(&[])
    };
    let plain = of("images", "labels");
    let packed = of("images.gz", "labels.gz");
    sound(&plain, 2);
    assert_eq!(weights(&plain), weights(&packed));
    assert_eq!(losses(&plain), losses(&packed));
    assert!(
        losses(&plain)
            .iter()
            .all(|(_, val_loss)| val_loss.is_some())
    );
    // What ran stands in the manifest: the digests are of the uncompressed files.
    for run in [&plain, &packed] {
        let sources = &manifest(run)["data"]["sources"];
        assert_eq!(sources.as_array().unwrap().len(), 4);
        assert_eq!(
            sources[0]["sha256"],
            sha256(&lab.path().join("d/images")).as_str()
        );
        assert_eq!(
            sources[2]["sha256"],
            sha256(&lab.path().join("d/test")).as_str()
        );
    }
}

/// The same pixels as IDX and as PNG files: one class a folder, names in the order of the images.
#[test]
fn trains_on_pictures_to_the_bits_of_the_same_pixels_in_an_idx_file() {
    for (color, channels) in [("gray", 1_usize), ("rgb", 3)] {
        let lab = Lab::new();
        let (count, side) = (60_u32, 12_u32);
        let byte = |i: u32, y: u32, x: u32, c: u32| {
            let on = x * 4 / side == (i + c) % 4;
            (if on { 190 } else { 15 }) + ((i * 31 + y * 7 + x * 13 + c * 5) % 50) as u8
        };
        let mut pixels = vec![];
        for i in 0..count {
            let part = if i < 48 { "train" } else { "test" };
            let mut own = vec![];
            for (y, x) in (0..side * side).map(|at| (at / side, at % side)) {
                own.extend((0..channels as u32).map(|c| byte(i, y, x, c)));
            }
            let file = match channels {
                1 => picture(GrayImage::from_raw(side, side, own.clone()).unwrap(), false),
                _ => picture(RgbImage::from_raw(side, side, own.clone()).unwrap(), false),
            };
            lab.write(&format!("p/{part}/class{}/{i:03}.png", i % 4), file);
            pixels.extend(own);
        }
        let split = 48 * (side * side) as usize * channels;
        let labels: Vec<u8> = (0..count).map(|i| (i % 4) as u8).collect();
        let axes = |n| match channels {
            1 => vec![n, side, side],
            _ => vec![n, side, side, channels as u32],
        };
        lab.write("a", idx(&axes(48), &pixels[..split]));
        lab.write("b", idx(&[48], &labels[..48]));
        lab.write("c", idx(&axes(12), &pixels[split..]));
        lab.write("d", idx(&[12], &labels[48..]));
        lab.write(
            "spec.toml",
            spec(
                "dataset = \"idx\"\nimages = \"a\"\nlabels = \"b\"\ntest_images = \"c\"\ntest_labels = \"d\"\n\
                 validation = \"test\"",
                SMALL,
            ),
        );
        let from_idx = lab.train(&[]);
        sound(&from_idx, 2);
        lab.write(
            "spec.toml",
            spec(
                &format!(
                    "dataset = \"images\"\npath = \"p\"\nimage_size = {side}\ncolor = \"{color}\"\nvalidation = \"test\""
                ),
                SMALL,
            ),
        );
        let from_pictures = lab.train(&[]);
        assert_eq!(weights(&from_idx), weights(&from_pictures), "{color}");
        assert_eq!(losses(&from_idx), losses(&from_pictures), "{color}");
    }
}

#[test]
fn resizes_pictures_of_both_formats_and_of_any_size() {
    let lab = Lab::new();
    for i in 0..40_u32 {
        let (width, height) = (5 + i * 3, 40 - i);
        let jpeg = i % 2 == 0;
        let ending = ["jpg", "PNG", "jpeg", "png"][(i % 4) as usize];
        let file = if i % 3 == 0 {
            let gray = |x: u32, y: u32| Luma([(x * 9 + y * 5 + i) as u8]);
            picture(GrayImage::from_fn(width, height, gray), jpeg)
        } else {
            let rgb = |x: u32, y: u32| Rgb([(x * 9) as u8, (y * 5) as u8, (i * 6) as u8]);
            picture(RgbImage::from_fn(width, height, rgb), jpeg)
        };
        lab.write(&format!("p/class{}/{i}.{ending}", i % 3), file);
    }
    lab.write("p/class0/notes.txt", "no picture, and no harm");
    for color in ["gray", "rgb"] {
        let data = format!(
            "dataset = \"images\"\npath = \"p\"\nimage_size = 20\ncolor = \"{color}\"\nvalidation = 0.2"
        );
        lab.write("spec.toml", spec(&data, SMALL));
        let run = lab.train(&["--set", "training.batch_size=8"]);
        sound(&run, 2);
        let again = lab.train(&["--set", "training.batch_size=8", "--threads", "1"]);
        assert_eq!(weights(&run), weights(&again), "{color}");
    }
}

/// Files with the names and shapes of a known set, whose images are `bars`.
fn known_files(lab: &Lab, folder: &str) {
    let (images, labels) = bars(60_000, 28, 28);
    lab.write(&format!("{folder}/train-images-idx3-ubyte"), images);
    // Of compressed files the digest is known.
    lab.write(&format!("{folder}/train-labels-idx1-ubyte"), labels);
    let (images, labels) = bars(10_000, 28, 28);
    lab.write(&format!("{folder}/t10k-images.idx3-ubyte"), images);
    lab.write(&format!("{folder}/t10k-labels.idx1-ubyte"), labels);
}

#[test]
fn reads_a_known_set_from_the_folder_that_path_names() {
    let lab = Lab::new();
    known_files(&lab, "mine/kmnist");
    let (images, labels) = bars(96, 28, 28);
    lab.write("a", images);
    lab.write("b", labels);
    lab.write(
        "spec.toml",
        spec("dataset = \"idx\"\nimages = \"a\"\nlabels = \"b\"", SMALL),
    );
    let own = lab.train(&[]);
    for path in ["mine", "mine/kmnist"] {
        let data =
            format!("dataset = \"kmnist\"\npath = \"{path}\"\nlimit = 96\nsplits = [\"train\"]");
        lab.write("spec.toml", spec(&data, SMALL));
        let run = lab.train(&[]);
        sound(&run, 2);
        assert_eq!(weights(&run), weights(&own), "{path}");
        assert_eq!(
            manifest(&run)["data"]["sources"][0]["sha256"],
            sha256(&lab.path().join("mine/kmnist/train-images-idx3-ubyte")).as_str()
        );
    }
    // The test part, as the program's own split.
    lab.write(
        "spec.toml",
        spec(
            "dataset = \"kmnist\"\npath = \"mine\"\nlimit = 96\nsplits = [\"test\"]",
            SMALL,
        ),
    );
    assert_eq!(weights(&lab.train(&[])), weights(&own));
    // The same files are not Fashion-MNIST, whose digests are known.
    fs::rename(lab.path().join("mine/kmnist"), lab.path().join("mine/raw")).unwrap();
    lab.write(
        "spec.toml",
        spec(
            "dataset = \"fashion-mnist\"\npath = \"mine/raw\"\nlimit = 96",
            SMALL,
        ),
    );
    lab.runner(&["spec.toml"])
        .with_code(65)
        .says("is not the published file of fashion-mnist");
}

#[test]
fn trains_with_odd_strides_kernels_and_sizes() {
    let lab = Lab::new();
    for (height, width) in [(7, 9), (17, 6)] {
        let (images, labels) = bars(40, height, width);
        lab.write("a", images);
        lab.write("b", labels);
        let data = "dataset = \"idx\"\nimages = \"a\"\nlabels = \"b\"\nvalidation = 0.25";
        for (model, layers) in [
            ("kernel_size = 1\nstride = 1\nconv_filters = [3]", 1),
            ("kernel_size = 2\nstride = 3\nconv_filters = [3, 5]", 2),
            ("kernel_size = 4\nstride = 2\nconv_filters = [2, 3, 7]", 3),
            ("kernel_size = 5\nstride = 3\nconv_filters = [4, 4]", 2),
            ("kernel_size = 6\nstride = 8\nconv_filters = [9]", 1),
            ("kernel_size = 31\nstride = 5\nconv_filters = [2]", 1),
            (
                "kernel_size = 3\nstride = 4\nconv_filters = [3, 3, 3, 3]\nhidden = []\nlatent_dim = 7",
                4,
            ),
            (
                "stride = 1\nconv_filters = [2]\nhidden = [11, 5]\nlatent_dim = 1\nactivation = \"gelu\"",
                1,
            ),
            ("condition = \"label\"\nconv_filters = [3, 5]", 2),
        ] {
            lab.write("spec.toml", spec(data, model));
            let run = lab.train(&["--threads", "2"]);
            sound(&run, 2);
            let kernels = weights(&run)
                .iter()
                .filter(|t| t.name.starts_with("encoder.conv") && t.name.ends_with("kernel"))
                .count();
            assert_eq!(kernels, layers, "{model}");
            let one = lab.train(&["--threads", "1"]);
            assert_eq!(weights(&run), weights(&one), "{model}");
        }
    }
}

/// With so small a step no weight changes, so no epoch after the first is a better one.
#[test]
fn stops_a_run_early_without_improvement() {
    let lab = Lab::new();
    let (images, labels) = bars(60, 8, 8);
    lab.write("a", images);
    lab.write("b", labels);
    let text = spec(
        "dataset = \"idx\"\nimages = \"a\"\nlabels = \"b\"\nvalidation = 0.3",
        SMALL,
    );
    let text = text.replace("epochs = 2", "epochs = 40\nearly_stopping = 3");
    lab.write(
        "spec.toml",
        format!("{text}[optimizer.sgd]\nlearning_rate = 1e-30\n"),
    );
    let before = lab.runs();
    let ended = lab.runner(&["spec.toml"]).with_code(0);
    assert!(ended.stdout.contains("stopped early"), "{ended:#?}");
    let run = lab.new_run(&before);
    let progress = checkpoint(&run, "last.safetensors").progress;
    let best = progress.best.clone().unwrap();
    assert_eq!(best.metric, "val_loss");
    assert_eq!(
        (progress.epoch, progress.epochs_since_best),
        (best.epoch + 3, 3)
    );
    assert!(progress.epoch < 40);
    let why = manifest(&run)["why"].to_string();
    assert!(why.contains("no better epoch in 3"), "{why}");
    lab.runner(&["resume", &run.display().to_string()])
        .with_code(0);
}

#[test]
fn holds_validation_parts_out_of_training() {
    let lab = Lab::new();
    let (images, labels) = bars(50, 8, 8);
    lab.write("a", images);
    lab.write("b", labels);
    let files = "dataset = \"idx\"\nimages = \"a\"\nlabels = \"b\"";
    let run = |more: &str| {
        lab.write("spec.toml", spec(&format!("{files}\n{more}"), SMALL));
        lab.train(&[])
    };
    let all = run("");
    let some = run("validation = 0.5");
    assert!(losses(&all).iter().all(|(_, val)| val.is_none()));
    assert!(losses(&some).iter().all(|(_, val)| val.is_some()));
    assert_ne!(weights(&all), weights(&some));
    assert_eq!(checkpoint(&all, "last.safetensors").progress.step, 2 * 4);
    assert_eq!(checkpoint(&some, "last.safetensors").progress.step, 2 * 2);
}

#[test]
fn resumes_runs_on_files_and_pictures_to_the_same_bits() {
    let lab = Lab::new();
    let (images, labels) = bars(200, 10, 10);
    lab.write("a.gz", gzip(&images));
    lab.write("b", &labels);
    for i in 0..60_u32 {
        let pixel = |x: u32, y: u32| Luma([(x * 20 + y * 3 + i * 4) as u8]);
        let name = format!("p/{}/{i}.png", i % 5);
        lab.write(&name, picture(GrayImage::from_fn(14, 11, pixel), false));
    }
    for data in [
        "dataset = \"idx\"\nimages = \"a.gz\"\nlabels = \"b\"\nvalidation = 0.2",
        "dataset = \"idx\"\nimages = \"a.gz\"\nvalidation = 0.2\nbinarize = \"sample\"",
        "dataset = \"images\"\npath = \"p\"\nimage_size = 10\nvalidation = 0.2",
    ] {
        lab.write(
            "spec.toml",
            spec(data, SMALL).replace("epochs = 2", "epochs = 6"),
        );
        let undisturbed = common::digest(&lab.train(&[]));
        let before = lab.runs();
        let mut session = Session::spawn(lab.command(&["spec.toml"]));
        assert!(session.lines(1), "it ended before its first epoch");
        session.signal("INT");
        session.end().with_code(130);
        let run = lab.new_run(&before);
        let path = run.display().to_string();
        // Other data under the same names are refused, and the run is as it was.
        let moved = ["a.gz", "p/0/0.png"].map(|name| lab.path().join(name));
        let kept = moved.each_ref().map(|path| fs::read(path).unwrap());
        lab.write("a.gz", gzip(&bars(201, 10, 10).0[..]));
        let (images, _) = bars(200, 10, 10);
        let mut other = images.clone();
        *other.last_mut().unwrap() ^= 1;
        lab.write("a.gz", gzip(&other));
        lab.write("p/0/0.png", picture(GrayImage::new(14, 11), false));
        lab.runner(&["resume", &path])
            .with_code(65)
            .says("the data is not the one");
        for (path, bytes) in moved.iter().zip(&kept) {
            fs::write(path, bytes).unwrap();
        }
        lab.runner(&["resume", &path, "--threads", "1"])
            .with_code(0);
        assert_eq!(common::digest(&run), undisturbed, "{data}");
    }
}
