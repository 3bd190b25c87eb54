//! The outlines of the sprites, as functions that say whether a point is inside.
//!
//! Each shape fits into the unit circle and touches it, so that one radius serves all of them, and
//! their areas are alike (2.0, 1.6 and 1.8), so that brightness alone does not tell them apart.

/// A shape; its number is its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Square,
    Ellipse,
    Heart,
}

/// Distance of the heart's farthest point from its origin, rounded up: along the direction where the
/// outline r satisfies (r^2 - 1)^3 = r^5 cos^2 sin^3 with sin^2 = 3/5.
const HEART_RADIUS: f32 = 1.43;

impl Shape {
    pub(super) const ALL: [Self; 3] = [Self::Square, Self::Ellipse, Self::Heart];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Square => "square",
            Self::Ellipse => "ellipse",
            Self::Heart => "heart",
        }
    }

    /// Whether the point is inside; x runs to the right, y upwards.
    #[inline]
    pub(super) fn contains(self, x: f32, y: f32) -> bool {
        match self {
            Self::Square => x.abs().max(y.abs()) <= std::f32::consts::FRAC_1_SQRT_2,
            // Twice as wide as high.
            Self::Ellipse => x * x + 4.0 * y * y <= 1.0,
            // (x^2 + y^2 - 1)^3 <= x^2 y^3
            Self::Heart => {
                let (x, y) = (x * HEART_RADIUS, y * HEART_RADIUS);
                let ring = x * x + y * y - 1.0;
                ring * ring * ring <= x * x * y * y * y
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of a fine grid over the square from -1.5 to 1.5 that are inside.
    fn inside(shape: Shape) -> Vec<(f32, f32)> {
        let at = |i: i32| i as f32 / 200.0;
        (-300..=300)
            .flat_map(|i| (-300..=300).map(move |j| (at(i), at(j))))
            .filter(|&(x, y)| shape.contains(x, y))
            .collect()
    }

    #[test]
    fn fills_the_unit_circle() {
        for shape in Shape::ALL {
            let points = inside(shape);
            let farthest = points
                .iter()
                .map(|(x, y)| x.hypot(*y))
                .fold(0.0_f32, f32::max);
            assert!((0.97..=1.001).contains(&farthest), "{shape:?}: {farthest}");
        }
    }

    #[test]
    fn has_the_areas_of_the_formulas() {
        // Square: side sqrt(2). Ellipse: pi * 1 * 1/2. Heart: 3.661972 of the curve of unit scale
        // (numerical integration, see below) over 1.43^2.
        let expected = [2.0, std::f32::consts::FRAC_PI_2, 3.661_97 / (1.43 * 1.43)];
        for (shape, expected) in Shape::ALL.into_iter().zip(expected) {
            let area = inside(shape).len() as f32 / 40_000.0;
            assert!((area - expected).abs() < 0.02, "{shape:?}: {area}");
        }
    }

    #[test]
    fn draws_the_heart_upright_and_symmetric() {
        assert!(Shape::Heart.contains(0.0, -0.69));
        assert!(!Shape::Heart.contains(0.0, 0.72));
        assert!(Shape::Heart.contains(0.4, 0.75));
        for (x, y) in inside(Shape::Heart) {
            assert!(Shape::Heart.contains(-x, y));
        }
    }
}
