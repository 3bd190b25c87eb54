//! Downloads from real servers on this machine: good ones, and every way in which one can fail.
//!
//! The files are those of a set with MNIST's shape, all zero, so that they compress well.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use super::*;
use crate::data::division::Division;
use crate::data::division::tests::whole;
use crate::data::idx::tests::{gzip, idx_file};
use crate::data::kinds::fashion_mnist::{FASHION_MNIST, FashionMnist};
use crate::data::kinds::kmnist::Kmnist;
use crate::data::kinds::mnist::MNIST;
use crate::data::load::{load_in, locate_in, survey_in};
use crate::fs::digest::sha256_hex;

/// What a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Good,
    /// Without `Content-Length`, the file uncompressed.
    PlainOfUnknownLength,
    NotFound,
    /// Another file of the same shape.
    OtherContent,
    /// Half of the file, then the connection is closed.
    CutOff,
    /// Half of the file, and a length that fits it.
    Half,
    /// Says that the file is huge.
    DeclaresTooMuch,
    /// Sends without end.
    Endless,
    /// Sends half of the file and then nothing.
    Stalls,
    /// Accepts the connection and says nothing.
    Silent,
    /// Sends what is not HTTP.
    Garbage,
    /// Sends an error page as if it were the file.
    Html,
    /// Redirects to itself for ever.
    Circle,
}

struct Server {
    url: String,
    /// Names of the files asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

/// The file of that name, uncompressed: all zero but for `mark` in its last byte.
fn content(name: &str, mark: u8) -> Vec<u8> {
    let file = FILES
        .iter()
        .find(|file| file.published_name() == name)
        .unwrap();
    let axes = file.axes();
    let count = axes.count as u32;
    let mut bytes = match axes.height {
        28 => idx_file(&[count, 28, 28], []),
        _ => idx_file(&[count], []),
    };
    bytes.resize(usize::try_from(file.plain_bytes()).unwrap(), 0);
    *bytes.last_mut().unwrap() = mark;
    bytes
}

/// The same, compressed. Made once for all tests, since a server that is busy compressing looks like
/// one that stalls.
fn compressed(name: &str, mark: u8) -> Arc<Vec<u8>> {
    type Made = HashMap<(String, u8), Arc<Vec<u8>>>;
    static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    made.entry((name.to_string(), mark))
        .or_insert_with(|| Arc::new(gzip(&content(name, mark))))
        .clone()
}

/// Starts a server that treats requests for images and for labels in that manner. It ends with the
/// test's process.
fn serve(manner: Manner) -> Server {
    let mark = u8::from(manner == Manner::OtherContent);
    for name in ALL_NAMES {
        compressed(name, mark);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let log = log.clone();
            // A client that has had enough closes the connection; that is no error of the server.
            thread::spawn(move || drop(answer(stream, manner, &log)));
        }
    });
    Server { url, asked }
}

fn answer(mut stream: TcpStream, manner: Manner, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let name = path.trim_start_matches('/').to_string();
    log.lock().unwrap().push(name.clone());
    let long = std::time::Duration::from_secs(30);
    let mark = u8::from(manner == Manner::OtherContent);
    let file = compressed(&name, mark);
    let half = &file[..file.len() / 2];
    let ok = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    match manner {
        Manner::Good | Manner::OtherContent => {
            stream.write_all(ok(file.len()).as_bytes())?;
            stream.write_all(&file)
        }
        Manner::PlainOfUnknownLength => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&content(&name, mark))
        }
        Manner::NotFound => {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        }
        Manner::CutOff => {
            stream.write_all(ok(file.len()).as_bytes())?;
            stream.write_all(half)
        }
        Manner::Half => {
            stream.write_all(ok(half.len()).as_bytes())?;
            stream.write_all(half)
        }
        Manner::DeclaresTooMuch => {
            stream.write_all(ok(50_000_000_000).as_bytes())?;
            stream.write_all(&file)
        }
        Manner::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[0; 1 << 16])?;
            }
        }
        Manner::Stalls => {
            stream.write_all(ok(file.len()).as_bytes())?;
            stream.write_all(half)?;
            thread::sleep(long);
            Ok(())
        }
        Manner::Silent => {
            thread::sleep(long);
            Ok(())
        }
        Manner::Garbage => stream.write_all(b"\0\x01\x02 not a protocol \r\n\r\n"),
        Manner::Html => {
            let page = b"<html>please log in to this network</html>";
            stream.write_all(ok(page.len()).as_bytes())?;
            stream.write_all(page)
        }
        Manner::Circle => stream.write_all(
            format!("HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /{name}\r\nContent-Length: 0\r\n\r\n")
                .as_bytes(),
        ),
    }
}

