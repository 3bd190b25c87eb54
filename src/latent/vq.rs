//! Codes of a learned codebook.

use dfdx::shapes::HasShape;
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{GatherTo, SumTo, TryAdd, TryMul, TrySub};

use super::compute::{Codes, Encoded, Latents, Term};
use super::description::{Description, Head, PREFIX};
use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Interval, Kind, Rules};
use crate::kernels::nearest::nearest;
use crate::metric::{Better, Metric};
use crate::nn::backend::Rows;
use crate::nn::params::Init;
use crate::nn::{Backend, Mode, Parameters, Visit, VisitMut};

const CODEBOOK: &str = "codebook";
const COUNT: &str = "count";
const SUM: &str = "sum";
const COMMITMENT: &str = "commitment";

choices! {
    /// How the codebook is trained.
    pub enum Update {
        /// each row is a moving average of the points that took it
        Ema = "ema",
        /// by the gradient of the squared distance of a row from the points that took it, a term of the loss
        Gradient = "gradient",
    }
}

section! {
    /// The VQ-VAE (van den Oord et al., 2017): for each place of the encoder's last feature map the nearest row of a codebook,
    /// whose rows have `model.latent_dim` values. There is no KL divergence and no prior, and no dense layer: `model.hidden` is
    /// not looked at. What is lowered is `reconstruction_weight * reconstruction + codebook + commitment * commitment`
    ///
    /// The two terms are squared distances of a place's point from its row, summed over axes, means over places and the batch
    /// (eq. 3): in the first the point is a constant, in the second the row. The decoder's gradient goes to the encoder's
    /// output as it is. At first the rows are uniform values within 1 over their number. Of equally near rows the first is
    /// taken.
    pub struct Vq: Copy {
        /// Rows of the codebook
        pub codes: usize = 512, Kind::Count { min: 1, max: 65_536 }, unit("rows"),
            also(&["num_embeddings", "n_embeddings", "k"]);
        /// Weight of the squared distance, summed over axes, that keeps the encoder's output near the codebook
        pub commitment: f64 = 0.25, Kind::Number(Interval::closed(0.0, 1e6)), also(&["beta", "commitment_cost"]);
        /// How the codebook is trained
        pub update: Update = Update::Ema, Kind::Choice(Update::CHOICES);
        /// How much of the moving averages a step keeps, with `ema`
        pub decay: f64 = 0.99, Kind::Number(Interval::below(0.0, 1.0));
        /// Added to each row's count of points before they divide, with `ema`
        pub smoothing: f64 = 1e-5, Kind::Number(Interval::above(0.0, 1.0)), also(&["epsilon"]);
    }
    rules { there_is_a_map }
}

/// Without a convolution there is no feature map.
fn there_is_a_map(it: &mut Rules<'_>) {
    let filters: Option<Vec<usize>> = it.values.typed("model.conv_filters");
    if filters.is_some_and(|filters| filters.is_empty()) {
        let table = std::mem::take(&mut it.table);
        let message = format!("`[{table}]` takes a code for each place of the last feature map");
        let wrong = it.at(&["model.conv_filters"], message);
        it.diagnostics
            .push(wrong.expected("at least one convolution"));
        it.table = table;
    }
}

impl Description for Vq {
    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[
            Metric {
                name: CODEBOOK,
                doc: "squared distance of the encoder's output from its row of the codebook, which is trained by it or by a moving average",
                unit: "",
                better: Better::Neither,
                ..Metric::TERM
            },
            Metric {
                name: COMMITMENT,
                doc: "the same distance, by which the encoder is trained, before its weight",
                unit: "",
                better: Better::Neither,
                ..Metric::TERM
            },
        ];
        TERMS
    }

    fn head(&self) -> Head {
        Head::Map
    }

    fn parameters(&self, axes: usize) -> Vec<(&'static str, Vec<usize>)> {
        match self.update {
            Update::Gradient => vec![(CODEBOOK, vec![self.codes, axes])],
            Update::Ema => vec![],
        }
    }

    fn buffers(&self, axes: usize) -> Vec<(&'static str, Vec<usize>)> {
        let rows = vec![self.codes, axes];
        match self.update {
            Update::Gradient => vec![],
            Update::Ema => vec![
                (CODEBOOK, rows.clone()),
                (COUNT, vec![self.codes]),
                (SUM, rows),
            ],
        }
    }

    fn codes(&self) -> usize {
        self.codes
    }
}

