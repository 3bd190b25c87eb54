//! Random damage to every kind of file that the program reads. The ordinary tests are short and the same every time; the
//! long one goes on where they end, for as many seconds a reader as `RUNNER_FUZZ_SECONDS` says (60):
//!
//! ```sh
//! RUNNER_FUZZ_SECONDS=300 cargo test --release --test hostile fuzz -- --ignored --nocapture
//! ```
//!
//! An input that a reader did not survive is kept, and its path told.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use runner::data::{self, DataSet};
use runner::experiment::{self, Spec};
use runner::run::{self, LARGEST_FILE, Manifest, RunView, read_checkpoint, read_summary};

use crate::common::{Dice, Ended, Lab, bars, copy_folder, gzip, picture, plain};
use crate::forge::Forgery;
use crate::mutate::{mend_png, mutate};
use crate::{LITTLE, bounded, harmless};

/// How long a reader may take for one input.
const LONGEST: Duration = Duration::from_secs(20);

/// Damages a sound input, leaves it in the second argument, reads it, and gives the error if there is one.
type Reader = Box<dyn FnMut(&mut Dice, &mut Vec<u8>) -> Result<(), String>>;

/// Makes a short test of each reader, with so many inputs, and the long one of all.
macro_rules! readers {
    ($($name:ident: $rounds:literal,)*) => {
        mod damaged {
            $(#[test]
            fn $name() {
                super::fuzz(stringify!($name), super::$name(), 0, |rounds, _| rounds >= $rounds);
            })*
        }

        #[test]
        #[ignore = "runs for minutes; cargo test --release --test hostile fuzz -- --ignored --nocapture"]
        fn fuzz_every_reader() {
            let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
            let time = Duration::from_secs(number("RUNNER_FUZZ_SECONDS").unwrap_or(60));
            let first = number("RUNNER_FUZZ_SEED").unwrap_or(1 << 20);
            $(fuzz(stringify!($name), $name(), first, |_, elapsed| elapsed > time);)*
        }
    };
}

readers! {
    specs: 4_000,
    idx_files: 6_000,
    pictures: 2_500,
    checkpoints: 3_000,
    checkpoints_with_right_digests: 2_000,
    manifests: 2_000,
    published_curves: 4_000,
    resumes: 60,
    references: 60,
}

