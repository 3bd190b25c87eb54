//! Running sums over the images of an epoch, and the means that come of them.

use crate::metric::facts::{CODES, GRAD_NORM, KL, LOSS, MEAN, SQUARE};
use crate::metric::{Measured, Measurements, Reading, Row};
use crate::progress::Partial;
use crate::vae::{StepMetrics, StepReport};

/// Sums in f64 over what a part of an epoch has seen. They stand in a checkpoint, so that an epoch goes on
/// where it was left.
///
/// What one step lacks the epoch lacks: a checkpoint of another version may hold sums that this one does not go on
/// with, and lack some that it has; a mean over the other steps alone would be wrong.
#[derive(Debug)]
pub struct Sums<'a> {
    partial: &'a mut Partial,
    measured: Measured,
}

impl<'a> Sums<'a> {
    /// Whether these sums can be those of steps on a network with such lists.
    pub fn fit(sums: &Measurements, measured: Measured) -> bool {
        let are_real = |row: &Row| row.iter().all(|(_, it)| matches!(it, Reading::Real(_)));
        let all = [KL, MEAN, SQUARE, CODES];
        let lists = measured.lists();
        let length = |name| {
            lists
                .iter()
                .find(|(it, _)| *it == name)
                .map_or(0, |it| it.1)
        };
        let has_length = |name| sums.axes.axes(name).len() == length(name);
        are_real(&sums.terms)
            && are_real(&sums.steps)
            && sums.terms.get(LOSS).is_some()
            && sums.steps.get(GRAD_NORM).is_some()
            && all.into_iter().all(has_length)
    }

    /// Goes on with the sums of `partial`, which are empty at the start of an epoch.
    pub fn new(partial: &'a mut Partial, measured: Measured) -> Self {
        Self { partial, measured }
    }

    /// Adds a step on `images` images.
    pub fn add_step(&mut self, report: &StepReport, images: usize) {
        self.add(&report.losses, images);
        let is_first = self.partial.steps == 0;
        let values = [(GRAD_NORM, report.grad_norm)];
        add(&mut self.partial.sums.steps, is_first, &values);
        self.partial.steps += 1;
    }

    /// Adds the metrics of `images` images.
    pub fn add(&mut self, metrics: &StepMetrics, images: usize) {
        let n = images as f64;
        let is_first = self.partial.images == 0;
        let sums = &mut self.partial.sums;
        let terms: Vec<_> = metrics
            .terms
            .iter()
            .map(|&(name, it)| (name, it * n))
            .collect();
        add(&mut sums.terms, is_first, &terms);
        if is_first {
            let zeros = |(name, length)| (name, vec![0.0; length]);
            let lists = self.measured.lists().into_iter();
            sums.axes = lists.map(zeros).collect();
        }
        for (sum, kl) in per_axis(&mut sums.axes, KL).zip(&metrics.kl_per_axis) {
            *sum += kl * n;
        }
        for (sum, share) in per_axis(&mut sums.axes, CODES).zip(&metrics.code_shares) {
            *sum += share * n;
        }
        if self.measured.means {
            for point in metrics.means.chunks_exact(self.measured.axes) {
                for (sum, &mean) in per_axis(&mut sums.axes, MEAN).zip(point) {
                    *sum += f64::from(mean);
                }
                for (sum, &mean) in per_axis(&mut sums.axes, SQUARE).zip(point) {
                    *sum += f64::from(mean) * f64::from(mean);
                }
            }
        }
        self.partial.images += images as u64;
    }

    /// The mean loss so far; 0 before the first step.
    pub fn loss(&self) -> f64 {
        self.partial.sums.terms.scalar(LOSS).unwrap_or(0.0) / self.images()
    }

    /// The means so far.
    pub fn means(&self) -> Measurements {
        let sums = &self.partial.sums;
        Measurements {
            terms: divided(&sums.terms, self.images()),
            steps: divided(&sums.steps, self.partial.steps.max(1) as f64),
            axes: divided(&sums.axes, self.images()),
        }
    }

    fn images(&self) -> f64 {
        self.partial.images.max(1) as f64
    }
}

/// Adds values to the sums with their names. Only the first step brings new names.
fn add(sums: &mut Row, is_first: bool, values: &[(&'static str, f64)]) {
    sums.retain(|name| values.iter().any(|(it, _)| *it == name));
    for &(name, value) in values {
        if is_first {
            sums.set(name, 0.0);
        }
        if let Some(Reading::Real(sum)) = sums.get_mut(name) {
            *sum += value;
        }
    }
}

fn per_axis<'a>(sums: &'a mut Row, name: &str) -> impl Iterator<Item = &'a mut f64> {
    match sums.get_mut(name) {
        Some(Reading::PerAxis(values)) => values.iter_mut(),
        _ => [].iter_mut(),
    }
}

