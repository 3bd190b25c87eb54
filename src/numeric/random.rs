//! Random numbers of a counter-based generator, which has no state that would have to be saved.
//!
//! A [`Stream`] is a pure function of its address (seed, purpose, epoch, step). A run that is
//! killed and resumed asks for the same addresses and gets the same shuffles and the same noise, so a
//! checkpoint holds no generator state but the counters.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy
//! as 1, 2, 3", SC 2011), the same as behind `tf.random.Generator` and JAX's and NumPy's Philox.
//! Normal deviates come from Box and Muller's transform with this crate's own elementary functions,
//! so that the bits do not depend on the system's maths library.

use super::math;

/// What a stream is for. Two purposes never share numbers, whatever their seed, epoch and step.
///
/// The discriminants are part of what makes a run reproducible: never renumber them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights; `step` is the parameter's position in the network.
    Weights = 1,
    /// The order of the training images of an epoch.
    Shuffle = 2,
    /// The noise of the reparameterisation during training.
    Noise = 3,
    /// Which images are held out, and the noise with which they are evaluated.
    Validation = 4,
    /// Which sprites are drawn.
    Sprites = 5,
    /// Draws from the prior for figures.
    Sample = 6,
    /// The values of a trial of a random sweep; `epoch` is the attempt, `step` the setting's position.
    Sweep = 7,
    /// The points of the prior that an objective compares those of a batch with.
    Prior = 8,
    /// The noise of the points of a second batch (`[objective.factor]`).
    SecondPoints = 9,
    /// The permutations of the axes of those points.
    Permutation = 10,
    /// Which pixels of an image are white; `step` is the image.
    Binarize = 13,
    /// Which normal distribution of a learned prior each draw comes from.
    Component = 11,
}

/// One reproducible sequence of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    /// Word 0 counts blocks; words 1 to 3 are purpose, epoch and step.
    counter: [u32; 4],
    block: [u32; 4],
    /// How many words of `block` are used up.
    used: usize,
}

impl Stream {
    /// The stream at an address. It holds 2^34 words before it would repeat.
    pub fn new(seed: u64, purpose: Purpose, epoch: u32, step: u32) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, purpose as u32, epoch, step],
            block: [0; 4],
            used: 4,
        }
    }

    /// 32 uniform bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox4x32_10(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.block[self.used];
        self.used += 1;
        word
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// Uniform on [0, 1) with 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform on 0..n without bias, by Lemire's multiply-and-reject ("Fast Random Integer
    /// Generation in an Interval", 2019). Returns 0 for n = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let reject_under = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(n);
            if wide as u64 >= reject_under {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Fills with standard normal deviates (Box and Muller 1958).
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        for pair in out.chunks_mut(2) {
            // (0, 1], so that the logarithm is finite.
            let u = ((self.next_u32() >> 8) + 1) as f32 * (1.0 / 16_777_216.0);
            let v = self.uniform();
            let radius = (-2.0 * math::ln(u)).sqrt();
            let (sin, cos) = math::sin_cos_turn(v);
            pair[0] = radius * cos;
            if let Some(second) = pair.get_mut(1) {
                *second = radius * sin;
            }
        }
    }

    /// Puts items into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            items.swap(i, j);
        }
    }
}

fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key[0] = key[0].wrapping_add(0x9E37_79B9);
            key[1] = key[1].wrapping_add(0xBB67_AE85);
        }
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123's own distribution (kat_vectors, philox4x32 10).
    #[test]
    fn matches_the_known_answers_of_random123() {
        let cases = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32_10(counter, key), expected);
        }
    }

    #[test]
    fn draws_the_same_numbers_for_an_address_and_others_elsewhere() {
        let draw = |seed, purpose, epoch, step| {
            let mut stream = Stream::new(seed, purpose, epoch, step);
            [stream.next_u64(), stream.next_u64(), stream.next_u64()]
        };
        let base = draw(7, Purpose::Noise, 3, 11);
        assert_eq!(base, draw(7, Purpose::Noise, 3, 11));
        for other in [
            draw(8, Purpose::Noise, 3, 11),
            draw(7 | 1 << 40, Purpose::Noise, 3, 11),
            draw(7, Purpose::Shuffle, 3, 11),
            draw(7, Purpose::Noise, 4, 11),
            draw(7, Purpose::Noise, 3, 12),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn matches_the_moments_of_the_standard_normal() {
        let mut values = vec![0.0; 400_001];
        Stream::new(1, Purpose::Noise, 0, 0).fill_normal(&mut values);
        let n = values.len() as f64;
        let moment = |power: i32| {
            values
                .iter()
                .map(|&v| f64::from(v).powi(power))
                .sum::<f64>()
                / n
        };
        // Five standard errors of each sample moment: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n).
        assert!(moment(1).abs() < 5.0 * (1.0 / n).sqrt());
        assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        assert!(moment(3).abs() < 5.0 * (15.0 / n).sqrt());
        assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
        assert!(values.iter().all(|v| v.is_finite() && v.abs() < 6.0));
    }

    #[test]
    fn draws_evenly_below_a_bound() {
        let mut stream = Stream::new(3, Purpose::Shuffle, 0, 0);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        // Standard deviation of a count is 93; five of them.
        assert!(
            counts.iter().all(|&c| c.abs_diff(10_000) < 465),
            "{counts:?}"
        );
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
    }

    #[test]
    fn shuffles_to_another_permutation() {
        let mut items: Vec<u32> = (0..1_000).collect();
        Stream::new(5, Purpose::Shuffle, 2, 0).shuffle(&mut items);
        let fixed = items
            .iter()
            .enumerate()
            .filter(|&(i, &v)| i as u32 == v)
            .count();
        assert!(
            fixed < 10,
            "a random permutation has one fixed point on average, this one {fixed}"
        );
        items.sort_unstable();
        assert!(items.iter().enumerate().all(|(i, &v)| i as u32 == v));
    }
}
