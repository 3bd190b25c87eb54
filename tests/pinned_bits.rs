//! The bits of short runs, against those that commit 88711a9 gave: no change of the code may change what is trained.
//!
//! Every run is one of the program, on one and on two threads and on every kernel path of this processor. A new run
//! always takes the fastest path; to have another one, the manifest of a run without a checkpoint is changed and the
//! run resumed, since a resume keeps to the path of the start. The digests are of the tensors in the checkpoints and of
//! the metrics (`tests/pinned/mod.rs`), the values in `tests/pinned/bits.toml`.
//!
//! They are the same on every x86-64 machine, operating system and optimisation level as far as Rust keeps its word:
//! what goes into them is +, -, *, /, roots (all rounded exactly by IEEE 754), conversions, own elementary functions
//! (exp, ln, tanh, sine and cosine) and two calls of `f64::powi` (Adam's correction, the schedule `step`), which the
//! compiler's runtime does by repeated multiplication; no function of the system's mathematics library. Pictures
//! also pass through the crate `image`: its PNG decoder and its resize, which `Cargo.lock` pins. Values for ARM (`neon`)
//! are not recorded; there the runs are made and the threads compared.
//!
//! `RUNNER_PIN=write cargo test --release --test pinned_bits` records the values of this processor's paths anew.

mod common;
mod pinned;

use std::fs;
use std::path::Path;

use common::{Lab, NO_FIGURES, bars, idx};
use image::RgbImage;
use pinned::{begun_on, bits, check, path_of, paths};

/// Trains `spec.toml` on all paths and on one and two threads, and compares with what is recorded.
fn compare(lab: &Lab, name: &str, spec: &str) {
    let spec = format!("name = \"{name}\"\n{spec}\n{NO_FIGURES}");
    lab.write("spec.toml", spec);
    let started = lab.train(&["--threads", "2", "--device", "cpu"]);
    assert_eq!(Some(path_of(&started).as_str()), paths().last().copied());
    for path in paths() {
        let on_threads = |threads: &str| {
            // As deep in the lab as the first run, for relative paths to data.
            let run = lab.path().join("again").join(format!("{path}-{threads}"));
            begun_on(path, &started, &run);
            resume(lab, &run, threads);
            bits(&run)
        };
        let found = on_threads("1");
        assert_eq!(found, on_threads("2"), "{name}: threads change bits");
        if path == path_of(&started) {
            assert_eq!(found, bits(&started), "{name}: a resume changes bits");
        }
        check("bits.toml", name, path, &found);
    }
}

fn resume(lab: &Lab, run: &Path, threads: &str) {
    let run = run.to_str().unwrap();
    let ended = lab.runner(&["resume", run, "--quiet", "--threads", threads]);
    assert_eq!(ended.with_code(0).stderr, "");
}

/// RGB images with something to learn.
fn colours(count: u32, height: u32, width: u32) -> Vec<u8> {
    let mut bytes = vec![];
    for i in 0..count {
        for (y, x, c) in (0..height * width * 3).map(|at| (at / 3 / width, at / 3 % width, at % 3))
        {
            let on = x * 3 / width == (i + c) % 3;
            bytes.push(
                (if on { 180 } else { 25 }) + ((i * 29 + y * 11 + x * 5 + c * 17) % 60) as u8,
            );
        }
    }
    bytes
}

/// 16 and more channels with kernel 3 and stride 2 go through Winograd's products; two latent axes are in the type.
#[test]
fn keeps_bits_of_adam_with_summed_kl_and_a_cosine() {
    compare(
        &Lab::new(),
        "adam_sum_bce",
        "seed = 3
[data]
dataset = \"sprites\"
count = 330
image_size = 16
validation = 0.1
[model]
conv_filters = [16, 32]
[optimizer.adam]
learning_rate = 2e-3
clip_norm = 20.0
[schedule.cosine]
warmup_epochs = 0.5
final_fraction = 0.1
[training]
epochs = 3
batch_size = 32",
    );
}

/// Five latent axes are a number, not a type; the last epochs alone have the whole KL weight.
#[test]
fn keeps_bits_of_adamw_with_mean_kl_mse_and_warm_up() {
    compare(
        &Lab::new(),
        "adamw_mean_mse_warmup",
        "[data]
dataset = \"sprites\"
count = 260
image_size = 13
validation = 0.2
[model]
latent_dim = 5
conv_filters = [4, 8]
kernel_size = 4
hidden = []
activation = \"gelu\"
[loss]
reconstruction = \"mse\"
reconstruction_weight = 2.0
kl_weight = 0.5
kl_reduction = \"mean\"
kl_warmup_epochs = 1.5
[optimizer.adamw]
weight_decay = 0.05
[schedule.step]
every_epochs = 1
factor = 0.3
[training]
epochs = 4
batch_size = 25",
    );
}

