use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::fs::in_folder;

const ROLE: &str = "RUNNER_TEST_CLAIM_FILE";

fn mine(path: &Path) -> Claim {
    match Claim::take(path).unwrap() {
        Attempt::Mine(claim) => claim,
        Attempt::Held(holder) => panic!("held by {holder:?}"),
    }
}

fn held(path: &Path) -> Option<Claimant> {
    match Claim::take(path).unwrap() {
        Attempt::Held(holder) => holder,
        Attempt::Mine(_) => panic!("nobody held it"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    entries.map(name).collect()
}

/// Not a test of its own: another process that takes the claim whose path is in the environment, and keeps it until its
/// standard input ends.
#[test]
fn second_process() {
    if let Some(path) = std::env::var_os(ROLE) {
        let attempt = Claim::take(Path::new(&path)).unwrap();
        let word = match &attempt {
            Attempt::Mine(_) => "mine",
            Attempt::Held(_) => "held",
        };
        println!("\n{word}");
        let _ = std::io::stdin().lock().read_line(&mut String::new());
    }
}

fn other_process(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fs::claim::tests::second_process", "--nocapture"])
        .env(ROLE, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn answer(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut words = lines.map_while(std::io::Result::ok);
    words.find(|line| line == "mine" || line == "held").unwrap()
}

fn end(mut child: Child) {
    // SIGKILL: nothing of the process's own code runs.
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn holds_a_claim_until_it_is_done() {
    let (folder, path) = in_folder("x");
    let claim = mine(&path);
    assert_eq!(held(&path).unwrap().pid, std::process::id());
    assert_eq!(
        holder(&path).unwrap().unwrap().unwrap().pid,
        std::process::id()
    );
    assert_eq!(names(folder.path()), ["x"]);
    claim.done().unwrap();
    assert!(names(folder.path()).is_empty());
    assert_eq!(holder(&path).unwrap(), None);
    mine(&path);
}

#[test]
fn frees_the_claim_of_a_killed_process_on_this_machine() {
    let (folder, path) = in_folder("x");
    let mut child = other_process(&path);
    assert_eq!(answer(&mut child), "mine");
    let pid = child.id();
    assert_eq!(held(&path).unwrap().pid, pid);
    assert!(matches!(release(&path).unwrap(), Release::Alive(it) if it.pid == pid));
    end(child);
    assert_eq!(holder(&path).unwrap(), None);
    let claim = mine(&path);
    assert_eq!(held(&path).unwrap().pid, std::process::id());
    drop(claim);
    assert_eq!(names(folder.path()), ["x"]);
}

#[test]
fn grants_a_claim_to_one_of_eight_processes() {
    for is_dead in [false, true] {
        let (folder, path) = in_folder("x");
        if is_dead {
            let mut child = other_process(&path);
            assert_eq!(answer(&mut child), "mine");
            end(child);
        }
        let mut children: Vec<_> = (0..8).map(|_| other_process(&path)).collect();
        let answers: Vec<_> = children.iter_mut().map(answer).collect();
        children.into_iter().for_each(end);
        let got = answers.iter().filter(|word| *word == "mine").count();
        assert_eq!(got, 1, "{answers:?}");
        assert_eq!(names(folder.path()), ["x"]);
    }
}

/// Many threads take, hold for a moment and give back: never two at once.
#[test]
fn grants_a_claim_to_one_process_at_a_time() {
    let (_folder, path) = in_folder("x");
    let inside = AtomicU64::new(0);
    let total = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..60 {
                    let Attempt::Mine(claim) = Claim::take(&path).unwrap() else {
                        continue;
                    };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    total.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                    assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    match total.load(Ordering::SeqCst) % 3 {
                        // As if its process had died.
                        0 => drop(claim),
                        _ => claim.done().unwrap(),
                    }
                }
            });
        }
    });
    assert!(total.into_inner() > 6);
}

