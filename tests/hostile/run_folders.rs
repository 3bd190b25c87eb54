//! Run folders of a stranger, given to the real program and to the reader that it uses: none kills a command.

use std::fs;
use std::os::unix::fs::symlink;

use runner::run::RunView;

use crate::common::{Dice, Lab, checkpoint, plain};
use crate::runs::{files_of, restore, stopped};
use crate::{LITTLE, bounded, pipe, refusal, snapshot};

#[test]
fn reads_no_metrics_file() {
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let path = run.display().to_string();
    let parquet = fs::read(run.join("metrics.parquet")).unwrap();
    // Tables that may crash a reader of Parquet: nothing reads them.
    let mut dice = Dice::new(6);
    let mut tables: Vec<Vec<u8>> = vec![
        vec![],
        b"PAR1".to_vec(),
        b"PAR1PAR1".to_vec(),
        [b"PAR1", &[0xff; 4][..], b"PAR1"].concat(),
        [b"PAR1", &i32::MAX.to_le_bytes()[..], b"PAR1"].concat(),
        [b"PAR1", &i32::MIN.to_le_bytes()[..], b"PAR1"].concat(),
    ];
    for _ in 0..10 {
        let mut changed = parquet.clone();
        for _ in 0..20 {
            let at = changed.len() - 1 - dice.below(changed.len() as u64 / 2) as usize;
            changed[at] = dice.below(256) as u8;
        }
        tables.push(changed);
    }
    for table in &tables {
        fs::write(run.join("metrics.parquet"), table).unwrap();
        let view = RunView::open(&run);
        assert_eq!(
            view.history().len(),
            checkpoint(&run, "last.safetensors").history.len()
        );
    }
    fs::write(run.join("metrics.parquet"), &tables[tables.len() - 1]).unwrap();
    lab.runner(&["resume", &path]).with_code(0);
    let rows = runner::run::metrics::read_metrics(&run.join("metrics.parquet")).unwrap();
    assert_eq!(rows.height(), 60);
}

#[test]
fn rejects_manifests_and_specs_of_somebody_else() {
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let path = run.display().to_string();
    let kept = files_of(&run);
    let text = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    let (manifest, resolved) = (text("manifest.json"), text("resolved.toml"));
    let swapped = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replacen(from, to, 1)
    };
    let escape = "\"why\": \"\\u001b[2J\\nerror: all is well ";
    let diverged = swapped(&manifest, "\"interrupted\"", "\"diverged\"");
    let wide = swapped(&resolved, "[4, 8]", &format!("{:?}", [4096; 12]));
    let manifests = [
        (65, "not a valid manifest", String::new()),
        (65, "not a valid manifest", "[".repeat(1_000_000)),
        (
            65,
            "format version 99",
            "{\"format_version\":99}".to_owned(),
        ),
        (65, "larger than", " ".repeat(9 << 20)),
        (
            65,
            "not a valid manifest",
            swapped(&manifest, "interrupted", "sleeping"),
        ),
        (
            1,
            "has diverged (\\u{1b}[2J\\nerror: all is well",
            swapped(&diverged, "\"why\": \"", escape),
        ),
    ];
    let specs = [
        ("resolved.toml", String::new()),
        (
            "name",
            swapped(&resolved, "name = \"tiny\"", "name = \"../../up\""),
        ),
        (
            "this model takes about",
            swapped(&wide, "kernel_size = 3", "kernel_size = 31"),
        ),
        (
            "sprites asked for",
            swapped(&resolved, "count = 300", "count = 10000000"),
        ),
        (
            "epochs",
            swapped(&resolved, "epochs = 60", "epochs = 1000000000"),
        ),
        (
            "model.conv_filters: [4, 8] -> [4, 9]",
            swapped(&resolved, "[4, 8]", "[4, 9]"),
        ),
        ("seed: 0 -> 1", swapped(&resolved, "seed = 0", "seed = 1")),
    ];
    let manifests = manifests.map(|(code, part, text)| ("manifest.json", code, part, text));
    let specs = specs.map(|(part, text)| ("resolved.toml", 2, part, text));
    for (name, code, part, text) in manifests.iter().chain(&specs) {
        restore(&run, &kept);
        fs::write(run.join(name), text).unwrap();
        let checkpoints = snapshot(&run.join("checkpoints"));
        let ended = bounded(&lab, &["resume", &path], 4 << 20);
        refusal(&ended, *code, part);
        assert_eq!(
            snapshot(&run.join("checkpoints")),
            checkpoints,
            "{name}: {part}"
        );
        let _ = RunView::open(&run);
    }
}

/// Pipes, devices and folders where files should be.
#[test]
fn waits_for_nothing_that_is_no_file() {
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let path = run.display().to_string();
    let kept = files_of(&run);
    for name in [
        "manifest.json",
        "resolved.toml",
        "checkpoints/last.safetensors",
    ] {
        for kind in ["pipe", "zero", "folder", "loop"] {
            restore(&run, &kept);
            let at = run.join(name);
            fs::remove_file(&at).unwrap();
            match kind {
                "pipe" => pipe(&at),
                "zero" => symlink("/dev/zero", &at).unwrap(),
                "folder" => fs::create_dir(&at).unwrap(),
                _ => symlink(&at, &at).unwrap(),
            }
            let ended = bounded(&lab, &["resume", &path], LITTLE);
            assert!(matches!(ended.code, 65 | 74), "{name}, {kind}: {ended:#?}");
            let file = name.trim_start_matches("checkpoints/");
            refusal(&ended, ended.code, file);
            let _ = RunView::open(&run);
        }
    }
}