/// Gives inputs to a reader until there are enough or the time is up, each from a seed of its own.
fn fuzz(name: &str, mut reader: Reader, first: u64, enough: impl Fn(u64, Duration) -> bool) {
    let started = Instant::now();
    let (mut rounds, mut accepted) = (0, 0);
    while !enough(rounds, started.elapsed()) {
        let seed = first + rounds;
        let began = Instant::now();
        let mut input = vec![];
        let mut dice = Dice::new(seed.wrapping_mul(0x9E37_79B9));
        let result = catch_unwind(AssertUnwindSafe(|| match reader(&mut dice, &mut input) {
            Ok(()) => true,
            Err(text) => {
                // Fit for people: there is one, in few words.
                assert!(!text.is_empty() && text.len() < 100_000, "{text:.400}");
                let odd = text.chars().find(|&c| c.is_control() && c != '\n');
                assert_eq!(odd, None, "{text:?}");
                false
            }
        }));
        let in_time = began.elapsed() < LONGEST;
        match result {
            Ok(is_accepted) if in_time => accepted += u64::from(is_accepted),
            _ => {
                let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{seed}"));
                fs::write(&path, &input).unwrap();
                let why = if in_time {
                    "it panicked"
                } else {
                    "it took too long"
                };
                panic!("{name}, seed {seed}: {why}; kept as {}", path.display());
            }
        }
        rounds += 1;
    }
    println!(
        "{name}: {accepted} of {rounds} accepted in {:.0?}",
        started.elapsed()
    );
    // Both ways were walked.
    assert!(accepted > 0 && accepted < rounds, "{accepted} of {rounds}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Pieces that mean something to a reader.
fn words(text: &'static [u8]) -> Vec<&'static [u8]> {
    text.split(|&byte| byte == b'~').collect()
}

/// Pieces of JSON, and of the headers of tensors.
const JSON: &[u8] =
    b"{~}~[~]~\"~,~:~null~\\u0000~\\ud800~\"dtype\":\"F32\"~\"shape\":[~\"data_offsets\":[0,4]~\
    __metadata__~ ~\n~\xff~\"\":";

/// A TOML file.
fn specs() -> Reader {
    let file = |name: &str| fs::read_to_string(root().join("experiments").join(name)).unwrap();
    let tables = experiment::schema()
        .tables
        .iter()
        .filter(|table| !table.name.is_empty());
    let tables: String = tables.map(|table| format!("[{}]\n", table.name)).collect();
    let every_table = format!("name = \"a\"\nseed = 1\n{tables}");
    let sound = [
        file("quickstart.toml"),
        file("fmnist_elbo.toml"),
        plain(),
        every_table,
    ];
    let words = words(
        b"=~[~]~{~}~\"~'~\"\"\"~'''~#~\n~\r\n~.~,~nan~[[~\\u0000~1979-05-27T00:00:00Z~\xef\xbb\xbf~[optimizer.adam]\n~inf~0x",
    );
    Box::new(move |dice, input| {
        *input = dice.pick(&sound).clone().into_bytes();
        let other = dice.pick(&sound).as_bytes();
        mutate(input, dice, &words, other);
        let text = String::from_utf8_lossy(input);
        match experiment::parse(&text, "x.toml", Path::new("/"), &[]) {
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
        }
    })
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
            assert!(images.labels.iter().all(|&it| usize::from(it) < classes));
            Ok(())
        }
        Err(error) => {
            assert!(matches!(error.exit_code(), 2 | 65 | 74), "{error}");
            Err(error.to_string())
        }
    }
}

/// Images and labels, plain or gzip.
fn idx_files() -> Reader {
    let lab = Lab::new();
    for name in ["i", "l"] {
        lab.write(name, "");
    }
    let spec = data_spec(
        lab.path(),
        "dataset = \"idx\"\nimages = \"i\"\nlabels = \"l\"",
    );
    let (sound_images, sound_labels) = bars(9, 5, 4);
    let words = words(b"\x1f\x8b\x08\0\0\0\0\0\0\x03~\0\0\x08\x03~\0\0\x08\x04~\0\0\x08\x01");
    Box::new(move |dice, input| {
        let (mut images, mut labels) = (sound_images.clone(), sound_labels.clone());
        let (one, other) = match dice.below(2) {
            0 => (&mut images, &sound_labels),
            _ => (&mut labels, &sound_images),
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
        lab.write("i", &images);
        lab.write("l", &labels);
        *input = [images, labels].concat();
        let survey = data::survey(&spec.data);
        let loaded = load(&spec);
        assert!(survey.is_ok() || loaded.is_err());
        loaded
    })
}

/// A folder of one picture.
fn pictures() -> Reader {
    let lab = Lab::new();
    let specs = ["gray", "rgb"].map(|color| {
        let data = "dataset = \"images\"\npath = \".\"\nimage_size = 8\ncolor = ";
        data_spec(lab.path(), &format!("{data}\"{color}\""))
    });
    let gray = GrayImage::from_fn(19, 13, |x, y| Luma([(x * 11 + y * 7) as u8]));
    let rgb = RgbImage::from_fn(24, 17, |x, y| Rgb([x as u8 * 9, y as u8 * 13, 77]));
    let (gray, rgb) = (DynamicImage::from(gray), DynamicImage::from(rgb));
    let deep = DynamicImage::from(gray.to_luma16());
    let alpha = DynamicImage::from(rgb.to_rgba8());
    let mut sound = [&gray, &rgb, &deep, &alpha]
        .map(|it| picture(it.clone(), false))
        .to_vec();
    sound.extend([gray, rgb].map(|it| picture(it, true)));
    let words = words(
        b"IHDR~IDAT~PLTE~tRNS~iCCP~zTXt~acTL~fcTL~IEND~gAMA~\xff\xc0~\xff\xc2~\xff\xc4~\xff\xda~\xff\xdb~\xff\xdd~\xff\xd9~\
        \xff\xe0~\xff\xd0~\xff\xee\0\x0eAdobe",
    );
    Box::new(move |dice, input| {
        *input = dice.pick(&sound).clone();
        let other = dice.pick(&sound);
        mutate(input, dice, &words, other);
        if dice.below(3) > 0 {
            mend_png(input);
        }
        lab.write("a.png", &input);
        load(dice.pick(&specs))
    })
}

/// A real checkpoint.
fn checkpoint_of_a_run() -> (Lab, PathBuf) {
    let lab = Lab::with(&plain());
    let run = lab.train(&[]);
    (lab, run.join("checkpoints/last.safetensors"))
}

/// A checkpoint whose bytes are damaged: nothing but the sound one passes.
fn checkpoints() -> Reader {
    let (lab, path) = checkpoint_of_a_run();
    let sound = fs::read(&path).unwrap();
    Box::new(move |dice, input| {
        let _keep = &lab;
        *input = sound.clone();
        // The header is the more interesting part.
        let header = 8 + u64::from_le_bytes(sound[..8].try_into().unwrap()) as usize;
        if dice.below(50) > 0 {
            let mut front = sound[..header].to_vec();
            mutate(&mut front, dice, &words(JSON), &sound[..header]);
            if dice.below(2) == 0 && front.len() >= 8 {
                let length = (front.len() - 8) as u64;
                front[..8].copy_from_slice(&length.to_le_bytes());
            }
            *input = [&front, &sound[header..]].concat();
        }
        fs::write(&path, &input).unwrap();
        let _ = run::read_tensors(&path);
        let _ = read_summary(&path, LARGEST_FILE);
        let digest = |checkpoint| run::state_digest(&checkpoint);
        let read = read_checkpoint(&path, LARGEST_FILE).map(digest);
        let read = read.map_err(|error| error.to_string())?;
        // Other spaces, or another order of the keys, say the same.
        fs::write(&path, &sound).unwrap();
        assert_eq!(
            read_checkpoint(&path, LARGEST_FILE).map(digest).unwrap(),
            read
        );
        Ok(())
    })
}

/// A checkpoint whose texts are damaged and whose digests are right.
fn checkpoints_with_right_digests() -> Reader {
    let (lab, path) = checkpoint_of_a_run();
    let sound = Forgery::of(&path);
    Box::new(move |dice, input| {
        let _keep = &lab;
        forge(&sound, dice, input).write(&path);
        let checkpoint = read_checkpoint(&path, LARGEST_FILE).map_err(|error| error.to_string())?;
        assert_eq!(checkpoint.history.len(), checkpoint.progress.epoch as usize);
        run::state_digest(&checkpoint);
        Ok(())
    })
}

fn forge(sound: &Forgery, dice: &mut Dice, input: &mut Vec<u8>) -> Forgery {
    let mut forgery = sound.clone();
    let key = *dice.pick(&["state", "state", "state", "json", "format", "tensors"]);
    *input = forgery.metadata[key].clone().into_bytes();
    let other = forgery.metadata["state"].clone().into_bytes();
    mutate(input, dice, &words(JSON), &other);
    let text = String::from_utf8_lossy(input).into_owned();
    forgery.metadata.insert(key.to_owned(), text);
    if dice.below(4) == 0 {
        let tensors = &mut forgery.tensors;
        let at = dice.below(tensors.len() as u64) as usize;
        match dice.below(4) {
            0 => drop(tensors.remove(at)),
            1 => tensors[at].name.push('x'),
            2 => tensors[at].shape.insert(0, 1),
            _ => tensors[at].data.fill(f32::NAN),
        }
    }
    forgery
}

/// The manifest of a run, and the folder around it seen from outside.
fn manifests() -> Reader {
    let lab = Lab::with(&plain());
    let run = lab.train(&[]);
    let sound = fs::read(run.join("manifest.json")).unwrap();
    Box::new(move |dice, input| {
        let _keep = &lab;
        *input = sound.clone();
        mutate(input, dice, &words(JSON), &sound);
        fs::write(run.join("manifest.json"), &input).unwrap();
        let view = RunView::open(&run);
        assert_eq!(view.history().len(), 2);
        Manifest::read(&run)
            .map(drop)
            .map_err(|error| error.to_string())
    })
}

fn published_curves() -> Reader {
    let path = root().join("experiments/keras_fmnist_100_epochs.csv");
    let sound = fs::read(path).unwrap()[..400].to_vec();
    Box::new(move |dice, input| {
        *input = sound.clone();
        mutate(
            input,
            dice,
            &words(b",~\n~\r\n~\"~epoch~loss~nan~\0"),
            &sound,
        );
        let text = String::from_utf8_lossy(input);
        let read = runner::figures::read_published(&text);
        read.map(drop).map_err(|error| error.to_string())
    })
}

/// The real program: it goes on, or refuses.
fn program(lab: &Lab, args: &[&str]) -> Result<(), String> {
    let ended: Ended = bounded(lab, args, LITTLE);
    harmless(&ended);
    assert!(matches!(ended.code, 0 | 1 | 65), "{ended:#?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
    match ended.code {
        0 => Ok(()),
        _ => Err(ended.stderr + &ended.stdout),
    }
}

/// A resume of a checkpoint that says anything with right digests.
fn resumes() -> Reader {
    let lab = Lab::with(&plain().replace("count = 300", "count = 40"));
    let run = lab.train(&["--set", "training.batch_size=16"]);
    let manifest = run.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("completed", "interrupted", 1)).unwrap();
    let sound = Forgery::of(&run.join("checkpoints/last.safetensors"));
    let kept = lab.path().join("kept");
    fs::rename(&run, &kept).unwrap();
    Box::new(move |dice, input| {
        let _ = fs::remove_dir_all(&run);
        copy_folder(&kept, &run);
        fs::remove_file(run.join("checkpoints/previous.safetensors")).unwrap();
        let forgery = forge(&sound, dice, input);
        forgery.write(&run.join("checkpoints/last.safetensors"));
        program(&lab, &["resume", &run.display().to_string()])
    })
}

/// Values of another framework that say anything.
fn references() -> Reader {
    let lab = Lab::new();
    let path = root().join("tests/reference/latent1_rmsprop.safetensors");
    let (sound, tensors) = run::read_tensors(&path).unwrap();
    Box::new(move |dice, input| {
        *input = sound["json"].clone().into_bytes();
        if dice.below(8) > 0 {
            mutate(input, dice, &words(JSON), sound["json"].as_bytes());
        }
        let mut metadata = sound.clone();
        let text = String::from_utf8_lossy(input).into_owned();
        metadata.insert("json".to_owned(), text);
        run::write_tensors(&lab.path().join("r.safetensors"), &metadata, &tensors).unwrap();
        program(&lab, &["verify", "r.safetensors"])
    })
}
