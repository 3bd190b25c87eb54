//! Colours of classes.

use plotters::style::RGBColor;

/// Ten colours that stay apart for readers with and without colour blindness.
///
/// Found by maximising the smallest CIEDE2000 difference between any two, for normal sight and for
/// protanopia and deuteranopia as simulated by Machado et al. 2009: at least 18 in all three
/// (Petroff's ten reach 12, matplotlib's 1.3). Ordered so that neighbours differ in lightness too.
const TEN: [RGBColor; 10] = [
    RGBColor(0x66, 0x99, 0xff),
    RGBColor(0x88, 0x11, 0x00),
    RGBColor(0xee, 0xcc, 0x00),
    RGBColor(0x00, 0x66, 0x55),
    RGBColor(0xbb, 0x77, 0x99),
    RGBColor(0x00, 0x44, 0x77),
    RGBColor(0xff, 0xbb, 0xaa),
    RGBColor(0x77, 0x11, 0xff),
    RGBColor(0x77, 0xdd, 0xee),
    RGBColor(0xaa, 0x77, 0x33),
];

/// Most classes that get a colour of their own; more share a continuous scale.
pub(crate) const NAMED: usize = 20;

/// Colours of classes 0 to `classes` - 1: the ten, those and ten lighter ones, or for more than
/// [`NAMED`] classes places on a continuous scale.
pub(crate) fn class_colors(classes: usize) -> Vec<RGBColor> {
    if classes <= NAMED {
        let lighter = TEN.map(|color| mix(color, RGBColor(0xff, 0xff, 0xff), 0.5));
        return TEN.into_iter().chain(lighter).take(classes).collect();
    }
    (0..classes)
        .map(|class| continuous(class as f64 / (classes - 1) as f64))
        .collect()
}

/// A scale from 0 to 1 of even lightness steps: viridis (Smith and van der Walt 2015) at nine
/// places, linear between.
pub(crate) fn continuous(share: f64) -> RGBColor {
    const PLACES: [RGBColor; 9] = [
        RGBColor(0x44, 0x01, 0x54),
        RGBColor(0x47, 0x2d, 0x7b),
        RGBColor(0x3b, 0x52, 0x8b),
        RGBColor(0x2c, 0x72, 0x8e),
        RGBColor(0x21, 0x91, 0x8c),
        RGBColor(0x28, 0xae, 0x80),
        RGBColor(0x5e, 0xc9, 0x62),
        RGBColor(0xad, 0xdc, 0x30),
        RGBColor(0xfd, 0xe7, 0x25),
    ];
    let share = if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    };
    let at = share * (PLACES.len() - 1) as f64;
    let low = (at.floor() as usize).min(PLACES.len() - 2);
    mix(PLACES[low], PLACES[low + 1], at - low as f64)
}

fn mix(from: RGBColor, to: RGBColor, share: f64) -> RGBColor {
    let channel =
        |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(
        channel(from.0, to.0),
        channel(from.1, to.1),
        channel(from.2, to.2),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn gives_every_class_its_own_color_while_there_are_enough() {
        for classes in [1, 2, 10, 11, 20, 21, 100] {
            let colors: HashSet<_> = class_colors(classes)
                .iter()
                .map(|c| (c.0, c.1, c.2))
                .collect();
            assert_eq!(colors.len(), classes);
        }
        assert!(class_colors(0).is_empty());
        assert_eq!(class_colors(1_000).len(), 1_000);
    }

    #[test]
    fn ends_the_continuous_scale_where_viridis_does() {
        assert_eq!(continuous(0.0), RGBColor(0x44, 0x01, 0x54));
        assert_eq!(continuous(1.0), RGBColor(0xfd, 0xe7, 0x25));
        assert_eq!(continuous(f64::NAN).0, 0x44);
    }
}
