//! Random damage to every kind of file that the program reads. The ordinary tests are short and the same every time; the
//! long one goes on where they end, for as many seconds a reader as `RUNNER_STORM_SECONDS` says (60):
//!
//! ```sh
//! RUNNER_STORM_SECONDS=300 cargo test --release --test input_storm -- --ignored --nocapture
//! ```
//!
//! An input that a reader did not survive is kept, and its path told.

mod common;
mod hostile;

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{Dice, Lab, bars, plain};
use hostile::forge::Forgery;
use hostile::mutate::{mend_png, mutate};
use hostile::{LITTLE, bounded, copy, gzip, harmless, picture};
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use runner::data::{self, DataSet};
use runner::experiment::{self, Spec};
use runner::run::{self, LARGEST_FILE, Manifest, RunView, read_checkpoint, read_summary};

/// How long a reader may take for one input.
const LONGEST: Duration = Duration::from_secs(20);

/// A reader with sound inputs for it.
trait Reader {
    const NAME: &'static str;
    /// Rounds of the ordinary test.
    const ROUNDS: u64;
    fn new() -> Self;
    /// Damages an input, reads it, and looks at what comes of it. Gives the input and whether it was accepted.
    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>);
}

/// Reads, and looks whether an error is fit for people: one that is, in few words.
fn survived(read: impl FnOnce() -> Result<(), String>) -> Result<bool, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| match read() {
        Ok(()) => true,
        Err(text) => {
            assert!(!text.is_empty() && text.len() < 100_000, "{text:.400}");
            let odd = text.chars().find(|&c| c.is_control() && c != '\n');
            assert_eq!(odd, None, "{text:?}");
            false
        }
    }))
}

/// Runs rounds until there are enough or the time is up, from a seed of their own.
fn storm<R: Reader>(first: u64, enough: impl Fn(u64, Duration) -> bool) {
    let mut reader = R::new();
    let started = Instant::now();
    let (mut rounds, mut accepted) = (0, 0);
    while !enough(rounds, started.elapsed()) {
        let seed = first + rounds;
        let began = Instant::now();
        let (input, result) = reader.round(&mut Dice::new(seed.wrapping_mul(0x9E37_79B9)));
        let keep = |why: &str| {
            let name = format!("{}-{seed}", R::NAME.replace(' ', "-"));
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::write(&path, &input).unwrap();
            panic!(
                "{}, seed {seed}: {why}; kept as {}",
                R::NAME,
                path.display()
            );
        };
        match result {
            Ok(yes) => accepted += u64::from(yes),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or(panic.downcast_ref::<&str>().copied());
                keep(text.unwrap_or("it panicked"));
            }
        }
        if began.elapsed() > LONGEST {
            keep("it took too long");
        }
        rounds += 1;
    }
    println!("tally: fuzz, {} {rounds}", R::NAME);
    println!(
        "{accepted} of {rounds} accepted in {:.0?}",
        started.elapsed()
    );
    // Both ways were walked.
    assert!(accepted > 0 && accepted < rounds, "{accepted} of {rounds}");
}

fn short<R: Reader>() {
    storm::<R>(0, |rounds, _| rounds >= R::ROUNDS);
}