/// The codebook with what it is made of.
#[derive(Debug)]
pub struct State<D: Backend> {
    /// (row, latent axis)
    codebook: Rows<usize, D>,
    averages: Option<Averages<D>>,
}

/// Moving averages of a step's numbers.
#[derive(Debug)]
struct Averages<D: Backend> {
    /// Points that took each row, (row).
    count: Tensor<(usize,), f32, D::Device>,
    /// Their sum, (row, latent axis).
    sum: Rows<usize, D>,
}

/// What a step adds to the averages: the number of points that took each row, and their sum.
fn uses(points: &[f32], rows: &[usize], codes: usize, axes: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut counts, mut sums) = (vec![0.0; codes], vec![0.0; codes * axes]);
    for (point, &row) in points.chunks_exact(axes).zip(rows) {
        counts[row] += 1.0;
        let sums = &mut sums[row * axes..][..axes];
        for (sum, value) in sums.iter_mut().zip(point) {
            *sum += f64::from(*value);
        }
    }
    (counts, sums)
}

/// `decay old + (1 - decay) new`
fn averaged(decay: f64, old: &[f32], new: &[f64]) -> Vec<f64> {
    let average = |(old, new): (&f32, &f64)| decay * f64::from(*old) + (1.0 - decay) * new;
    old.iter().zip(new).map(average).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

impl Vq {
    /// Notes the new averages and the new codebook: `sum / ((count + s) / (n + K s) n)` of the new averages, with n the sum of
    /// the K counts and s the smoothing (appendix A.1, with the smoothing that is common).
    fn note<D: Backend>(
        &self,
        averages: &Averages<D>,
        points: &[f32],
        rows: &[usize],
        mode: Mode<'_, D>,
    ) -> Result<(), D::Err> {
        let Mode::Training { updates, .. } = mode else {
            return Ok(());
        };
        let axes = averages.sum.shape().1;
        let device = averages.sum.device();
        let (counts, sums) = uses(points, rows, self.codes, axes);
        let new_counts = averaged(self.decay, &D::to_vec(&averages.count), &counts);
        let new_sums = averaged(self.decay, &D::to_vec(&averages.sum), &sums);
        let (n, smoothing) = (new_counts.iter().sum::<f64>(), self.smoothing);
        let share = |count: f64| (count + smoothing) / (n + self.codes as f64 * smoothing) * n;
        let codebook: Vec<f64> = new_sums
            .chunks_exact(axes)
            .zip(&new_counts)
            .flat_map(|(sum, &count)| sum.iter().map(move |value| value / share(count)))
            .collect();
        for (name, decay, values) in [
            (COUNT, self.decay, counts),
            (SUM, self.decay, sums),
            (CODEBOOK, 0.0, codebook),
        ] {
            let values = D::tensor(device, &narrow(&values), (values.len(),))?;
            updates.average(format!("{PREFIX}{name}"), decay, values);
        }
        Ok(())
    }
}

impl Latents for Vq {
    type State<D: Backend> = State<D>;

    fn state<D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        axes: usize,
    ) -> Result<State<D>, D::Err> {
        let (shape, limit) = ((self.codes, axes), 1.0 / self.codes as f32);
        let values = init.uniform(self.codes * axes, -limit, limit);
        let averages = || {
            Ok(Averages {
                count: D::tensor(device, &vec![1.0; self.codes], (self.codes,))?,
                sum: D::tensor(device, &values, shape)?,
            })
        };
        Ok(State {
            codebook: D::tensor(device, &values, shape)?,
            averages: (self.update == Update::Ema).then(averages).transpose()?,
        })
    }

    fn encode<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        state: &State<D>,
        points: Rows<usize, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<(Encoded<D>, T), D::Err> {
        let (points, tape) = points.split_tape();
        let (shape, device) = (*points.shape(), points.device().clone());
        let (values, table) = (D::to_vec(&points), D::to_vec(&state.codebook));
        let rows = nearest(&values, &table, shape.1);
        let taken = |&row: &usize| table[row * shape.1..][..shape.1].iter().copied();
        let taken: Vec<f32> = rows.iter().flat_map(taken).collect();
        let taken: Rows<usize, D> = D::tensor(&device, &taken, shape)?;
        let constant: Rows<usize, D> = D::tensor(&device, &values, shape)?;
        let share = 1.0 / shape.0 as f32;

        // The row's values exactly, with the gradient of the point.
        let z = points.clone().put_tape(tape).try_sub(constant.clone())?;
        let (z, tape) = z.try_add(taken.clone())?.split_tape();
        let distance = points.put_tape(tape).try_sub(taken)?.try_square()?;
        let (commitment, tape) = distance.try_sum()?.try_mul(share)?.split_tape();
        let (codebook, weight, tape) = match &state.averages {
            Some(averages) => {
                self.note(averages, &values, &rows, mode)?;
                // The same number, which nothing is trained by.
                (commitment.clone(), None, tape)
            }
            None => {
                let index = device.try_tensor_from_vec(rows.clone(), (shape.0,))?;
                let own = state.codebook.clone().put_tape(tape);
                let own: Rows<usize, D, T> = own.try_gather(index)?;
                let distance = own.try_sub(constant)?.try_square()?;
                let (codebook, tape) = distance.try_sum()?.try_mul(share)?.split_tape();
                (codebook, Some(1.0), tape)
            }
        };
        let term = |name, value, weight| Term {
            name,
            value,
            weight,
        };
        let terms = vec![
            term(CODEBOOK, codebook, weight),
            term(COMMITMENT, commitment, Some(self.commitment)),
        ];
        let codes = Codes {
            rows,
            count: self.codes,
        };
        let encoded = Encoded {
            z,
            terms,
            codes: Some(codes),
        };
        Ok((encoded, tape))
    }
}

