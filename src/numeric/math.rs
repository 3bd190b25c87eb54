//! Elementary functions in plain multiplications and additions.
//!
//! The system's maths library gives other last bits on other machines; these give the same
//! everywhere, and the compiler turns loops over them into vector code. Each is within a few units in
//! the last place of the exact value, which the tests check against `f64`.

/// e^x for f32. 0 below about -87.3 (no subnormal results), infinity above 88.7; NaN stays NaN.
///
/// Range reduction x = n ln 2 + r with ln 2 in two parts (Cody and Waite 1980), then the Taylor
/// polynomial of e^r on |r| <= ln 2 / 2, whose remainder r^8/8! is below 6e-9.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer without a call.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.3, 88.722_84);
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    // 2^n in two factors, since n reaches 128 and 2^128 is not an f32.
    // The integer stands in the last bits of the sum; `n as i32` would not become vector code.
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let power = |n: i32| f32::from_bits(((n + 127) as u32) << 23);
    let value = p * power(half) * power(n - half);
    if x < -87.3 {
        0.0
    } else if x > 88.722_84 {
        f32::INFINITY
    } else {
        value
    }
}

/// ln(1 + u) for 0 <= u <= 1, without the cancellation of `ln(1.0 + u)`.
///
/// 2 artanh(s) with s = u / (2 + u) <= 1/3; the series in s^2 is cut where its next term is below
/// 2e-9 of the sum.
#[inline(always)]
pub fn ln_1p_unit(u: f32) -> f32 {
    let s = u / (2.0 + u);
    2.0 * s * artanh_series(s * s)
}

/// ln x for positive normal x.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits();
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let e = (shifted as i32) >> 23;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let s = (m - 1.0) / (m + 1.0);
    let e = e as f32;
    e * 0.693_359_4 + (e * -2.121_944_4e-4 + 2.0 * s * artanh_series(s * s))
}

/// artanh(s) / s as a polynomial in s^2, for |s| <= 1/3.
#[inline(always)]
fn artanh_series(t: f32) -> f32 {
    let mut p = 1.0 / 15.0;
    p = p * t + 1.0 / 13.0;
    p = p * t + 1.0 / 11.0;
    p = p * t + 1.0 / 9.0;
    p = p * t + 1.0 / 7.0;
    p = p * t + 1.0 / 5.0;
    p = p * t + 1.0 / 3.0;
    p * t + 1.0
}

/// tanh x, as (1 - e^(-2|x|)) / (1 + e^(-2|x|)) with the sign of x, and its Taylor polynomial where
/// that would cancel.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    if a < 0.35 {
        let t = x * x;
        let mut p = 62.0 / 2835.0 - t * (1382.0 / 155_925.0);
        p = p * t - 17.0 / 315.0;
        p = p * t + 2.0 / 15.0;
        p = p * t - 1.0 / 3.0;
        return x + x * (p * t);
    }
    let e = exp(-2.0 * a);
    ((1.0 - e) / (1.0 + e)).copysign(x)
}

/// 1 / (1 + e^-x), the logistic function.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let small = e / (1.0 + e);
    if x >= 0.0 { 1.0 - small } else { small }
}

/// The sine and cosine of 2 pi v, for v in [0, 1).
#[inline(always)]
pub fn sin_cos_turn(v: f32) -> (f32, f32) {
    // To the nearest quarter turn: q in 0..=4, |r| <= 1/8 turn; exact in f32.
    let q = (v * 4.0 + 0.5).floor();
    let r = (v - q * 0.25) * std::f32::consts::TAU;
    let t = r * r;
    let sin = r
        * (1.0
            + t * (-1.0 / 6.0 + t * (1.0 / 120.0 + t * (-1.0 / 5040.0 + t * (1.0 / 362_880.0)))));
    let cos = 1.0
        + t * (-0.5
            + t * (1.0 / 24.0
                + t * (-1.0 / 720.0 + t * (1.0 / 40_320.0 - t * (1.0 / 3_628_800.0)))));
    match q as i32 & 3 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// cos(pi t) in f64, for t in [0, 1].
pub fn cos_pi(t: f64) -> f64 {
    // cos(pi t) = -sin(pi (t - 1/2)), by the Taylor series of the sine on |x| <= pi / 2, whose next term
    // is below 2e-17.
    let x = (t - 0.5) * std::f64::consts::PI;
    let (mut term, mut sum) = (x, x);
    for k in 1..=11 {
        let k = f64::from(k);
        term *= -x * x / (2.0 * k * (2.0 * k + 1.0));
        sum += term;
    }
    -sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error of `f` against `exact`, in units of the result's last place.
    fn worst_ulp(range: std::ops::Range<f32>, f: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let n = 200_000;
        (0..=n)
            .map(|i| {
                let x = range.start + (range.end - range.start) * (i as f32 / n as f32);
                let want = exact(f64::from(x));
                let near = (want as f32).abs().max(f32::MIN_POSITIVE);
                let ulp = f64::from(f32::from_bits(near.to_bits() + 1)) - f64::from(near);
                (f64::from(f(x)) - want).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn bounds_each_function_to_a_few_units_in_the_last_place() {
        assert!(worst_ulp(-87.2..88.7, exp, f64::exp) < 4.0);
        assert!(worst_ulp(-1.0..1.0, exp, f64::exp) < 2.0);
        assert!(worst_ulp(0.0..1.0, ln_1p_unit, f64::ln_1p) < 3.0);
        assert!(worst_ulp(1e-6..0.999, ln, f64::ln) < 4.0);
        assert!(worst_ulp(1.001..50.0, ln, f64::ln) < 4.0);
        assert!(worst_ulp(-9.0..9.0, tanh, f64::tanh) < 4.0);
        assert!(worst_ulp(-30.0..30.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 4.0);
    }

    #[test]
    fn computes_exp_at_its_limits() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(1000.0), f32::INFINITY);
        assert!(exp(88.7).is_finite());
        assert!(exp(f32::NAN).is_nan());
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
        assert_eq!((sigmoid(-200.0), sigmoid(200.0)), (0.0, 1.0));
    }

    #[test]
    fn computes_sine_and_cosine_of_a_turn() {
        for i in 0..100_000 {
            let v = i as f32 / 100_000.0;
            let (sin, cos) = sin_cos_turn(v);
            let angle = f64::from(v) * std::f64::consts::TAU;
            assert!(
                (f64::from(sin) - angle.sin()).abs() < 3e-7,
                "sin of {v} turns"
            );
            assert!(
                (f64::from(cos) - angle.cos()).abs() < 3e-7,
                "cos of {v} turns"
            );
        }
        assert_eq!(sin_cos_turn(0.25), (1.0, 0.0));
    }

    #[test]
    fn computes_cosine_of_half_a_turn() {
        for i in 0..=1000 {
            let t = f64::from(i) / 1000.0;
            assert!(
                (cos_pi(t) - (t * std::f64::consts::PI).cos()).abs() < 1e-15,
                "{t}"
            );
        }
    }
}
