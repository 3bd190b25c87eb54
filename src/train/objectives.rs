//! Objectives in training: what each loss trains, what a checkpoint holds of it, and values that another
//! implementation computed.

use std::path::Path;

use super::build_model;
use super::testing::{Trained, train};
use crate::data::{self, DataSet};
use crate::experiment::{self, Spec};
use crate::kernels::Extent;
use crate::kernels::parallel::Threads;
use crate::likelihood::AnyLikelihood;
use crate::likelihood::discretized_logistic::DiscretizedLogistic;
use crate::likelihood::gaussian::{Gaussian, Variance};
use crate::metric::Metric;
use crate::nn::Device;
use crate::numeric::named_tensor::NamedTensor;
use crate::numeric::random::Purpose;
use crate::objective::factor::Factor;
use crate::objective::iwae::{Gradient, Iwae};
use crate::objective::{AnyObjective, At, Drawn, ParameterGroup};
use crate::optim::Step;
use crate::optim::schedule::Position;
use crate::plan::Plan;
use crate::vae::{Batch, Images, Labels, Model, ModelError};

const DEVICES: [Device; 2] = [Device::Cpu, Device::CpuDfdx];

fn factor() -> AnyObjective {
    AnyObjective::Factor(Factor {
        gamma: 3.0,
        discriminator_hidden: vec![5, 4],
        discriminator_learning_rate: 0.02,
        discriminator_beta_1: 0.5,
        discriminator_beta_2: 0.9,
    })
}

fn iwae() -> AnyObjective {
    AnyObjective::Iwae(Iwae {
        samples: 4,
        gradient: Gradient::Dreg,
    })
}

/// A small FactorVAE.
fn small(epochs: usize) -> (Plan, DataSet) {
    small_of(factor(), epochs)
}

/// A small run; steps of 8 images, the last one of 6, and 7 images held out.
fn small_of(objective: AnyObjective, epochs: usize) -> (Plan, DataSet) {
    let text = format!(
        "name = \"a\"\nseed = 3\n[data]\ndataset = \"sprites\"\ncount = 37\nimage_size = 16\nvalidation = 0.2\n\
         [model]\nlatent_dim = 3\nconv_filters = [3]\nhidden = [5]\nactivation = \"tanh\"\n[optimizer.rmsprop]\nclip_norm = 30.0\n\
         [training]\nepochs = {epochs}\nbatch_size = 8\n"
    );
    let spec = experiment::parse(&text, "a", Path::new("."), &[]).unwrap();
    let spec = Spec { objective, ..spec };
    let data = data::load(&spec.data, spec.seed, &mut |_| ()).unwrap();
    let image = Extent {
        height: 16,
        width: 16,
        channels: 1,
    };
    let plan = Plan::new(spec, image, data.train.len(), data.validation.len());
    assert_eq!((plan.train_images, plan.validation_images), (30, 7));
    (plan, data)
}

/// A batch of six images with all that FactorVAE asks for.
struct Made {
    images: Vec<f32>,
    second: Vec<f32>,
    noise: Vec<Drawn>,
}

impl Made {
    fn new() -> Self {
        let pixels = |seed| -> Vec<f32> {
            let values = crate::kernels::reference::numbers(6 * 256, seed);
            values.iter().map(|v| v.abs()).collect()
        };
        let noise = factor().noise();
        Self {
            images: pixels(1),
            second: pixels(2),
            noise: noise.iter().map(|it| it.draw(1, FIRST, 6, 3)).collect(),
        }
    }

    fn batch(&self) -> Batch<'_> {
        Batch {
            images: Images::Values(&self.images),
            second: Some(Images::Values(&self.second)),
            labels: Labels::default(),
            noise: &self.noise,
            position: START,
            kl_weight: 0.7,
        }
    }
}

/// The beginning of a run of three steps.
const START: Position = Position {
    step: 0,
    steps_per_epoch: 3,
    epochs: 1,
};

const STEP: Step = Step {
    learning_rate: 0.01,
    number: 1,
    gradient_scale: 1.0,
};

const FIRST: At = At::Step { epoch: 0, step: 0 };

fn is_own(tensor: &NamedTensor) -> bool {
    tensor.name.contains("objective.")
}