impl<D: Backend> Parameters<D> for State<D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        let name = |name: &str| format!("{prefix}{name}");
        let Some(averages) = &self.averages else {
            return visitor.parameter(&name(CODEBOOK), &self.codebook);
        };
        visitor.buffer(&name(CODEBOOK), &self.codebook)?;
        visitor.buffer(&name(COUNT), &averages.count)?;
        visitor.buffer(&name(SUM), &averages.sum)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        let name = |name: &str| format!("{prefix}{name}");
        let Some(averages) = &mut self.averages else {
            return visitor.parameter(&name(CODEBOOK), &mut self.codebook);
        };
        visitor.buffer(&name(CODEBOOK), &mut self.codebook)?;
        visitor.buffer(&name(COUNT), &mut averages.count)?;
        visitor.buffer(&name(SUM), &mut averages.sum)
    }
}

#[cfg(test)]
mod tests {
    use dfdx::shapes::Shape;
    use dfdx::tensor::{Cpu, Trace};
    use dfdx::tensor_ops::Backward;

    use super::*;
    use crate::nn::DfdxOps;
    use crate::nn::layers::BufferUpdates;
    use crate::optim::Step;

    const POINTS: [f32; 8] = [0.9, 0.1, -0.1, 1.5, 0.0, 0.0, -0.7, 0.25];
    /// The first and the last row are equal.
    const ROWS: [f32; 6] = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
    const UPSTREAM: [f32; 8] = [0.5, -1.0, 0.25, 2.0, -0.75, 1.5, 1.0, 0.125];

    fn vq(update: Update) -> Vq {
        Vq {
            codes: 3,
            commitment: 0.25,
            update,
            decay: 0.5,
            smoothing: 0.1,
        }
    }

    fn state<D: Backend>(device: &D::Device, kind: Vq) -> State<D> {
        let mut state = kind.state::<D>(device, &mut Init::new(1), 2).unwrap();
        state.codebook.copy_from(&ROWS);
        if let Some(averages) = &mut state.averages {
            averages.sum.copy_from(&ROWS);
        }
        state
    }

    #[track_caller]
    fn assert_close(got: &[f32], want: &[f32]) {
        let near = |(g, w): (&f32, &f32)| (g - w).abs() < 4e-6;
        let all = got.len() == want.len() && got.iter().zip(want).all(near);
        assert!(all, "{got:?} is not {want:?}");
    }

