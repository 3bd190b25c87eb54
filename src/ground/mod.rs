//! The ground floor: what any program of this kind needs, and nothing of the field.
//!
//! All writing of files goes through [`files`], all randomness through [`random`], all reading of clocks
//! through [`clock`].

pub mod claim;
pub mod clock;
pub mod digest;
pub mod disk;
pub mod exit;
#[cfg(feature = "faults")]
pub mod faults;
pub mod files;
pub mod lock;
pub mod machine;
pub mod math;
pub mod nearest;
pub mod printable;
pub mod random;
pub mod stop;
pub mod tensor;
