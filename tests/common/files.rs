//! Files of images.

use std::io::{Cursor, Write};

use image::{DynamicImage, ImageOutputFormat};

/// An IDX file of unsigned bytes.
pub fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    for size in sizes {
        file.extend(size.to_be_bytes());
    }
    file.extend(bytes);
    file
}

/// Images with something to learn: a bright bar whose place is the class.
pub fn bars(count: u32, height: u32, width: u32) -> (Vec<u8>, Vec<u8>) {
    let labels: Vec<u8> = (0..count).map(|i| (i % 4) as u8).collect();
    let pixel = |i: u32, y: u32, x: u32| {
        let on = x * 4 / width == i % 4;
        (if on { 200 } else { 20 }) + ((i * 31 + y * 7 + x * 13) % 50) as u8
    };
    let mut pixels = vec![];
    for i in 0..count {
        for y in 0..height {
            pixels.extend((0..width).map(|x| pixel(i, y, x)));
        }
    }
    (
        idx(&[count, height, width], &pixels),
        idx(&[count], &labels),
    )
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A picture as the bytes of a PNG or JPEG file.
pub fn picture(picture: impl Into<DynamicImage>, jpeg: bool) -> Vec<u8> {
    let format = if jpeg {
        ImageOutputFormat::Jpeg(95)
    } else {
        ImageOutputFormat::Png
    };
    let mut bytes = Cursor::new(vec![]);
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
