//! Specs that are none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use crate::common::{Lab, digest, plain};
use crate::{LITTLE, bounded, pipe, refusal};

/// Both commands that read a spec refuse it.
#[track_caller]
fn refused(lab: &Lab, code: i32, part: &str) {
    for command in ["run", "check"] {
        let before = lab.listing();
        let ended = bounded(lab, &[command, "spec.toml"], LITTLE);
        refusal(&ended, code, part);
        assert_eq!(ended.stdout, "");
        assert_eq!(lab.listing(), before, "something was written");
    }
}

/// Refuses `spec.toml` with this content.
#[track_caller]
fn rejects(lab: &Lab, content: impl AsRef<[u8]>, part: &str) {
    lab.write("spec.toml", content);
    refused(lab, 2, part);
}

#[test]
fn rejects_bytes_that_are_no_text() {
    let lab = Lab::new();
    let good = plain();
    rejects(&lab, [0; 4096], "spec.toml:1:1");
    rejects(&lab, [0xff; 4096], "byte 0xff in line 1, at byte 0");
    let cut = [format!("{good}\n#").as_bytes(), &[0xe2, 0x28]].concat();
    rejects(&lab, cut, "byte 0xe2 in line");
    rejects(
        &lab,
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0",
        "spec.toml:1:1",
    );
    rejects(&lab, b"PK\x03\x04\x14\0\0\0\x08\0", "spec.toml:1:");
    rejects(
        &lab,
        "{\"name\": \"a\", \"data\": {\"dataset\": \"sprites\"}}",
        "spec.toml:1:1",
    );
    rejects(
        &lab,
        "name: a\ndata:\n  dataset: sprites\n",
        "spec.toml:1:5",
    );
    rejects(&lab, good.replace('\n', "\r"), "spec.toml:1:");
    // Two marks of byte order, and one of UTF-16.
    rejects(&lab, format!("\u{feff}\u{feff}{good}"), "spec.toml:1:");
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    rejects(
        &lab,
        [&[0xff, 0xfe], &utf16[..]].concat(),
        "byte 0xff in line 1",
    );
    rejects(&lab, utf16, "spec.toml:1:");
}

#[test]
fn rejects_names_and_keys_with_terminal_codes() {
    let lab = Lab::new();
    let good = plain();
    for (name, place) in [
        ("ti\0ny", "spec.toml:1:"),
        ("ti\u{1b}[2Jny", "spec.toml:1:"),
        ("ti\\u0000ny", "spec.toml:1:8"),
        ("ti\\u001b[2Jny", "spec.toml:1:8"),
        ("\u{202e}ynit", "spec.toml:1:8"),
    ] {
        rejects(&lab, good.replace("tiny", name), place);
    }
    rejects(&lab, format!("{good}\n\"\\u001b[2J\" = 1\n"), "spec.toml:");
}

#[test]
fn rejects_texts_that_are_too_much() {
    let lab = Lab::new();
    let good = plain();
    let many = |line: &dyn Fn(u32) -> String| (0..60_000).map(line).collect::<String>();
    let digits = |count: usize| "9".repeat(count);
    for (from, to, part) in [
        ("= 300", format!("= {}", digits(100_000)), "`data.count`"),
        (
            "= 300",
            format!("= 0x{}", "f".repeat(100_000)),
            "`data.count`",
        ),
        (
            "= 2",
            format!("= 1e{}", digits(10_000)),
            "`training.epochs`",
        ),
        (
            "[4, 8]",
            format!("[{}4]", "4, ".repeat(300_000)),
            "`model.conv_filters`",
        ),
        (
            "[4, 8]",
            format!("{}4{}", "[".repeat(400), "]".repeat(400)),
            "spec.toml:",
        ),
    ] {
        rejects(&lab, good.replacen(from, &to, 1), part);
    }
    let nested = format!(
        "{good}\nx = {}1{}",
        "{a=".repeat(90_000),
        "}".repeat(90_000)
    );
    rejects(&lab, nested, "spec.toml:");
    rejects(&lab, format!("{}.a = 1", "a.".repeat(300_000)), "parts");
    rejects(&lab, format!("{good}[{}a]", "a.".repeat(300_000)), "parts");
    rejects(&lab, many(&|i| format!("k{i} = {i}\n")), "spec.toml:1:1");
    rejects(&lab, many(&|i| format!("[t{i}]\n")), "spec.toml:1:2");
    rejects(&lab, "[[data]]\n".repeat(100_000), "spec.toml:1:");
    rejects(&lab, "\"".repeat(500_000), "spec.toml:1:");
    rejects(
        &lab,
        format!("name = \"\"\"{}", "\n".repeat(900_000)),
        "spec.toml:1:",
    );
    let long = "n".repeat(900_000);
    let data = "[data]\ndataset = ";
    rejects(
        &lab,
        format!("name = \"{long}\"\n{data}\"sprites\"\n"),
        "spec.toml:1:8",
    );
    rejects(
        &lab,
        format!("name = \"a\"\n{data}\"{long}\"\n"),
        "spec.toml:3:11",
    );
    rejects(&lab, format!("{}\n", "x".repeat(1_000_000)), "spec.toml:1:");
    rejects(&lab, "\n".repeat(1 << 20), "name");
    rejects(
        &lab,
        format!("{good}{}", "#".repeat(1 << 20)),
        "larger than 1024 KiB",
    );
    rejects(&lab, format!("{good}[data]\n"), "stands twice");
    rejects(
        &lab,
        format!("{good}\nx = 1979-05-27T99:99:99Z\n"),
        "spec.toml:",
    );
}