#[test]
fn lists_own_parameters_after_those_of_the_network() {
    let (plan, _) = small(1);
    let plain = Plan {
        spec: Spec {
            objective: AnyObjective::default(),
            ..plan.spec.clone()
        },
        ..plan.clone()
    };
    let weights = |plan| build_model(plan, Device::Cpu).unwrap().weights();
    let (with, without) = (weights(&plan), weights(&plain));
    // The network begins with the same values.
    assert_eq!(with[..without.len()], without);
    let own = &with[without.len()..];
    let names: Vec<_> = own.iter().map(|tensor| tensor.name.as_str()).collect();
    let expected = [
        "objective.discriminator.dense.kernel",
        "objective.discriminator.dense.bias",
        "objective.discriminator.dense1.kernel",
        "objective.discriminator.dense1.bias",
        "objective.discriminator.output.kernel",
        "objective.discriminator.output.bias",
    ];
    assert_eq!(names, expected);
    let values: usize = own.iter().map(|tensor| tensor.data.len()).sum();
    assert_eq!(factor().parameters(3), values as u64);
    assert_eq!(plan.parameters(), plain.parameters() + values as u64);
    // A value and two of Adam for each.
    let bytes = plain.checkpoint_bytes() + 4 * 3 * values as u64;
    assert_eq!(plan.checkpoint_bytes(), bytes);
    // Three batches of points go through the discriminator, and a second batch of images forward through the encoder.
    let encoder: u64 = plan
        .architecture
        .encoder_layers()
        .iter()
        .map(|layer| layer.flops())
        .sum();
    let discriminator = 3 * 3 * 2 * (3 * 5 + 5 * 4 + 4 * 2);
    let flops = plain.flops_per_step() + 8 * (encoder + discriminator);
    assert_eq!(plan.flops_per_step(), flops);
    assert!(plan.memory_bytes() > plain.memory_bytes());
    // RMSprop has one slot for the network, Adam two for the discriminator.
    let state = build_model(&plan, Device::Cpu).unwrap().optimizer_state();
    let own: Vec<_> = state.iter().filter(|tensor| is_own(tensor)).collect();
    assert_eq!(state.len() - own.len(), without.len());
    assert_eq!(own[0].name, format!("optimizer.momentum.{}", expected[0]));
    assert_eq!(own[1].name, format!("optimizer.velocity.{}", expected[0]));
    assert_eq!(own.len(), 12);
}

/// The gradients of a group are those of its own loss and no other's: against central differences of that loss, and the
/// largest of each of the discriminator's tensors against a second implementation (Python in double precision).
#[test]
fn trains_each_group_by_its_own_loss() {
    const OWN: [(usize, f64); 6] = [
        (6, -0.081_290_2),
        (2, -0.042_717_2),
        (11, 0.093_779_7),
        (3, 0.019_693_8),
        (2, -0.076_969_6),
        (1, -0.090_694_9),
    ];
    let (plan, _) = small(1);
    let made = Made::new();
    for device in DEVICES {
        let mut model = build_model(&plan, device).unwrap();
        let weights = model.weights();
        let forward = model.forward(made.batch()).unwrap();
        let own_loss = forward.losses.term("discriminator_loss");
        assert!(
            (own_loss - 0.604_794_7).abs() < 1e-5,
            "{device}: {own_loss}"
        );
        let gradients = forward.gradients;
        assert_eq!(gradients.len(), weights.len());
        let own = gradients.iter().filter(|tensor| is_own(tensor));
        for (gradient, (place, want)) in own.zip(OWN) {
            let got = f64::from(gradient.data[place]);
            let near = (got - want).abs() < 1e-5;
            assert!(near, "{device}: {}: {got}", gradient.name);
        }
        for (i, gradient) in gradients.iter().enumerate() {
            // A shift of 5e-3 carries a unit of the discriminator across the kink of leaky ReLU; the larger loss of the
            // network would lose too many digits in f32 by a smaller one.
            let (loss, shift) = match ParameterGroup::of(&gradient.name) {
                ParameterGroup::Network => ("loss", 5e-3),
                ParameterGroup::Objective => ("discriminator_loss", 5e-4),
            };
            let largest = gradient.data.iter().fold(0.0_f32, |a, g| a.max(g.abs()));
            // The places of the largest gradients say most.
            let mut places: Vec<usize> = (0..gradient.data.len()).collect();
            places.sort_by(|&a, &b| gradient.data[b].abs().total_cmp(&gradient.data[a].abs()));
            for &place in places.iter().take(2) {
                let mut at = |shift: f32| {
                    let mut moved = weights.clone();
                    moved[i].data[place] += shift;
                    model.set_weights(&moved).unwrap();
                    model.evaluate(made.batch()).unwrap().term(loss)
                };
                let slope = (at(shift) - at(-shift)) / f64::from(2.0 * shift);
                let got = f64::from(gradient.data[place]);
                let error = (got - slope).abs() / f64::from(largest).max(0.05);
                assert!(
                    error < 0.05,
                    "{device}: {}: {got} is not {slope}",
                    gradient.name
                );
            }
        }
    }
}

