//! Specs that are none, given to the real program: refused with their place and exit code 2, in bounded memory and
//! time, before anything is written.

mod common;
mod hostile;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use common::{Lab, plain};
use hostile::{LITTLE, bounded, pipe, refusal};

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

#[test]
fn texts_that_are_no_specs() {
    let lab = Lab::new();
    let good = plain();
    let mut cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![0; 4096], "spec.toml:1:1"),
        (vec![0xff; 4096], "byte 0xff in line 1, at byte 0"),
        (
            format!("{good}\n#")
                .into_bytes()
                .into_iter()
                .chain([0xe2, 0x28])
                .collect(),
            "byte 0xe2 in line",
        ),
        (
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0".to_vec(),
            "spec.toml:1:1",
        ),
        (b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), "spec.toml:1:"),
        (
            b"{\"name\": \"a\", \"data\": {\"dataset\": \"sprites\"}}".to_vec(),
            "spec.toml:1:1",
        ),
        (
            b"name: a\ndata:\n  dataset: sprites\n".to_vec(),
            "spec.toml:1:5",
        ),
        (good.replace("tiny", "ti\0ny").into_bytes(), "spec.toml:1:"),
        (
            good.replace("tiny", "ti\u{1b}[2Jny").into_bytes(),
            "spec.toml:1:",
        ),
        (
            good.replace("tiny", "ti\\u0000ny").into_bytes(),
            "spec.toml:1:8",
        ),
        (
            good.replace("tiny", "ti\\u001b[2Jny").into_bytes(),
            "spec.toml:1:8",
        ),
        (
            good.replace("tiny", "\u{202e}ynit").into_bytes(),
            "spec.toml:1:8",
        ),
        (
            format!("{good}\n\"\\u001b[2J\" = 1\n").into_bytes(),
            "spec.toml:",
        ),
        (good.replace('\n', "\r").into_bytes(), "spec.toml:1:"),
        (format!("{good}[data]\n").into_bytes(), "stands twice"),
        (
            good.replace("count = 300", &format!("count = {}", "9".repeat(100_000)))
                .into_bytes(),
            "`data.count`",
        ),
        (
            good.replace("count = 300", &format!("count = 0x{}", "f".repeat(100_000)))
                .into_bytes(),
            "`data.count`",
        ),
        (
            good.replace("epochs = 2", &format!("epochs = 1e{}", "9".repeat(10_000)))
                .into_bytes(),
            "`training.epochs`",
        ),
        (
            good.replace("[4, 8]", &format!("[{}4]", "4, ".repeat(300_000)))
                .into_bytes(),
            "`model.conv_filters`",
        ),
        (
            good.replace(
                "[4, 8]",
                &format!("{}4{}", "[".repeat(400), "]".repeat(400)),
            )
            .into_bytes(),
            "spec.toml:",
        ),
        (
            format!(
                "{good}\nx = {}1{}",
                "{a=".repeat(90_000),
                "}".repeat(90_000)
            )
            .into_bytes(),
            "spec.toml:",
        ),
        (
            format!("{}.a = 1", "a.".repeat(300_000)).into_bytes(),
            "parts",
        ),
        (
            format!("{good}[{}a]", "a.".repeat(300_000)).into_bytes(),
            "parts",
        ),
        (
            (0..60_000)
                .map(|i| format!("k{i} = {i}\n"))
                .collect::<String>()
                .into_bytes(),
            "spec.toml:1:1",
        ),
        (
            (0..60_000)
                .map(|i| format!("[t{i}]\n"))
                .collect::<String>()
                .into_bytes(),
            "spec.toml:1:2",
        ),
        ("[[data]]\n".repeat(100_000).into_bytes(), "spec.toml:1:"),
        ("\"".repeat(500_000).into_bytes(), "spec.toml:1:"),
        (
            format!("name = \"\"\"{}", "\n".repeat(900_000)).into_bytes(),
            "spec.toml:1:",
        ),
        (
            format!(
                "name = \"{}\"\n[data]\ndataset = \"sprites\"\n",
                "n".repeat(900_000)
            )
            .into_bytes(),
            "spec.toml:1:8",
        ),
        (
            format!(
                "name = \"a\"\n[data]\ndataset = \"{}\"\n",
                "n".repeat(900_000)
            )
            .into_bytes(),
            "spec.toml:3:11",
        ),
        (
            format!("{}\n", "x".repeat(1_000_000)).into_bytes(),
            "spec.toml:1:",
        ),
        ("\n".repeat(1 << 20).into_bytes(), "name"),
        (
            format!("{good}{}", "#".repeat(1 << 20)).into_bytes(),
            "larger than 1024 KiB",
        ),
        (
            format!("{good}\nx = 1979-05-27T99:99:99Z\n").into_bytes(),
            "spec.toml:",
        ),
    ];
    // Two marks of byte order, and one of UTF-16.
    cases.push((
        ["\u{feff}\u{feff}".as_bytes(), good.as_bytes()].concat(),
        "spec.toml:1:",
    ));
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    cases.push(([&[0xff, 0xfe][..], &utf16].concat(), "byte 0xff in line 1"));
    cases.push((utf16, "spec.toml:1:"));
    for (bytes, part) in cases {
        lab.write("spec.toml", bytes);
        refused(&lab, 2, part);
    }
}

