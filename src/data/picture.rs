//! One picture: from a PNG or JPEG file to gray or colour bytes of the size asked for.
//!
//! What a file is shows in its content, not in its name. A picture is stretched to the square without
//! regard to its shape; crop beforehand where that matters. Shrinking averages over the area that a
//! pixel covers (triangle filter); a picture that has the size already keeps its exact bytes. Gray is
//! made of colour by the weights of Rec. 709 (0.2126 red, 0.7152 green, 0.0722 blue). Transparency is
//! dropped, 16 bits a channel become 8, and EXIF orientation is not applied.

use std::fs;
use std::io::Cursor;
use std::panic;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::io::{Limits, Reader};
use image::{DynamicImage, ImageError, ImageFormat};

use crate::spec::Color;

/// The longest side that is decoded, pixels.
const MAX_SIDE: u32 = 16_384;

/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The most that decoding a picture may allocate.
const MAX_DECODED_BYTES: u64 = 512 << 20;

/// Values a pixel.
pub(super) fn channels(color: Color) -> usize {
    match color {
        Color::Gray => 1,
        Color::Rgb => 3,
    }
}

/// Reads a picture to `out`, size x size x channels; says in words why it cannot.
pub(super) fn read(path: &Path, size: u32, color: Color, out: &mut [u8]) -> Result<(), String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MAX_FILE_BYTES {
        return Err(format!(
            "{length} bytes, more than the limit of {MAX_FILE_BYTES}"
        ));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    // The decoders are not ours: should one of them give up on a strange file by a panic, that is the
    // file's fault and not the program's.
    let values = panic::catch_unwind(|| decode(&bytes, size, color))
        .unwrap_or_else(|_| Err("the decoder cannot cope with it".into()))?;
    if values.len() != out.len() {
        return Err(format!("decoded to {} values", values.len()));
    }
    out.copy_from_slice(&values);
    Ok(())
}

fn decode(bytes: &[u8], size: u32, color: Color) -> Result<Vec<u8>, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let mut reader = Reader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err("the content is neither PNG nor JPEG".into());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| match error {
        ImageError::Limits(_) => format!(
            "larger than {MAX_SIDE} x {MAX_SIDE} pixels or than {MAX_DECODED_BYTES} bytes decoded"
        ),
        other => other.to_string(),
    })?;
    Ok(resized(picture, size, color))
}

fn resized(picture: DynamicImage, size: u32, color: Color) -> Vec<u8> {
    let fits = picture.width() == size && picture.height() == size;
    let filter = FilterType::Triangle;
    match color {
        Color::Gray if fits => picture.into_luma8().into_raw(),
        Color::Gray => imageops::resize(&picture.into_luma8(), size, size, filter).into_raw(),
        Color::Rgb if fits => picture.into_rgb8().into_raw(),
        Color::Rgb => imageops::resize(&picture.into_rgb8(), size, size, filter).into_raw(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use image::{GrayImage, ImageOutputFormat, Luma, Rgb, RgbImage, RgbaImage};

    use super::*;

    /// A picture as the bytes of a file.
    pub(in crate::data) fn encoded(picture: impl Into<DynamicImage>, jpeg: bool) -> Vec<u8> {
        let format = if jpeg {
            ImageOutputFormat::Jpeg(95)
        } else {
            ImageOutputFormat::Png
        };
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn gradient(width: u32, height: u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| Luma([(x * 7 + y * 3) as u8]))
    }

    #[test]
    fn a_picture_of_the_right_size_keeps_its_bytes() {
        let picture = gradient(8, 8);
        let file = encoded(picture.clone(), false);
        assert_eq!(decode(&file, 8, Color::Gray).unwrap(), picture.into_raw());
    }

    #[test]
    fn shrinking_averages_over_the_area() {
        // Left half 0, right half 200; 4 x 2 to 2 x 2.
        let picture = GrayImage::from_fn(400, 200, |x, _| Luma([if x < 200 { 0 } else { 200 }]));
        let small = decode(&encoded(picture, false), 4, Color::Gray).unwrap();
        assert_eq!(small.len(), 16);
        for row in small.chunks(4) {
            assert_eq!((row[0], row[3]), (0, 200));
            // A triangle of twice a pixel's width reaches an eighth over the edge.
            assert!(
                row[1].abs_diff(25) <= 1 && row[2].abs_diff(175) <= 1,
                "{row:?}"
            );
        }
    }

    #[test]
    fn colour_becomes_gray_by_rec_709_and_gray_becomes_three_equal_channels() {
        let red = RgbImage::from_pixel(3, 3, Rgb([255, 0, 0]));
        let gray = decode(&encoded(red, false), 3, Color::Gray).unwrap();
        assert!(gray.iter().all(|&v| v == 54), "{gray:?}");
        let colour = decode(&encoded(gradient(2, 2), false), 2, Color::Rgb).unwrap();
        assert_eq!(colour, [0, 0, 0, 7, 7, 7, 3, 3, 3, 10, 10, 10]);
    }

    #[test]
    fn transparency_is_dropped_and_jpeg_is_read_under_any_name() {
        let clear = RgbaImage::from_pixel(2, 2, image::Rgba([9, 8, 7, 0]));
        let rgb = decode(&encoded(clear, false), 2, Color::Rgb).unwrap();
        assert_eq!(rgb[..3], [9, 8, 7]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        fs::write(
            &path,
            encoded(GrayImage::from_pixel(16, 16, Luma([90])), true),
        )
        .unwrap();
        let mut out = [0; 16];
        read(&path, 4, Color::Gray, &mut out).unwrap();
        assert!(out.iter().all(|v| v.abs_diff(90) <= 1), "{out:?}");
    }

    #[test]
    fn what_is_no_picture_is_refused_in_words() {
        let reason = |bytes: &[u8]| decode(bytes, 4, Color::Gray).unwrap_err();
        assert_eq!(reason(b""), "the file is empty");
        assert_eq!(
            reason(b"hello, I am a text file"),
            "the content is neither PNG nor JPEG"
        );
        assert_eq!(
            reason(b"GIF89a....................").as_str(),
            "the content is neither PNG nor JPEG"
        );
        let png = encoded(gradient(40, 40), false);
        assert!(!reason(&png[..png.len() / 2]).is_empty());
    }

    /// A PNG whose header declares another size, with the header's check sum right.
    fn with_declared_size(width: u32, height: u32) -> Vec<u8> {
        let mut png = encoded(gradient(4, 4), false);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&png[12..29]);
        png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        png
    }

    #[test]
    fn a_huge_declared_size_is_refused_before_it_is_allocated() {
        for (width, height) in [(100_000, 100_000), (16_385, 1), (1, 16_385), (u32::MAX, 1)] {
            let result = decode(&with_declared_size(width, height), 4, Color::Gray);
            assert!(result.is_err(), "{width} x {height}");
        }
        let reason = decode(&with_declared_size(100_000, 100_000), 4, Color::Gray).unwrap_err();
        assert!(reason.starts_with("larger than 16384 x 16384"), "{reason}");
    }

    #[test]
    fn damaged_files_never_panic() {
        let colour = RgbImage::from_fn(33, 17, |x, y| Rgb([x as u8 * 7, y as u8 * 9, 128]));
        for jpeg in [false, true] {
            let file = encoded(colour.clone(), jpeg);
            for cut in 0..file.len() {
                let _ = decode(&file[..cut], 5, Color::Rgb);
            }
            for position in 0..file.len() {
                let mut damaged = file.clone();
                damaged[position] ^= 1 << (position % 8);
                let _ = decode(&damaged, 5, Color::Rgb);
            }
        }
    }
}
