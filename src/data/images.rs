//! Images in memory: one block of `u8`, and the way from there to the numbers a network reads.

/// Images with their classes, all of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// Rows of an image, pixels.
    pub height: usize,
    /// Columns of an image, pixels.
    pub width: usize,
    /// Values a pixel: 1 for gray, 3 for red, green, blue.
    pub channels: usize,
    /// All images one after the other, each row by row, channels innermost (NHWC); 0 is black.
    pub pixels: Vec<u8>,
    /// The class of each image, an index into `classes`.
    pub labels: Vec<u16>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// What each image was drawn from, where that is known (sprites).
    pub factors: Option<Factors>,
}

/// The generative factors of drawn images, for measures of disentanglement.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// Name of each factor.
    pub names: [&'static str; 5],
    /// How many values each factor takes.
    pub sizes: [usize; 5],
    /// Which of its values each factor has: one row an image, `index < size`.
    pub indices: Vec<[u8; 5]>,
    /// The same in the factor's own unit: shape as class number, scale relative to the largest,
    /// orientation in radians, x and y as a fraction of the way across, from the left and from the top.
    pub values: Vec<[f32; 5]>,
}

impl Images {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values an image: height times width times channels.
    pub fn values_per_image(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The pixels of image `i`, height x width x channels.
    ///
    /// # Panics
    /// `i` is not below [`len`](Self::len).
    pub fn image(&self, i: usize) -> &[u8] {
        let size = self.values_per_image();
        &self.pixels[i * size..(i + 1) * size]
    }
}

/// Writes the named images one after the other as numbers from 0 to 1, `(v as f32) / 255.0` exactly.
///
/// `out` is `indices.len()` x height x width x channels.
///
/// # Panics
/// `out` has another length, or an index is not below [`Images::len`].
pub fn fill_batch(images: &Images, indices: &[u32], out: &mut [f32]) {
    let size = images.values_per_image();
    assert_eq!(out.len(), indices.len() * size, "length of the batch");
    for (&index, values) in indices.iter().zip(out.chunks_exact_mut(size)) {
        for (value, &pixel) in values.iter_mut().zip(images.image(index as usize)) {
            *value = UNIT[usize::from(pixel)];
        }
    }
}

/// v / 255 for every byte v.
static UNIT: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut v = 0;
    while v < 256 {
        table[v] = v as f32 / 255.0;
        v += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images {
            height: 2,
            width: 1,
            channels: 3,
            pixels: (0..18).map(|v| v * 15).collect(),
            labels: vec![0, 1, 0],
            classes: vec!["a".into(), "b".into()],
            factors: None,
        }
    }

    #[test]
    fn an_image_is_its_own_stretch_of_the_pixels() {
        let images = three();
        assert_eq!((images.len(), images.values_per_image()), (3, 6));
        assert!(!images.is_empty());
        assert_eq!(images.image(1), [90, 105, 120, 135, 150, 165]);
    }

    #[test]
    fn a_batch_holds_each_byte_over_255_in_the_order_asked_for() {
        let mut out = [f32::NAN; 12];
        fill_batch(&three(), &[2, 0], &mut out);
        let expected = [
            180.0, 195.0, 210.0, 225.0, 240.0, 255.0, 0.0, 15.0, 30.0, 45.0, 60.0, 75.0,
        ]
        .map(|v: f32| v / 255.0);
        assert_eq!(out, expected);
        assert_eq!((UNIT[0], UNIT[255]), (0.0, 1.0));
    }

    #[test]
    #[should_panic(expected = "length of the batch")]
    fn a_batch_of_another_length_is_a_mistake_of_the_caller() {
        fill_batch(&three(), &[0], &mut [0.0; 5]);
    }
}
