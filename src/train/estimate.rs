//! An estimate of a run's time, before it starts.

use std::time::Duration;

use dfdx::tensor::{Cpu, CpuError, Gradients, TensorFromVec};

use super::{Timing, TrainError, Trainer, build_model, time_steps};
use crate::data::{DataSet, Images};
use crate::kernels::parallel;
use crate::kernels::{Isa, roofline};
use crate::nn::{Backend, Device};
use crate::numeric::random::{Purpose, Stream};
use crate::optim::Step;
use crate::plan::Plan;
use crate::sys::clock;

/// Steps are timed on as many images as the processor could train on in this time at its peak, seconds.
const FLOOR: f64 = 0.06;

/// Networks with more trained values take too long to build for an estimate.
const MOST_PARAMETERS: u64 = 8_000_000;

/// How long steps are timed, beside the first.
const TIME: Duration = Duration::from_millis(200);

/// Share of the peak that large models reach.
const SHARE: f64 = 0.5;

/// Runs of the measurement of the peak.
const PEAK_RUNS: usize = 5;

/// What a run is expected to take on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// A step on a full batch, seconds.
    pub step: f64,
    /// All epochs, seconds. See [`whole_run`].
    pub run: f64,
    /// Where this comes from.
    pub basis: Basis,
}

/// What an estimate is computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Basis {
    /// So many steps of this network on so many made-up images each.
    Steps {
        /// Steps that were timed.
        steps: usize,
        /// Images a step.
        images: usize,
    },
    /// The plan's operations at a share of the peak and the time of the optimizer's update, for models that are too
    /// large to time.
    Share {
        /// Share of the peak that is assumed.
        share: f64,
        /// The peak, floating-point operations a second.
        peak: f64,
    },
}

/// Seconds of all epochs: steps, and the evaluation of the held-out part. Loading, checkpoints and figures come on top,
/// early stopping takes off.
pub fn whole_run(plan: &Plan, step: f64, evaluation: f64) -> f64 {
    let batches = |images: usize| images as f64 / plan.spec.training.batch_size as f64;
    let epoch = batches(plan.train_images) * step + batches(plan.validation_images) * evaluation;
    plan.spec.training.epochs as f64 * epoch
}

/// Estimates in less than a second, without the data: on the caller's threads by steps on made-up images where the
/// model is small enough for that, else by its operations.
pub fn estimate(plan: &Plan) -> Estimate {
    let peak = roofline::measure(Isa::current(), PEAK_RUNS);
    let images = (FLOOR * peak / plan.flops_per_image().max(1) as f64) as usize;
    let images = images.min(plan.spec.training.batch_size);
    // At least one for each thread, or they would not all have work.
    let enough = images >= parallel::count().min(plan.spec.training.batch_size);
    let small = plan.parameters() <= MOST_PARAMETERS;
    // Where steps fail (a non-finite loss, say), training reports it.
    let timing = (small && enough).then(|| time_sample(plan, images));
    if let Some(Ok(Some(timing))) = timing {
        return from_steps(plan, &timing, images);
    }
    let products = plan.flops_per_step() as f64 / (SHARE * peak);
    let step = products + time_update(plan).unwrap_or(0.0);
    Estimate {
        step,
        // Forward is one of three products.
        run: whole_run(plan, step, products / 3.0),
        basis: Basis::Share { share: SHARE, peak },
    }
}

fn from_steps(plan: &Plan, timing: &Timing, images: usize) -> Estimate {
    let growth = plan.spec.training.batch_size as f64 / images as f64;
    let step = timing.per_weight() + (timing.step - timing.per_weight()) * growth;
    Estimate {
        step,
        run: whole_run(plan, step, timing.evaluation() * growth),
        basis: Basis::Steps {
            steps: timing.steps,
            images,
        },
    }
}

/// Seconds that the optimizer takes for all trained values, from a parameter with fewer of them.
fn time_update(plan: &Plan) -> Result<f64, CpuError> {
    /// Far more than fit a cache.
    const VALUES: usize = 1 << 20;
    let device = Cpu::default();
    let values = |value: f32| device.try_tensor_from_vec(vec![value; VALUES], (VALUES,));
    let rule = plan.spec.optimizer;
    let mut param = values(0.5)?;
    let mut state: Vec<_> = rule
        .slots()
        .iter()
        .map(|_| values(0.0))
        .collect::<Result<_, _>>()?;
    let step = Step {
        learning_rate: 1e-3,
        number: 1,
        gradient_scale: 1.0,
    };
    let mut update = || {
        let mut gradients = Gradients::leaky();
        gradients.get_or_alloc_mut(&param)?.fill(0.25);
        let started = clock::monotonic();
        Cpu::add_squares(&mut 0.0, &mut gradients, &param)?;
        Cpu::update(
            &rule,
            step,
            &Some(1.0),
            &mut gradients,
            &mut param,
            &mut state,
        )?;
        Ok(started.elapsed().as_secs_f64())
    };
    // Once for the pages of the memory, once for the time.
    let seconds = update().and_then(|_: f64| update())?;
    Ok(seconds * plan.parameters() as f64 / VALUES as f64)
}