#[test]
fn trains_own_parameters_at_their_own_learning_rate() {
    let (plan, _) = small(1);
    for device in DEVICES {
        let mut model = build_model(&plan, device).unwrap();
        let before = model.weights();
        let step = Step {
            learning_rate: 0.0,
            ..STEP
        };
        let report = model.train_step(Made::new().batch(), step, None).unwrap();
        for (old, new) in before.iter().zip(&model.weights()) {
            assert_eq!(is_own(new), old != new, "{}", new.name);
        }
        // The norm that is told is the network's, whose gradients come of one loss.
        let names: Vec<_> = report.losses.terms.iter().map(|(name, _)| *name).collect();
        let expected = [
            "loss",
            "reconstruction",
            "kl",
            "total_correlation",
            "discriminator_loss",
        ];
        assert_eq!(names, expected);
        // Adam's first step goes the learning rate against the sign of the gradient.
        let bias = before.len() - 1;
        let moved = model.weights()[bias].data[0] - before[bias].data[0];
        assert!((moved.abs() - 0.02).abs() < 1e-4, "{moved}");
    }
}

#[test]
fn changes_nothing_where_one_of_the_losses_is_not_finite() {
    let (plan, _) = small(1);
    for device in DEVICES {
        let mut model = build_model(&plan, device).unwrap();
        let mut made = Made::new();
        model.train_step(made.batch(), STEP, None).unwrap();
        let all = |model: &dyn Model| [model.weights(), model.optimizer_state()].concat();
        let before = all(model.as_ref());
        let points = made.noise.iter_mut();
        let mut points = points.filter(|drawn| drawn.purpose == Purpose::SecondPoints);
        points.next().unwrap().values[4] = f32::NAN;
        let refused = model.train_step(made.batch(), STEP, Some(1.0));
        assert_eq!(refused, Err(ModelError::NotFinite("discriminator_loss")));
        assert_eq!(all(model.as_ref()), before, "{device}");
        // The network's loss comes last of its terms.
        made.noise[0].values[0] = f32::INFINITY;
        let refused = model.train_step(made.batch(), STEP, None);
        assert!(matches!(refused, Err(ModelError::NotFinite(term)) if term != "loss"));
        assert_eq!(all(model.as_ref()), before, "{device}");
    }
}

/// With stops behind the named steps of each epoch.
fn trained(
    (objective, likelihood): (AnyObjective, AnyLikelihood),
    device: Device,
    stops: &[u64],
) -> Trained {
    let terms = objective.terms();
    let (mut plan, data) = small_of(objective, 3);
    plan.spec.loss.reconstruction = likelihood;
    let trained = train(&plan, &data, || build_model(&plan, device).unwrap(), stops);
    for row in &trained.history {
        for Metric { name, .. } in terms {
            assert!(row.scalar(name).is_some(), "{row:?}");
            assert!(row.scalar(&format!("val_{name}")).is_some(), "{row:?}");
        }
    }
    trained
}

/// Likelihoods with numbers of their own, and the names of those.
fn likelihoods() -> [(AnyLikelihood, &'static [&'static str]); 4] {
    let gaussian = |variance| AnyLikelihood::Gaussian(Gaussian { variance });
    let average = &[
        "likelihood.mean_squared_error",
        "likelihood.mean_squared_error_weight",
    ];
    [
        (AnyLikelihood::default(), &[]),
        (gaussian(Variance::Learned), &["likelihood.log_variance"]),
        (gaussian(Variance::Optimal), average),
        (
            AnyLikelihood::DiscretizedLogistic(DiscretizedLogistic {}),
            &["likelihood.log_scale"],
        ),
    ]
}

