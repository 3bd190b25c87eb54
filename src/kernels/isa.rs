//! Which instructions the kernels use.
//!
//! All paths are the same source, compiled for different instruction sets. They give other bits than one another: those
//! with fused multiplication and addition (AVX-512, AVX2, NEON) round once and the portable one twice, and products
//! to few channels, such as the decoder's to a gray image, are summed in as many parts as a vector has lanes.

use std::sync::atomic::{AtomicU8, Ordering};

/// A set of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Isa {
    /// Whatever the compiler takes for granted: NEON on 64-bit ARM, SSE2 on x86-64.
    Portable = 1,
    /// AVX2 with fused multiply-add.
    Avx2 = 2,
    /// AVX-512.
    Avx512 = 3,
}

/// The path in use; 0 until it is first asked for.
static CURRENT: AtomicU8 = AtomicU8::new(0);

impl Isa {
    /// All paths, the fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// Those that this processor has, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The path that kernels take: the fastest that the processor has, unless [`Isa::choose`] said otherwise.
    pub fn current() -> Self {
        let stored = CURRENT.load(Ordering::Relaxed);
        Self::ALL
            .into_iter()
            .find(|&isa| isa as u8 == stored)
            .unwrap_or_else(|| {
                let fastest = Self::available().next().unwrap_or(Self::Portable);
                CURRENT.store(fastest as u8, Ordering::Relaxed);
                fastest
            })
    }

    /// Makes the kernels of this process take a path. Returns whether the processor has it.
    pub fn choose(self) -> bool {
        let available = self.is_available();
        if available {
            CURRENT.store(self as u8, Ordering::Relaxed);
        }
        available
    }

    /// Whether the processor has these instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2.is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// As it stands in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            // Another name, since it fuses there and gives other bits.
            Self::Portable if cfg!(target_arch = "aarch64") => "neon",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The path of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Output channels that a register block covers.
    pub(super) fn block(self) -> usize {
        match self {
            Self::Portable => 8,
            Self::Avx2 => 16,
            Self::Avx512 => 32,
        }
    }
}

/// Calls `$body::<vector, rows, width>($args)` compiled for a path: register blocks of so many rows and vectors a
/// row. The three numbers are the rows on the portable path, AVX2 and AVX-512; a row has two vectors everywhere.
macro_rules! compiled_for {
    ($isa:expr, $body:ident, [$portable:literal, $avx2:literal, $avx512:literal],
     ($($arg:ident : $type:ty),* $(,)?) $(-> $result:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn avx512($($arg: $type),*) $(-> $result)? {
            $body::<$crate::kernels::simd::Avx512, $avx512, 2>($($arg),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($arg: $type),*) $(-> $result)? {
            $body::<$crate::kernels::simd::Avx2, $avx2, 2>($($arg),*)
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                assert!(Isa::Avx512.is_available());
                // SAFETY: the processor has the instructions, by the assertion.
                unsafe { avx512($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                assert!(Isa::Avx2.is_available());
                // SAFETY: as above.
                unsafe { avx2($($arg),*) }
            }
            _ => $body::<$crate::kernels::simd::Portable, $portable, 2>($($arg),*),
        }
    }};
}
pub(super) use compiled_for;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_back() {
        for isa in Isa::ALL {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
        }
        assert_eq!(Isa::from_name("mmx"), None);
    }

    #[test]
    fn runs_on_an_available_path() {
        assert!(Isa::current().is_available());
    }
}