/// A set whose published files are those of a good server.
fn published() -> &'static KnownSet {
    static SET: LazyLock<KnownSet> = LazyLock::new(|| {
        let digest = |position: usize| -> &'static str {
            let name = FILES[position].published_name();
            sha256_hex(&content(&name, 0)).leak()
        };
        KnownSet {
            name: "zeros",
            classes: MNIST.classes,
            torchvision_folder: "Zeros/raw",
            package: Some("dataset-zeros"),
            mirrors: &["https://example.invalid/"],
            digests: Some([digest(0), digest(1), digest(2), digest(3)]),
            packed_digests: None,
            similar: &[],
        }
    });
    &SET
}

fn mirrors(servers: &[&Server]) -> Mirrors {
    Mirrors {
        urls: servers.iter().map(|server| server.url.clone()).collect(),
        https_only: false,
        connect: Duration::from_secs(5),
        stall: Duration::from_millis(1_500),
        total: Duration::from_secs(60),
    }
}

fn places(cache: &Path, servers: &[&Server]) -> Places {
    Places {
        cache: Some(cache.to_path_buf()),
        mirrors: Some(mirrors(servers)),
        ..Places::default()
    }
}

/// Everything in the cache but the lock.
fn cached(cache: &Path) -> Vec<String> {
    let folder = fs::read_dir(cache.join("zeros"));
    let mut names: Vec<String> = folder
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name != "lock")
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

const ALL_NAMES: [&str; 4] = [
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
];

#[test]
fn downloads_all_four_files_with_progress() {
    for manner in [Manner::Good, Manner::PlainOfUnknownLength] {
        let cache = tempfile::tempdir().unwrap();
        let server = serve(manner);
        let mut last = Vec::new();
        let mut progress = |event: LoadProgress<'_>| match event {
            LoadProgress::Download { file, done, .. } => last.push((file.to_string(), done)),
            other => panic!("{other:?}"),
        };
        let around = places(cache.path(), &[&server]);
        to_cache(published(), &around, Vec::new(), &mut progress).unwrap();
        assert_eq!(cached(cache.path()), ALL_NAMES);
        for name in ALL_NAMES {
            let length = fs::metadata(cache.path().join("zeros").join(name))
                .unwrap()
                .len();
            let reported = last.iter().rev().find(|(file, _)| file == name).unwrap();
            assert_eq!(reported.1, length);
        }
        // What is there is not fetched again.
        fs::remove_file(cache.path().join("zeros").join(ALL_NAMES[1])).unwrap();
        to_cache(published(), &around, Vec::new(), &mut |_| {}).unwrap();
        let asked = server.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 5);
        assert_eq!(asked[4], ALL_NAMES[1]);
    }
}

#[test]
fn leaves_the_cache_empty_when_a_server_fails_in_any_way() {
    let cases = [
        (Manner::NotFound, "the server answers with status 404"),
        (Manner::OtherContent, "(uncompressed), expected "),
        (Manner::CutOff, "the connection ended too early"),
        (Manner::Half, "bytes cannot hold"),
        (
            Manner::DeclaresTooMuch,
            "50000000000 bytes or more, expected 47105552",
        ),
        (Manner::Endless, "bytes or more, expected 47105552"),
        (Manner::Stalls, "no answer in time"),
        (Manner::Silent, "no answer in time"),
        (Manner::Garbage, "http parse fail"),
        (Manner::Html, "not an IDX file: it begins with 3c 68"),
        (Manner::Circle, "too many redirects"),
    ];
    for (manner, expected) in cases {
        let cache = tempfile::tempdir().unwrap();
        let server = serve(manner);
        let around = places(cache.path(), &[&server]);
        let mut failed = 0;
        let mut progress = |event: LoadProgress<'_>| {
            failed += u32::from(matches!(event, LoadProgress::MirrorFailed { .. }));
        };
        let error = to_cache(published(), &around, Vec::new(), &mut progress).unwrap_err();
        let NotFound { tried, .. } = error.downcast_ref().unwrap();
        assert_eq!((tried.len(), failed), (1, 1), "{manner:?}");
        assert!(
            tried[0].reason.contains(expected) && !tried[0].reason.is_empty(),
            "{manner:?}: {}",
            tried[0].reason
        );
        assert_eq!(cached(cache.path()), [""; 0], "{manner:?}");
        assert_eq!(error.exit_code(), 74);
    }
}