    /// `up` is the decoder's gradient, NumPy in double precision:
    ///
    /// ```text
    /// k = ((x[:, None] - c)**2).sum(2).argmin(1); q = c[k]
    /// ((x - q)**2).sum(1).mean(), up + .25 * 2 * (x - q) / 4
    /// d = zeros_like(c); add.at(d, k, 2 * (q - x) / 4)
    /// ```
    fn passes<D: Backend>(device: &D::Device, update: Update) {
        let (kind, x) = (vq(update), D::tensor(device, &POINTS, (4, 2)).unwrap());
        let state = state::<D>(device, kind);
        let found = kind.encode(&state, x.leaky_trace(), Mode::Evaluation);
        let (encoded, tape) = found.unwrap();
        let codes = encoded.codes.unwrap();
        assert_eq!(codes.rows, [0, 1, 0, 1]);
        assert_eq!(codes.shares(), [0.5, 0.5, 0.0]);
        let taken = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
        // To the bit.
        assert_eq!(D::to_vec(&encoded.z), taken);
        let up = D::tensor(device, &UPSTREAM, (4, 2)).unwrap();
        let sum = encoded.z.put_tape(tape).try_mul(up).unwrap();
        let mut sum: crate::nn::backend::Scalar<D, _> = sum.try_sum().unwrap();
        for term in encoded.terms {
            assert_close(&[D::scalar(&term.value)], &[0.583_125]);
            let Some(weight) = term.weight else {
                assert_eq!((term.name, update), (CODEBOOK, Update::Ema));
                continue;
            };
            let (before, tape) = sum.split_tape();
            let term = term.value.put_tape(tape).try_mul(weight as f32).unwrap();
            sum = term.try_add(before).unwrap();
        }
        let gradients = sum.try_backward().unwrap();
        let d_x = [
            0.4875, -0.9875, 0.2375, 2.0625, -0.875, 1.5, 0.9125, 0.03125,
        ];
        assert_close(&D::to_vec(&gradients.get(&x)), &d_x);
        if update == Update::Gradient {
            let d_rows = D::to_vec(&gradients.get(&state.codebook));
            assert_close(&d_rows, &[0.55, -0.05, 0.4, 0.125, 0.0, 0.0]);
        }
    }

    #[test]
    fn passes_gradients_straight_through() {
        for update in [Update::Ema, Update::Gradient] {
            passes::<Cpu>(&Cpu::default(), update);
            passes::<DfdxOps<Cpu>>(&Cpu::default(), update);
        }
    }

    struct Updated<'a, D: Backend> {
        gate: &'a D::UpdateGate,
        updates: &'a BufferUpdates<D>,
        buffers: Vec<Vec<f32>>,
    }

    impl<D: Backend> VisitMut<D> for Updated<'_, D> {
        type Err = std::convert::Infallible;
        fn parameter<S: Shape>(
            &mut self,
            _: &str,
            _: &mut Tensor<S, f32, D::Device>,
        ) -> Result<(), Self::Err> {
            panic!("nothing is trained")
        }

        fn buffer<S: Shape>(
            &mut self,
            name: &str,
            buffer: &mut Tensor<S, f32, D::Device>,
        ) -> Result<(), Self::Err> {
            self.updates.apply(self.gate, name, buffer).unwrap();
            self.buffers.push(D::to_vec(buffer));
            Ok(())
        }
    }

    /// With `k` and `c` as above and `s = .1`, NumPy in double precision:
    ///
    /// ```text
    /// n = .5 + .5 * bincount(k, minlength=3); t = .5 * c; add.at(t, k, .5 * x)
    /// c = t / ((n + s) / (n.sum() + 3 * s) * n.sum())[:, None]
    /// ```
    fn averages<D: Backend>(device: &D::Device) {
        let kind = vq(Update::Ema);
        let mut state = state::<D>(device, kind);
        let start = [ROWS.to_vec(), vec![1.0; 3], ROWS.to_vec()];
        let moved = [
            vec![
                0.644_642_9,
                0.033_928_6,
                -0.271_428_6,
                0.933_035_7,
                0.904_761_9,
                0.0,
            ],
            vec![1.5, 1.5, 0.5],
            vec![0.95, 0.05, -0.4, 1.375, 0.5, 0.0],
        ];
        let step = Step {
            learning_rate: 1.0,
            number: 1,
            gradient_scale: 1.0,
        };
        // A step that is refused changes nothing.
        for (loss, after) in [(f32::NAN, &start), (1.0, &moved)] {
            let updates = BufferUpdates::default();
            let x = D::tensor(device, &POINTS, (4, 2)).unwrap();
            kind.encode(&state, x, Mode::training(&updates)).unwrap();
            let loss = D::tensor(device, &[loss], ()).unwrap();
            let judged = D::judge(step, &[&loss], vec![D::Squares::default()], None, None);
            let mut updated = Updated::<D> {
                gate: &judged.unwrap().remove(0).1,
                updates: &updates,
                buffers: vec![],
            };
            let Ok(()) = Parameters::<D>::visit_mut(&mut state, PREFIX, &mut updated);
            assert_eq!(updated.buffers.len(), 3);
            for (got, want) in updated.buffers.iter().zip(after) {
                assert_close(got, want);
            }
        }
    }

    #[test]
    fn averages_points_of_each_row() {
        averages::<Cpu>(&Cpu::default());
        averages::<DfdxOps<Cpu>>(&Cpu::default());
    }
}
