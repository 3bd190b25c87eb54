//! Signals at random times to a run, and many processes at one folder.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::{Dice, Lab, Session, digest, manifest, plain_with};

/// So many epochs that a run takes some tenths of a second.
fn spec(epochs: u32) -> String {
    plain_with(&format!(
        "data = {{ count = 200, image_size = 10, validation = 0.1 }}
        model.conv_filters = [3]
        optimizer.rmsprop.momentum = 0.5
        training = {{ epochs = {epochs}, batch_size = 20 }}"
    ))
}

fn text(run: &Path) -> String {
    run.display().to_string()
}

/// Starts or goes on with the one run of a lab.
fn go_on(lab: &Lab) -> Session {
    let resumable = lab
        .runs()
        .pop()
        .filter(|run| run.join("manifest.json").exists());
    Session::spawn(match resumable {
        Some(run) => lab.command(&["resume", &text(&run), "--quiet"]),
        None => {
            // Killed before it began: nothing is lost.
            if let Some(rest) = lab.runs().pop() {
                std::fs::remove_dir_all(rest).unwrap();
            }
            lab.command(&["spec.toml", "--quiet"])
        }
    })
}

/// Kills a run so often at random times, lets it end, and gives the kills that met it alive.
fn killed(lab: &Lab, kills: usize, longest: Duration, dice: &mut Dice) -> usize {
    let mut met = 0;
    while met < kills {
        let mut session = go_on(lab);
        let wait = Duration::from_micros(dice.below(longest.as_micros() as u64));
        std::thread::sleep(wait);
        if !session.is_running() {
            session.end().with_code(0);
            break;
        }
        session.signal("KILL");
        met += usize::from(session.end().code == -9);
    }
    go_on(lab).end().with_code(0);
    met
}

/// How long an undisturbed run takes here and now, and its end.
fn undisturbed(spec: &str) -> (Duration, String) {
    let lab = Lab::with(spec);
    let started = Instant::now();
    let run = lab.train(&[]);
    (started.elapsed(), digest(&run))
}

#[test]
fn resumes_killed_runs_to_the_same_bits() {
    let spec = spec(12);
    let (whole, end) = undisturbed(&spec);
    let mut dice = Dice::new(4);
    let mut count = 0;
    while count < 100 {
        let lab = Lab::with(&spec);
        let kills = (1 + dice.below(5) as usize).min(100 - count);
        count += killed(&lab, kills, whole.mul_f64(0.6), &mut dice);
        assert_eq!(digest(&lab.new_run(&[])), end, "after {count} kills");
    }
    println!("{count} kills");
}

/// One long run and 50 kills: minutes, and nothing that the shorter runs above do not show in principle.
///
/// `cargo test --release --test kills long -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes; cargo test --release --test kills long -- --ignored --nocapture"]
fn resumes_a_long_run_after_50_kills_to_the_same_bits() {
    let spec = spec(400);
    let (whole, end) = undisturbed(&spec);
    println!("undisturbed: {:.1} s, state {end}", whole.as_secs_f64());
    let lab = Lab::with(&spec);
    let mut dice = Dice::new(50);
    // Short enough that the last kill comes before the end.
    let kills = killed(&lab, 50, whole.mul_f64(0.035), &mut dice);
    let run = lab.new_run(&[]);
    let sessions = manifest(&run)["sessions"].as_array().unwrap().len();
    println!("{kills} kills, {sessions} sessions: state {}", digest(&run));
    assert_eq!(kills, 50, "it ended before the last kill");
    assert_eq!(digest(&run), end);
}

#[test]
fn saves_and_leaves_when_asked_to_stop() {
    let spec = spec(12);
    let (whole, end) = undisturbed(&spec);
    let mut dice = Dice::new(7);
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while count < 40 {
        let lab = Lab::with(&spec);
        for _ in 0..4 {
            if count == 40 {
                break;
            }
            let mut session = go_on(&lab);
            std::thread::sleep(whole.mul_f64(dice.below(500) as f64 / 1_000.0));
            if !session.is_running() {
                break;
            }
            let (name, code) = [("INT", 130), ("TERM", 143)][dice.below(2) as usize];
            let asked = Instant::now();
            session.signal(name);
            let twice = dice.below(3) == 0;
            if twice && session.is_running() {
                session.signal(name);
            }
            let ended = session.end();
            slowest = slowest.max(asked.elapsed());
            // A signal that comes before the program listens ends it as any other program; one that comes when it
            // is done is too late.
            let own = if name == "INT" { -2 } else { -15 };
            if ended.code == code {
                count += 1;
            } else {
                assert!([own, 0].contains(&ended.code), "{ended:#?}");
            }
            if ended.code == 0 {
                let run = lab.new_run(&[]);
                assert_eq!(manifest(&run)["status"], "completed", "{ended:#?}");
            }
        }
        go_on(&lab).end().with_code(0);
        assert_eq!(digest(&lab.new_run(&[])), end, "after {count} signals");
    }
    println!("{count} signals, slowest: {:.2} s", slowest.as_secs_f64());
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[test]
fn lets_one_of_many_processes_write() {
    let lab = Lab::with(&spec(20_000));
    let mut first = Session::spawn(lab.command(&["spec.toml"]));
    assert!(first.lines(1));
    first.signal("TERM");
    first.end().with_code(143);
    let run = lab.new_run(&[]);
    let path = text(&run);
    let mut slowest = Duration::ZERO;
    for (processes, times) in [(2, 60), (8, 30), (32, 10)] {
        for _ in 0..times {
            let mut sessions: Vec<_> = (0..processes)
                .map(|_| Session::spawn(lab.command(&["resume", &path, "--quiet"])))
                .collect();
            let mut ended = vec![];
            // All but one leave by themselves.
            while sessions.len() > 1 {
                let left = sessions
                    .iter_mut()
                    .position(|session| !session.is_running());
                match left {
                    Some(at) => {
                        let session = sessions.remove(at);
                        let took = session.elapsed();
                        ended.push((took, session.end()));
                    }
                    None => std::thread::sleep(Duration::from_millis(2)),
                }
                assert!(!sessions.is_empty());
            }
            let winner = sessions.remove(0);
            let by_whom = format!("`{path}` is being written by process {} on `", winner.id());
            for (took, ended) in ended {
                slowest = slowest.max(took);
                let ended = ended.with_code(75);
                assert!(ended.stderr.contains(&by_whom), "{by_whom}: {ended:#?}");
            }
            // A reader does not disturb the writer.
            lab.runner(&["doctor", &path]);
            winner.signal("TERM");
            winner.end().with_code(143);
        }
    }
    println!(
        "slowest refusal, from the start of the process: {:.2} s",
        slowest.as_secs_f64()
    );
    // The promise is a second; 32 processes that start at once on a busy machine need some more.
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
}
