//! Layers of the network, one a file.

pub mod conv2d;
pub mod conv_transpose2d;
pub mod dense;

pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use dense::Dense;