#[test]
#[ignore = "runs for minutes; cargo test --release --test input_storm -- --ignored --nocapture"]
fn storm_over_every_reader() {
    let seconds = std::env::var("RUNNER_STORM_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(seconds);
    let first = std::env::var("RUNNER_STORM_SEED").ok();
    let first = first.and_then(|text| text.parse().ok()).unwrap_or(1 << 20);
    storm::<Specs>(first, |_, elapsed| elapsed > time);
    storm::<Idx>(first, |_, elapsed| elapsed > time);
    storm::<Pictures>(first, |_, elapsed| elapsed > time);
    storm::<Checkpoints>(first, |_, elapsed| elapsed > time);
    storm::<Forgeries>(first, |_, elapsed| elapsed > time);
    storm::<Manifests>(first, |_, elapsed| elapsed > time);
    storm::<Curves>(first, |_, elapsed| elapsed > time);
    storm::<Resumes>(first, |_, elapsed| elapsed > time);
    storm::<References>(first, |_, elapsed| elapsed > time);
}

/// A TOML file.
struct Specs {
    sound: Vec<String>,
}

impl Reader for Specs {
    const NAME: &'static str = "spec";
    const ROUNDS: u64 = 4_000;

    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = |name: &str| fs::read_to_string(root.join("experiments").join(name)).unwrap();
        let every_setting: String = {
            let mut text = "name = \"a\"\nseed = 1\n".to_owned();
            for table in experiment::schema()
                .tables
                .iter()
                .filter(|table| !table.name.is_empty())
            {
                text += &format!("[{}]\n", table.name);
            }
            text
        };
        Self {
            sound: vec![
                file("quickstart.toml"),
                file("fmnist_elbo.toml"),
                plain(),
                every_setting,
            ],
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let mut pick = || &self.sound[dice.below(self.sound.len() as u64) as usize];
        let (mut bytes, other) = (pick().clone().into_bytes(), pick().clone());
        let words: [&[u8]; 22] = [
            b"=",
            b"[",
            b"]",
            b"{",
            b"}",
            b"\"",
            b"'",
            b"\"\"\"",
            b"'''",
            b"#",
            b"\n",
            b"\r\n",
            b".",
            b",",
            b"nan",
            b"[[",
            b"\\u0000",
            b"1979-05-27T00:00:00Z",
            b"\xef\xbb\xbf",
            b"[optimizer.adam]\n",
            b"inf",
            b"0x",
        ];
        mutate(&mut bytes, dice, &words, other.as_bytes());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let result = survived(
            || match experiment::parse(&text, "x.toml", Path::new("/"), &[]) {
                Ok(spec) => {
                    let resolved = experiment::resolved_toml(&spec);
                    let again = experiment::parse(&resolved, "y.toml", Path::new("/"), &[]);
                    assert_eq!(again.as_ref(), Ok(&spec), "{resolved}");
                    Ok(())
                }
                Err(error) => {
                    assert!(error.iter().all(|it| it.line >= 1 && it.column >= 1));
                    assert!(error.render(true).contains("error"));
                    Err(error.render(false))
                }
            },
        );
        (bytes, result)
    }
}

fn data_spec(folder: &Path, data: &str) -> Spec {
    let text = format!("name = \"a\"\n[data]\n{data}\n");
    experiment::parse(&text, "x.toml", folder, &[]).unwrap()
}

/// Loads, and looks whether what was loaded fits together.
fn load(spec: &Spec) -> Result<(), String> {
    match data::load(&spec.data, 0, &mut |_| {}) {
        Ok(DataSet { images, train, .. }) => {
            let item = images.height * images.width * images.channels;
            assert_eq!(images.pixels.len(), images.labels.len() * item);
            assert!(train.iter().all(|&at| (at as usize) < images.labels.len()));
            let classes = images.classes.len();
            assert!(
                images
                    .labels
                    .iter()
                    .all(|&label| usize::from(label) < classes)
            );
            Ok(())
        }
        Err(error) => {
            assert!(matches!(error.exit_code(), 2 | 65 | 74), "{error}");
            Err(error.to_string())
        }
    }
}

/// Images and labels, plain or gzip.
struct Idx {
    folder: tempfile::TempDir,
    spec: Spec,
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Reader for Idx {
    const NAME: &'static str = "IDX and gzip";
    const ROUNDS: u64 = 6_000;

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["i", "l"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let spec = data_spec(
            folder.path(),
            "dataset = \"idx\"\nimages = \"i\"\nlabels = \"l\"",
        );
        let (images, labels) = bars(9, 5, 4);
        Self {
            folder,
            spec,
            images,
            labels,
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let (mut images, mut labels) = (self.images.clone(), self.labels.clone());
        let words: [&[u8]; 4] = [
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
            b"\0\0\x08\x03",
            b"\0\0\x08\x04",
            b"\0\0\x08\x01",
        ];
        let (one, other) = match dice.below(2) {
            0 => (&mut images, &self.labels),
            _ => (&mut labels, &self.images),
        };
        // Damaged inside, packed or not; or packed and then damaged.
        match dice.below(4) {
            0 => mutate(one, dice, &words, other),
            1 => {
                mutate(one, dice, &words, other);
                *one = gzip(one);
            }
            _ => {
                *one = gzip(one);
                mutate(one, dice, &words, &gzip(other));
            }
        }
        fs::write(self.folder.path().join("i"), &images).unwrap();
        fs::write(self.folder.path().join("l"), &labels).unwrap();
        let result = survived(|| {
            let survey = data::survey(&self.spec.data);
            let loaded = load(&self.spec);
            assert!(survey.is_ok() || loaded.is_err());
            loaded
        });
        ([images, labels].concat(), result)
    }
}

/// A folder of one picture.
struct Pictures {
    folder: tempfile::TempDir,
    specs: [Spec; 2],
    sound: Vec<Vec<u8>>,
}

impl Reader for Pictures {
    const NAME: &'static str = "PNG and JPEG";
    const ROUNDS: u64 = 2_500;

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spec = |color: &str| {
            let data =
                format!("dataset = \"images\"\npath = \".\"\nimage_size = 8\ncolor = \"{color}\"");
            data_spec(folder.path(), &data)
        };
        let specs = [spec("gray"), spec("rgb")];
        let gray = GrayImage::from_fn(19, 13, |x, y| Luma([(x * 11 + y * 7) as u8]));
        let rgb = RgbImage::from_fn(24, 17, |x, y| Rgb([x as u8 * 9, y as u8 * 13, 77]));
        let gray = DynamicImage::from(gray);
        let rgb = DynamicImage::from(rgb);
        let deep = DynamicImage::from(gray.to_luma16());
        let alpha = DynamicImage::from(rgb.to_rgba8());
        let sound = vec![
            picture(gray.clone(), false),
            picture(rgb.clone(), false),
            picture(deep, false),
            picture(alpha, false),
            picture(gray, true),
            picture(rgb, true),
        ];
        Self {
            folder,
            specs,
            sound,
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let mut pick = || self.sound[dice.below(self.sound.len() as u64) as usize].clone();
        let (mut bytes, other) = (pick(), pick());
        let words: [&[u8]; 20] = [
            b"IHDR",
            b"IDAT",
            b"PLTE",
            b"tRNS",
            b"iCCP",
            b"zTXt",
            b"acTL",
            b"fcTL",
            b"IEND",
            b"gAMA",
            b"\xff\xc0",
            b"\xff\xc2",
            b"\xff\xc4",
            b"\xff\xda",
            b"\xff\xdb",
            b"\xff\xdd",
            b"\xff\xd9",
            b"\xff\xe0",
            b"\xff\xd0",
            b"\xff\xee\0\x0eAdobe",
        ];
        mutate(&mut bytes, dice, &words, &other);
        if dice.below(3) > 0 {
            mend_png(&mut bytes);
        }
        fs::write(self.folder.path().join("a.png"), &bytes).unwrap();
        let spec = &self.specs[dice.below(2) as usize];
        let result = survived(|| load(spec));
        (bytes, result)
    }
}

/// A real checkpoint.
fn checkpoint_of_a_run() -> (Lab, PathBuf) {
    let lab = Lab::with(&plain());
    let run = lab.train(&[]);
    (lab, run.join("checkpoints/last.safetensors"))
}

/// A checkpoint whose bytes are damaged: nothing but the sound one passes.
struct Checkpoints {
    _lab: Lab,
    path: PathBuf,
    sound: Vec<u8>,
}

const JSON: [&[u8]; 18] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"null",
    b"\\u0000",
    b"\\ud800",
    b"\"dtype\":\"F32\"",
    b"\"shape\":[",
    b"\"data_offsets\":[0,4]",
    b"__metadata__",
    b" ",
    b"\n",
    b"\xff",
    b"\"\":",
];

impl Reader for Checkpoints {
    const NAME: &'static str = "checkpoint bytes";
    const ROUNDS: u64 = 3_000;

    fn new() -> Self {
        let (lab, path) = checkpoint_of_a_run();
        let sound = fs::read(&path).unwrap();
        Self {
            _lab: lab,
            path,
            sound,
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let mut bytes = self.sound.clone();
        // The header is the more interesting part.
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        if dice.below(50) > 0 {
            let mut front = bytes[..header].to_vec();
            mutate(&mut front, dice, &JSON, &self.sound[..header]);
            if dice.below(2) == 0 && front.len() >= 8 {
                let length = (front.len() - 8) as u64;
                front[..8].copy_from_slice(&length.to_le_bytes());
            }
            bytes = [&front, &bytes[header..]].concat();
        }
        fs::write(&self.path, &bytes).unwrap();
        let result = survived(|| {
            let _ = run::read_tensors(&self.path);
            let _ = read_summary(&self.path, LARGEST_FILE);
            match read_checkpoint(&self.path, LARGEST_FILE) {
                Ok(_) => {
                    // Other spaces, or another order of the keys, say the same.
                    let said = |bytes: &[u8]| {
                        fs::write(&self.path, bytes).unwrap();
                        run::state_digest(&read_checkpoint(&self.path, LARGEST_FILE).unwrap())
                    };
                    assert_eq!(said(&bytes), said(&self.sound));
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            }
        });
        (bytes, result)
    }
}

/// A checkpoint whose texts are damaged and whose digests are right.
struct Forgeries {
    _lab: Lab,
    path: PathBuf,
    sound: Forgery,
}

impl Reader for Forgeries {
    const NAME: &'static str = "checkpoint with right digests";
    const ROUNDS: u64 = 2_000;

    fn new() -> Self {
        let (lab, path) = checkpoint_of_a_run();
        let sound = Forgery::of(&path);
        Self {
            _lab: lab,
            path,
            sound,
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let forgery = forged(&self.sound, dice);
        let text = forgery.metadata["state"].clone().into_bytes();
        forgery.write(&self.path);
        let result = survived(|| match read_checkpoint(&self.path, LARGEST_FILE) {
            Ok(checkpoint) => {
                assert_eq!(checkpoint.history.len(), checkpoint.progress.epoch as usize);
                run::state_digest(&checkpoint);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        });
        (text, result)
    }
}

fn forged(sound: &Forgery, dice: &mut Dice) -> Forgery {
    let mut forgery = sound.clone();
    let key = ["state", "state", "state", "json", "format", "tensors"][dice.below(6) as usize];
    let mut bytes = forgery.metadata[key].clone().into_bytes();
    let other = forgery.metadata["state"].clone().into_bytes();
    mutate(&mut bytes, dice, &JSON, &other);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    forgery.metadata.insert(key.to_owned(), text);
    if dice.below(4) == 0 {
        let tensors = &mut forgery.tensors;
        let at = dice.below(tensors.len() as u64) as usize;
        match dice.below(4) {
            0 => drop(tensors.remove(at)),
            1 => tensors[at].name.push('x'),
            2 => tensors[at].shape.insert(0, 1),
            _ => tensors[at]
                .data
                .iter_mut()
                .for_each(|value| *value = f32::NAN),
        }
    }
    forgery
}

/// The manifest of a run, and the folder around it seen from outside.
struct Manifests {
    _lab: Lab,
    run: PathBuf,
    sound: Vec<u8>,
}

impl Reader for Manifests {
    const NAME: &'static str = "manifest";
    const ROUNDS: u64 = 2_000;

    fn new() -> Self {
        let lab = Lab::with(&plain());
        let run = lab.train(&[]);
        let sound = fs::read(run.join("manifest.json")).unwrap();
        Self {
            _lab: lab,
            run,
            sound,
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let mut bytes = self.sound.clone();
        mutate(&mut bytes, dice, &JSON, &self.sound);
        fs::write(self.run.join("manifest.json"), &bytes).unwrap();
        let result = survived(|| {
            let view = RunView::open(&self.run);
            assert_eq!(view.history().len(), 2);
            match Manifest::read(&self.run) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        });
        (bytes, result)
    }
}

/// A published curve.
struct Curves {
    sound: Vec<u8>,
}

impl Reader for Curves {
    const NAME: &'static str = "published curve";
    const ROUNDS: u64 = 4_000;

    fn new() -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/keras_fmnist_100_epochs.csv");
        Self {
            sound: fs::read(path).unwrap()[..400].to_vec(),
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let mut bytes = self.sound.clone();
        let words: [&[u8]; 8] = [
            b",", b"\n", b"\r\n", b"\"", b"epoch", b"loss", b"nan", b"\0",
        ];
        mutate(&mut bytes, dice, &words, &self.sound);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let result = survived(|| match runner::figures::read_published(&text) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        (bytes, result)
    }
}

/// The real program on a checkpoint that says anything with right digests: it goes on, or refuses.
struct Resumes {
    lab: Lab,
    run: PathBuf,
    sound: Forgery,
}

impl Reader for Resumes {
    const NAME: &'static str = "resume";
    const ROUNDS: u64 = 60;

    fn new() -> Self {
        let lab = Lab::with(&plain().replace("count = 300", "count = 40"));
        let run = lab.train(&["--set", "training.batch_size=16"]);
        let manifest = run.join("manifest.json");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(&manifest, text.replacen("completed", "interrupted", 1)).unwrap();
        let sound = Forgery::of(&run.join("checkpoints/last.safetensors"));
        fs::rename(&run, lab.path().join("kept")).unwrap();
        Self { lab, run, sound }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let _ = fs::remove_dir_all(&self.run);
        copy(&self.lab.path().join("kept"), &self.run);
        let forgery = forged(&self.sound, dice);
        let text = forgery.metadata["state"].clone().into_bytes();
        fs::remove_file(self.run.join("checkpoints/previous.safetensors")).unwrap();
        forgery.write(&self.run.join("checkpoints/last.safetensors"));
        let result = survived(|| {
            let ended = bounded(
                &self.lab,
                &["resume", &self.run.display().to_string()],
                LITTLE,
            );
            harmless(&ended);
            assert!(matches!(ended.code, 0 | 1 | 65), "{ended:#?}");
            assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
            match ended.code {
                0 => Ok(()),
                _ => Err(ended.stderr),
            }
        });
        (text, result)
    }
}

/// The real program on values of another framework that say anything.
struct References {
    lab: Lab,
    sound: (
        std::collections::BTreeMap<String, String>,
        Vec<runner::numeric::named_tensor::NamedTensor>,
    ),
}

impl Reader for References {
    const NAME: &'static str = "verify";
    const ROUNDS: u64 = 60;

    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = root.join("tests/reference/latent1_rmsprop.safetensors");
        Self {
            lab: Lab::new(),
            sound: run::read_tensors(&path).unwrap(),
        }
    }

    fn round(&mut self, dice: &mut Dice) -> (Vec<u8>, Result<bool, Box<dyn Any + Send>>) {
        let (mut metadata, tensors) = self.sound.clone();
        let mut bytes = metadata["json"].clone().into_bytes();
        if dice.below(8) > 0 {
            let other = bytes.clone();
            mutate(&mut bytes, dice, &JSON, &other);
        }
        metadata.insert(
            "json".to_owned(),
            String::from_utf8_lossy(&bytes).into_owned(),
        );
        let path = self.lab.path().join("r.safetensors");
        run::write_tensors(&path, &metadata, &tensors).unwrap();
        let result = survived(|| {
            let ended = bounded(&self.lab, &["verify", "r.safetensors"], LITTLE);
            harmless(&ended);
            assert!(matches!(ended.code, 0 | 1 | 65), "{ended:#?}");
            assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
            match ended.code {
                0 => Ok(()),
                1 => Err("it does not agree".to_owned()),
                _ => Err(ended.stderr),
            }
        });
        (bytes, result)
    }
}

#[test]
fn damaged_specs() {
    short::<Specs>();
}

#[test]
fn damaged_idx_files() {
    short::<Idx>();
}

#[test]
fn damaged_pictures() {
    short::<Pictures>();
}

#[test]
fn damaged_checkpoints() {
    short::<Checkpoints>();
}

#[test]
fn damaged_checkpoints_with_right_digests() {
    short::<Forgeries>();
}

#[test]
fn damaged_manifests() {
    short::<Manifests>();
}

#[test]
fn damaged_curves() {
    short::<Curves>();
}

#[test]
fn resumes_from_damaged_checkpoints_with_right_digests() {
    short::<Resumes>();
}

#[test]
fn damaged_references() {
    short::<References>();
}
