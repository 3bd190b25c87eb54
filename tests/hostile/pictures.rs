//! Folders of pictures with pictures that are none, or with what is no picture.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::common::{Lab, NO_FIGURES, picture};
use crate::{LITTLE, bounded, harmless, pipe, refusal, refused};

/// The PNG with another size in its header, whose check sum is right.
fn png_that_says(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    png
}

/// A PNG of one chunk of data, which unpacks to so many zero bytes.
fn png_bomb(width: u32, height: u32, color_type: u8, unpacked: usize) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = vec![];
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, color_type, 0, 0, 0]);
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"IDAT", &zlib(unpacked));
    chunk(&mut png, b"IEND", &[]);
    png
}

/// So many zero bytes, packed.
fn zlib(zeros: usize) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::best());
    let block = vec![0; 1 << 16];
    let mut left = zeros;
    while left > 0 {
        let part = left.min(block.len());
        packer.write_all(&block[..part]).unwrap();
        left -= part;
    }
    packer.finish().unwrap()
}

/// Appends a chunk of a PNG file, with its length and check sum.
fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    png.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
    png.extend(kind);
    png.extend(content);
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(content);
    png.extend(crc.sum().to_be_bytes());
}

fn picture_lab(color: &str) -> Lab {
    let lab = Lab::with(&format!(
        "name = \"a\"\n[data]\ndataset = \"images\"\npath = \"p\"\nimage_size = 8\ncolor = \"{color}\"\n[model]\n\
         conv_filters = [2]\n[training]\nepochs = 1\nbatch_size = 2\n{NO_FIGURES}"
    ));
    for i in 0..4 {
        let pixel = |x: u32, y: u32| Luma([(x * 20 + y * 3 + i * 40) as u8]);
        let name = format!("p/{}/{i}.png", i % 2);
        lab.write(&name, picture(GrayImage::from_fn(9, 8, pixel), false));
    }
    lab
}

/// A JPEG of 8 x 8 pixels with another size in its header, and perhaps as a progressive one.
fn jpeg_that_says(width: u16, height: u16, progressive: bool) -> Vec<u8> {
    let rgb = RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8 * 9, y as u8, 7]));
    let mut jpeg = picture(rgb, true);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    if progressive {
        jpeg[frame + 1] = 0xc2;
    }
    jpeg
}

/// A PNG with a chunk before its pixels that unpacks to a gigabyte.
fn png_with(kind: &[u8; 4], before: &[u8]) -> Vec<u8> {
    let plain = picture(GrayImage::from_pixel(8, 8, Luma([9])), false);
    let mut png = plain[..33].to_vec();
    chunk(&mut png, kind, &[before, &zlib(1 << 30)].concat());
    png.extend(&plain[33..]);
    png
}

