//! One picture: from a PNG or JPEG file to gray or colour bytes of the size asked for.
//!
//! A file's format is read from its content, not from its name. A picture is stretched to the square without
//! regard to its shape; crop beforehand where that matters. Shrinking averages over the area that a
//! pixel covers (triangle filter); a picture that has the size already keeps its exact bytes. Gray is
//! made of colour by the weights of Rec. 709 (0.2126 red, 0.7152 green, 0.0722 blue). Transparency is
//! dropped, 16 bits a channel become 8, and EXIF orientation is not applied.
//!
//! A file of a kilobyte may declare a gigabyte of pixels, and some do hold them. The memory that decoding takes is
//! known from the header and taken from one [`Budget`], which all threads share.

use std::io::{BufRead, BufReader, Seek};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::error::LimitErrorKind;
use image::imageops::{self, FilterType};
use image::io::{Limits, Reader};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat};

use crate::config::choice::choices;
use crate::fs::files::{self, FileError};

use super::budget::Budget;
use super::images::MAX_SIDE;
use super::input::DEFLATE_RATIO;

choices! {
    /// How the files of an image folder are read.
    pub enum Color {
        /// one channel
        Gray = "gray",
        /// three channels
        Rgb = "rgb",
    }
}

/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The most that a PNG file's texts and colour profile may take.
const MAX_EXTRA_BYTES: u64 = 16 << 20;

/// The most that decoding may take for all pictures together: what it has taken so far.
static MEMORY: Budget = Budget::of(1 << 30);

/// What decoding takes, in multiples of the decoded picture: for JPEG also its planes and, where it is
/// progressive, two bytes a coefficient.
const PNG_FACTOR: u64 = 1;
const JPEG_FACTOR: u64 = 4;

/// Values a pixel.
pub(super) fn channels(color: Color) -> usize {
    match color {
        Color::Gray => 1,
        Color::Rgb => 3,
    }
}

/// Reads a picture to `out`, size x size x channels; says in words why it cannot.
pub(super) fn read(path: &Path, size: u32, color: Color, out: &mut [u8]) -> Result<(), String> {
    let (file, length) = files::open(path).map_err(|error| match error {
        FileError::System { source, .. } => source.to_string(),
        other => other.to_string(),
    })?;
    if length > MAX_FILE_BYTES {
        return Err(format!(
            "{length} bytes, more than the limit of {MAX_FILE_BYTES}"
        ));
    }
    // The decoders belong to another crate: a panic in one of them on a malformed file must not end the program.
    let decoded = panic::catch_unwind(AssertUnwindSafe(|| {
        decode(BufReader::new(file), length, size, color)
    }));
    let values = decoded.unwrap_or_else(|_| Err("the decoder cannot cope with it".into()))?;
    if values.len() != out.len() {
        return Err(format!("decoded to {} values", values.len()));
    }
    out.copy_from_slice(&values);
    Ok(())
}

fn decode(
    file: impl BufRead + Seek,
    length: u64,
    size: u32,
    color: Color,
) -> Result<Vec<u8>, String> {
    if length == 0 {
        return Err("the file is empty".into());
    }
    let reader = Reader::new(file)
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let format = reader.format();
    let file = reader.into_inner();
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_EXTRA_BYTES);
    match format {
        Some(ImageFormat::Png) => {
            let decoder = PngDecoder::with_limits(file, limits).map_err(words)?;
            let (width, height) = decoder.dimensions();
            // A pixel takes a bit at the least.
            if u64::from(width) * u64::from(height) / 8 > length.saturating_mul(DEFLATE_RATIO) {
                return Err(format!(
                    "it says that it has {width} x {height} pixels, which a file of {length} bytes cannot hold"
                ));
            }
            unpacked(decoder, PNG_FACTOR, size, color)
        }
        Some(ImageFormat::Jpeg) => {
            let mut decoder = JpegDecoder::new(file).map_err(words)?;
            decoder.set_limits(limits).map_err(words)?;
            unpacked(decoder, JPEG_FACTOR, size, color)
        }
        _ => Err("the content is neither PNG nor JPEG".into()),
    }
}

/// Decodes and resizes when there is memory for it.
fn unpacked<'a>(
    decoder: impl ImageDecoder<'a>,
    factor: u64,
    size: u32,
    color: Color,
) -> Result<Vec<u8>, String> {
    let (width, height) = decoder.dimensions();
    // A copy in the colour asked for is made of all of it before it is shrunk.
    let copy = u64::from(width) * u64::from(height) * channels(color) as u64;
    let bytes = decoder
        .total_bytes()
        .saturating_mul(factor)
        .saturating_add(copy);
    let Some(_grant) = MEMORY.take(bytes) else {
        return Err(format!(
            "its {width} x {height} pixels take {bytes} bytes to read, more than the limit of {}",
            MEMORY.whole()
        ));
    };
    let picture = DynamicImage::from_decoder(decoder).map_err(words)?;
    Ok(resized(picture, size, color))
}

fn words(error: ImageError) -> String {
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError => {
                format!("larger than {MAX_SIDE} x {MAX_SIDE} pixels")
            }
            _ => format!("its texts or its colour profile take more than {MAX_EXTRA_BYTES} bytes"),
        },
        other => other.to_string(),
    }
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
    use std::fs;
    use std::io::Cursor;

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

    fn decode(bytes: &[u8], size: u32, color: Color) -> Result<Vec<u8>, String> {
        super::decode(Cursor::new(bytes), bytes.len() as u64, size, color)
    }

    fn gradient(width: u32, height: u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| Luma([(x * 7 + y * 3) as u8]))
    }

    #[test]
    fn keeps_the_bytes_of_a_picture_of_the_right_size() {
        let picture = gradient(8, 8);
        let file = encoded(picture.clone(), false);
        assert_eq!(decode(&file, 8, Color::Gray).unwrap(), picture.into_raw());
    }

    #[test]
    fn averages_over_the_area_when_shrinking() {
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
    fn converts_colour_to_gray_by_rec_709_and_gray_to_three_channels() {
        let red = RgbImage::from_pixel(3, 3, Rgb([255, 0, 0]));
        let gray = decode(&encoded(red, false), 3, Color::Gray).unwrap();
        assert!(gray.iter().all(|&v| v == 54), "{gray:?}");
        let colour = decode(&encoded(gradient(2, 2), false), 2, Color::Rgb).unwrap();
        assert_eq!(colour, [0, 0, 0, 7, 7, 7, 3, 3, 3, 10, 10, 10]);
    }

    #[test]
    fn drops_transparency_and_reads_jpeg_under_any_name() {
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
    fn refuses_what_is_no_picture() {
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
    fn refuses_a_huge_declared_size_before_allocating() {
        for (width, height) in [(100_000, 100_000), (16_385, 1), (1, 16_385), (u32::MAX, 1)] {
            let result = decode(&with_declared_size(width, height), 4, Color::Gray);
            assert!(result.is_err(), "{width} x {height}");
        }
        let reason = decode(&with_declared_size(100_000, 100_000), 4, Color::Gray).unwrap_err();
        assert!(reason.starts_with("larger than 16384 x 16384"), "{reason}");
    }

    #[test]
    fn survives_damaged_files() {
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
