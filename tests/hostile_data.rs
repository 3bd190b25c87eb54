//! Data that lies, given to the real program: it is refused with its place and the documented exit code, in bounded
//! memory and time, and nothing is written.

mod common;
mod hostile;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use common::{Ended, Lab, NO_FIGURES, bars, idx};
use hostile::{
    LITTLE, bounded, chunk, gzip, harmless, picture, pipe, png_bomb, png_that_says, refusal, zlib,
};
use image::{GrayImage, Luma, RgbImage};

/// A lab with sound IDX files `i` and `l` of 40 images, 12 x 12.
fn idx_lab() -> (Lab, Vec<u8>, Vec<u8>) {
    let lab = Lab::with(&format!(
        "name = \"a\"\n[data]\ndataset = \"idx\"\nimages = \"i\"\nlabels = \"l\"\n[model]\nconv_filters = [2]\n\
         [training]\nepochs = 1\nbatch_size = 8\n{NO_FIGURES}"
    ));
    let (images, labels) = bars(40, 12, 12);
    lab.write("i", &images);
    lab.write("l", &labels);
    (lab, images, labels)
}

/// Runs `spec.toml`, which has to be refused without anything being written.
#[track_caller]
fn refused(lab: &Lab, code: i32, part: &str) -> Ended {
    let before = lab.listing();
    let ended = bounded(lab, &["spec.toml"], LITTLE);
    refusal(&ended, code, part);
    assert_eq!(lab.listing(), before, "something was written");
    ended
}

#[test]
fn idx_headers_that_lie() {
    let (lab, images, labels) = idx_lab();
    lab.runner(&["spec.toml"]).with_code(0);
    for (name, whole) in [("i", &images), ("l", &labels)] {
        let header = if name == "i" { 16 } else { 8 };
        for position in 0..header {
            for (round, flip) in [1_u8, 0x80, 0xff].into_iter().enumerate() {
                let mut changed = whole.clone();
                changed[position] ^= flip;
                if round == 1 {
                    changed = gzip(&changed);
                }
                lab.write(name, &changed);
                let ended = refused(&lab, 65, &format!("/{name}`"));
                // The count of a packed file is compared with that of the other file.
                let place =
                    ended.stderr.contains("at byte ") || ended.stderr.contains("images, but");
                assert!(place, "{ended:#?}");
            }
        }
        lab.write(name, whole);
    }
    // Values of another type, as many bytes as such values have.
    for (element, size) in [(9, 1), (11, 2), (12, 4), (13, 4), (14, 8)] {
        let mut other = images[..16].to_vec();
        other[2] = element;
        other.resize(16 + 40 * 144 * size, 0);
        lab.write("i", &other);
        refused(&lab, 65, "at byte 2: element type");
    }
}

#[test]
fn idx_files_of_another_length() {
    let (lab, images, labels) = idx_lab();
    for (name, whole) in [("i", &images), ("l", &labels)] {
        for cut in [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 1000, whole.len() - 1] {
            if cut >= whole.len() {
                continue;
            }
            lab.write(name, &whole[..cut]);
            refused(&lab, 65, "at byte ");
        }
        let packed = gzip(whole);
        for cut in [
            1,
            2,
            9,
            10,
            11,
            packed.len() / 2,
            packed.len() - 8,
            packed.len() - 1,
        ] {
            lab.write(name, &packed[..cut]);
            refused(&lab, 65, "byte ");
        }
        for extra in [&[0][..], &[7; 5000]] {
            lab.write(name, [whole, extra].concat());
            refused(&lab, 65, "more data follows");
            lab.write(name, gzip(&[whole, extra].concat()));
            refused(&lab, 65, "more data follows");
            lab.write(name, [gzip(whole), gzip(extra)].concat());
            refused(&lab, 65, "more data follows");
        }
        lab.write(name, whole);
    }
    lab.write("l", idx(&[39], &[0; 39]));
    refused(&lab, 65, "39 labels");
}