#[test]
fn rejects_pictures_that_are_none() {
    for color in ["gray", "rgb"] {
        let lab = picture_lab(color);
        lab.runner(&["spec.toml"]).with_code(0);
        let gray = GrayImage::from_fn(40, 30, |x, y| Luma([(x * y) as u8]));
        let whole = picture(gray, false);
        let mut bad_sum = whole.clone();
        let middle = bad_sum.len() / 2;
        bad_sum[middle] ^= 0x10;
        let png = |width, height| png_that_says(whole.clone(), width, height);
        let (no_picture, too_large) = ("neither PNG nor JPEG", "larger than 16384 x 16384");
        let cases: [(&str, Vec<u8>); 21] = [
            (
                no_picture,
                b"This is a text, whatever its name says.\n".to_vec(),
            ),
            ("the file is empty", vec![]),
            ("`", b"\x89".to_vec()),
            ("`", b"\x89PNG\r\n\x1a\n".to_vec()),
            ("`", b"\xff\xd8\xff".to_vec()),
            (no_picture, b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
            (
                no_picture,
                b"BM\x1a\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x01\0\x01".to_vec(),
            ),
            (no_picture, b"RIFF\x1a\0\0\0WEBPVP8L".to_vec()),
            (no_picture, vec![0; 100_000]),
            ("`", whole[..whole.len() / 2].to_vec()),
            ("`", bad_sum),
            (too_large, png(100_000, 100_000)),
            (too_large, png(1, 100_000)),
            ("`", png(u32::MAX, u32::MAX)),
            ("`", png(0, 7)),
            ("cannot hold", png(16_384, 16_384)),
            ("cannot hold", png(16_384, 10_000)),
            (too_large, jpeg_that_says(u16::MAX, u16::MAX, false)),
            (too_large, jpeg_that_says(u16::MAX, 1, true)),
            ("`", jpeg_that_says(16_384, 16_384, false)),
            ("`", jpeg_that_says(0, 0, false)),
        ];
        for (i, (part, bytes)) in cases.iter().enumerate() {
            let path = lab.write("p/1/bad.png", bytes);
            let ended = refused(&lab, 65, part);
            let named = ended.stderr.contains("p/1/bad.png`: ");
            assert!(named, "case {i}: {ended:#?}");
            assert!(ended.stderr.contains("1 of 5 pictures"), "{ended:#?}");
            fs::remove_file(path).unwrap();
        }
    }
}

/// Files that unpack to very much, or say so: refused or read, in memory that is bounded for all of them together.
#[test]
fn survives_pictures_that_unpack_to_very_much() {
    // Room for one of the largest at a time, and not for two.
    let large = 900 << 10;
    let square = |side: u32| GrayImage::from_fn(side, side, |x, _| Luma([x as u8]));
    for (name, copies, bytes) in [
        ("black", 3, png_bomb(12_000, 12_000, 0, 12_000 * 12_001)),
        (
            "black in colour",
            1,
            png_bomb(10_000, 10_000, 2, 10_000 * 30_001),
        ),
        ("more than it says", 4, png_bomb(8, 8, 0, 1 << 30)),
        (
            "no memory for it",
            2,
            png_bomb(16_384, 16_384, 6, 50_000_000),
        ),
        ("a large one", 2, picture(square(6_000), true)),
        ("a profile", 2, png_with(b"iCCP", b"name\0\0")),
        ("a text", 2, png_with(b"zTXt", b"name\0\0")),
        ("a text", 2, png_with(b"iTXt", b"name\0\x01\0\0\0")),
        ("baseline", 4, jpeg_that_says(13_000, 13_000, false)),
        ("progressive", 4, jpeg_that_says(13_000, 13_000, true)),
    ] {
        let lab = picture_lab("rgb");
        for copy in 0..copies {
            lab.write(&format!("p/0/big{copy}.png"), &bytes);
        }
        let ended = bounded(&lab, &["spec.toml"], large);
        harmless(&ended);
        assert!(matches!(ended.code, 0 | 65), "{name}: {ended:#?}");
        assert!(!ended.stderr.contains("panicked"), "{name}: {ended:#?}");
    }
}

#[test]
fn rejects_links_and_what_is_no_file() {
    let lab = picture_lab("gray");
    lab.write("outside/secret.png", picture(GrayImage::new(8, 8), false));
    let outside = lab.path().join("outside");
    let p = lab.path().join("p");
    let link = p.join("0/link.png");
    let to = |to: &Path| symlink(to, &link).unwrap();
    let makes: [(&str, &dyn Fn()); 9] = [
        ("is a symbolic link", &|| to(&outside.join("secret.png"))),
        ("is a symbolic link", &|| {
            to(Path::new("../../outside/secret.png"))
        }),
        ("is a symbolic link", &|| to(Path::new("/dev/zero"))),
        ("is a symbolic link", &|| to(Path::new("nowhere"))),
        ("is a symbolic link", &|| to(&link)),
        ("is a symbolic link", &|| to(&p)),
        ("is a symbolic link", &|| to(Path::new("/"))),
        ("is no file", &|| pipe(&link)),
        ("is no file", &|| drop(UnixListener::bind(&link).unwrap())),
    ];
    for (part, make) in makes {
        make();
        refused(&lab, 65, part);
        refusal(&bounded(&lab, &["check", "spec.toml"], LITTLE), 65, part);
        fs::remove_file(&link).unwrap();
    }
    // A folder that is a link, at any depth; a link that is no picture harms nobody.
    for name in ["class", "0/deeper"] {
        symlink(&outside, p.join(name)).unwrap();
        refused(&lab, 65, "is a symbolic link");
        fs::remove_file(p.join(name)).unwrap();
    }
    symlink("/etc/passwd", p.join("0/LICENSE")).unwrap();
    lab.runner(&["spec.toml"]).with_code(0);
    // `path` itself.
    let kept = lab.path().join("kept");
    fs::rename(&p, &kept).unwrap();
    let makes: [(&str, &dyn Fn()); 4] = [
        ("names a file", &|| pipe(&p)),
        ("names a file", &|| fs::write(&p, "x").unwrap()),
        ("cannot be looked at", &|| symlink(&p, &p).unwrap()),
        ("names no folder", &|| symlink("nowhere", &p).unwrap()),
    ];
    for (part, make) in makes {
        make();
        refused(&lab, 2, part);
        fs::remove_file(&p).unwrap();
    }
    // A link that the spec names is the user's own word.
    symlink(&kept, &p).unwrap();
    lab.runner(&["spec.toml"]).with_code(0);
}

#[test]
fn escapes_file_names() {
    let names: [&[u8]; 7] = [
        b"\x1b[2Jred.png",
        b"a\nerror: b.png",
        b"\r.png",
        b"\xff\xfe.png",
        b"\xc2\x9b31m.png",
        b"\x07\x08.jpg",
        b" .png",
    ];
    for name in names {
        let lab = picture_lab("gray");
        let path = lab.path().join("p/0").join(OsStr::from_bytes(name));
        fs::write(&path, "no picture").unwrap();
        let ended = refused(&lab, 65, "neither PNG nor JPEG");
        let lines = ended.stderr.lines();
        let errors = lines.filter(|line| line.starts_with("error")).count();
        assert_eq!(errors, 1, "{ended:#?}");
        // The same bytes as the name of a class, of sound pictures.
        fs::remove_file(&path).unwrap();
        let class = lab.path().join("p").join(OsStr::from_bytes(name));
        fs::create_dir(&class).unwrap();
        fs::copy(lab.path().join("p/0/0.png"), class.join("0.png")).unwrap();
        let ended = bounded(&lab, &["spec.toml"], LITTLE);
        harmless(&ended);
        assert_eq!(ended.code, 0, "{ended:#?}");
    }
}

#[test]
fn reads_a_folder_of_great_depth() {
    let lab = picture_lab("gray");
    let mut deep = lab.path().join("p/0");
    for _ in 0..150 {
        deep.push("further");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::copy(lab.path().join("p/0/0.png"), deep.join("z.png")).unwrap();
    let ended = bounded(&lab, &["spec.toml"], LITTLE);
    assert_eq!(ended.code, 0, "{ended:#?}");
}
