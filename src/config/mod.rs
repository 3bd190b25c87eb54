//! Reading TOML configuration: what any program with a declarative file needs.

pub mod nearest;