#[test]
fn resumes_to_the_same_bits() {
    let members = likelihoods().map(|(likelihood, own)| (factor(), likelihood, own));
    let iwae = (iwae(), AnyLikelihood::default(), &[] as &[&str]);
    for device in DEVICES {
        for (objective, likelihood, own) in members.iter().chain([&iwae]) {
            let trained = |stops| trained((objective.clone(), *likelihood), device, stops);
            let whole = trained(&[]);
            assert_eq!(whole.tensors.iter().any(is_own), objective.second_batch());
            for name in *own {
                let found = whole.tensors.iter().find(|tensor| tensor.name == *name);
                let found = found.unwrap();
                assert!(
                    found.shape == [1] && found.data != [0.0],
                    "{found:?} was not trained"
                );
            }
            for stops in [&[1, 3][..], &[2]] {
                assert_eq!(trained(stops), whole, "{} on {device}", likelihood.name());
            }
        }
    }
}

/// They stand behind the network's, whose first weights stay what they are.
#[test]
fn counts_and_lists_numbers_of_a_likelihood_behind_those_of_the_network() {
    let (plain, _) = small(1);
    let weights = |plan: &Plan| build_model(plan, Device::Cpu).unwrap().weights();
    let without = weights(&plain);
    for (likelihood, own) in likelihoods() {
        let mut plan = plain.clone();
        plan.spec.loss.reconstruction = likelihood;
        let (mut with, mut found) = (weights(&plan), vec![]);
        let place = without.iter().position(is_own).unwrap();
        for _ in own {
            found.push(with.remove(place).name);
        }
        assert_eq!(found, own);
        assert_eq!(with, without);
        let values = plan.parameters() + plan.buffers();
        assert_eq!(
            values,
            plain.parameters() + plain.buffers() + own.len() as u64
        );
    }
}

#[test]
fn trains_to_the_same_bits_with_any_number_of_threads() {
    for objective in [factor(), iwae()] {
        let with = |threads| {
            let threads = Threads::new(threads).unwrap();
            threads.run(|| {
                trained(
                    (objective.clone(), AnyLikelihood::default()),
                    Device::Cpu,
                    &[],
                )
            })
        };
        let one = with(1);
        assert_eq!(one.tensors.iter().any(is_own), objective.second_batch());
        assert_eq!(with(3), one);
    }
}

#[test]
fn changes_nothing_where_a_sample_is_not_finite() {
    let (plan, _) = small_of(iwae(), 1);
    let noise = |bad: Option<f32>| {
        let mut drawn = plan.spec.objective.noise()[0].draw(1, FIRST, 6, 3);
        if let Some(bad) = bad {
            drawn.values[20] = bad;
        }
        [drawn]
    };
    let made = Made::new();
    for device in DEVICES {
        let mut model = build_model(&plan, device).unwrap();
        let before = model.weights();
        for bad in [f32::NAN, f32::INFINITY] {
            let noise = noise(Some(bad));
            let batch = Batch {
                second: None,
                noise: &noise,
                ..made.batch()
            };
            let refused = model.train_step(batch, STEP, None);
            assert!(matches!(refused, Err(ModelError::NotFinite(term)) if term != "loss"));
            assert_eq!(model.weights(), before, "{device}");
        }
        let noise = noise(None);
        let batch = Batch {
            second: None,
            noise: &noise,
            ..made.batch()
        };
        let report = model.train_step(batch, STEP, None).unwrap();
        let samples = report.losses.term("effective_samples");
        assert!((1.0..=4.0).contains(&samples), "{samples}");
        assert_ne!(model.weights(), before, "{device}");
    }
}

#[test]
fn counts_the_decoder_once_for_each_point() {
    let (plan, _) = small_of(iwae(), 1);
    let (plain, _) = small_of(AnyObjective::default(), 1);
    let decoder = plan.architecture.decoder_layers();
    let decoder: u64 = decoder.iter().map(|layer| layer.training_flops()).sum();
    let more = plan.flops_per_step() - plain.flops_per_step();
    assert_eq!(more, 8 * 3 * decoder);
    assert!(plan.memory_bytes() > plain.memory_bytes());
    assert_eq!(plan.checkpoint_bytes(), plain.checkpoint_bytes());
}

#[test]
fn rejects_a_checkpoint_without_own_parameters() {
    let (plan, _) = small(1);
    let mut model = build_model(&plan, Device::Cpu).unwrap();
    let mut weights = model.weights();
    let all = weights.clone();
    weights.retain(|tensor| !is_own(tensor));
    let refused = model.set_weights(&weights);
    let expected = "tensor `objective.discriminator.dense.kernel` is missing";
    assert_eq!(refused, Err(ModelError::Mismatch(expected.to_owned())));
    assert_eq!(model.weights(), all);
}