#[test]
fn gzip_files_that_lie_about_their_content() {
    let (lab, images, _) = idx_lab();
    let packed = gzip(&images);
    let end = packed.len();
    // The check sum, the length, the method, reserved flags, a name that never ends.
    for (position, value) in [
        (end - 8, packed[end - 8] ^ 1),
        (end - 4, packed[end - 4] ^ 1),
        (end - 1, 0x7f),
        (2, 7),
        (3, 0xe0),
        (3, 0x08),
        (3, 0x04),
        (3, 0x02),
    ] {
        let mut changed = packed.clone();
        changed[position] = value;
        lab.write("i", &changed);
        refused(&lab, 65, "gzip stream is damaged at byte ");
    }
    let mut endless_name = packed[..10].to_vec();
    endless_name[3] = 0x08;
    endless_name.resize(20 << 20, b'n');
    lab.write("i", &endless_name);
    refused(&lab, 65, "gzip stream is damaged");
    // An honest header, and a gigabyte behind it.
    let gigabyte = {
        let header = idx(&[40, 12, 12], &[]);
        let mut bomb = gzip(&header);
        let zeros = gzip(&vec![0; 64 << 20]);
        for _ in 0..16 {
            bomb.extend(&zeros);
        }
        bomb
    };
    lab.write("i", &gigabyte);
    refused(&lab, 65, "at byte 5776: more data follows");
    // A short file that says that it holds four gigabytes.
    for sizes in [[5_000_000, 28, 28], [4, 16_384, 16_384]] {
        let claim = gzip(&idx(&sizes, &[0; 1000]));
        lab.write("i", &claim);
        refused(&lab, 65, "cannot hold");
    }
    // One that could hold what it says: no memory for it is an error in words, not an abort.
    let mut claim = gzip(&idx(&[1_000_000, 28, 28], &[]));
    claim.resize(2 << 20, 0);
    lab.write("i", &claim);
    lab.write("l", gzip(&idx(&[1_000_000], &vec![0; 1_000_000])));
    let ended = bounded(&lab, &["spec.toml"], LITTLE);
    refusal(&ended, 74, "not enough memory for 784000000 bytes");
}

