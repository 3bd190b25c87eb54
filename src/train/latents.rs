//! Priors and kinds of latents in training: what the plan says of them, what a checkpoint holds, and which metrics there
//! are.

use std::path::Path;

use super::testing::{Trained, train};
use super::{Trainer, build_model};
use crate::data::{self, DataSet};
use crate::experiment;
use crate::kernels::Extent;
use crate::kernels::parallel::Threads;
use crate::metric;
use crate::nn::Device;
use crate::nn::layers::NamedConfig;
use crate::numeric::named_tensor::NamedTensor;
use crate::plan::Plan;
use crate::sys::stop::Stop;

const DEVICES: [Device; 2] = [Device::Cpu, Device::CpuDfdx];

/// Every prior and kind of latents that is not the default.
const KINDS: [&str; 5] = [
    "[prior.mixture]\ncomponents = 4\n",
    "[prior.vamp]\ncomponents = 3\n",
    "[latent.deterministic]\nlatent_l2 = 0.1\ndecoder_l2 = 0.01\n",
    "[latent.vq]\ncodes = 7\ndecay = 0.5\n",
    "[latent.vq]\ncodes = 7\nupdate = \"gradient\"\n",
];

/// A small run; steps of 8 images, the last one of 6, and 7 images held out.
fn small(kind: &str, threads: usize) -> (Plan, DataSet) {
    let text = format!(
        "name = \"a\"\nseed = 3\n[data]\ndataset = \"sprites\"\ncount = 37\nimage_size = 16\nvalidation = 0.2\n\
         [model]\nlatent_dim = 3\nconv_filters = [3, 4]\nhidden = [5]\nactivation = \"tanh\"\nnormalization = \"batch\"\n\
         [training]\nepochs = 3\nbatch_size = 8\nthreads = {threads}\n{kind}"
    );
    let spec = experiment::parse(&text, "a", Path::new("."), &[]).unwrap();
    let data = data::load(&spec.data, spec.seed, &mut |_| ()).unwrap();
    let image = Extent {
        height: 16,
        width: 16,
        channels: 1,
    };
    let plan = Plan::new(spec, image, data.train.len(), data.validation.len());
    (plan, data)
}

#[test]
fn keeps_the_values_that_the_plan_counts() {
    for kind in KINDS {
        let (plan, _) = small(kind, 1);
        for device in DEVICES {
            let model = build_model(&plan, device).unwrap();
            let weights = model.weights();
            let [trained, buffers, prior] = plan.kept();
            let under = |prefix: &'static str| {
                move |(name, shape): (&str, Vec<usize>)| (format!("{prefix}{name}"), shape)
            };
            let mut said: Vec<_> = trained.into_iter().map(under("latent.")).collect();
            said.extend(buffers.into_iter().map(under("latent.")));
            said.extend(prior.into_iter().map(under("prior.")));
            let own = weights
                .iter()
                .filter(|it| it.name.starts_with("latent.") || it.name.starts_with("prior."));
            let own: Vec<_> = own.map(|it| (it.name.clone(), it.shape.clone())).collect();
            assert_eq!(own, said, "{kind}");
            let values: usize = weights.iter().map(|it| it.data.len()).sum();
            assert_eq!(values as u64, plan.parameters() + plan.buffers(), "{kind}");
            let state: usize = model.optimizer_state().iter().map(|it| it.data.len()).sum();
            assert_eq!(state as u64, plan.optimizer_values(), "{kind}");
            let layers = plan.architecture.layers();
            let layers: u64 = layers.iter().map(NamedConfig::parameter_count).sum();
            assert!(layers <= plan.parameters());
        }
    }
}

/// The network begins with the same values whatever the prior is.
#[test]
fn draws_a_prior_behind_the_network() {
    let weights = |kind| {
        build_model(&small(kind, 1).0, Device::Cpu)
            .unwrap()
            .weights()
    };
    let plain = weights("");
    for kind in ["[prior.mixture]\n", "[prior.vamp]\n"] {
        assert_eq!(weights(kind)[..plain.len()], plain);
    }
}

/// With stops behind the named steps of each epoch.
fn trained(kind: &str, device: Device, threads: usize, stops: &[u64]) -> Trained {
    let (plan, data) = small(kind, threads);
    train(&plan, &data, || build_model(&plan, device).unwrap(), stops)
}

