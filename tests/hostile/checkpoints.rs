//! Checkpoints that somebody made to do harm, with right digests where they have any: refused in 100 ms, in bounded
//! memory, before anything of them is used.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use runner::numeric::named_tensor::NamedTensor;
use runner::run::{LARGEST_FILE, read_checkpoint, read_summary, read_tensors, write_tensors};
use serde_json::json;

use crate::common::{Lab, checkpoint, plain};
use crate::forge::Forgery;
use crate::runs::{file, found, stopped};
use crate::{LITTLE, bounded, refusal};

/// Metadata that any reader of the file has to refuse: the key, its text, and what is said of it.
fn texts(state: &str) -> Vec<(&'static str, String, &'static str)> {
    let piece = |from: &str, to: &str| {
        assert!(state.contains(from), "no {from} in {state:.400}");
        state.replacen(from, to, 1)
    };
    let formats = ["runner-checkpoint-", "runner-checkpoint-0", "\u{1b}[2J"].map(str::to_owned);
    let jsons = [
        String::new(),
        "{".to_owned(),
        "[".repeat(900_000),
        format!("[{}0]", "0,".repeat(5_000_000)),
        "\"\\ud800\"".to_owned(),
    ];
    let names: String = (0..1_000_000).map(|i| format!("\"a{i}\":\"1\",")).collect();
    let states = [
        String::new(),
        "null".to_owned(),
        "[".repeat(5_000_000),
        "{\"seed\":".repeat(500_000),
        piece("\"seed\":", "\"seed\":-"),
        piece("\"seed\":", "\"seed\":1e"),
        piece("\"seed\":", &format!("\"seed\":{}", "9".repeat(5_000_000))),
        piece("\"epoch\":", "\"epoch\":4294967295,\"x\":"),
        piece("\"step\":", "\"step\":0,\"step\":"),
        piece("\"history\":[", "\"history\":[{},"),
        piece("\"history\":[", "\"history\":[null,"),
        piece(
            "\"history\":[",
            &format!("\"history\":[{}", "[".repeat(100_000)),
        ),
        piece("\"terms\":{", "\"terms\":{\"more\":[1],"),
        piece("\"terms\":{", "\"terms\":{\"more\":\"x\","),
        piece("\"terms\":{", "\"terms\":{\"\\u001b[2J\":\"1.0\","),
        piece("\"terms\":{", "\"terms\":{\"loss\":null,"),
        piece("\"terms\":{", &format!("\"terms\":{{{names}")),
        piece("\"history\":[{", "\"history\":[{\"loss\":null,"),
        piece("\"history\":[{", &format!("\"history\":[{{{names}")),
        piece("\"kl_per_axis\":[", "\"kl_per_axis\":[{},"),
    ];
    let all = formats
        .map(|it| ("format", it, "its format is"))
        .into_iter();
    all.chain(jsons.map(|it| ("json", it, "`json` is not valid")))
        .chain(states.map(|it| ("state", it, "`state` is not valid")))
        .collect()
}

/// Refused in 100 ms of this thread's own time on the processor: what others take of it does not count. The first try
/// may have to wait for the disk and for memory, so one of five has to.
#[track_caller]
fn quickly<T>(read: impl Fn() -> T) -> T {
    let mut times = vec![];
    for _ in 0..5 {
        let before = processor_time();
        let answer = read();
        let taken = processor_time() - before;
        if taken < Duration::from_millis(100) {
            return answer;
        }
        times.push(taken);
    }
    panic!("it took {times:?}");
}

/// What this thread has had of the processor.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

#[track_caller]
fn refused_quickly(path: &Path) -> String {
    let error = quickly(|| read_checkpoint(path, LARGEST_FILE).unwrap_err().to_string());
    assert!(error.len() < 1_000, "{} bytes of error", error.len());
    error
}

#[test]
fn rejects_metadata_behind_a_right_digest() {
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let path = file(&run, "last.safetensors");
    let previous = checkpoint(&run, "previous.safetensors").progress.step;
    let whole = Forgery::of(&file(&run, "previous.safetensors"));
    let check = |forgery: Forgery, part: &str| {
        assert!(forgery.write(&path));
        let error = refused_quickly(&path);
        assert!(error.contains(part), "{part}: {error:.300}");
        let summary = read_summary(&path, LARGEST_FILE).unwrap_err();
        assert_eq!(summary.to_string(), error);
        let (step, warning) = found(&run);
        assert_eq!(step, previous);
        assert!(warning.unwrap().contains(part));
        // Terminal codes are escaped.
        assert!(!error.contains('\u{1b}'));
    };
    for key in ["format", "json", "state", "tensors"] {
        let mut forgery = whole.clone();
        forgery.metadata.remove(key);
        check(forgery, &format!("no key `{key}`"));
    }
    for (key, text, part) in texts(&whole.metadata["state"]) {
        let mut forgery = whole.clone();
        forgery.metadata.insert(key.to_owned(), text);
        check(forgery, part);
    }
}

