//! Run folders of a stranger, given to the real program and to the reader that it uses: none kills a command.

mod common;
mod hostile;

use std::fs;
use std::os::unix::fs::symlink;

use common::{Dice, Lab, checkpoint, plain};
use hostile::runs::{files_of, restore, stopped};
use hostile::{LITTLE, bounded, pipe, refusal, snapshot};
use runner::run::RunView;

#[test]
fn what_stands_in_a_strangers_run_folder_kills_no_command() {
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let path = run.display().to_string();
    let parquet = fs::read(run.join("metrics.parquet")).unwrap();
    let kept = files_of(&run);
    // Tables that a reader of Parquet may not survive: nothing reads them.
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

    // Manifests and specs of somebody else.
    let manifest = String::from_utf8(
        kept.iter()
            .find(|(path, _)| path.ends_with("manifest.json"))
            .unwrap()
            .1
            .clone(),
    )
    .unwrap();
    let resolved = String::from_utf8(
        kept.iter()
            .find(|(path, _)| path.ends_with("resolved.toml"))
            .unwrap()
            .1
            .clone(),
    )
    .unwrap();
    let swapped = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replacen(from, to, 1)
    };
    let cases: Vec<(&str, String, i32, &str)> = vec![
        ("manifest.json", String::new(), 65, "not a valid manifest"),
        (
            "manifest.json",
            "[".repeat(1_000_000),
            65,
            "not a valid manifest",
        ),
        (
            "manifest.json",
            "{\"format_version\":99}".to_owned(),
            65,
            "format version 99",
        ),
        ("manifest.json", " ".repeat(9 << 20), 65, "larger than"),
        (
            "manifest.json",
            swapped(&manifest, "interrupted", "sleeping"),
            65,
            "not a valid manifest",
        ),
        (
            "manifest.json",
            {
                let text = swapped(&manifest, "\"interrupted\"", "\"diverged\"");
                let at = text.find("\"why\": \"").unwrap() + 8;
                format!(
                    "{}\\u001b[2J\\nerror: all is well {}",
                    &text[..at],
                    &text[at..]
                )
            },
            1,
            "has diverged (\\u{1b}[2J\\nerror: all is well",
        ),
        ("resolved.toml", String::new(), 2, "resolved.toml"),
        (
            "resolved.toml",
            swapped(&resolved, "name = \"tiny\"", "name = \"../../up\""),
            2,
            "name",
        ),
        (
            "resolved.toml",
            swapped(
                &swapped(&resolved, "[4, 8]", &format!("{:?}", [4096; 12])),
                "kernel_size = 3",
                "kernel_size = 31",
            ),
            2,
            "this model takes about",
        ),
        (
            "resolved.toml",
            swapped(&resolved, "count = 300", "count = 10000000"),
            2,
            "sprites asked for",
        ),
        (
            "resolved.toml",
            swapped(&resolved, "epochs = 60", "epochs = 1000000000"),
            2,
            "epochs",
        ),
        (
            "resolved.toml",
            swapped(&resolved, "[4, 8]", "[4, 9]"),
            2,
            "model.conv_filters: [4, 8] -> [4, 9]",
        ),
        (
            "resolved.toml",
            swapped(&resolved, "seed = 0", "seed = 1"),
            2,
            "seed: 0 -> 1",
        ),
    ];
    for (name, text, code, part) in &cases {
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

    // Pipes, devices and folders where files should be: nothing waits for them.
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
            refusal(
                &ended,
                ended.code,
                at.file_name().unwrap().to_str().unwrap(),
            );
            let _ = RunView::open(&run);
        }
    }
}
