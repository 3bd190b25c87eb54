//! What the objectives are for shows in what they train: on small images, with three seeds each, against a run without
//! them whose same number is taken.

use std::path::Path;

use runner::kernels::Extent;
use runner::metric::Row;
use runner::nn::Device;
use runner::numeric::random::{Purpose, Stream};
use runner::objective::Drawn;
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
        let draw = |purpose| {
            let mut values = vec![0.0; IMAGES * AXES];
            Stream::new(seed, purpose, 0, 0).fill_normal(&mut values);
            Drawn { purpose, values }
        };
        let noise = [draw(Purpose::Noise), draw(Purpose::Prior)];
        let batch = Batch {
            images: Images::Values(&pixels),
            second: None,
            labels: Labels::default(),
            noise: &noise,
            position: plan.position(trainer.progress().step - 1),
            kl_weight: plan.spec.loss.kl_weight,
        };
        let forward = trainer.model().forward(batch).unwrap();
        Self {
            last: trainer.history().last().unwrap().clone(),
            means: forward.losses.means,
            log_var: forward.log_var,
            points: forward.z,
        }
    }

    fn metric(&self, name: &str) -> f64 {
        self.last.scalar(name).unwrap()
    }

    /// The sum of the squared covariances of different axes of the means.
    fn off_diagonal(&self) -> f64 {
        let row = |i: usize| self.means[i * AXES..(i + 1) * AXES].iter();
        let mut sums = [0.0; AXES];
        let mut products = [[0.0; AXES]; AXES];
        for i in 0..IMAGES {
            let row: Vec<f64> = row(i).map(|&v| f64::from(v)).collect();
            for a in 0..AXES {
                sums[a] += row[a] / IMAGES as f64;
                for b in 0..AXES {
                    products[a][b] += row[a] * row[b] / IMAGES as f64;
                }
            }
        }
        let pairs = (0..AXES * AXES).map(|i| (i / AXES, i % AXES));
        pairs
            .filter(|(a, b)| a != b)
            .map(|(a, b)| (products[a][b] - sums[a] * sums[b]).powi(2))
            .sum()
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
fn dip_makes_the_axes_uncorrelated() {
    for seed in SEEDS {
        let plain = Trained::new(seed, "");
        let dip = Trained::new(seed, "[objective.dip]\nlambda_od = 20\nlambda_d = 20\n");
        let (before, after) = (plain.off_diagonal(), dip.off_diagonal());
        println!("dip {seed}: {before} {after} {:?}", dip.last);
        assert!(
            after < 0.3 * before && after < 0.02,
            "{seed}: {after}, {before}"
        );
    }
}

#[test]
fn the_kl_ends_near_the_capacity() {
    for seed in SEEDS {
        let free = Trained::new(seed, "").metric("kl_nats");
        for nats in [2.0, 12.0] {
            let led = Trained::new(
                seed,
                &format!("[objective.capacity]\ngamma = 50\nnats = {nats}\nepochs = 20\n"),
            );
            let kl = led.metric("kl_nats");
            println!("capacity {seed}: {free} {nats} {kl} {:?}", led.last);
            assert!((kl - nats).abs() < 0.5, "{seed}: {kl} is not near {nats}");
            assert!(
                (free - nats).abs() > 1.0,
                "{seed}: {free} is near {nats} anyway"
            );
        }
    }
}

#[test]
fn axes_stay_above_their_free_nats() {
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
        println!("free {seed}: {plain} {:?}", free.last);
        assert!(
            plain < 0.1,
            "{seed}: no axis is idle without free bits: {plain}"
        );
        assert!(least(&free) > 0.4, "{seed}: {:?}", free.last);
    }
}

#[test]
fn beta_tc_makes_the_axes_less_dependent() {
    for seed in SEEDS {
        let plain = Trained::new(seed, "").total_correlation();
        let tc = Trained::new(seed, "[objective.beta_tc]\nbeta = 10\n").total_correlation();
        println!("tc {seed}: {plain} {tc}");
        assert!(tc < 0.7 * plain, "{seed}: {tc} of {plain}");
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
        println!("mmd {seed}: {without} {with}");
        assert!(with < 0.3 * without, "{seed}: {with} of {without}");
    }
}