fn divided(sums: &Row, n: f64) -> Row {
    let mean = |sum: &Reading| match sum {
        Reading::PerAxis(sums) => Reading::PerAxis(sums.iter().map(|sum| sum / n).collect()),
        Reading::Real(sum) => Reading::Real(sum / n),
        Reading::Count(_) => sum.clone(),
    };
    sums.iter()
        .map(|(name, sum)| (name.clone(), mean(sum)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Measured = Measured {
        axes: 2,
        kl: true,
        means: true,
        codes: 0,
    };

    fn metrics(loss: f64, means: &[f32]) -> StepMetrics {
        StepMetrics {
            terms: vec![("loss", loss), ("reconstruction", loss * 0.5)],
            kl_per_axis: vec![loss, 0.0],
            code_shares: vec![],
            means: means.to_vec(),
        }
    }

    fn step(loss: f64, means: &[f32], grad_norm: f64) -> StepReport {
        let losses = metrics(loss, means);
        StepReport { losses, grad_norm }
    }

    #[test]
    fn takes_means_over_images_and_norms_over_steps() {
        let mut partial = Partial::default();
        let mut sums = Sums::new(&mut partial, TWO);
        assert_eq!(sums.loss(), 0.0);
        sums.add_step(&step(8.0, &[1.0, 5.0, -1.0, 5.0, 3.0, 5.0], 2.0), 3);
        sums.add_step(&step(4.0, &[1.0, 5.5], 4.0), 1);
        assert_eq!(sums.loss(), 7.0);
        let expected = Measurements {
            terms: Row::from_iter([("loss", 7.0), ("reconstruction", 3.5)]),
            steps: Row::from_iter([("grad_norm", 3.0)]),
            axes: Row::from_iter([
                ("kl", vec![7.0, 0.0]),
                ("mean", vec![1.0, 5.125]),
                ("square", vec![3.0, 26.3125]),
            ]),
        };
        assert_eq!(sums.means(), expected);
        assert!(Sums::fit(&partial.sums, TWO));
    }

    #[test]
    fn rejects_sums_of_other_networks() {
        let mut partial = Partial::default();
        Sums::new(&mut partial, TWO).add_step(&step(8.0, &[1.0, 5.0], 2.0), 1);
        assert!(
            !Sums::fit(&partial.sums, Measured { axes: 3, ..TWO })
                && !Sums::fit(&Measurements::default(), TWO)
        );
        let changes: [&dyn Fn(&mut Measurements); 5] = [
            &|it| it.terms.retain(|name| name != "loss"),
            &|it| it.terms.set("kl", vec![1.0, 2.0]),
            &|it| it.steps.set("grad_norm", 1),
            &|it| it.axes.retain(|name| name != "square"),
            &|it| it.axes.set("mean", 1.0),
        ];
        for change in changes {
            let mut changed = partial.sums.clone();
            change(&mut changed);
            assert!(!Sums::fit(&changed, TWO), "{changed:?}");
        }
    }

    #[test]
    fn leaves_out_what_not_every_step_has() {
        let mut partial = Partial::default();
        Sums::new(&mut partial, TWO).add_step(&step(8.0, &[1.0, 5.0], 2.0), 1);
        // As another version would have left it.
        partial.sums.terms.set("newer", 3.0);
        partial.sums.terms.retain(|name| name != "reconstruction");
        assert!(Sums::fit(&partial.sums, TWO));
        let mut sums = Sums::new(&mut partial, TWO);
        sums.add_step(&step(4.0, &[1.0, 5.0], 4.0), 1);
        assert_eq!(sums.means().terms, Row::from_iter([("loss", 6.0)]));
    }

    #[test]
    fn sums_only_what_a_network_has() {
        let codes = Measured {
            axes: 2,
            kl: false,
            means: false,
            codes: 3,
        };
        let step = StepMetrics {
            kl_per_axis: vec![],
            code_shares: vec![0.5, 0.0, 0.5],
            ..metrics(8.0, &[1.0, 5.0, 2.0, 3.0])
        };
        let mut partial = Partial::default();
        let mut sums = Sums::new(&mut partial, codes);
        sums.add(&step, 3);
        let other = StepMetrics {
            code_shares: vec![1.0, 0.0, 0.0],
            ..step
        };
        sums.add(&other, 1);
        let expected = Row::from_iter([("codes", vec![0.625, 0.0, 0.375])]);
        assert_eq!(sums.means().axes, expected);
        partial.sums.steps.set("grad_norm", 1.0);
        assert!(Sums::fit(&partial.sums, codes) && !Sums::fit(&partial.sums, TWO));
    }
}
