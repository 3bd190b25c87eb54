//! Checkpoints with any damage: refused by their digest or their form, and the one before is taken, with a warning.

use std::fs;

use crate::common::{Dice, Lab, Session, checkpoint, digest, plain};
use crate::runs::{file, files_of, found, restore, stopped};
use crate::{LITTLE, bounded, refusal, snapshot};

/// 2,000 damaged files in place of the last checkpoint of a real run: each is refused by its digest or its form, and
/// the one before is taken, with a warning.
#[test]
fn rejects_a_damaged_last_checkpoint_and_takes_the_one_before() {
    let lab = Lab::with(&plain());
    let run = stopped(&lab);
    let last = file(&run, "last.safetensors");
    let whole = fs::read(&last).unwrap();
    let (last_step, none) = found(&run);
    assert_eq!(none, None);
    let before = checkpoint(&run, "previous.safetensors").progress.step;
    assert!(before < last_step);
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    assert!(header > 3_000 && whole.len() > header + 2_000);
    let mut dice = Dice::new(4);
    let mut below = |n: usize| dice.below(n as u64) as usize;
    let mut faults = 0;
    for round in 0..2_000 {
        let mut bytes = whole.clone();
        match round % 5 {
            0 => bytes[below(header)] ^= 1 << below(8),
            1 | 2 => bytes[header + below(whole.len() - header)] ^= 1 << below(8),
            3 => bytes.truncate(below(whole.len())),
            // A block that was never written, or written twice.
            _ => {
                let (from, to) = (below(whole.len() - 512), below(whole.len() - 512));
                let block = if round % 2 == 0 {
                    vec![0; 512]
                } else {
                    whole[from..from + 512].to_vec()
                };
                bytes[to..to + 512].copy_from_slice(&block);
            }
        }
        if bytes == whole {
            continue;
        }
        fs::write(&last, &bytes).unwrap();
        let (step, warning) = found(&run);
        assert_eq!(step, before, "round {round}");
        let warning = warning.unwrap();
        assert!(
            warning.contains("last.safetensors` is damaged: ") && warning.contains("going on from"),
            "{warning}"
        );
        faults += 1;
    }
    println!("{faults} damaged checkpoints");
    assert!(faults >= 1_990, "{faults}");
}

/// The same through the program: it goes on from the one before, says so, and ends with the bits of an undisturbed run.
#[test]
fn resumes_from_the_checkpoint_before_to_the_same_bits() {
    let lab = Lab::with(&plain());
    let undisturbed = digest(&lab.train(&["--set", "training.epochs=6"]));
    let before = lab.runs();
    let mut session = Session::spawn(lab.command(&["spec.toml", "--set", "training.epochs=6"]));
    assert!(session.lines(3), "it ended before its third epoch");
    session.signal("KILL");
    session.end().with_code(-9);
    let killed = lab.new_run(&before);
    let whole = fs::read(file(&killed, "last.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let kept = files_of(&killed);
    let mut dice = Dice::new(5);
    for round in 0..12 {
        restore(&killed, &kept);
        let mut bytes = whole.clone();
        let mut below = |n: usize| dice.below(n as u64) as usize;
        match round % 3 {
            0 => bytes[below(header)] ^= 1 << (round % 8),
            1 => bytes[header + below(whole.len() - header)] ^= 1 << (round % 8),
            _ => bytes.truncate(below(whole.len())),
        }
        fs::write(file(&killed, "last.safetensors"), bytes).unwrap();
        let path = killed.display().to_string();
        let ended = lab.runner(&["resume", &path]).with_code(0);
        assert!(ended.stderr.starts_with("warning: "), "{ended:#?}");
        assert!(ended.stderr.contains("going on from"), "{ended:#?}");
        assert_eq!(digest(&killed), undisturbed, "round {round}");
    }
    // Where the one before is damaged as well, nothing is trained anew silently.
    for is_there in [true, false] {
        restore(&killed, &kept);
        for name in ["last.safetensors", "previous.safetensors"] {
            fs::write(file(&killed, name), &whole[..whole.len() / 2]).unwrap();
        }
        if !is_there {
            fs::remove_file(file(&killed, "previous.safetensors")).unwrap();
        }
        let checkpoints = snapshot(&killed.join("checkpoints"));
        let ended = bounded(&lab, &["resume", &killed.display().to_string()], LITTLE);
        refusal(&ended, 65, "no usable checkpoint");
        assert_eq!(snapshot(&killed.join("checkpoints")), checkpoints);
    }
}
