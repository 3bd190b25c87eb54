//! What the objectives are for shows in what they train: on small images, with three seeds each, against a run without
//! them whose same number is taken.

use std::path::Path;

use runner::kernels::Extent;
use runner::metric::Row;
use runner::nn::Device;
use runner::objective::{At, Drawn};
use runner::plan::Plan;
use runner::sys::stop::Stop;
use runner::train::{Trainer, build_model};
use runner::vae::{Batch, Images, Labels};
use runner::{data, experiment};

const AXES: usize = 4;
const IMAGES: usize = 400;
const SEEDS: [u64; 3] = [1, 2, 3];

/// A trained network.
struct Trained {
    /// Metrics of the last epoch.
    last: Row,
    /// Means, log variances and points of all images, (image, axis).
    means: Vec<f32>,
    log_var: Vec<f32>,
    points: Vec<f32>,
}

impl Trained {
    /// On sprites of eight pixels a side, with more settings.
    fn new(seed: u64, more: &str) -> Self {
        let text = format!(
            "name = \"effects\"\nseed = {seed}\n[data]\ndataset = \"sprites\"\ncount = {IMAGES}\nimage_size = 8\n[model]\n\
             latent_dim = {AXES}\nconv_filters = [8]\nhidden = [32]\n[training]\nepochs = 40\nbatch_size = 40\n\
             [optimizer.adam]\nlearning_rate = 0.004\n{more}"
        );
        let spec = experiment::parse(&text, "effects", Path::new("."), &[]).unwrap();
        let data = data::load(&spec.data, spec.seed, &mut |_| ()).unwrap();
        let image = Extent {
            height: 8,
            width: 8,
            channels: 1,
        };
        let plan = Plan::new(spec, image, IMAGES, 0);
        let model = build_model(&plan, Device::Cpu).unwrap();
        let mut trainer = Trainer::new(&plan, &data, model);
        while !trainer.is_finished() {
            trainer.advance(&Stop::default(), &mut |_| ()).unwrap();
        }
        let mut pixels = vec![0.0; IMAGES * image.len()];
        data::fill_batch(&data.images, &data.train, &mut pixels);
        let noise = plan.noise();
        let noise = noise.iter();
        let noise: Vec<Drawn> = noise
            .map(|noise| noise.draw(seed, At::Validation(0), IMAGES, AXES))
            .collect();
        let batch = Batch {
            images: Images::Values(&pixels),
            second: Some(Images::Values(&pixels)),
            labels: Labels::default(),
            noise: &noise,
            position: plan.position(trainer.progress().step - 1),
            kl_weight: plan.spec.loss.kl_weight,
        };
        let forward = trainer.model().forward(batch).unwrap();
        Self {
            last: trainer.history().last().unwrap().clone(),
            means: forward.losses.means,
            log_var: forward.log_var.unwrap(),
            points: forward.z,
        }
    }

    fn metric(&self, name: &str) -> f64 {
        self.last.scalar(name).unwrap()
    }

