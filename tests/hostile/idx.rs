//! IDX and gzip files that lie.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use crate::common::{Lab, NO_FIGURES, bars, gzip, idx};
use crate::{LITTLE, bounded, pipe, refusal, refused};

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

#[test]
fn rejects_headers_that_lie() {
    let (lab, images, labels) = idx_lab();
    lab.runner(&["spec.toml"]).with_code(0);
    for (name, whole) in [("i", &images), ("l", &labels)] {
        let header = if name == "i" { 16 } else { 8 };
        for position in 0..header {
            // Not the last bit, which makes the elements signed ones of the same length.
            for (round, flip) in [2_u8, 0x80, 0xff].into_iter().enumerate() {
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
    // Types that the format does not have.
    for element in [0, 1, 7, 10, 15, 255] {
        let mut other = images.clone();
        other[2] = element;
        lab.write("i", &other);
        refused(&lab, 65, "at byte 2: element type");
    }
    // Values of another type, as many bytes as such values have, outside of their range or all of one shade.
    for (element, size) in [(11, 2), (12, 4), (13, 4), (14, 8)] {
        let mut other = images[..16].to_vec();
        other[2] = element;
        other.resize(16 + 40 * 144 * size, 0x40);
        lab.write("i", &other);
        refused(&lab, 65, "values");
    }
}

#[test]
fn rejects_files_of_another_length() {
    let (lab, images, labels) = idx_lab();
    for (name, whole) in [("i", &images), ("l", &labels)] {
        let cuts = [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 1000, whole.len() - 1];
        for cut in cuts.into_iter().filter(|&cut| cut < whole.len()) {
            lab.write(name, &whole[..cut]);
            refused(&lab, 65, "at byte ");
        }
        let packed = gzip(whole);
        let end = packed.len();
        for cut in [1, 2, 9, 10, 11, end / 2, end - 8, end - 1] {
            lab.write(name, &packed[..cut]);
            refused(&lab, 65, "byte ");
        }
        for extra in [&[0][..], &[7; 5000]] {
            let plain = [whole, extra].concat();
            let members = [gzip(whole), gzip(extra)].concat();
            for longer in [gzip(&plain), plain, members] {
                lab.write(name, longer);
                refused(&lab, 65, "more data follows");
            }
        }
        lab.write(name, whole);
    }
    lab.write("l", idx(&[39], &[0; 39]));
    refused(&lab, 65, "39 labels");
}

#[test]
fn rejects_gzip_files_that_lie_about_their_content() {
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
    let header = gzip(&idx(&[40, 12, 12], &[]));
    let zeros = gzip(&vec![0; 64 << 20]).repeat(16);
    lab.write("i", [header, zeros].concat());
    refused(&lab, 65, "at byte 5776: more data follows");
    // A short file that says that it holds four gigabytes.
    for sizes in [[5_000_000, 28, 28], [4, 16_384, 16_384]] {
        lab.write("i", gzip(&idx(&sizes, &[0; 1000])));
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
fn rejects_what_is_no_file_without_waiting() {
    let (lab, images, labels) = idx_lab();
    for (name, key, whole) in [
        ("i", "`data.images`", &images),
        ("l", "`data.labels`", &labels),
    ] {
        let path = lab.path().join(name);
        let link = |to: &str| symlink(to, &path).unwrap();
        let stand_ins: [&dyn Fn(); 7] = [
            &|| pipe(&path),
            &|| link("/dev/zero"),
            &|| link("/dev/null"),
            &|| link("/dev/tty"),
            &|| drop(UnixListener::bind(&path).unwrap()),
            &|| link(name),
            &|| link("nowhere"),
        ];
        for make in stand_ins {
            fs::remove_file(&path).unwrap();
            make();
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
fn names_damaged_files_of_a_known_set() {
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
