//! A tensor outside of any network: a name, a shape and values, as it stands in a file.

/// Values in row-major order under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Unique within a file, `encoder.conv0.kernel`.
    pub name: String,
    /// Sizes, outermost axis first; empty for a scalar.
    pub shape: Vec<usize>,
    /// As many values as the product of the shape.
    pub data: Vec<f32>,
}