/// Times steps on so many made-up images.
fn time_sample(plan: &Plan, images: usize) -> Result<Option<Timing>, TrainError> {
    /// Steps of an epoch, so that what is done once an epoch does not count.
    const STEPS: usize = 64;
    let mut spec = plan.spec.clone();
    spec.training.batch_size = images;
    // So small that no loss becomes non-finite: the steps are only timed.
    spec.optimizer.set_learning_rate(1e-9);
    let sample = Plan::new(spec, plan.architecture.image, images * STEPS, 0);
    let sample = sample.with_classes(plan.classes.clone());
    let data = noise(&sample, images);
    let mut trainer = Trainer::new(&sample, &data, build_model(&sample, Device::Cpu)?);
    time_steps(&mut trainer, &sample, (Duration::ZERO, 1))?;
    let steps = time_steps(&mut trainer, &sample, (TIME, 1))?;
    Ok(Timing::of(&steps))
}

/// A few images of noise, each taken many times.
fn noise(plan: &Plan, batch: usize) -> DataSet {
    const DISTINCT: usize = 16;
    let image = plan.architecture.image;
    let count = batch.min(DISTINCT);
    let mut stream = Stream::new(0, Purpose::Sample, 0, 0);
    let pixels = (0..count * image.len()).map(|_| stream.next_u32() as u8);
    DataSet {
        name: "noise".to_owned(),
        images: Images {
            height: image.height,
            width: image.width,
            channels: image.channels,
            pixels: pixels.collect(),
            labels: vec![0; count],
            classes: vec!["noise".to_owned()],
            factors: None,
            binarization: crate::data::Binarization::NONE,
        },
        train: (0..plan.train_images).map(|i| (i % count) as u32).collect(),
        validation: vec![],
        sources: vec![],
        place: "made up".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PartTime;
    use super::*;
    use crate::experiment;
    use crate::kernels::Extent;
    use crate::kernels::profile;

    fn plan(settings: &str) -> Plan {
        let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{settings}");
        let spec = experiment::parse(&text, "a", std::path::Path::new("."), &[]).unwrap();
        let image = Extent {
            height: 12,
            width: 12,
            channels: 1,
        };
        Plan::new(spec, image, 130, 20)
    }

    fn assert_close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    }

    #[test]
    fn adds_steps_and_evaluation() {
        let plan = plan("[training]\nbatch_size = 10\nepochs = 3\n");
        // 13 batches to train on and 2 to evaluate.
        assert_close(whole_run(&plan, 0.1, 0.04), 3.0 * (13.0 * 0.1 + 2.0 * 0.04));
    }

    #[test]
    fn keeps_the_update_independent_of_the_batch() {
        let plan = plan("[training]\nbatch_size = 40\nepochs = 1\n");
        let part = |name: &'static str, forward, backward| PartTime {
            name: name.into(),
            forward,
            backward,
        };
        let timing = Timing {
            steps: 5,
            step: 0.010,
            best: 0.009,
            quartiles: (0.009, 0.011),
            parts: vec![
                part("encoder.conv0", 0.003, 0.004),
                part(profile::OPTIMIZER, 0.0015, 0.0),
                part(profile::GRADIENT_NORM, 0.0005, 0.0),
            ],
            rest: 0.001,
        };
        let estimate = from_steps(&plan, &timing, 10);
        assert_close(estimate.step, 0.002 + 4.0 * 0.008);
        assert_close(
            estimate.run,
            130.0 / 40.0 * estimate.step + 20.0 / 40.0 * 4.0 * 0.003,
        );
        let basis = Basis::Steps {
            steps: 5,
            images: 10,
        };
        assert_eq!(estimate.basis, basis);
    }

    #[test]
    fn times_small_models_and_counts_large_ones() {
        let small = estimate(&plan("[training]\nbatch_size = 3\n"));
        assert!(
            matches!(small.basis, Basis::Steps { images: 1..=3, .. }),
            "{small:?}"
        );
        let large = estimate(&plan("[model]\nlatent_dim = 4096\nhidden = [4096]\n"));
        let Basis::Share { share, peak } = large.basis else {
            panic!("{large:?}")
        };
        let plan = plan("[model]\nlatent_dim = 4096\nhidden = [4096]\n");
        assert!(plan.parameters() > MOST_PARAMETERS);
        // The operations alone are the least that it can be.
        assert!(large.step > plan.flops_per_step() as f64 / (share * peak));
        for estimate in [small, large] {
            assert!(
                estimate.run > 0.0 && estimate.run.is_finite(),
                "{estimate:?}"
            );
        }
    }

    #[test]
    fn fits_the_sample_to_the_images() {
        let plan = plan("[training]\nbatch_size = 20\n");
        let data = noise(&plan, 20);
        assert_eq!(data.images.len(), 16);
        assert_eq!(data.images.pixels.len(), 16 * 144);
        assert_eq!(data.train.len(), 130);
        assert!(data.train.iter().all(|&i| i < 16));
    }
}
