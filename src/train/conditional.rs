//! Networks that are told the class of an image, in training: which labels go where, and what becomes of them.

use std::path::Path;

use super::testing::{Trained, train};
use super::{Trainer, build_model, keep_images};
use crate::data::{self, DataSet};
use crate::experiment;
use crate::kernels::Extent;
use crate::nn::Device;
use crate::numeric::random::{Purpose, Stream};
use crate::objective::{At, Drawn};
use crate::optim::Step;
use crate::optim::schedule::Position;
use crate::plan::Plan;
use crate::sys::stop::Stop;
use crate::vae::{Batch, Images, Labels};

const DEVICES: [Device; 2] = [Device::Cpu, Device::CpuDfdx];

/// A conditional model on sprites, whose classes are their shapes.
fn sprites(settings: &str) -> (Plan, DataSet) {
    let text = format!(
        "name = \"a\"\nseed = 3\ndata.dataset = \"sprites\"\ndata.image_size = 12\nmodel.condition = \"label\"\n{settings}"
    );
    let spec = experiment::parse(&text, "a", Path::new("."), &[]).unwrap();
    let data = data::load(&spec.data, spec.seed, &mut |_| ()).unwrap();
    let image = Extent {
        height: 12,
        width: 12,
        channels: 1,
    };
    let plan = Plan::new(spec, image, data.train.len(), data.validation.len());
    (plan.with_classes(data.classes()), data)
}

/// With a discriminator, which looks at a second batch: steps of 8 images, the last one of 6, and 7 images held out.
fn small() -> (Plan, DataSet) {
    let (plan, data) = sprites(
        "data.count = 37\ndata.validation = 0.2\nmodel.latent_dim = 3\nmodel.conv_filters = [3]\nmodel.hidden = [5]\n\
         model.activation = \"tanh\"\ntraining.epochs = 3\ntraining.batch_size = 8\n\
         [objective.factor]\ngamma = 3.0\ndiscriminator_hidden = [5, 4]\ndiscriminator_learning_rate = 0.02\n",
    );
    assert_eq!((plan.train_images, plan.validation_images), (30, 7));
    (plan, data)
}

/// With stops behind the named steps of each epoch, with the images on the device or not.
fn trained(device: Device, stops: &[u64], keeps: bool) -> Trained {
    let (plan, data) = small();
    let build = || {
        let mut model = build_model(&plan, device).unwrap();
        if keeps {
            keep_images(model.as_mut(), &data.images).unwrap();
            assert_eq!(model.keeps_images(), device != Device::Cpu);
        }
        model
    };
    train(&plan, &data, build, stops)
}

#[test]
fn resumes_to_the_same_bits_wherever_the_images_are() {
    for device in DEVICES {
        let whole = trained(device, &[], false);
        assert_eq!(trained(device, &[1, 3], false), whole, "{device}");
        assert_eq!(trained(device, &[2], true), whole, "{device}");
    }
}

#[test]
fn computes_the_same_bits_on_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| trained(Device::Cpu, &[], false))
    };
    assert_eq!(on(1), on(3));
}

/// A batch of six images with all that FactorVAE asks for.
struct Made {
    images: Vec<f32>,
    position: Position,
    noise: Vec<Drawn>,
}

impl Made {
    fn new(plan: &Plan, images: usize) -> Self {
        let at = At::Step { epoch: 0, step: 0 };
        let noise = plan.spec.objective.noise();
        let values = crate::kernels::reference::numbers(images * 144, 1);
        Self {
            images: values.iter().map(|v| v.abs()).collect(),
            position: plan.position(0),
            noise: noise.iter().map(|it| it.draw(1, at, images, 3)).collect(),
        }
    }

    fn batch<'a>(&'a self, batch: &'a [u16], second: &'a [u16]) -> Batch<'a> {
        Batch {
            images: Images::Values(&self.images),
            second: Some(Images::Values(&self.images)),
            labels: Labels { batch, second },
            noise: &self.noise,
            position: self.position,
            kl_weight: 0.7,
        }
    }
}

