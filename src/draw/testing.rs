//! What tests of several pictures share: reading back what was drawn.

use image::RgbImage;

use super::render::Rendered;
use crate::metric::Row;

/// The PNG as pixels, after checks that hold for every picture: it is not blank, its SVG is well
/// formed and half as large.
pub(crate) fn decode(rendered: &Rendered) -> RgbImage {
    let png = image::load_from_memory_with_format(&rendered.png, image::ImageFormat::Png);
    let pixels = png.unwrap().into_rgb8();
    assert!(pixels.pixels().any(|p| p.0 != [255; 3]), "a blank picture");
    texts(&rendered.svg);
    let (width, height) = (pixels.width() / 2, pixels.height() / 2);
    let size = format!("<svg width=\"{width}\" height=\"{height}\" ");
    assert!(rendered.svg.starts_with(&size), "{}", &rendered.svg[..80]);
    assert!(!rendered.svg.contains("data:png"));
    pixels
}

/// The texts of an SVG, in drawing order; fails where it is not well-formed XML.
pub(crate) fn texts(svg: &str) -> Vec<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut texts = Vec::new();
    let mut rest = svg;
    while let Some((text, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').expect("a tag without an end");
        let is_allowed = |c: char| c == '\n' || !c.is_control();
        assert!(
            text.chars().chain(tag.chars()).all(is_allowed),
            "a control character"
        );
        assert!(
            !tag.contains('<') && tag.matches('"').count() % 2 == 0,
            "{tag}"
        );
        for entity in text.split('&').skip(1) {
            let known = ["lt;", "gt;", "amp;", "quot;", "apos;"];
            assert!(
                known.iter().any(|name| entity.starts_with(name)),
                "{entity}"
            );
        }
        if open.last() == Some(&"text") {
            texts.push(text.trim_matches('\n').to_owned());
        } else {
            assert_eq!(text.trim(), "");
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap_or_default());
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?}");
    texts
}

/// Epochs 1 to `count` whose loss falls from 301 towards 251, without a validation part.
pub(crate) fn epochs(count: u32) -> Vec<Row> {
    let one = |epoch: u32| {
        let (reconstruction, kl) = (247.0 + 50.0 / f64::from(epoch), 4.0);
        let loss = reconstruction + kl;
        let terms = [
            ("loss", loss),
            ("reconstruction", reconstruction),
            ("kl", kl),
        ];
        let mut row = Row::from_iter(terms);
        row.set("epoch", epoch);
        row
    };
    (1..=count).map(one).collect()
}
