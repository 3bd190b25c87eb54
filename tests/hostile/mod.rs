//! What the tests of bad input share: files that lie, and a program whose memory and time are bounded.

#![allow(dead_code)]

pub mod forge;
pub mod mutate;
pub mod runs;

use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageOutputFormat};

use crate::common::{Ended, Lab};

/// No process that is given bad input takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Memory that a process on small bad input may take, in KiB: private and writable, as `ulimit -d` counts it.
pub const LITTLE: u64 = 300 << 10;

/// Runs the program with bounded memory (KiB) and time. Where it asks for more memory it is aborted, and where it
/// takes too long killed; neither is an exit code that a test waits for.
#[track_caller]
pub fn bounded(lab: &Lab, args: &[&str], memory: u64) -> Ended {
    let inner = lab.command(args);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -d {memory} && exec \"$@\""), "sh"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(inner.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    finish(command, args)
}

#[track_caller]
fn finish(mut command: Command, args: &[&str]) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    let started = Instant::now();
    let mut child = command.spawn().unwrap();
    let reader = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = vec![];
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = reader(Box::new(child.stdout.take().unwrap()));
    let stderr = reader(Box::new(child.stderr.take().unwrap()));
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{args:?} was still at it after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    Ended {
        code: status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or(0)),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

/// What every refusal has: the exit code, an error that says this, in few words and without a panic, and nothing
/// that a terminal would obey.
#[track_caller]
pub fn refusal(ended: &Ended, code: i32, part: &str) {
    let Ended { stderr, .. } = ended;
    assert_eq!(ended.code, code, "expected {part:?}: {ended:#?}");
    assert!(stderr.contains(part), "no {part:?} in {ended:#?}");
    assert!(stderr.contains("error: "), "{ended:#?}");
    assert!(!stderr.contains("panicked"), "{ended:#?}");
    assert!(stderr.len() < 16_000, "{} bytes of error", stderr.len());
    harmless(ended);
}

/// No control character but line breaks (and carriage returns of nobody) reaches the terminal.
#[track_caller]
pub fn harmless(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        let odd = text.chars().find(|&c| c.is_control() && c != '\n');
        assert_eq!(odd, None, "{ended:#?}");
    }
}

/// Everything below a folder: names, kinds, permissions, contents, and where links lead. Two are equal only where
/// nothing was made, changed or removed.
pub fn snapshot(root: &Path) -> Vec<(PathBuf, u32, Vec<u8>, i64)> {
    walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| {
            let path = entry.unwrap().into_path();
            let about = fs::symlink_metadata(&path).unwrap();
            let content = if about.is_file() {
                fs::read(&path).unwrap()
            } else if about.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else {
                vec![]
            };
            (
                path,
                about.permissions().mode(),
                content,
                about.mtime_nsec() ^ about.mtime(),
            )
        })
        .collect()
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

/// The PNG with another size in its header, whose check sum is right.
pub fn png_that_says(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    png
}

/// A PNG of one chunk of data, which unpacks to so many zero bytes.
pub fn png_bomb(width: u32, height: u32, color_type: u8, unpacked: usize) -> Vec<u8> {
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
pub fn zlib(zeros: usize) -> Vec<u8> {
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
pub fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    png.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
    png.extend(kind);
    png.extend(content);
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(content);
    png.extend(crc.sum().to_be_bytes());
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Makes a pipe that nobody writes to.
pub fn pipe(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}
