//! Vectors of f32, one type an instruction set.
//!
//! Arrays leave it to the compiler whether a loop becomes vector code, and small changes around a loop undo
//! it (a factor of eight was seen); these types do not.

/// A vector of f32.
pub trait Lanes: Copy {
    /// Values in a vector.
    const N: usize;
    /// The same value in every lane.
    fn splat(value: f32) -> Self;
    /// Reads `N` values.
    ///
    /// # Safety
    /// `N` values behind `from` can be read.
    unsafe fn load(from: *const f32) -> Self;
    /// Reads `count` values; the lanes behind them are 0.
    ///
    /// # Safety
    /// `count` is below `N`, and so many values behind `from` can be read.
    unsafe fn load_some(from: *const f32, count: usize) -> Self;
    /// Writes `N` values.
    ///
    /// # Safety
    /// `N` values behind `to` can be written.
    unsafe fn store(self, to: *mut f32);
    /// `self + a b`, rounded once or twice as the instruction set has it.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// 0 where the value is below 0, else the value; NaN stays NaN.
    fn or_zero(self) -> Self;
    /// The value where `gate` is above 0, else 0.
    fn where_positive(self, gate: Self) -> Self;
}

/// Four lanes that every compiler makes SSE or NEON code of.
#[derive(Clone, Copy, Debug)]
pub struct Portable([f32; 4]);

impl Lanes for Portable {
    const N: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { from.cast::<[f32; 4]>().read() })
    }

    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller's, for those below `count`.
        let value = |i| {
            if i < count {
                unsafe { *from.add(i) }
            } else {
                0.0
            }
        };
        Self(std::array::from_fn(value))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[f32; 4]>().write(self.0) }
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        let mut sum = self.0;
        for ((sum, a), b) in sum.iter_mut().zip(a.0).zip(b.0) {
            // 64-bit ARM has a fused instruction, without which `mul_add` is a slow call.
            *sum = if cfg!(target_arch = "aarch64") {
                a.mul_add(b, *sum)
            } else {
                *sum + a * b
            };
        }
        Self(sum)
    }

    #[inline(always)]
    fn or_zero(self) -> Self {
        Self(self.0.map(|v| if v < 0.0 { 0.0 } else { v }))
    }

    #[inline(always)]
    fn where_positive(self, gate: Self) -> Self {
        let mut values = self.0;
        for (value, gate) in values.iter_mut().zip(gate.0) {
            *value = if gate > 0.0 { *value } else { 0.0 };
        }
        Self(values)
    }
}

/// Has the cache line with this value brought into the first-level cache, if the processor likes; any address will do.
#[inline(always)]
pub fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint reads nothing that the program could see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::{
        __m256, __m512, _CMP_GT_OQ, _mm256_and_ps, _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_loadu_si256, _mm256_maskload_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_storeu_ps,
        _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps,
        _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    // SAFETY of all four: as of the methods below.
    #[inline(always)]
    unsafe fn load_some_256(from: *const f32, count: usize) -> __m256 {
        // Eight numbers from here on, of which the first `count` are negative: the lanes to read.
        const LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        unsafe {
            let first = LANES.as_ptr().add(8 - count);
            _mm256_maskload_ps(from, _mm256_loadu_si256(first.cast()))
        }
    }

    #[inline(always)]
    unsafe fn load_some_512(from: *const f32, count: usize) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps(((1_u32 << count) - 1) as u16, from) }
    }

    #[inline(always)]
    unsafe fn select_256(values: __m256, gate: __m256) -> __m256 {
        unsafe {
            _mm256_and_ps(
                values,
                _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_set1_ps(0.0)),
            )
        }
    }

    #[inline(always)]
    unsafe fn select_512(values: __m512, gate: __m512) -> __m512 {
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_set1_ps(0.0));
            _mm512_maskz_mov_ps(positive, values)
        }
    }

    macro_rules! lanes {
        ($name:ident, $vector:ty, $n:literal, $doc:literal, $splat:ident, $load:ident, $load_some:ident, $store:ident, $fma:ident, $max:ident, $select:ident) => {
            #[doc = $doc]
            #[derive(Clone, Copy, Debug)]
            pub struct $name($vector);

            // SAFETY of all blocks: these methods are inlined into functions that `Isa` calls only where the
            // processor has the instructions; pointers are the caller's promise.
            impl Lanes for $name {
                const N: usize = $n;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    Self(unsafe { $splat(value) })
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    Self(unsafe { $load(from) })
                }

                #[inline(always)]
                unsafe fn load_some(from: *const f32, count: usize) -> Self {
                    Self(unsafe { $load_some(from, count) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    unsafe { $store(to, self.0) }
                }

                #[inline(always)]
                fn add_product(self, a: Self, b: Self) -> Self {
                    Self(unsafe { $fma(a.0, b.0, self.0) })
                }

                #[inline(always)]
                fn or_zero(self) -> Self {
                    // Of two operands the second comes out where one is NaN.
                    Self(unsafe { $max($splat(0.0), self.0) })
                }

                #[inline(always)]
                fn where_positive(self, gate: Self) -> Self {
                    Self(unsafe { $select(self.0, gate.0) })
                }
            }
        };
    }

    lanes!(
        Avx2,
        __m256,
        8,
        "Eight lanes, AVX2 with fused multiply-add.",
        _mm256_set1_ps,
        _mm256_loadu_ps,
        load_some_256,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        select_256
    );
    lanes!(
        Avx512,
        __m512,
        16,
        "Sixteen lanes, AVX-512.",
        _mm512_set1_ps,
        _mm512_loadu_ps,
        load_some_512,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        select_512
    );
}