#[test]
fn what_is_no_file_is_neither_read_nor_waited_for() {
    let (lab, images, labels) = idx_lab();
    for (name, whole) in [("i", &images), ("l", &labels)] {
        let path = lab.path().join(name);
        let stand_ins: [&dyn Fn(); 7] = [
            &|| pipe(&path),
            &|| symlink("/dev/zero", &path).unwrap(),
            &|| symlink("/dev/null", &path).unwrap(),
            &|| symlink("/dev/tty", &path).unwrap(),
            &|| drop(UnixListener::bind(&path).unwrap()),
            &|| symlink(&path, &path).unwrap(),
            &|| symlink("nowhere", &path).unwrap(),
        ];
        for make in stand_ins {
            fs::remove_file(&path).unwrap();
            make();
            let key = if name == "i" {
                "`data.images`"
            } else {
                "`data.labels`"
            };
            refused(&lab, 2, key);
            let ended = bounded(&lab, &["check", "spec.toml"], LITTLE);
            refusal(&ended, 2, key);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused(&lab, 2, "names a folder");
        fs::remove_dir(&path).unwrap();
        fs::write(&path, whole).unwrap();
    }
    lab.runner(&["spec.toml"]).with_code(0);
}

/// The path of a known set: what lies there is not helped out with data from elsewhere where it is damaged.
#[test]
fn damaged_files_of_a_known_set_are_named() {
    let lab = Lab::with(
        "name = \"a\"\n[data]\ndataset = \"mnist\"\npath = \"m\"\nsplits = [\"test\"]\n[training]\nbatch_size = 8\n",
    );
    let (images, labels) = bars(10_000, 28, 28);
    let names = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
    for (images, labels, part) in [
        (&images[..images.len() - 1], &labels[..], "at byte 7840015"),
        (&images[..], &labels[..100], "at byte 100"),
        (&images[..], &idx(&[10_000], &[10; 10_000])[..], "label 10"),
        (&bars(9_999, 28, 28).0[..], &labels[..], "expected 10000"),
        (&bars(10_000, 27, 28).0[..], &labels[..], "expected 28"),
        (&b""[..], &labels[..], "at byte 0"),
    ] {
        lab.write(&format!("m/{}", names[0]), images);
        lab.write(&format!("m/{}", names[1]), labels);
        refused(&lab, 65, part);
    }
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
    let mut jpeg = picture(
        RgbImage::from_fn(8, 8, |x, y| image::Rgb([x as u8 * 9, y as u8, 7])),
        true,
    );
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
fn pictures_that_are_none() {
    for color in ["gray", "rgb"] {
        let lab = picture_lab(color);
        lab.runner(&["spec.toml"]).with_code(0);
        let whole = picture(
            GrayImage::from_fn(40, 30, |x, y| Luma([(x * y) as u8])),
            false,
        );
        let mut bad_sum = whole.clone();
        let middle = bad_sum.len() / 2;
        bad_sum[middle] ^= 0x10;
        let big = 100_000;
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (
                b"This is a text, whatever its name says.\n".to_vec(),
                "neither PNG nor JPEG",
            ),
            (b"".to_vec(), "the file is empty"),
            (b"\x89".to_vec(), "`"),
            (b"\x89PNG\r\n\x1a\n".to_vec(), "`"),
            (b"\xff\xd8\xff".to_vec(), "`"),
            (
                b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(),
                "neither PNG nor JPEG",
            ),
            (
                b"BM\x1a\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x01\0\x01\0\x01\0\x18\0".to_vec(),
                "neither PNG nor JPEG",
            ),
            (b"RIFF\x1a\0\0\0WEBPVP8L".to_vec(), "neither PNG nor JPEG"),
            (vec![0; 100_000], "neither PNG nor JPEG"),
            (whole[..whole.len() / 2].to_vec(), "`"),
            (bad_sum, "`"),
            (
                png_that_says(whole.clone(), big, big),
                "larger than 16384 x 16384",
            ),
            (
                png_that_says(whole.clone(), 1, big),
                "larger than 16384 x 16384",
            ),
            (png_that_says(whole.clone(), u32::MAX, u32::MAX), "`"),
            (png_that_says(whole.clone(), 0, 7), "`"),
            (png_that_says(whole.clone(), 16_384, 16_384), "cannot hold"),
            (png_that_says(whole.clone(), 16_384, 10_000), "cannot hold"),
            (
                jpeg_that_says(u16::MAX, u16::MAX, false),
                "larger than 16384 x 16384",
            ),
            (
                jpeg_that_says(u16::MAX, 1, true),
                "larger than 16384 x 16384",
            ),
            (jpeg_that_says(16_384, 16_384, false), "`"),
            (jpeg_that_says(0, 0, false), "`"),
        ];
        for (i, (bytes, part)) in cases.iter().enumerate() {
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
fn pictures_that_unpack_to_very_much() {
    // Room for one of the largest at a time, and not for two.
    let large = 900 << 10;
    let square = |side: u32| GrayImage::from_fn(side, side, |x, _| Luma([x as u8]));
    for (name, bytes, copies) in [
        ("black", png_bomb(12_000, 12_000, 0, 12_000 * 12_001), 3),
        (
            "black in colour",
            png_bomb(10_000, 10_000, 2, 10_000 * 30_001),
            1,
        ),
        ("more than it says", png_bomb(8, 8, 0, 1 << 30), 4),
        (
            "more than there is memory for",
            png_bomb(16_384, 16_384, 6, 50_000_000),
            2,
        ),
        ("a large one", picture(square(6_000), true), 2),
        ("a profile", png_with(b"iCCP", b"name\0\0"), 2),
        ("a text", png_with(b"zTXt", b"name\0\0"), 2),
        (
            "an international text",
            png_with(b"iTXt", b"name\0\x01\0\0\0"),
            2,
        ),
        ("baseline", jpeg_that_says(13_000, 13_000, false), 4),
        ("progressive", jpeg_that_says(13_000, 13_000, true), 4),
    ] {
        let lab = picture_lab("rgb");
        for copy in 0..copies {
            lab.write(&format!("p/0/big{copy}.png"), &bytes);
        }
        let started = std::time::Instant::now();
        let ended = bounded(&lab, &["spec.toml"], large);
        harmless(&ended);
        assert!(matches!(ended.code, 0 | 65), "{name}: {ended:#?}");
        assert!(!ended.stderr.contains("panicked"), "{name}: {ended:#?}");
        println!("{name}: exit code {}, {:?}", ended.code, started.elapsed());
    }
}

#[test]
fn folders_that_lead_elsewhere_or_in_circles() {
    let lab = picture_lab("gray");
    lab.write("outside/secret.png", picture(GrayImage::new(8, 8), false));
    let outside = lab.path().join("outside");
    let p = lab.path().join("p");
    let link = p.join("0/link.png");
    let makes: [(&str, &dyn Fn()); 9] = [
        ("is a symbolic link", &|| {
            symlink(outside.join("secret.png"), &link).unwrap()
        }),
        ("is a symbolic link", &|| {
            symlink("../../outside/secret.png", &link).unwrap()
        }),
        ("is a symbolic link", &|| {
            symlink("/dev/zero", &link).unwrap()
        }),
        ("is a symbolic link", &|| symlink("nowhere", &link).unwrap()),
        ("is a symbolic link", &|| symlink(&link, &link).unwrap()),
        ("is a symbolic link", &|| symlink(&p, &link).unwrap()),
        ("is a symbolic link", &|| symlink("/", &link).unwrap()),
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
fn file_names_of_any_bytes_cannot_speak_to_the_terminal() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
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
        let lines = ended
            .stderr
            .lines()
            .filter(|line| line.starts_with("error"));
        assert_eq!(lines.count(), 1, "{ended:#?}");
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
fn a_folder_of_great_depth() {
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
