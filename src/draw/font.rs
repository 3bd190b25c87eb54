//! The one typeface of all pictures: DejaVu Sans, embedded, so that a picture looks the same on
//! every machine.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, Glyph, Point, PxScale, ScaleFont, point};

use super::error::DrawError;

/// What an SVG asks for: the font, and fallbacks of nearly the same widths for readers without it.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Height of a capital or a digit above its baseline, in em (DejaVu Sans: 1493 / 2048).
pub(crate) const CAP_HEIGHT: f64 = 1493.0 / 2048.0;

fn font() -> Result<&'static FontRef<'static>, DrawError> {
    static FONT: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(dejavu::sans::regular()).ok())
        .as_ref()
        .ok_or(DrawError::Font)
}

/// `ab_glyph` counts a size as ascent plus descent, not in em.
fn scale(font: &FontRef<'_>, em: f64) -> PxScale {
    let units = f64::from(font.units_per_em().unwrap_or(2048.0));
    PxScale::from((em * f64::from(font.height_unscaled()) / units) as f32)
}

/// The glyphs of a line of text from `start` on, kerned, and where the next one would stand.
fn lay_out(
    text: &str,
    em: f64,
    start: Point,
) -> Result<(impl Iterator<Item = Glyph>, f32), DrawError> {
    let font = font()?;
    let scale = scale(font, em);
    let scaled = font.as_scaled(scale);
    let mut at = start;
    let mut before = None;
    let mut glyphs = Vec::new();
    for c in text.chars() {
        let id = scaled.glyph_id(c);
        if let Some(before) = before {
            at.x += scaled.kern(before, id);
        }
        glyphs.push(id.with_scale_and_position(scale, at));
        at.x += scaled.h_advance(id);
        before = Some(id);
    }
    Ok((glyphs.into_iter(), at.x))
}

/// Width of a line of text at font size `em`, in the unit of `em`.
///
/// # Errors
///
/// [`DrawError::Font`] when the font cannot be read.
pub(crate) fn width(text: &str, em: f64) -> Result<f64, DrawError> {
    let (_, end) = lay_out(text, em, point(0.0, 0.0))?;
    Ok(f64::from(end))
}

/// Width of the widest of some lines of text, 0 for none.
///
/// # Errors
///
/// [`DrawError::Font`] when the font cannot be read.
pub(crate) fn widest(
    texts: impl IntoIterator<Item = impl AsRef<str>>,
    em: f64,
) -> Result<f64, DrawError> {
    let mut texts = texts.into_iter();
    texts.try_fold(0.0_f64, |widest, text| {
        Ok(widest.max(width(text.as_ref(), em)?))
    })
}

/// The pixels that a line of text covers, and how much of each (0 to 1): x, y, cover. The baseline
/// starts at `start`, and `em` is in pixels.
///
/// # Errors
///
/// [`DrawError::Font`] when the font cannot be read.
pub(crate) fn covers(
    text: &str,
    em: f64,
    start: (f64, f64),
) -> Result<Vec<(i32, i32, f64)>, DrawError> {
    let font = font()?;
    let mut pixels = Vec::new();
    let (glyphs, _) = lay_out(text, em, point(start.0 as f32, start.1 as f32))?;
    for outline in glyphs.filter_map(|glyph| font.outline_glyph(glyph)) {
        let corner = outline.px_bounds().min;
        let (left, top) = (corner.x as i32, corner.y as i32);
        outline.draw(|x, y, cover| {
            if cover > 0.0 {
                let at = (
                    left.saturating_add_unsigned(x),
                    top.saturating_add_unsigned(y),
                );
                pixels.push((at.0, at.1, f64::from(cover.min(1.0))));
            }
        });
    }
    Ok(pixels)
}

/// Characters looked at before a text is measured: no label comes near, and a name of a megabyte
/// costs nothing.
const MAX_CHARS: usize = 400;

/// The text as one line, cut with an ellipsis where it is wider than `room`.
///
/// Line breaks and other control characters become spaces: XML does not allow them, and a label is
/// one line.
///
/// # Errors
///
/// [`DrawError::Font`] when the font cannot be read.
pub(crate) fn fit(text: &str, em: f64, room: f64) -> Result<String, DrawError> {
    let mut line: Vec<char> = text
        .chars()
        .take(MAX_CHARS)
        .map(|c| if is_drawable(c) { c } else { ' ' })
        .collect();
    let whole: String = line.iter().collect();
    if text.chars().nth(MAX_CHARS).is_none() && width(&whole, em)? <= room {
        return Ok(whole);
    }
    // Widths grow with every character, so the longest prefix that fits can be searched for.
    let (mut fits, mut cut) = (0, line.len());
    while fits < cut {
        let middle = (fits + cut).div_ceil(2);
        if width(&ellipsis(&line[..middle]), em)? <= room {
            fits = middle;
        } else {
            cut = middle - 1;
        }
    }
    line.truncate(fits);
    Ok(ellipsis(&line))
}

/// Neither a control character nor one of the two that XML 1.0 forbids.
fn is_drawable(c: char) -> bool {
    !c.is_control() && c != '\u{fffe}' && c != '\u{ffff}'
}

fn ellipsis(kept: &[char]) -> String {
    let kept: String = kept.iter().collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_widths_of_dejavu_sans() {
        // Advance widths in the font file (2048 units an em): zero 1303, M 1767, period 651.
        assert!((width("0", 10.0).unwrap() - 13030.0 / 2048.0).abs() < 0.06);
        assert!((width("M.", 10.0).unwrap() - 24180.0 / 2048.0).abs() < 0.06);
        assert_eq!(width("", 10.0).unwrap(), 0.0);
    }

    #[test]
    fn cuts_only_text_that_does_not_fit() {
        assert_eq!(fit("loss", 10.0, 100.0).unwrap(), "loss");
        let cut = fit(&"wide name ".repeat(30), 10.0, 100.0).unwrap();
        assert!(cut.starts_with("wide name wide"), "{cut}");
        assert!(cut.ends_with('…'), "{cut}");
        let cut_width = width(&cut, 10.0).unwrap();
        assert!(cut_width <= 100.0 && cut_width > 80.0, "{cut_width}");
        assert_eq!(fit("long", 10.0, 1.0).unwrap(), "…");
    }

    #[test]
    fn survives_a_name_of_a_megabyte_and_control_characters() {
        assert!(
            fit(&"x".repeat(1 << 20), 10.0, 300.0)
                .unwrap()
                .chars()
                .count()
                < 100
        );
        assert_eq!(fit("a\nb\u{0}c\u{ffff}", 10.0, 100.0).unwrap(), "a b c ");
    }
}
