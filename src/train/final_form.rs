//! The best epoch is one at whose end the objective has its final form.

use std::path::Path;

use super::{Trainer, build_model};
use crate::data;
use crate::experiment;
use crate::kernels::Extent;
use crate::metric::Row;
use crate::nn::Device;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::sys::stop::Stop;

/// A plan of eight epochs of two steps with some more settings, on data that is not drawn yet.
fn plan(more: &str) -> Plan {
    let text = format!(
        "name = \"a\"\n[data]\ndataset = \"sprites\"\ncount = 20\nimage_size = 8\nvalidation = 0.2\n[model]\n\
         conv_filters = [2]\nhidden = []\n[training]\nepochs = 8\nbatch_size = 8\n{more}"
    );
    let spec = experiment::parse(&text, "a", Path::new("."), &[]).unwrap();
    let image = Extent {
        height: 8,
        width: 8,
        channels: 1,
    };
    Plan::new(spec, image, 16, 4)
}

/// Trains to the end.
fn trained(more: &str) -> (Progress, Vec<Row>) {
    let plan = plan(more);
    let data = data::load(&plan.spec.data, plan.spec.seed, &mut |_| ()).unwrap();
    assert_eq!((data.train.len(), data.validation.len()), (16, 4));
    let model = build_model(&plan, Device::Cpu).unwrap();
    let mut trainer = Trainer::new(&plan, &data, model);
    while !trainer.is_finished() {
        trainer.advance(&Stop::default(), &mut |_| ()).unwrap();
    }
    (trainer.progress().clone(), trainer.history().to_vec())
}

fn column(rows: &[Row], name: &str) -> Vec<f64> {
    rows.iter().map(|row| row.scalar(name).unwrap()).collect()
}

/// C grows over twelve steps: with a KL that cannot follow it, the loss is least at the beginning.
#[test]
fn chooses_the_best_epoch_among_those_at_full_capacity() {
    for length in ["steps = 12", "epochs = 6"] {
        let (progress, rows) = trained(&format!(
            "[objective.capacity]\nnats = 12\n{length}\n[optimizer.adam]\nlearning_rate = 1e-9\n"
        ));
        let aims = column(&rows, "val_capacity");
        assert_eq!(aims, [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 12.0, 12.0]);
        // Over an epoch the mean of its two steps.
        assert_eq!(column(&rows, "capacity")[0], 1.5);
        let losses = column(&rows, "val_loss");
        assert!(losses[0] < losses[7]);
        assert!(progress.best.unwrap().epoch >= 6);
        // Early stopping counts from there too.
        assert!(progress.epochs_since_best <= 2);
    }
}

#[test]
fn chooses_the_best_epoch_among_those_with_the_whole_kl_weight() {
    let cycles = "[kl_schedule.cyclical]\ncycles = 2\n[loss]\nkl_weight = 3\n[optimizer.adam]\nlearning_rate = 1e-9\n";
    let (progress, rows) = trained(cycles);
    // Four epochs a cycle: steps 1, 3, 5 and 7 of 8, the first half of which rises.
    let cycle = [0.75, 2.25, 3.0, 3.0];
    assert_eq!(column(&rows, "kl_weight"), [cycle, cycle].concat());
    let best = progress.best.unwrap().epoch;
    assert!([3, 4, 7, 8].contains(&best), "{best}");
    let (_, rows) = trained("[kl_schedule.linear]\nsteps = 4\n");
    assert_eq!(column(&rows, "kl_weight")[..3], [0.5, 1.0, 1.0]);
}

#[test]
fn computes_the_same_bits_by_either_name_of_the_warmup() {
    let bits = |more: &str| {
        let (_, rows) = trained(more);
        let losses = column(&rows, "val_loss");
        losses.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    let old = bits("[loss]\nkl_warmup_epochs = 2.5\n");
    assert_eq!(bits("[kl_schedule.linear]\nepochs = 2.5\n"), old);
    assert_eq!(bits("[kl_schedule.linear]\nsteps = 5\n"), old);
}

#[test]
fn finds_out_that_no_epoch_has_the_final_form() {
    for (more, expected) in [
        ("", true),
        ("[objective.capacity]\nsteps = 16\n", true),
        ("[objective.capacity]\nsteps = 17\n", false),
        ("[objective.capacity]\n", false),
        ("[kl_schedule.linear]\nsteps = 17\n", false),
        ("[kl_schedule.cyclical]\ncycles = 8\n", true),
        // Both steps of a cycle of two rise.
        ("[kl_schedule.cyclical]\ncycles = 8\nrising = 0.6\n", false),
    ] {
        assert_eq!(plan(more).has_final_epoch(), expected, "{more}");
    }
}