/// A claim as another machine would have left it.
fn foreign(path: &Path, change: impl FnOnce(&mut Claimant)) -> Claimant {
    let mut claimant = Claimant {
        host: "elsewhere".to_owned(),
        machine_id: Some("0123".to_owned()),
        boot_id: Some("4567".to_owned()),
        ..Claimant::this_process()
    };
    change(&mut claimant);
    std::fs::write(path, serde_json::to_string(&claimant).unwrap()).unwrap();
    claimant
}

#[test]
fn frees_a_claim_of_another_machine_by_name_alone() {
    let (_folder, path) = in_folder("x");
    // No lock is held on it, and it is held all the same.
    let claimant = foreign(&path, |_| {});
    assert_eq!(held(&path).as_ref(), Some(&claimant));
    assert_eq!(holder(&path).unwrap(), Some(Some(claimant.clone())));
    assert_eq!(release(&path).unwrap(), Release::Freed(Some(claimant)));
    assert_eq!(release(&path).unwrap(), Release::Absent);
    mine(&path);
}

#[test]
fn frees_a_claim_from_before_a_restart_but_not_of_a_namesake() {
    let here = Claimant::this_process();
    let (_folder, path) = in_folder("x");
    if here.machine_id.is_some() {
        foreign(&path, |it| {
            (it.host, it.machine_id) = (here.host.clone(), here.machine_id.clone());
        });
        drop(mine(&path));
    }
    foreign(&path, |it| it.host = here.host.clone());
    assert!(held(&path).is_some());
    foreign(&path, |it| it.machine_id = here.machine_id.clone());
    assert!(held(&path).is_some());
    // A container of another name on the same kernel.
    foreign(&path, |it| it.boot_id = here.boot_id.clone());
    if here.boot_id.is_some() {
        mine(&path);
    }
}

#[test]
fn refuses_a_claim_without_a_note() {
    let (_folder, path) = in_folder("x");
    for note in ["", "{", "\u{1b}"] {
        std::fs::write(&path, note).unwrap();
        assert_eq!(held(&path), None);
        assert_eq!(release(&path).unwrap(), Release::Freed(None));
    }
}

#[test]
fn removes_what_killed_processes_left() {
    let (folder, path) = in_folder("x");
    let (dead, file) = prepare(&path, &Claimant::this_process()).unwrap();
    drop(file);
    let (alive, _file) = prepare(&path, &Claimant::this_process()).unwrap();
    let _claim = mine(&path);
    let other = folder.path().join("y");
    drop(mine(&other));
    let elsewhere = folder.path().join("z");
    foreign(&elsewhere, |_| {});
    sweep_out(folder.path()).unwrap();
    assert!(!dead.exists() && alive.exists());
    assert!(path.exists() && !other.exists() && elsewhere.exists());
}

#[test]
fn names_the_batch_job_of_a_claim() {
    let of = |pairs: &[(&str, &str)]| {
        let all: BTreeMap<_, _> = pairs.iter().copied().collect();
        BatchJob::of(|name| all.get(name).map(|&value| value.to_owned()))
    };
    assert_eq!(of(&[("SLURM_ARRAY_TASK_ID", "3")]), None);
    let mut claimant = Claimant {
        host: "node7".to_owned(),
        pid: 12,
        since: "2026-11-24T01:02:03.000Z".to_owned(),
        ..Claimant::this_process()
    };
    claimant.job = of(&[("SLURM_JOB_ID", "88")]);
    assert_eq!(
        claimant.to_string(),
        "process 12 on `node7` since 2026-11-24T01:02:03.000Z (Slurm job 88)"
    );
    claimant.job = of(&[
        ("SLURM_JOB_ID", "88"),
        ("SLURM_ARRAY_JOB_ID", "80"),
        ("SLURM_ARRAY_TASK_ID", "3"),
    ]);
    assert!(claimant.to_string().ends_with(" (Slurm job 88, task 80_3)"));
    let full = of(&[
        ("SLURM_JOB_ID", "88"),
        ("SLURM_CLUSTER_NAME", "hpc"),
        ("SLURM_JOB_UID", "1000"),
        ("SLURM_RESTART_COUNT", "2"),
    ])
    .unwrap();
    assert_eq!(full.cluster.as_deref(), Some("hpc"));
    assert_eq!((full.user, full.restarts), (Some(1000), 2));
}
