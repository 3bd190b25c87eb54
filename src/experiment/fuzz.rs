//! Random specs written and read back, and random damage to a valid one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{parse, resolved_toml, schema};
use crate::config::kind::{Interval, Kind};
use crate::config::{DefaultValue, Form, Members as _, Setting};
use crate::data::DataKind;
use crate::latent::AnyLatent;
use crate::numeric::random::{Purpose, Stream};
use crate::prior::AnyPrior;

/// A spec that writes every setting of its data set, optimizer and schedule.
const VALID: &str = r#"# An experiment.
name = "fmnist_vae"
seed = 7

[data]
dataset = "sprites"
splits = ["train"]
validation = 0.1
limit = 5_000
image_size = 28
count = 6000

[model]
latent_dim = 2
conv_filters = [32, 64]
kernel_size = 3
stride = 2
hidden = [16]
activation = "relu"

[loss]
reconstruction = "bce"
reconstruction_weight = 1.0
kl_weight = 1.5e0
kl_reduction = "mean"
kl_warmup_epochs = 2

[optimizer.rmsprop]
learning_rate = 1e-3
rho = 0.9
momentum = 0.0
epsilon = 1e-7
centered = false
clip_norm = 10.0

[schedule.cosine]
final_fraction = 0.1
warmup_epochs = 0.5

[training]
epochs = 20
batch_size = 64
device = "auto"
threads = 2
checkpoint_every = 1
early_stopping = 5

[figures]
loss = true
manifold = true
n = 10
scale = 2.0

[expect]
loss = { max = 253.5 }
val_kl = { min = 1, max = 100 }
"#;

/// Every key that a TOML text holds, dotted, as another reader sees them.
fn keys(table: &toml::Table, prefix: &str, out: &mut BTreeSet<String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(inner) => keys(inner, &key, out),
            _ => {
                out.insert(key);
            }
        }
    }
}

fn is_known(key: &str) -> bool {
    let is_limit = |key: &str| {
        let (setting, limit) = key.rsplit_once('.')?;
        let kind = schema().find(setting)?.kind;
        Some(matches!(kind, Kind::Limits) && matches!(limit, "min" | "max"))
    };
    schema().find(key).is_some() || is_limit(key) == Some(true)
}