#[test]
fn keeps_bits_of_rmsprop_on_odd_idx_images_with_a_test_part() {
    let lab = Lab::new();
    let (images, labels) = bars(150, 9, 14);
    let (test_images, test_labels) = bars(40, 9, 14);
    lab.write("d/images", images);
    lab.write("d/labels", labels);
    lab.write("d/test_images", test_images);
    lab.write("d/test_labels", test_labels);
    compare(
        &lab,
        "rmsprop_odd_idx",
        "seed = 9223372036854775807
[data]
dataset = \"idx\"
path = \"d\"
images = \"images\"
labels = \"labels\"
test_images = \"test_images\"
test_labels = \"test_labels\"
validation = \"test\"
[model]
latent_dim = 3
conv_filters = [5, 7]
activation = \"leaky_relu\"
[loss]
kl_reduction = \"mean\"
[optimizer.rmsprop]
learning_rate = 3e-3
[schedule.linear]
final_fraction = 0.2
[training]
epochs = 3
batch_size = 16",
    );
}

#[test]
fn keeps_bits_of_centered_rmsprop_with_momentum_on_rgb_images() {
    let lab = Lab::new();
    lab.write("images", idx(&[120, 11, 7, 3], &colours(120, 11, 7)));
    lab.write(
        "labels",
        idx(&[120], &(0..120).map(|i| i % 3).collect::<Vec<u8>>()),
    );
    compare(
        &lab,
        "rmsprop_centered_momentum_rgb",
        "[data]
dataset = \"idx\"
images = \"images\"
labels = \"labels\"
validation = 0.15
[model]
latent_dim = 10
conv_filters = [6, 9]
kernel_size = 5
stride = 3
hidden = [12, 8]
activation = \"silu\"
[optimizer.rmsprop]
rho = 0.95
momentum = 0.5
centered = true
clip_norm = 50.0
[training]
epochs = 3
batch_size = 20
checkpoint_every = 2",
    );
}

#[test]
fn keeps_bits_of_rmsprop_with_momentum_and_one_pixel_kernels() {
    compare(
        &Lab::new(),
        "rmsprop_momentum",
        "seed = 1
[data]
dataset = \"sprites\"
count = 200
image_size = 9
limit = 150
[model]
latent_dim = 4
conv_filters = [6]
kernel_size = 1
stride = 1
hidden = [10]
[optimizer.rmsprop]
learning_rate = 1e-3
momentum = 0.8
[training]
epochs = 2
batch_size = 40",
    );
}

/// Three layers, 28 pixels, one latent axis; it stops early.
#[test]
fn keeps_bits_of_nesterov_with_early_stopping() {
    compare(
        &Lab::new(),
        "sgd_nesterov",
        "seed = 5
[data]
dataset = \"sprites\"
count = 200
validation = 0.25
[model]
latent_dim = 1
conv_filters = [4, 6, 8]
activation = \"elu\"
[loss]
reconstruction = \"mse\"
[optimizer.sgd]
learning_rate = 2e-3
momentum = 0.9
nesterov = true
[training]
epochs = 12
batch_size = 30
early_stopping = 2",
    );
}

#[test]
fn keeps_bits_of_sgd_with_momentum_on_both_published_parts() {
    let lab = Lab::new();
    for (part, count) in [("train", 90), ("test", 33)] {
        let (images, labels) = bars(count, 12, 12);
        lab.write(&format!("{part}_images"), images);
        lab.write(&format!("{part}_labels"), labels);
    }
    compare(
        &lab,
        "sgd_momentum",
        "[data]
dataset = \"idx\"
images = \"train_images\"
labels = \"train_labels\"
test_images = \"test_images\"
test_labels = \"test_labels\"
splits = [\"train\", \"test\"]
[model]
conv_filters = [16, 16]
kernel_size = 4
activation = \"tanh\"
[loss]
kl_weight = 4.0
[optimizer.sgd]
learning_rate = 1e-4
momentum = 0.9
clip_norm = 100.0
[training]
epochs = 3
batch_size = 16",
    );
}

/// PNG files of another size than the model's; stride 1, where Winograd's products take whole images.
#[test]
fn keeps_bits_of_plain_sgd_on_resized_rgb_pictures() {
    let lab = Lab::new();
    let (count, height, width) = (60, 13, 10);
    let bytes = colours(count, height, width);
    for (i, own) in bytes.chunks((height * width * 3) as usize).enumerate() {
        let image = RgbImage::from_raw(width, height, own.to_vec()).unwrap();
        let part = if i < 48 { "train" } else { "test" };
        let folder = lab.path().join(format!("p/{part}/class{}", i % 3));
        fs::create_dir_all(&folder).unwrap();
        image.save(folder.join(format!("{i:02}.png"))).unwrap();
    }
    compare(
        &lab,
        "sgd_png_rgb",
        "seed = 2
[data]
dataset = \"images\"
path = \"p\"
image_size = 8
color = \"rgb\"
validation = \"test\"
[model]
conv_filters = [16, 16]
stride = 1
hidden = [8]
[loss]
kl_reduction = \"mean\"
kl_warmup_epochs = 1.0
[optimizer.sgd]
learning_rate = 1e-4
[training]
epochs = 2
batch_size = 12",
    );
}