/// What only the model can refuse: a checkpoint that is whole and says something that cannot be. The program ends with
/// an error, and the folder is as it was.
#[test]
fn rejects_tensors_and_counters_that_do_not_fit_the_model() {
    type Change = fn(&mut Forgery);
    const TENSORS: [(&str, Change); 5] = [
        ("a tensor less", |f| drop(f.tensors.remove(0))),
        ("no tensor", |f| f.tensors.clear()),
        ("a state less", |f| drop(f.tensors.pop())),
        ("only weights", |f| {
            f.tensors.retain(|t| !t.name.starts_with("optimizer."))
        }),
        ("only optimizer", |f| {
            f.tensors.retain(|t| t.name.starts_with("optimizer."))
        }),
    ];
    const FIRST: [(&str, fn(&mut NamedTensor)); 7] = [
        ("another name", |t| {
            t.name = "encoder.conv9.kernel".to_owned()
        }),
        ("a path for a name", |t| {
            t.name = "../../../etc/passwd".to_owned()
        }),
        ("another shape", |t| t.shape.reverse()),
        ("flat", |t| t.shape = vec![t.data.len()]),
        ("more values", |t| {
            t.data.push(0.0);
            t.shape = vec![t.data.len()];
        }),
        ("no values", |t| (t.data, t.shape) = (vec![], vec![0])),
        ("a scalar", |t| {
            t.data.truncate(1);
            t.shape.clear();
        }),
    ];
    /// A piece of the state, and what stands there instead.
    const STATE: [(&str, &str); 9] = [
        ("\"step_in_epoch\":", "\"step_in_epoch\":4294967"),
        ("\"step\":", "\"step\":9"),
        ("\"images\":", "\"images\":9"),
        ("\"best\":{\"epoch\":", "\"best\":{\"epoch\":9"),
        ("\"kl_per_axis\":[", "\"kl_per_axis\":[\"1.0\","),
        ("\"square\":[", "\"square\":[\"1.0\","),
        ("\"seed\":0", "\"seed\":1"),
        ("\"spec_digest\":\"", "\"spec_digest\":\"0"),
        ("\"data_digest\":\"", "\"data_digest\":\"\\u001b[2J"),
    ];
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let path = file(&run, "last.safetensors");
    let whole = fs::read(&path).unwrap();
    let sound = Forgery::of(&path);
    let refused = |name: &str, forgery: Forgery| {
        assert!(forgery.write(&path));
        let before = fs::read(&path).unwrap();
        let ended = bounded(&lab, &["resume", &run.display().to_string()], LITTLE);
        assert_eq!(ended.code, 65, "{name}: {ended:#?}");
        refusal(&ended, 65, "error: ");
        assert_eq!(fs::read(&path).unwrap(), before, "{name}: overwritten");
    };
    for (name, change) in TENSORS {
        let mut forgery = sound.clone();
        change(&mut forgery);
        refused(name, forgery);
    }
    for (name, change) in FIRST {
        let mut forgery = sound.clone();
        change(&mut forgery.tensors[0]);
        refused(name, forgery);
    }
    for name in ["encoder.conv0.kernelx", "optimizer.m.nothing"] {
        let mut forgery = sound.clone();
        let mut more = forgery.tensors[0].clone();
        more.name = name.to_owned();
        forgery.tensors.push(more);
        refused(name, forgery);
    }
    for (from, to) in STATE {
        let mut forgery = sound.clone();
        forgery.set("state", from, to);
        refused(to, forgery);
    }
    // And the run is unaffected.
    fs::write(&path, &whole).unwrap();
    lab.runner(&["resume", &run.display().to_string()])
        .with_code(0);
}