    /// Of the covariance of the means of all images the sum of squares beside the diagonal, and that of the distances
    /// from 1 on it.
    fn covariance(&self) -> [f64; 2] {
        let column = |axis: usize| {
            let values = self.means.iter().skip(axis).step_by(AXES);
            values.map(|&value| f64::from(value)).collect::<Vec<_>>()
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / IMAGES as f64;
        let covariance = |a: usize, b: usize| {
            let (a, b) = (column(a), column(b));
            let products: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
            mean(&products) - mean(&a) * mean(&b)
        };
        let mut sums = [0.0; 2];
        for (a, b) in (0..AXES * AXES).map(|i| (i / AXES, i % AXES)) {
            match a == b {
                true => sums[1] += (covariance(a, b) - 1.0).powi(2),
                false => sums[0] += covariance(a, b).powi(2),
            }
        }
        sums
    }

    /// The total correlation of the points, E log q(z) - log prod q(z_d), where q is the mixture of all images.
    fn total_correlation(&self) -> f64 {
        let log_mean = |logs: &[f64]| {
            let most = logs.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum();
            most + (sum / logs.len() as f64).ln()
        };
        let total: f64 = (0..IMAGES)
            .map(|i| {
                let density = |j: usize, d: usize| {
                    let at = |values: &[f32], image: usize| f64::from(values[image * AXES + d]);
                    let (log_var, mean) = (at(&self.log_var, j), at(&self.means, j));
                    let distance = (at(&self.points, i) - mean).powi(2) / log_var.exp();
                    -0.5 * (std::f64::consts::TAU.ln() + log_var + distance)
                };
                let axes = |j| (0..AXES).map(move |d| density(j, d)).sum::<f64>();
                let joint: Vec<f64> = (0..IMAGES).map(axes).collect();
                let product = (0..AXES).map(|d| {
                    let of_axis: Vec<f64> = (0..IMAGES).map(|j| density(j, d)).collect();
                    log_mean(&of_axis)
                });
                log_mean(&joint) - product.sum::<f64>()
            })
            .sum();
        total / IMAGES as f64
    }
}

#[test]
fn dip_leads_the_covariance_to_the_identity() {
    for seed in SEEDS {
        let [beside, on] = Trained::new(seed, "").covariance();
        let only = Trained::new(seed, "[objective.dip]\nlambda_od = 100\nlambda_d = 0\n");
        let less = only.covariance()[0];
        assert!(less < 0.5 * beside, "{seed}: {less} of {beside}");
        let near = Trained::new(seed, "[objective.dip]\n").covariance()[1];
        assert!(near < 0.5 * on, "{seed}: {near} of {on}");
    }
}

#[test]
fn the_capacity_draws_the_kl_to_itself() {
    for seed in SEEDS {
        let free = Trained::new(seed, "").metric("kl_nats");
        for nats in [0.5, 5.0] {
            let led = Trained::new(
                seed,
                &format!("[objective.capacity]\ngamma = 50\nnats = {nats}\nepochs = 20\n"),
            );
            let kl = led.metric("kl_nats");
            let (led, left) = ((kl - nats).abs(), (free - nats).abs());
            assert!(
                led < 0.5 * left,
                "{seed}: {kl} and {free}, {nats} asked for"
            );
        }
    }
}

/// Axes come to lie around the free nats: each batch's own KL is above or below them.
#[test]
fn axes_lie_around_their_free_nats() {
    let least = |of: &Trained| {
        let axes = of.last.axes("kl_per_axis").iter();
        axes.copied().fold(f64::MAX, f64::min)
    };
    for seed in SEEDS {
        let strong = "[loss]\nkl_weight = 4\n";
        let plain = least(&Trained::new(seed, strong));
        let free = Trained::new(
            seed,
            &format!("{strong}[objective.free_bits]\nnats = 0.5\n"),
        );
        assert!(plain < 0.1, "{seed}: no axis is idle without them: {plain}");
        let free = least(&free);
        assert!(free > 0.25, "{seed}: {free}");
    }
}

#[test]
fn beta_tc_makes_the_axes_less_dependent() {
    for seed in SEEDS {
        let plain = Trained::new(seed, "").total_correlation();
        let tc = Trained::new(seed, "[objective.beta_tc]\nbeta = 10\n").total_correlation();
        assert!(tc < 0.7 * plain, "{seed}: {tc} of {plain}");
    }
}

#[test]
fn a_discriminator_makes_the_axes_less_dependent() {
    let factor = "[objective.factor]\ngamma = 20\ndiscriminator_hidden = [64, 64]\ndiscriminator_learning_rate = 0.001\n";
    for seed in SEEDS {
        let plain = Trained::new(seed, "").total_correlation();
        let factor = Trained::new(seed, factor).total_correlation();
        assert!(factor < 0.8 * plain, "{seed}: {factor} of {plain}");
    }
}

#[test]
fn the_discrepancy_leads_points_to_the_prior() {
    for seed in SEEDS {
        let of = |weight: f64| {
            let text = format!("[loss]\nkl_weight = 0\n[objective.mmd]\nweight = {weight}\n");
            Trained::new(seed, &text).metric("mmd")
        };
        let (without, with) = (of(0.0), of(100.0));
        assert!(with < 0.3 * without, "{seed}: {with} of {without}");
    }
}