#[test]
fn resumes_to_the_same_bits_with_any_number_of_threads() {
    for kind in KINDS {
        for device in DEVICES {
            let run = |threads, stops: &'static [u64]| {
                let pool = Threads::new(threads).unwrap();
                pool.run(|| trained(kind, device, threads, stops))
            };
            let whole = run(1, &[]);
            assert_eq!(run(1, &[1, 3]), whole, "{kind} on {device}");
            if device == Device::Cpu {
                assert_eq!(run(3, &[2]), whole, "{kind}");
            }
            let finite = |tensor: &NamedTensor| tensor.data.iter().all(|it| it.is_finite());
            assert!(whole.tensors.iter().all(finite), "{kind}");
        }
    }
}

#[test]
fn has_the_metrics_that_exist() {
    let row = |kind| {
        let (plan, data) = small(kind, 1);
        let mut trainer = Trainer::new(&plan, &data, build_model(&plan, Device::Cpu).unwrap());
        trainer.advance(&Stop::default(), &mut |_| ()).unwrap();
        trainer.history()[0].clone()
    };
    let has = |row: &metric::Row, names: &[&str]| -> Vec<bool> {
        names.iter().map(|name| row.get(name).is_some()).collect()
    };
    let kl = [
        "kl",
        "kl_nats",
        "elbo",
        "bits_per_dim",
        "val_kl",
        "kl_weight",
    ];
    for kind in &KINDS[..2] {
        let row = row(kind);
        assert_eq!(has(&row, &kl), [true; 6], "{row:?}");
        assert_eq!(
            has(&row, &["log_prior", "val_log_prior", "active_axes"]),
            [true; 3]
        );
        assert_eq!(row.get("kl_per_axis"), None);
        assert_eq!(row.scalar("kl_nats"), row.scalar("kl"));
    }
    for kind in &KINDS[2..] {
        let row = row(kind);
        assert_eq!(has(&row, &kl), [false; 6], "{row:?}");
        assert_eq!(has(&row, &["kl_per_axis", "active_axes"]), [false; 2]);
        assert_eq!(
            has(&row, &["loss", "reconstruction", "val_loss"]),
            [true; 3]
        );
    }
    let deterministic = row(KINDS[2]);
    assert_eq!(
        has(&deterministic, &["latent_l2", "val_decoder_l2"]),
        [true; 2]
    );
    assert_eq!(
        has(&deterministic, &["perplexity", "codes_used"]),
        [false; 2]
    );
    let vq = row(KINDS[3]);
    let own = ["codebook", "val_commitment", "perplexity", "val_codes_used"];
    assert_eq!(has(&vq, &own), [true; 4]);
    let perplexity = vq.scalar("perplexity").unwrap();
    let used = vq.scalar("codes_used").unwrap();
    assert!(
        perplexity >= 1.0 && perplexity <= used && used <= 7.0,
        "{perplexity} {used}"
    );
}

/// What is drawn from a learned prior, and what codes are decoded to.
#[test]
fn encodes_and_decodes_each_kind() {
    for kind in KINDS {
        let (plan, _) = small(kind, 1);
        for device in DEVICES {
            let model = build_model(&plan, device).unwrap();
            let images = crate::kernels::reference::numbers(5 * 256, 1);
            let images: Vec<f32> = images.iter().map(|v| v.abs().min(1.0)).collect();
            let z = model.encode(&images, &[]).unwrap();
            let places = plan.architecture.places();
            assert_eq!(z.len(), 5 * places * 3);
            assert_eq!(model.decode(&z, &[]).unwrap().len(), images.len());
            let codes = model.codes(&images, &[]).unwrap();
            assert_eq!(
                codes.map(|it| it.len()),
                (plan.spec.latent.codes() > 0).then_some(5 * places)
            );
            if places > 1 {
                assert!(model.decode(&z[..3], &[]).is_err());
                assert!(model.planar().is_none());
            }
            let prior = model.prior().unwrap();
            let components = prior.map_or(0, |it| it.log_weights.len());
            assert_eq!(components, plan.spec.prior.component_count());
        }
    }
}
