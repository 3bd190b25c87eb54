//! Many small, slightly transparent points as one bitmap, since an SVG of 70,000 shapes is slow to show.

use std::ops::Range;

use plotters::style::RGBColor;

use super::bitmap::Bitmap;

/// Rows of a bitmap that are mixed at a time: what is mixed takes four times the memory of the bitmap.
const BAND: u32 = 128;

/// Some rows of a white raster on which points are laid over each other.
pub(crate) struct Scatter {
    width: u32,
    rows: Range<u32>,
    /// Linear mix of what was laid on so far, 0..=255, row-major RGB.
    mixed: Vec<f32>,
}

impl Scatter {
    /// A bitmap on which `draw` lays everything, band by band; what lies elsewhere than a band costs little there.
    pub(crate) fn bitmap(width: u32, height: u32, draw: impl Fn(&mut Self)) -> Bitmap {
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for top in (0..height).step_by(BAND as usize) {
            let mut band = Self::new(width, top..height.min(top + BAND));
            draw(&mut band);
            rgb.extend(band.mixed.iter().map(|value| value.round() as u8));
        }
        Bitmap { width, height, rgb }
    }

    fn new(width: u32, rows: Range<u32>) -> Self {
        let pixels = width as usize * rows.len();
        Self {
            width,
            rows,
            mixed: vec![255.0; pixels * 3],
        }
    }

    /// Lays `color` over a pixel, `cover` of it from 0 to 1.
    fn lay(&mut self, x: i64, y: i64, color: RGBColor, cover: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        if x >= self.width || !self.rows.contains(&y) {
            return;
        }
        let row = (y - self.rows.start) as usize;
        let start = (row * self.width as usize + x as usize) * 3;
        if let Some(pixel) = self.mixed.get_mut(start..start + 3) {
            for (mixed, channel) in pixel.iter_mut().zip([color.0, color.1, color.2]) {
                *mixed += cover * (f32::from(channel) - *mixed);
            }
        }
    }

    /// A vertical line `width` pixels wide around `x`.
    pub(crate) fn vertical(&mut self, x: f64, width: u32, color: RGBColor) {
        let left = (x - f64::from(width) / 2.0).round() as i64;
        for y in self.rows.clone().map(i64::from) {
            for column in left..left + i64::from(width) {
                self.lay(column, y, color, 1.0);
            }
        }
    }

    /// A horizontal line `width` pixels wide around `y`.
    pub(crate) fn horizontal(&mut self, y: f64, width: u32, color: RGBColor) {
        let top = (y - f64::from(width) / 2.0).round() as i64;
        for row in top..top + i64::from(width) {
            for x in 0..i64::from(self.width) {
                self.lay(x, row, color, 1.0);
            }
        }
    }

    /// A disc with a smoothed border; `x`, `y` and `radius` in pixels.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64, color: RGBColor, opacity: f64) {
        let span = |center: f64| {
            (center - radius - 1.0).floor() as i64..(center + radius + 1.0).ceil() as i64
        };
        let rows = span(y);
        let (first, end) = (i64::from(self.rows.start), i64::from(self.rows.end));
        for row in rows.start.max(first)..rows.end.min(end) {
            for column in span(x) {
                let away = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
                let cover = (radius + 0.5 - away).clamp(0.0, 1.0);
                if cover > 0.0 {
                    self.lay(column, row, color, (cover * opacity) as f32);
                }
            }
        }
    }
}

/// 0 to `count` - 1, each once, in an order that scatters neighbours: steps of about the golden
/// section of `count`.
///
/// Sets are often sorted by class; drawn in that order the last class would cover all others.
pub(crate) fn interleaved(count: usize) -> impl Iterator<Item = usize> {
    let mut step = ((count as f64 * 0.618_033_988_749_895) as usize).max(1);
    // A step without a common divisor visits every index.
    while greatest_common_divisor(step, count) > 1 {
        step += 1;
    }
    let mut at = 0_usize;
    (0..count).map(move |_| {
        let index = at;
        at = (at + step) % count;
        index
    })
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_every_index_once_and_neighbours_apart() {
        for count in [0, 1, 2, 3, 4, 10, 997, 1_000, 70_000] {
            let mut order: Vec<usize> = interleaved(count).collect();
            let early = order
                .iter()
                .take(count / 10)
                .filter(|&&i| i < count / 10)
                .count();
            if count >= 1_000 {
                // A tenth of the first tenth, give or take.
                assert!(
                    early > count / 200 && early < count / 50,
                    "{count}: {early}"
                );
            }
            order.sort_unstable();
            assert!(order.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn mixes_points_and_cuts_those_outside() {
        let bitmap = Scatter::bitmap(9, 9, |scatter| {
            scatter.dot((4.5, 4.5), 2.0, RGBColor(0, 0, 0), 0.5);
            scatter.dot((4.5, 4.5), 2.0, RGBColor(255, 0, 0), 0.5);
            scatter.dot((-1e9, 1e9), 2.0, RGBColor(0, 0, 0), 1.0);
        });
        // 255 to 127.5 under black, then halfway to (255, 0, 0).
        assert_eq!(bitmap.at(4, 4), [191, 64, 64]);
        assert_eq!(bitmap.at(0, 0), [255; 3]);
    }

    #[test]
    fn leaves_no_seam_between_bands() {
        let height = 3 * BAND + 7;
        let draw = |scatter: &mut Scatter| {
            scatter.vertical(2.0, 2, RGBColor(0, 0, 0));
            scatter.horizontal(f64::from(BAND), 2, RGBColor(0, 0, 255));
            for y in 0..height {
                scatter.dot((5.0, f64::from(y)), 2.5, RGBColor(200, 0, 0), 0.3);
            }
        };
        let bitmap = Scatter::bitmap(9, height, draw);
        let mut whole = Scatter::new(9, 0..height);
        draw(&mut whole);
        assert_eq!(bitmap.rgb.len(), whole.mixed.len());
        for (got, want) in bitmap.rgb.iter().zip(&whole.mixed) {
            assert_eq!(*got, want.round() as u8);
        }
        // The line around row BAND lies half in one band and half in the next; the grid goes through all.
        assert_eq!(bitmap.at(8, BAND - 1), [0, 0, 255]);
        assert_eq!(bitmap.at(8, BAND), [0, 0, 255]);
        assert_eq!(bitmap.at(1, height - 1), [0, 0, 0]);
    }
}