/// Damages a text: bytes, characters, lines and whole pieces, taken out, doubled or swapped.
fn mutated(text: &str, stream: &mut Stream) -> String {
    const SCRAPS: &[&str] = &[
        "=",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "\n",
        "#",
        "[[",
        "]]",
        "\"\"\"",
        "'''",
        "nan",
        "-",
        "inf",
        "_",
        "\\",
        "\\u0000",
        "\u{0}",
        "\u{1b}",
        "\r",
        "\t",
        "ä",
        "\u{feff}",
        "0x",
        "1e9",
        "99999999999999999999",
        "true",
        "1979-05-27",
        "[optimizer.adam]\n",
        "[data]\n",
        "a.b.c = 1\n",
        "{ x = 1 }",
        "[[model]]\n",
        "= [",
        "x",
        "\u{202e}",
        "e",
        "0",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    let times = 1 + stream.below(3);
    for _ in 0..times {
        let length = chars.len() as u64;
        let at = stream.below(length.max(1)) as usize;
        let end = (at + 1 + stream.below(12) as usize).min(chars.len());
        match stream.below(7) {
            0 => drop(chars.drain(at.min(end)..end)),
            1 if at < chars.len() => drop(chars.remove(at)),
            2 if at < chars.len() => {
                let other = chars[stream.below(length) as usize];
                chars[at] = other;
            }
            3 => {
                let piece: Vec<char> = chars[at.min(end)..end].to_vec();
                let to = stream.below(length + 1) as usize;
                chars.splice(to.min(chars.len())..to.min(chars.len()), piece);
            }
            4 => {
                let scrap = SCRAPS[stream.below(SCRAPS.len() as u64) as usize];
                chars.splice(at..at, scrap.chars());
            }
            5 => chars.truncate(at),
            _ => {
                let mut lines: Vec<String> = chars
                    .iter()
                    .collect::<String>()
                    .lines()
                    .map(str::to_owned)
                    .collect();
                if lines.len() > 1 {
                    let one = stream.below(lines.len() as u64) as usize;
                    let other = stream.below(lines.len() as u64) as usize;
                    lines.swap(one, other);
                }
                chars = (lines.join("\n") + "\n").chars().collect();
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn rejects_unknown_keys_in_damaged_specs() {
    assert!(parse(VALID, "x.toml", Path::new(""), &[]).is_ok());
    let mut accepted = 0;
    for round in 0..6000 {
        let mut stream = Stream::new(1, Purpose::Sample, round, 0);
        let text = mutated(VALID, &mut stream);
        match parse(&text, "x.toml", Path::new(""), &[]) {
            Ok(spec) => {
                accepted += 1;
                let table: toml::Table = text.parse().expect("accepted, so it is TOML");
                let mut found = BTreeSet::new();
                keys(&table, "", &mut found);
                for key in found {
                    assert!(
                        is_known(&key),
                        "round {round}: `{key}` was accepted in\n{text}"
                    );
                }
                let again = parse(&resolved_toml(&spec), "y.toml", Path::new(""), &[]);
                assert_eq!(again.as_ref(), Ok(&spec), "round {round}");
            }
            Err(diagnostics) => {
                assert!(
                    !diagnostics.is_empty(),
                    "round {round}: refused without a reason"
                );
                for it in diagnostics.iter() {
                    let lines = it.source.text.matches('\n').count() + 1;
                    assert!(
                        it.line >= 1 && it.line <= lines && it.column >= 1,
                        "round {round}"
                    );
                }
                // Rendering is the part that slices text by the spans.
                let shown = diagnostics.render(round % 2 == 0);
                assert!(shown.contains("error"), "round {round}");
            }
        }
    }
    // Damage to comments, digits and blank lines leaves a valid spec: that path was tested too.
    assert!(accepted > 100, "only {accepted} accepted");
}

#[test]
fn survives_damaged_overrides() {
    let valid = [
        "model.latent_dim=8",
        "model.conv_filters=[1, 2, 3]",
        "optimizer.sgd.learning_rate=0.1",
        "expect.loss={ max = 3.5, min = 1 }",
        "name=foo",
        "data.validation=\"test\"",
    ];
    for round in 0..4000 {
        let mut stream = Stream::new(2, Purpose::Sample, round, 0);
        let base = valid[stream.below(valid.len() as u64) as usize];
        let given = mutated(base, &mut stream);
        if let Err(diagnostics) = parse(VALID, "x.toml", Path::new(""), &[given]) {
            assert!(!diagnostics.render(false).is_empty());
        }
    }
}

fn pick(stream: &mut Stream, from: u64, to: u64) -> u64 {
    // Small numbers, the ends and anything between.
    match stream.below(4) {
        0 => from,
        1 => to,
        2 => from + stream.below((to - from).min(20) + 1),
        _ => from + stream.below((to - from).saturating_add(1).max(1)),
    }
}

fn number(stream: &mut Stream, span: Interval) -> f64 {
    use std::ops::Bound::{Excluded, Included};
    let (Included(min) | Excluded(min)) = span.min else {
        unreachable!()
    };
    let (Included(max) | Excluded(max)) = span.max else {
        unreachable!()
    };
    loop {
        let unit = stream.next_u64() as f64 / u64::MAX as f64;
        let number = match stream.below(4) {
            0 => min,
            1 => max,
            2 => min + (max - min) * unit,
            // Anything that 53 bits can be, over many magnitudes.
            _ => min + (max - min) * unit * 10f64.powi(-(stream.below(12) as i32)),
        };
        if span.holds(number) {
            return number;
        }
    }
}

fn random_value(setting: &Setting, stream: &mut Stream, folder: &Path) -> String {
    match setting.kind {
        Kind::Switch => (stream.below(2) == 1).to_string(),
        Kind::Count { min, max } => pick(stream, min, max).to_string(),
        Kind::Number(span) => format!("{:?}", number(stream, span)),
        Kind::Name => format!("\"run_{}\"", stream.below(1000)),
        Kind::Line { .. } => "\"Keras \\\"3\\\" ü\\\\\"".to_owned(),
        Kind::Path(crate::config::PathKind::Folder) => {
            format!("{:?}", folder.display().to_string())
        }
        Kind::Path(crate::config::PathKind::File) => "\"a file.csv\"".to_owned(),
        Kind::Choice(choices) => {
            let choice = choices[stream.below(choices.len() as u64) as usize];
            format!("\"{}\"", choice.name)
        }
        Kind::Choices(_) => "[\"train\"]".to_owned(),
        Kind::Counts { fewest, most, max } => {
            let length = pick(stream, fewest as u64, most as u64);
            let items: Vec<_> = (0..length)
                .map(|_| pick(stream, 1, max).to_string())
                .collect();
            format!("[{}]", items.join(", "))
        }
        // A list has as many items as there are layers, which is a rule between settings.
        Kind::CountOrCounts {
            min, max, words, ..
        } => match words {
            [.., last] if stream.below(2) == 0 => format!("{last:?}"),
            _ => pick(stream, min, max).to_string(),
        },
        Kind::Numbers { fewest, most, each } => {
            let length = pick(stream, fewest as u64, most as u64);
            let items: Vec<_> = (0..length)
                .map(|_| format!("{:?}", number(stream, each)))
                .collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Word(word) => {
            let words = [word.names, &[word.example]].concat();
            format!("{:?}", words[stream.below(words.len() as u64) as usize])
        }
        Kind::NumberOr(span, words) => match stream.below(3) {
            0 => format!("{:?}", words[words.len() - 1]),
            _ => format!("{:?}", number(stream, span)),
        },
        Kind::Limits => {
            let low = number(stream, Interval::closed(-1e3, 1e3));
            format!("{{ min = {low:?}, max = {:?} }}", low + 0.1)
        }
    }
}

/// How many transposed convolutions a decoder has, by what was written so far.
fn transposed_convolutions(words: &BTreeMap<String, String>) -> usize {
    let strided = usize::from(
        words
            .get("decoder.output")
            .is_some_and(|it| it == "strided"),
    );
    let items = |it: &String| it.split(',').count();
    match words.get("decoder.conv_filters") {
        Some(own) => items(own) + strided,
        None => words.get("model.conv_filters").map_or(2, items),
    }
}

/// Whether the network is told labels, which does not go with every kind of latents and prior.
fn is_told(spec: &str) -> bool {
    spec.contains("condition = \"label\"")
}

/// Whether model and decoder, which come first, say nothing that codes of a codebook have no place for.
fn goes_with_codes(spec: &str) -> bool {
    let dense = [
        "conv_filters = []",
        "\ndense =",
        "first_channels =",
        "first_linear = true",
    ];
    !is_told(spec) && dense.iter().all(|said| !spec.contains(said))
}

/// A random valid spec: each setting is written or not, at the ends of its range or inside.
fn random_spec(stream: &mut Stream, folder: &Path) -> String {
    let choices = DataKind::choices();
    let dataset = choices[stream.below(choices.len() as u64) as usize].name;
    let mut out = String::new();
    let mut chosen = Vec::new();
    let mut words = BTreeMap::new();
    let is_plain_loss = stream.below(2) == 0;
    // Rules between tables: without a distribution there is no KL and no prior, and other objectives than the default need
    // the standard normal one.
    let (mut has_q, mut is_plain) = (true, true);
    for table in &schema().tables {
        if let Form::OneOf { members, .. } = &table.form {
            let at = stream.below(members.len() as u64 + 1) as usize;
            // Rules between settings: other objectives than the default go with some losses only, and there is one
            // schedule of its weight.
            let is_kept = match table.name.as_str() {
                "objective" => !is_plain || !is_plain_loss,
                "kl_schedule" => !has_q || is_plain_loss || out.contains("kl_warmup_epochs"),
                "prior" => !has_q || is_told(&out),
                "latent" => !goes_with_codes(&out),
                _ => false,
            };
            let member = members.get(at).filter(|_| !is_kept);
            match (table.name.as_str(), member) {
                ("latent", Some(&member)) => {
                    let latent = AnyLatent::given(member, &[]).unwrap();
                    has_q = latent.head().is_distribution();
                    is_plain &= has_q;
                }
                ("prior", Some(&member)) => {
                    is_plain &= AnyPrior::given(member, &[]).unwrap().is_standard();
                }
                _ => {}
            }
            chosen.extend(member.map(|it| format!("{}.{it}", table.name)));
        }
        let is_chosen = !table.name.contains('.') || chosen.contains(&table.name);
        if !matches!(table.form, Form::Settings | Form::Names { .. }) || !is_chosen {
            continue;
        }
        if !table.name.is_empty() {
            writeln!(out, "[{}]", table.name).unwrap();
        }
        if let Form::Names { names, .. } = &table.form {
            for name in names.iter().filter(|it| !it.starts_with("val_")) {
                if stream.below(3) == 0 {
                    let value = random_value(&table.settings[0], stream, folder);
                    writeln!(out, "{name} = {value}").unwrap();
                }
            }
            continue;
        }
        for setting in &table.settings {
            let only = setting.only.as_ref();
            let applies = only.is_none_or(|(choice, with)| {
                let word: Option<&String> = words.get(choice);
                word.is_some_and(|word| with.contains(&word.as_str()))
            });
            let is_file = setting.relative_to.is_some();
            let required = setting.default == DefaultValue::Required || is_file;
            let is_plain = is_plain_loss && setting.table() == "loss";
            if !applies || is_plain || (!required && stream.below(3) == 0) {
                continue;
            }
            let value = match setting.key.as_str() {
                "data.dataset" => format!("\"{dataset}\""),
                // Values that keep the rules between settings.
                key if key.starts_with("loss.kl_") && !has_q => continue,
                "loss.kl_reduction" if !is_plain => "\"sum\"".to_owned(),
                "data.count" => pick(stream, 1, 4000).to_string(),
                "data.image_size" => pick(stream, 4, 600).to_string(),
                "training.epochs" => pick(stream, 5, 1_000_000).to_string(),
                "objective.free_bits.axes_per_group" => match words.get("model.latent_dim") {
                    Some(axes) if stream.below(2) == 0 => axes.clone(),
                    _ => "1".to_owned(),
                },
                "kl_schedule.cyclical.cycles" => pick(stream, 1, 5).to_string(),
                key if key.ends_with(".epochs")
                    && words.contains_key(&key.replace("epochs", "steps")) =>
                {
                    continue;
                }
                "objective.capacity.epochs" | "kl_schedule.linear.epochs" => {
                    format!("{:?}", number(stream, Interval::above(0.0, 4.0)))
                }
                key if key.ends_with("warmup_epochs") => {
                    format!("{:?}", number(stream, Interval::closed(0.0, 4.0)))
                }
                "loss.kl_weight" => format!("{:?}", number(stream, Interval::above(0.0, 1e6))),
                "optimizer.sgd.nesterov" => "false".to_owned(),
                // Without convolutions, nothing of a decoder's has a meaning but its dense layers.
                key if key.starts_with("decoder.")
                    && !matches!(key, "decoder.dense" | "decoder.output_activation")
                    && out.contains("conv_filters = []") =>
                {
                    continue;
                }
                "model.residual_blocks" if out.contains("conv_filters = []") => continue,
                "decoder.output_kernel_size" if out.contains("output = \"strided\"") => continue,
                "decoder.kernel_size" | "decoder.stride" if stream.below(2) == 0 => {
                    format!("{:?}", vec![2; transposed_convolutions(&words)])
                }
                "figures.published_name" if !out.contains("published = ") => continue,
                _ => random_value(setting, stream, folder),
            };
            writeln!(out, "{} = {value}", setting.name()).unwrap();
            words.insert(setting.key.clone(), value.trim_matches('"').to_owned());
        }
    }
    out
}

#[test]
fn reads_random_specs_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a file.csv"), "").unwrap();
    let mut seen = BTreeSet::new();
    for round in 0..1500 {
        let mut stream = Stream::new(3, Purpose::Sample, round, 0);
        let text = random_spec(&mut stream, folder.path());
        let spec = match parse(&text, "x.toml", folder.path(), &[]) {
            Ok(spec) => spec,
            Err(error) => panic!("round {round}:\n{text}\n{error}"),
        };
        let resolved = resolved_toml(&spec);
        // From another folder: paths have become absolute.
        match parse(&resolved, "resolved.toml", Path::new("/"), &[]) {
            Ok(again) => assert_eq!(again, spec, "round {round}:\n{text}\n{resolved}"),
            Err(error) => panic!("round {round}:\n{resolved}\n{error}"),
        }
        assert_eq!(resolved_toml(&spec), resolved, "not deterministic");
        let table: toml::Table = text.parse().unwrap();
        keys(&table, "", &mut seen);
    }
    // Every setting took part, so that one forgotten in either direction would have been found.
    for setting in schema().settings().filter(|it| it.table() != "expect") {
        // Limits are a table.
        let ends = ["", ".min", ".max"].map(|end| format!("{}{end}", setting.key));
        assert!(
            ends.iter().any(|key| seen.contains(key)),
            "{} was never written",
            setting.key
        );
    }
}

#[test]
fn writes_every_setting_in_force() {
    let spec = parse(VALID, "x.toml", Path::new(""), &[]).unwrap();
    let resolved = resolved_toml(&spec);
    for setting in schema().settings().filter(|it| it.table() != "expect") {
        let table = setting.table();
        let only = setting.only.as_ref();
        let in_force = match table.split_once('.') {
            Some(_) => table == "optimizer.rmsprop" || table == "schedule.cosine",
            None => {
                only.is_none_or(|(_, words)| words.contains(&"sprites")) && setting.needs.is_none()
            }
        };
        let written = resolved
            .split(&format!("[{table}]"))
            .nth(usize::from(!table.is_empty()))
            .is_some_and(|part| {
                let part = part.split("\n[").next().unwrap();
                part.contains(&format!("\n{} = ", setting.name()))
                    || part.contains(&format!("\n# {} is not set: ", setting.name()))
            });
        assert_eq!(written, in_force, "{}\n{resolved}", setting.key);
    }
}