#[test]
fn rejects_what_is_no_file() {
    let lab = Lab::new();
    lab.write("good.toml", plain());
    let path = lab.path().join("spec.toml");
    let link = |to: &str| symlink(to, &path).unwrap();
    let makes: [(i32, &str, &dyn Fn()); 10] = [
        (2, "is a pipe or a device", &|| pipe(&path)),
        (2, "is a pipe or a device", &|| {
            drop(UnixListener::bind(&path).unwrap())
        }),
        (2, "is a pipe or a device", &|| link("/dev/zero")),
        (2, "is a pipe or a device", &|| link("/dev/tty")),
        (2, "no spec at", &|| link("nowhere")),
        (2, "is a folder", &|| link(".")),
        (2, "no spec at", &|| ()),
        (74, "cannot read", &|| link("spec.toml")),
        (2, "larger than", &|| {
            fs::File::create(&path).unwrap().set_len(1 << 40).unwrap()
        }),
        (2, "is a folder, not a spec", &|| {
            fs::create_dir(&path).unwrap()
        }),
    ];
    for (code, part, make) in makes {
        make();
        refused(&lab, code, part);
        let _ = fs::remove_file(&path);
    }
    fs::remove_dir(&path).unwrap();
    // Root may read everything.
    lab.write("spec.toml", plain());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(&path).is_err() {
        refused(&lab, 74, "cannot read");
    }
    fs::remove_file(&path).unwrap();
    // A link to a spec is one.
    link("good.toml");
    lab.runner(&["check", "spec.toml"]).with_code(0);
}

#[test]
fn accepts_line_ends_of_windows_and_a_byte_order_mark() {
    let lab = Lab::new();
    let text = format!("\u{feff}{}", plain().replace('\n', "\r\n"));
    lab.write("spec.toml", &text);
    let run = lab.train(&["--set", "training.epochs=1"]);
    let kept = fs::read_to_string(run.join("spec.toml")).unwrap();
    assert!(
        kept.starts_with(&text),
        "the spec is not kept as it was given"
    );
    lab.write("spec.toml", plain());
    let other = lab.train(&["--set", "training.epochs=1"]);
    assert_eq!(digest(&run), digest(&other));
    // What the run folder keeps can be run again.
    for name in ["spec.toml", "resolved.toml"] {
        let path = run.join(name).display().to_string();
        lab.runner(&["check", &path]).with_code(0);
    }
}

/// The curve that `[figures]` names is read too.
#[test]
fn rejects_published_curves_that_are_none() {
    let lab = Lab::with(&format!("{}published = \"c.csv\"\n", plain()));
    let path = lab.path().join("c.csv");
    let write = |content: &[u8]| fs::write(&path, content).unwrap();
    let makes: [(i32, &str, &dyn Fn()); 8] = [
        (2, "c.csv", &|| write(b"")),
        (2, "c.csv", &|| write(b"\0\0\0\0")),
        (2, "c.csv", &|| write(b"epoch,loss\n1,x\n")),
        (2, "c.csv", &|| write(b"epoch\n1\n")),
        (74, "c.csv", &|| write(b"\xff\xfe\n")),
        (74, "c.csv` is not a regular file", &|| pipe(&path)),
        (74, "c.csv` is not a regular file", &|| {
            symlink("/dev/zero", &path).unwrap()
        }),
        (74, "larger than", &|| {
            fs::File::create(&path).unwrap().set_len(1 << 40).unwrap()
        }),
    ];
    for (code, part, make) in makes {
        make();
        refusal(&bounded(&lab, &["spec.toml"], LITTLE), code, part);
        assert_eq!(lab.runs().len(), 0);
        fs::remove_file(&path).unwrap();
    }
}