#[test]
fn what_stands_where_a_spec_should() {
    let lab = Lab::new();
    lab.write("good.toml", plain());
    let path = lab.path().join("spec.toml");
    let makes: [(&str, &dyn Fn()); 8] = [
        ("is a pipe or a device", &|| pipe(&path)),
        ("is a pipe or a device", &|| {
            drop(UnixListener::bind(&path).unwrap())
        }),
        ("is a pipe or a device", &|| {
            symlink("/dev/zero", &path).unwrap()
        }),
        ("is a pipe or a device", &|| {
            symlink("/dev/tty", &path).unwrap()
        }),
        ("no spec at", &|| symlink("nowhere", &path).unwrap()),
        ("is a folder", &|| symlink(".", &path).unwrap()),
        ("no spec at", &|| ()),
        ("larger than", &|| {
            let file = fs::File::create(&path).unwrap();
            file.set_len(1 << 40).unwrap();
        }),
    ];
    for (part, make) in makes {
        make();
        refused(&lab, 2, part);
        let _ = fs::remove_file(&path);
    }
    fs::create_dir(&path).unwrap();
    refused(&lab, 2, "is a folder, not a spec");
    fs::remove_dir(&path).unwrap();
    symlink(&path, &path).unwrap();
    refused(&lab, 74, "cannot read");
    fs::remove_file(&path).unwrap();
    // Root may read everything.
    lab.write("spec.toml", plain());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(&path).is_err() {
        refused(&lab, 74, "cannot read");
    }
    fs::remove_file(&path).unwrap();
    // A link to a spec is one.
    symlink("good.toml", &path).unwrap();
    lab.runner(&["check", "spec.toml"]).with_code(0);
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_train() {
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
    assert_eq!(common::digest(&run), common::digest(&other));
    // What the run folder keeps can be run again.
    for name in ["spec.toml", "resolved.toml"] {
        let path = run.join(name).display().to_string();
        lab.runner(&["check", &path]).with_code(0);
    }
}

/// The curve that `[figures]` names is read too.
#[test]
fn published_curves_that_are_none() {
    let lab = Lab::with(&format!("{}published = \"c.csv\"\n", plain()));
    let path = lab.path().join("c.csv");
    for (bytes, code) in [
        (&b""[..], 2),
        (b"\0\0\0\0", 2),
        (b"epoch,loss\n1,x\n", 2),
        (b"epoch\n1\n", 2),
        (b"\xff\xfe\n", 74),
    ] {
        fs::write(&path, bytes).unwrap();
        let ended = bounded(&lab, &["spec.toml"], LITTLE);
        refusal(&ended, code, "c.csv");
        assert_eq!(lab.runs().len(), 0);
    }
    for make in [&(|| pipe(&path)) as &dyn Fn(), &|| {
        symlink("/dev/zero", &path).unwrap()
    }] {
        fs::remove_file(&path).unwrap();
        make();
        let ended = bounded(&lab, &["spec.toml"], LITTLE);
        refusal(&ended, 74, "c.csv` is not a regular file");
        assert_eq!(lab.runs().len(), 0);
    }
    fs::remove_file(&path).unwrap();
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    refusal(&bounded(&lab, &["spec.toml"], LITTLE), 74, "larger than");
}