#[test]
fn tells_each_batch_its_own_labels() {
    let (plan, _) = small();
    for device in DEVICES {
        let model = build_model(&plan, device).unwrap();
        let made = Made::new(&plan, 4);
        let of = |labels: [u16; 4], second: [u16; 4]| {
            let losses = model.evaluate(made.batch(&labels, &second)).unwrap();
            [
                "reconstruction",
                "kl",
                "total_correlation",
                "discriminator_loss",
            ]
            .map(|name| losses.term(name))
        };
        let first = of([0, 1, 2, 0], [0, 1, 2, 0]);
        let other = of([0, 1, 2, 0], [2, 2, 1, 0]);
        assert_eq!(first[..3], other[..3], "{device}");
        assert_ne!(first[3], other[3], "{device}");
        let other = of([1, 1, 2, 0], [0, 1, 2, 0]);
        assert!(first.iter().zip(other).all(|(a, b)| *a != b), "{device}");
    }
}

#[test]
fn rejects_labels_that_are_missing_or_no_classes() {
    let (plan, _) = small();
    for device in DEVICES {
        let mut model = build_model(&plan, device).unwrap();
        let (made, before) = (Made::new(&plan, 2), model.weights());
        let step = Step {
            learning_rate: 0.01,
            number: 1,
            gradient_scale: 1.0,
        };
        for (labels, second) in [
            (&[][..], &[0, 0][..]),
            (&[0, 0], &[]),
            (&[0], &[0, 0]),
            (&[0, 0, 0, 0], &[0, 0]),
            (&[0, 3], &[0, 0]),
            (&[0, 0], &[u16::MAX, 0]),
        ] {
            let batch = made.batch(labels, second);
            assert!(
                model.evaluate(batch).is_err(),
                "{device}: {labels:?}, {second:?}"
            );
            assert!(model.train_step(batch, step, None).is_err());
        }
        assert!(model.encode(&made.images, &[0]).is_err());
        assert!(model.decode(&[0.0; 6], &[]).is_err());
        assert!(model.decode(&[0.0; 6], &[0, 7]).is_err());
        assert_eq!(model.weights(), before);
        assert!(
            model
                .train_step(made.batch(&[2, 0], &[1, 1]), step, None)
                .is_ok()
        );
    }
}

/// The mean of the pixels of each class.
fn brightness(pixels: impl Iterator<Item = (u16, f64)>) -> [f64; 3] {
    let mut sums = [(0.0, 0.0); 3];
    for (label, pixel) in pixels {
        let (sum, count) = &mut sums[usize::from(label)];
        *sum += pixel;
        *count += 1.0;
    }
    sums.map(|(sum, count)| sum / count)
}

/// Squares are the largest sprites of a radius and ellipses the smallest, by a quarter. So are the samples of their
/// classes, which are decoded from the same points.
#[test]
fn draws_samples_of_the_class_that_is_asked_for() {
    let (plan, data) = sprites(
        "data.count = 600\nmodel.latent_dim = 2\nmodel.conv_filters = [6]\noptimizer.adam.learning_rate = 0.01\n\
         training.epochs = 8\ntraining.batch_size = 20\n",
    );
    let model = build_model(&plan, Device::Cpu).unwrap();
    let mut trainer = Trainer::new(&plan, &data, model);
    while !trainer.is_finished() {
        trainer.advance(&Stop::default(), &mut |_| ()).unwrap();
    }
    let mut z = vec![0.0; 2 * 100];
    Stream::new(1, Purpose::Sample, 0, 0).fill_normal(&mut z);
    let samples = (0..3_u16).flat_map(|label| {
        let pixels = trainer.model().decode(&z, &[label; 100]).unwrap();
        pixels
            .into_iter()
            .map(move |pixel| (label, f64::from(pixel)))
    });
    let images = &data.images;
    let real = images.pixels.iter().enumerate().map(|(i, &pixel)| {
        let label = images.labels[i / images.values_per_image()];
        (label, f64::from(pixel) / 255.0)
    });
    let (samples, real) = (brightness(samples), brightness(real));
    let [square, ellipse, heart] = samples;
    assert!(square > heart && heart > ellipse, "{samples:?}, {real:?}");
    for (sample, real) in samples.iter().zip(real) {
        assert!((sample / real - 1.0).abs() < 0.1, "{samples:?}, {real:?}");
    }
}
