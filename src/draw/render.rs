//! From a description of a picture to its two files.

use std::io::Cursor;

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use plotters::backend::DrawingBackend;
use plotters::prelude::{BitMapBackend, SVGBackend};

use super::bitmap::Bitmap;
use super::canvas::{Canvas, Medium, Rect, SCALE};
use super::error::DrawError;

/// Pixels of a finished PNG a unit of the page, so that it is sharp on a screen of high density and
/// in print.
pub(crate) const PNG_SCALE: u32 = 2;

/// How many drawn pixels a side become one of the PNG.
const SHRINK: u32 = SCALE / PNG_SCALE;

/// A picture in both formats, as the bytes of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The PNG file (8-bit RGB, two pixels a unit of the SVG). No time stamp: same input, same
    /// bytes.
    pub png: Vec<u8>,
    /// The SVG file: one self-contained document.
    pub svg: String,
}

/// A picture that can be drawn on any canvas.
pub(crate) trait Picture {
    /// Width and height of the page, in whole units.
    fn size(&self) -> (u32, u32);

    /// Draws on a page that is already white.
    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError>;
}

/// Longest side of a page, in units: 16 times the pixels of an ordinary picture.
const MAX_PAGE: u32 = 4_000;

/// Draws a picture once as PNG and once as SVG.
///
/// # Errors
///
/// What the picture's `draw` returns, [`DrawError::Encode`], and [`DrawError::TooMany`] for a
/// page that would need gigabytes.
pub(crate) fn render(picture: &impl Picture) -> Result<Rendered, DrawError> {
    let (width, height) = picture.size();
    let longest = width.max(height);
    if longest > MAX_PAGE {
        return Err(DrawError::TooMany {
            what: "units a side",
            found: longest as usize,
            limit: MAX_PAGE as usize,
        });
    }
    Ok(Rendered {
        png: png(picture, (width, height))?,
        svg: svg(picture, (width, height))?,
    })
}

fn png(picture: &impl Picture, (width, height): (u32, u32)) -> Result<Vec<u8>, DrawError> {
    let drawn = (width * SCALE, height * SCALE);
    let mut buffer = vec![255_u8; drawn.0 as usize * drawn.1 as usize * 3];
    let mut canvas = Canvas::new(
        BitMapBackend::with_buffer(&mut buffer, drawn),
        Medium::Raster,
    );
    picture.draw(&mut canvas)?;
    canvas.finish()?;
    let page = Bitmap {
        width: drawn.0,
        height: drawn.1,
        rgb: buffer,
    }
    .shrunk(SHRINK);
    encode(&page)
}

/// PNG bytes of a bitmap.
fn encode(bitmap: &Bitmap) -> Result<Vec<u8>, DrawError> {
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(
            &bitmap.rgb,
            bitmap.width,
            bitmap.height,
            image::ColorType::Rgb8,
        )?;
    Ok(bytes.into_inner())
}

fn svg(picture: &impl Picture, (width, height): (u32, u32)) -> Result<String, DrawError> {
    let mut text = String::new();
    let drawn = (width * SCALE, height * SCALE);
    let mut canvas = Canvas::new(SVGBackend::with_string(&mut text, drawn), Medium::Vector);
    canvas.fill(
        Rect {
            left: 0.0,
            top: 0.0,
            width: f64::from(width),
            height: f64::from(height),
        },
        plotters::style::WHITE,
    )?;
    picture.draw(&mut canvas)?;
    let placed = canvas.finish()?;
    Ok(mend(&text, (width, height), &placed))
}

/// What plotters' SVG lacks: a size in units rather than in drawn pixels, lines with round joints,
/// and bitmaps at the size and under the media type (`image/png`, not `png`) that viewers ask for.
fn mend(text: &str, (width, height): (u32, u32), placed: &[Rect]) -> String {
    let drawn = format!("width=\"{}\" height=\"{}\"", width * SCALE, height * SCALE);
    let shown = format!(
        "width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\" stroke-linecap=\"round\""
    );
    let text = text.replacen(&drawn, &shown, 1);

    let mut mended = String::with_capacity(text.len());
    let mut rest = text.as_str();
    for rect in placed {
        let Some((before, image)) = rest.split_once("<image ") else {
            break;
        };
        let Some((_, data)) = image.split_once("href=\"data:png;base64,") else {
            break;
        };
        mended.push_str(before);
        let scale = f64::from(SCALE);
        mended.push_str(&format!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" \
             href=\"data:image/png;base64,",
            rect.left * scale,
            rect.top * scale,
            rect.width * scale,
            rect.height * scale
        ));
        rest = data;
    }
    mended.push_str(rest);
    mended
}

#[cfg(test)]
mod tests {
    use super::super::testing::decode;
    use super::*;

    struct Page(u32, u32);

    impl Picture for Page {
        fn size(&self) -> (u32, u32) {
            (self.0, self.1)
        }

        fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
            let bitmap = Bitmap {
                width: 1,
                height: 1,
                rgb: vec![10, 20, 30],
            };
            let half = f64::from(self.0) / 2.0;
            let rect = Rect {
                left: 0.0,
                top: 0.0,
                width: half,
                height: f64::from(self.1),
            };
            canvas.image(&bitmap, rect)?;
            canvas.image(
                &bitmap,
                Rect {
                    left: half,
                    width: 0.5,
                    ..rect
                },
            )
        }
    }

    #[test]
    fn makes_two_pixels_a_unit_in_png() {
        let picture = decode(&render(&Page(40, 10)).unwrap());
        assert_eq!(picture.dimensions(), (80, 20));
        assert_eq!(picture.get_pixel(39, 19).0, [10, 20, 30]);
        assert_eq!(picture.get_pixel(40, 19).0, [10, 20, 30]);
        assert_eq!(picture.get_pixel(41, 19).0, [255, 255, 255]);
    }

    #[test]
    fn shows_bitmaps_at_the_size_of_their_places_in_svg() {
        let svg = render(&Page(40, 10)).unwrap().svg;
        assert!(svg.starts_with("<svg width=\"40\" height=\"10\""));
        assert!(svg.contains("viewBox=\"0 0 160 40\""));
        assert!(svg.contains("<image x=\"0\" y=\"0\" width=\"80\" height=\"40\""));
        assert!(svg.contains("<image x=\"80\" y=\"0\" width=\"2\" height=\"40\""));
        assert_eq!(svg.matches("data:image/png;base64,").count(), 2);
    }

    #[test]
    fn refuses_a_page_of_gigabytes() {
        let error = render(&Page(MAX_PAGE + 1, 10)).unwrap_err();
        assert!(matches!(error, DrawError::TooMany { found: 4_001, .. }));
    }
}