#[test]
fn tries_mirrors_in_order_and_failed_ones_last() {
    let cache = tempfile::tempdir().unwrap();
    let servers = [Manner::NotFound, Manner::OtherContent, Manner::Good].map(serve);
    let around = places(cache.path(), &servers.each_ref());
    to_cache(published(), &around, Vec::new(), &mut |_| {}).unwrap();
    let asked = servers.map(|server| server.asked.lock().unwrap().len());
    assert_eq!(asked, [1, 1, 4]);
    assert_eq!(cached(cache.path()), ALL_NAMES);
}

#[test]
fn refuses_plain_http_for_published_places() {
    let cache = tempfile::tempdir().unwrap();
    let server = serve(Manner::Good);
    let mut around = places(cache.path(), &[&server]);
    around.mirrors.as_mut().unwrap().https_only = true;
    assert!(to_cache(published(), &around, Vec::new(), &mut |_| {}).is_err());
    assert!(server.asked.lock().unwrap().is_empty());
    assert!(Mirrors::published(&FASHION_MNIST).https_only);
}

#[test]
fn names_every_place_where_nothing_was_found() {
    let root = tempfile::tempdir().unwrap();
    let cache = root.path().join("cache");
    let server = serve(Manner::NotFound);
    let around = Places {
        data_dir: Some(root.path().join("variable")),
        system: Some(root.path().join("system")),
        ..places(&cache, &[&server])
    };
    let kind = FashionMnist { path: None }.into();
    let survey = survey_in(&kind, &whole(), &around).unwrap();
    assert!(!survey.found && survey.train == 60_000);
    assert!(!cache.exists(), "a survey writes nothing");

    let error = load_in(&kind, &whole(), 1, &around, &mut |_| {}).unwrap_err();
    let place = root.path().display();
    let expected = format!(
        "fashion-mnist is not on this machine and could not be downloaded; looked at\n  \
         `{place}/variable` ($RUNNER_DATA_DIR): no such folder\n  \
         `{place}/cache` (the user's cache): no such folder\n  \
         `{place}/system` (the system's data sets): no such folder\n  \
         {}train-images-idx3-ubyte.gz: the server answers with status 404",
        server.url
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        error.hint().unwrap(),
        "install it: apt-get install dataset-fashion-mnist\n\
         name the folder of the files: set `data.path` or $RUNNER_DATA_DIR\n\
         connect to the network and run again, or download the files by hand from \
         https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
    );
}

#[test]
fn downloads_nothing_without_a_cache_folder() {
    let server = serve(Manner::Good);
    let around = Places {
        cache: None,
        ..places(Path::new(""), &[&server])
    };
    let error = to_cache(published(), &around, Vec::new(), &mut |_| {}).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("neither $XDG_CACHE_HOME nor $HOME")
    );
    assert!(server.asked.lock().unwrap().is_empty());
}

#[test]
fn fetches_every_file_once_in_two_downloads_at_once() {
    let cache = tempfile::tempdir().unwrap();
    let server = serve(Manner::Good);
    let around = places(cache.path(), &[&server]);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| to_cache(published(), &around, Vec::new(), &mut |_| {}).unwrap());
        }
    });
    assert_eq!(server.asked.lock().unwrap().len(), 4);
    assert_eq!(cached(cache.path()), ALL_NAMES);
}

#[test]
fn downloads_finds_and_loads_a_set() {
    let cache = tempfile::tempdir().unwrap();
    let server = serve(Manner::PlainOfUnknownLength);
    let around = places(cache.path(), &[&server]);
    let located = locate_in("kmnist", &around, &mut |_| {}).unwrap();
    assert!(located.downloaded);
    assert_eq!(located.folder, Some(cache.path().join("kmnist")));
    assert!(located.files.iter().all(|file| !file.verified));
    assert_eq!(located.files[0].source.bytes, 47_040_016);
    assert!(
        !locate_in("kmnist", &around, &mut |_| {})
            .unwrap()
            .downloaded
    );

    let division = Division {
        limit: Some(10),
        ..whole()
    };
    let kind = Kmnist { path: None }.into();
    let set = load_in(&kind, &division, 1, &around, &mut |_| {}).unwrap();
    assert_eq!(set.images.len(), 10);
    assert_eq!(set.sources[0], located.files[0].source);
    assert_eq!(server.asked.lock().unwrap().len(), 4);
}

#[test]
fn refuses_a_compressed_file_that_is_not_the_published_one() {
    let cache = tempfile::tempdir().unwrap();
    let server = serve(Manner::Good);
    let around = places(cache.path(), &[&server]);
    let error = locate_in("kmnist", &around, &mut |_| {}).unwrap_err();
    let NotFound { tried, .. } = error.downcast_ref().unwrap();
    let expected =
        "(compressed), expected 51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4";
    assert!(tried[0].reason.ends_with(expected), "{}", tried[0].reason);
}