/// Headers that lie, as the last checkpoint of a run whose previous one is whole.
#[test]
fn rejects_headers_that_lie_and_takes_the_checkpoint_before() {
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let path = file(&run, "last.safetensors");
    let whole = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&whole[8..8 + header])
        .unwrap()
        .trim_end();
    let with = |text: &str| {
        let length = (text.len() as u64).to_le_bytes();
        [&length, text.as_bytes(), &whole[8 + header..]].concat()
    };
    let replaced = |from: &str, to: &str| with(&text.replacen(from, to, 1));
    let entry = |shape: &str| {
        with(&format!(
            "{{\"a\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[0,4]}}}}"
        ))
    };
    let many = |count: u32, entry: &str| -> String {
        (0..count)
            .map(|i| entry.replace('#', &i.to_string()))
            .collect()
    };
    let empty = "\"#\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},";
    let (deep, ends) = ("{\"a\":".repeat(1_000_000), "}".repeat(1_000_000));
    // Those that ask for most come first.
    let cases = [
        entry(&format!("[{}1]", "1,".repeat(10_000_000))),
        with(&format!("{{\"a\":{}", "[".repeat(10_000_000))),
        with(&format!(
            "{{\"__metadata__\":{{{}\"z\":\"\"}}}}",
            many(1_000_000, "\"#\":\"\",")
        )),
        replaced("\"F32\"", "\"F16\""),
        replaced("\"F32\"", "\"I64\""),
        replaced("\"data_offsets\":[0,", "\"data_offsets\":[4,"),
        replaced(
            "\"data_offsets\":[0,",
            "\"data_offsets\":[18446744073709551615,",
        ),
        replaced("\"shape\":[", "\"shape\":[18446744073709551615,"),
        replaced("\"shape\":[", "\"shape\":[0,"),
        with(&format!("{{{},{}", &text[1..text.len() - 1], &text[1..])),
        entry("[1]"),
        entry("[4611686018427387905]"),
        with(&format!("{deep}0{ends}")),
        with(&format!("{{{}{}", many(100_000, empty), &text[1..])),
        with(&format!("{{\"{}\":{{}}}}", "n".repeat(10_000_000))),
        with("{}"),
        with(""),
        with("null"),
        vec![],
        vec![0; 7],
        vec![0; 8],
        vec![0xff; 4096],
        [&u64::MAX.to_le_bytes(), &whole[8..]].concat(),
        [&(1_u64 << 40).to_le_bytes(), &whole[8..]].concat(),
        [&whole[..], &[0]].concat(),
    ];
    for (i, bytes) in cases.iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        refused_quickly(&path);
        let (_, warning) = found(&run);
        assert!(warning.unwrap().contains("going on from"), "case {i}");
    }
    // A sparse file of a terabyte: large on paper, without a byte on the disk.
    let mut sparse = fs::File::create(&path).unwrap();
    sparse.write_all(&whole).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let (_, warning) = found(&run);
    assert!(warning.unwrap().contains("more than the"));
    // In the program, with bounded memory, the worst of them.
    for (i, bytes) in cases[..3].iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        let ended = bounded(&lab, &["resume", &run.display().to_string()], LITTLE);
        assert_eq!(ended.code, 0, "case {i}: {ended:#?}");
    }
}

/// References for `verify` that ask for a model larger than the file or the machine.
#[test]
fn rejects_references_that_ask_for_too_much() {
    let lab = Lab::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join("tests/reference/latent1_rmsprop.safetensors");
    let (metadata, tensors) = read_tensors(&source).unwrap();
    let path = lab.path().join("r.safetensors");
    let with = |key: &str, value: serde_json::Value| {
        let mut changed: serde_json::Value = serde_json::from_str(&metadata["json"]).unwrap();
        changed[key] = value;
        let mut metadata = metadata.clone();
        metadata.insert("json".to_owned(), changed.to_string());
        write_tensors(&path, &metadata, &tensors).unwrap();
    };
    with("note", "an unknown key is no harm".into());
    lab.runner(&["verify", "r.safetensors"]).with_code(0);
    for (key, value) in [
        ("hidden", json!([65_536, 65_536])),
        ("hidden", json!([60_000, 4_000])),
        ("hidden", json!(vec![1; 1_000_000])),
        ("hidden", json!(-1)),
        ("latent", json!(65_536)),
        ("latent", json!(0)),
        ("filters", json!([65_536, 65_536])),
        ("filters", json!([])),
        ("filters", json!(vec![1; 1_000_000])),
        ("kernel", json!(65_536)),
        ("kernel", json!(255)),
        ("stride", json!(0)),
        ("image", json!([65_536, 65_536, 65_536])),
        ("image", json!([16_384, 16_384, 1])),
        ("image", json!([1, 1])),
        ("losses", json!([])),
        ("learning_rate", json!("x")),
        ("activation", json!("\u{1b}[2J")),
        ("optimizer", json!("magic")),
    ] {
        with(key, value);
        refusal(
            &bounded(&lab, &["verify", "r.safetensors"], LITTLE),
            65,
            "r.safetensors: ",
        );
    }
    // Values that are no numbers agree with nothing.
    let mut odd = tensors.clone();
    odd[0].data.fill(f32::NAN);
    write_tensors(&path, &metadata, &odd).unwrap();
    let ended = bounded(&lab, &["verify", "r.safetensors"], LITTLE);
    assert_eq!(ended.code, 1, "{ended:#?}");
}
