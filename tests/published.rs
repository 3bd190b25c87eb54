//! The specs of `experiments/published`: each has the parameters that its own code has, and trains.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Lab;
use common::picture;
use image::RgbImage;
use runner::experiment;
use runner::kernels::Extent;
use runner::plan::Plan;

/// Side and channels of an image, and the trained values that `tests/reference/published_counts.py` counts from PyTorch's
/// layers of the code that the spec names.
const COUNTS: [(&str, usize, usize, u64); 10] = [
    ("burgess_beta_sprites", 64, 1, 502_005),
    ("burgess_capacity_mnist", 32, 1, 469_173),
    ("keras_mnist_vae", 28, 1, 134_165),
    ("locatello_beta_sprites", 64, 1, 690_517),
    ("pythae_beta_celeba", 64, 3, 34_594_563),
    ("pytorch_examples_mlp", 28, 1, 652_824),
    ("pytorch_vae_capacity", 64, 3, 3_937_635),
    ("pytorch_vae_vanilla", 64, 3, 3_937_635),
    ("tensorflow_cvae", 28, 1, 69_989),
    ("world_models", 64, 3, 2_115_971),
];

fn spec(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/published");
    folder.join(format!("{name}.toml"))
}

#[test]
fn has_the_parameters_of_the_published_code() {
    let folder = spec("x").parent().unwrap().to_owned();
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, COUNTS.map(|it| it.0));
    for (name, side, channels, parameters) in COUNTS {
        let text = fs::read_to_string(spec(name)).unwrap();
        // A sweep changes no layer, and the pictures are not here.
        let text = text.split("[sweep").next().unwrap();
        let spec = experiment::read_back(text, name, &[]).unwrap();
        let image = Extent {
            height: side,
            width: side,
            channels,
        };
        let plan = Plan::new(spec, image, 100_000, 0);
        assert_eq!(plan.architecture.misfit(), None, "{name}");
        assert_eq!(plan.parameters(), parameters, "{name}");
    }
}

/// Two epochs of a few images of each spec's form.
#[test]
fn trains_two_epochs() {
    let lab = Lab::new();
    for i in 0..8_u8 {
        let pixel = |x: u32, y: u32| image::Rgb([(4 * x) as u8, (4 * y) as u8, 30 * i]);
        let bytes = picture(RgbImage::from_fn(64, 64, pixel), false);
        lab.write(&format!("pictures/{i}.png"), bytes);
    }
    let mnist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    let pictures = format!("data.path={}", lab.path().join("pictures").display());
    let digits = format!("data.path={}", mnist.display());
    for (name, ..) in COUNTS {
        let text = fs::read_to_string(spec(name)).unwrap();
        let text = text.split("[sweep").next().unwrap();
        let mut changes = vec![
            "training.epochs=2",
            "training.batch_size=4",
            "figures.manifold=false",
            "figures.samples=false",
            "figures.reconstructions=false",
        ];
        if text.contains("\"mnist\"") {
            if !mnist.is_dir() {
                println!("skipped, no {}: {name}", mnist.display());
                continue;
            }
            changes.extend([digits.as_str(), "data.limit=8"]);
        } else if text.contains("\"images\"") {
            changes.push(&pictures);
        } else {
            changes.push("data.count=8");
        }
        if text.contains("[objective.capacity]") {
            changes.push("objective.capacity.steps=1");
        }
        let path = lab.write(&format!("{name}.toml"), text);
        let mut args = vec![path.to_str().unwrap(), "--quiet"];
        for change in &changes {
            args.extend(["--set", change]);
        }
        lab.runner(&args).with_code(0);
    }
}
